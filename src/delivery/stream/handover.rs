//! The hand-over from replay to live, and of a line between its reader's task and its room's writer,
//! tried in every order.
//!
//! Actors take their steps one at a time: the journal commits, the feed publishes, the room's writer
//! (and the readings that it and readers start) goes on to its next stop, a reader's connection goes
//! on to its next stop, a socket takes some bytes. A test runs every interleaving of those steps.
//! Each task is polled only when something woke it, so that a wake-up that is lost shows as messages
//! that do not come. Whatever nobody holds is trimmed at once, so that what is not held shows as a
//! gap.

mod run;

use super::*;
use crate::sink::decode;
use run::*;

/// Runs `check` for every order of these steps.
fn every_order(steps: &[(u8, usize)], check: &mut dyn FnMut(&[u8])) -> usize {
    fn go(order: &mut Vec<u8>, left: &mut [(u8, usize)], check: &mut dyn FnMut(&[u8])) -> usize {
        if left.iter().all(|(_, count)| *count == 0) {
            check(order);
            return 1;
        }
        let mut orders = 0;
        for which in 0..left.len() {
            if left[which].1 > 0 {
                left[which].1 -= 1;
                order.push(left[which].0);
                orders += go(order, left, check);
                order.pop();
                left[which].1 += 1;
            }
        }
        orders
    }
    go(&mut Vec::new(), &mut steps.to_vec(), check)
}

fn gaps(all: &str) -> Vec<&str> {
    all.split("\n\n").filter(|event| event.starts_with("event: Gap")).collect()
}

/// Checks that the reader gets each message after its cursor once and in order, and no gap.
fn check_all(begin: Begin, order: &[u8], published: u64) {
    let mut run = Run::new(begin);
    run.play(order);
    let (seqs, all) = run.finish();
    let due: Vec<u64> = (begin.sent + 1..=begin.committed + published).collect();
    let order = str::from_utf8(order).unwrap();
    assert_eq!(seqs, due, "{order} {begin:?}: {all}");
    assert_eq!(gaps(&all), [""; 0], "{order} {begin:?}");
    assert!(all.starts_with("retry: "), "{all}");
}

#[test]
fn in_every_order_a_reader_gets_each_message_after_its_cursor_once_and_in_order() {
    // A ring of one makes every burst a lag; a ring of many keeps the reader live.
    let mut orders = 0;
    for ring in [1, 64] {
        for (sent, fed) in (0..=2).flat_map(|sent| [0, 2].map(|fed| (sent, fed))) {
            for parks in [false, true] {
                let begin = Begin { ring, sent, fed, parks, room: 1 << 20, ..LIVE };
                let steps = [(COMMIT, 2), (FEED, 2), (READER, 3), (WRITER, 1)];
                orders += every_order(&steps, &mut |order| check_all(begin, order, 2));
            }
        }
    }
    assert_eq!(orders, 24 * 1_680, "8! / (2! 2! 3! 1!) orders of each");
}

#[test]
fn in_every_order_of_publish_park_full_socket_and_rejoin_a_reader_misses_nothing() {
    let mut orders = 0;
    for ring in [1, 64] {
        for framing in [Framing::Bare, Framing::Chunked] {
            let begin = Begin { ring, framing, ..LIVE };
            let steps = [(PUBLISH, 2), (WRITER, 2), (READER, 4), (SOCKET, 1)];
            orders += every_order(&steps, &mut |order| check_all(begin, order, 2));
        }
    }
    assert_eq!(orders, 4 * 3_780, "9! / (2! 2! 4! 1!) orders of each");
}

#[test]
fn in_every_order_a_reader_that_parks_between_two_turns_of_a_writer_misses_nothing() {
    // It stands before the others, so that a batch has passed it while they are still due.
    for (ring, others) in [(1, 1), (64, 1), (64, 2)] {
        let begin = Begin { ring, others, lines_per_turn: 1, room: 1 << 20, ..LIVE };
        let steps = [(PUBLISH, 2), (WRITER, 4), (READER, 4)];
        every_order(&steps, &mut |order| check_all(begin, order, 2));
    }
}

#[test]
fn in_every_order_of_catch_up_and_publish_a_reader_misses_nothing() {
    for sent in [0, 2] {
        let begin = Begin { ring: 1, sent, gated: true, room: 1 << 20, ..LIVE };
        let steps = [(PUBLISH, 1), (WRITER, 3), (READER, 3), (GATE, 2)];
        every_order(&steps, &mut |order| check_all(begin, order, 1));
    }
}

#[test]
fn in_every_order_a_gap_is_told_once_before_what_is_kept() {
    for (ring, lost) in [(1, false), (64, false), (1, true), (64, true)] {
        for parks in [false, true] {
            let steps = [(COMMIT, 2), (FEED, 2), (READER, 2), (WRITER, 2)];
            every_order(&steps, &mut |order| {
                let (committed, fed, sent, trimmed) = (5, 5, 0, 3);
                let room = 1 << 20;
                let begin =
                    Begin { committed, fed, sent, trimmed, lost, ring, parks, room, ..LIVE };
                let mut run = Run::new(begin);
                run.play(order);
                let (seqs, all) = run.finish();
                assert_eq!(seqs, [4, 5, 6, 7], "{order:?}");
                let gaps = gaps(&all);
                assert_eq!(gaps.len(), 1, "{order:?}");
                assert_eq!(gaps[0].contains("3 earlier messages"), !lost);
                let first = all.split("\n\n").nth(1).unwrap();
                assert!(first.starts_with("event: Gap"), "the gap comes first: {all}");
            });
        }
    }
}

#[test]
fn in_every_order_the_end_comes_after_whole_events_and_with_a_word_on_when_to_come_back() {
    for ring in [1, 64] {
        let steps = [(PUBLISH, 2), (WRITER, 2), (READER, 2), (SOCKET, 1), (END, 1)];
        every_order(&steps, &mut |order| {
            let mut run = Run::new(Begin { ring, ..LIVE });
            run.play(order);
            let (seqs, all) = run.finish();
            assert!(run.connection.ended, "{order:?}");
            assert!(seqs.iter().copied().eq(3..3 + seqs.len() as u64), "{order:?}: {all}");
            let last = all.trim_end().rsplit("\n\n").next().unwrap();
            assert!(last.starts_with("event: Closing\nretry: "), "{order:?}: {all}");
            assert!(!run.connection.stream.is_complete(), "it goes on after a restart");
        });
    }
}

#[test]
fn while_a_reader_is_parked_its_task_sleeps() {
    let mut run = Run::new(Begin { room: 1 << 20, ..LIVE });
    run.play(&[READER, READER, WRITER]);
    assert!(!run.connection.step(), "parked");
    for _ in 0..10 {
        run.play(&[PUBLISH, WRITER, WRITER]);
        assert!(!run.connection.step(), "the writer wrote it");
    }
    assert!(run.connection.socket.written().contains("id: e-12\n"));
}

/// The numbers that were told of the other room.
fn told(all: &str) -> Vec<u64> {
    let events = all.split("\n\n").filter_map(|event| event.strip_prefix("event: Unread\n"));
    let number = |data: &str| {
        let data = data.strip_prefix("data: {\"room\":\"attic\",\"unread\":");
        data.and_then(|data| data.strip_suffix('}'))
            .expect("of that room")
            .parse()
            .expect("a number")
    };
    events.map(number).collect()
}

#[test]
fn in_every_order_the_last_number_of_another_room_is_what_is_unread_and_no_message_is_missed() {
    let mut orders = 0;
    for ring in [1, 64] {
        for (seen, fed) in (0..=2).flat_map(|seen| [0, 2].map(|fed| (seen, fed))) {
            for parks in [false, true] {
                let begin = Begin { ring, fed, parks, room: 1 << 20, ..LIVE };
                let steps = [(OTHER, 2), (PUBLISH, 1), (TELL, 1), (READER, 3), (WRITER, 1)];
                orders += every_order(&steps, &mut |order| {
                    let mut run = Run::new(begin);
                    run.model.state().elsewhere.insert(2);
                    run.watch(seen);
                    run.play(order);
                    let (seqs, all) = run.finish();
                    let elsewhere = run.model.state().elsewhere.clone();
                    let order = str::from_utf8(order).unwrap();
                    let mine = (3..=5).filter(|seq| !elsewhere.contains(seq));
                    assert!(seqs.iter().copied().eq(mine), "{order} {begin:?}: {all}");
                    let told = told(&all);
                    let due = 2 + u64::from(seen < 2);
                    assert_eq!(told.last(), Some(&due), "{order} {begin:?} {seen}: {all}");
                    let rises = told.windows(2).all(|two| two[0] < two[1]);
                    assert!(rises, "each is another, and none comes back: {order} {all}");
                    assert_eq!(gaps(&all), [""; 0], "{order} {begin:?}");
                });
            }
        }
    }
    assert_eq!(orders, 24 * 3_360, "8! / (2! 3!) orders of each");
}

#[test]
fn a_message_elsewhere_wakes_a_parked_reader_with_the_telling_and_not_before() {
    let mut run = Run::new(Begin { room: 1 << 20, ..LIVE });
    run.watch(2);
    run.play(&[READER, READER, WRITER]);
    assert!(!run.connection.step(), "parked");
    for _ in 0..10 {
        run.play(&[OTHER, WRITER]);
        assert!(!run.connection.step(), "nothing was told");
    }
    run.play(&[TELL, READER, READER]);
    let all = decode(&run.connection.socket.written()).0;
    assert_eq!(told(&all), [0, 10], "in one number");
    assert!(!run.connection.step(), "parked again");
}
