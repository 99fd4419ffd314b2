use std::task::{Context, Poll, Waker};

use super::*;
use crate::{
    delivery::{
        frame::Representation,
        model::{Model, Tasks, frame, hub},
    },
    message::People,
    sink::Framing,
};

fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

fn reader(hub: &Hub, name: &str, notices: bool) -> Subscription {
    hub.subscribe(&room(name), notices, ReaderTag::default())
}

/// A hub of its own, whose writers do not run.
fn alone(published: u64) -> Hub {
    hub(&Model::default(), &Tasks::default(), published, MAX_RING_ITEMS)
}

/// What comes next now, in a word; `None` where the reader would wait.
fn next(reader: &mut Subscription, seq: u64) -> Option<String> {
    let Poll::Ready(next) =
        reader.poll_next(Seq::new(seq), &mut Context::from_waker(Waker::noop()))
    else {
        return None;
    };
    Some(match next {
        Next::Frame(frame) => frame.seq().to_string(),
        Next::Behind => "behind".into(),
        Next::Notice(notice) => {
            let told = notice.chunk(Representation::EventStreamJson).into_framed(Framing::Bare);
            let told = String::from_utf8(told.to_vec()).unwrap();
            told.split("\"count\":").nth(1).unwrap()[..1].to_owned()
        }
        Next::Tick => "tick".into(),
        Next::End => "end".into(),
        Next::Evicted => "evicted".into(),
    })
}

#[expect(clippy::unnecessary_wraps, reason = "as it is compared")]
fn is(word: &str) -> Option<String> {
    Some(word.into())
}

#[test]
fn a_reader_that_stands_below_the_floor_is_told_so_and_one_above_it_reads_on() {
    let hub = alone(5);
    let mut reader = reader(&hub, "a", false);
    assert_eq!(next(&mut reader, 4), is("behind"));
    assert_eq!(next(&mut reader, 5), None);
    for number in [6, 8] {
        hub.publish(&room("a"), frame(number));
    }
    for (seq, due) in [(5, is("6")), (6, is("8")), (7, is("8")), (8, None)] {
        assert_eq!(next(&mut reader, seq), due, "after {seq}");
    }
}

#[test]
fn what_went_by_before_a_topic_opened_is_below_its_floor() {
    let hub = alone(0);
    hub.publish(&room("a"), frame(1));
    hub.publish(&room("b"), frame(2));
    let mut reader = reader(&hub, "a", false);
    assert_eq!(next(&mut reader, 1), is("behind"));
    assert_eq!(next(&mut reader, 2), None);
}

#[test]
fn what_is_passed_over_while_nobody_reads_is_below_the_next_floor() {
    let hub = alone(0);
    assert!(hub.pass(Seq::new(7)));
    let mut reader = reader(&hub, "a", false);
    assert_eq!(next(&mut reader, 6), is("behind"));
    assert_eq!(next(&mut reader, 7), None);
    assert!(!hub.pass(Seq::new(8)), "somebody reads");
    hub.publish(&room("a"), frame(8));
    assert_eq!(next(&mut reader, 7), is("8"));
}

#[test]
fn a_topic_goes_away_with_its_last_reader_and_its_writer_with_it() {
    let (model, tasks) = (Model::default(), Tasks::default());
    let hub = hub(&model, &tasks, 0, MAX_RING_ITEMS);
    let (one, other) = (reader(&hub, "a", false), reader(&hub, "a", false));
    while tasks.step() {}
    assert_eq!((hub.topics(), tasks.count()), (1, 1), "one writer, which waits");
    drop(one);
    assert_eq!(hub.topics(), 1);
    drop(other);
    while tasks.step() {}
    assert_eq!((hub.topics(), tasks.count()), (0, 0));
    model.state().committed = 9;
    model.trim();
    assert_eq!(model.state().trimmed, 9, "nothing is held for nobody");
}

#[test]
fn notices_are_for_who_wants_them_and_was_there() {
    let hub = alone(0);
    let mut early = reader(&hub, "a", true);
    let mut deaf = reader(&hub, "a", false);
    for count in [1, 2] {
        let people = People { count, ..People::default() };
        hub.announce(&room("a"), Notice::new(Arc::new(people)));
    }
    let mut late = reader(&hub, "a", true);
    assert_eq!(next(&mut early, 0), is("2"), "the newest");
    for reader in [&mut early, &mut deaf, &mut late] {
        assert_eq!(next(reader, 0), None);
    }
}

#[test]
fn a_tick_is_heard_after_what_there_is_and_the_end_before_it() {
    let hub = alone(0);
    let mut early = reader(&hub, "a", false);
    hub.publish(&room("a"), frame(1));
    hub.tick();
    assert_eq!(next(&mut early, 0), is("1"));
    assert_eq!(next(&mut early, 1), is("tick"));
    assert_eq!(next(&mut early, 1), None);
    hub.end();
    let mut late = reader(&hub, "b", false);
    for reader in [&mut early, &mut late] {
        assert_eq!(next(reader, 0), is("end"));
    }
}

#[test]
fn an_evicted_reader_hears_the_end_and_the_others_read_on() {
    let hub = alone(0);
    let tag = |tab: &str| ReaderTag { tab: Some(tab.into()), ..ReaderTag::default() };
    let mut ann = hub.subscribe(&room("a"), false, tag("ann"));
    let mut bob = hub.subscribe(&room("a"), false, tag("bob"));
    let mut elsewhere = hub.subscribe(&room("b"), false, tag("ann"));
    assert_eq!(hub.evict(&room("a"), |reader| *reader == tag("ann")), 1);
    assert_eq!(hub.evict(&room("a"), |reader| *reader == tag("ann")), 0, "once");
    hub.publish(&room("a"), frame(1));
    assert_eq!(next(&mut ann, 0), is("evicted"));
    assert_eq!(next(&mut bob, 0), is("1"));
    assert_eq!(next(&mut elsewhere, 0), None, "another room");
    // Its slot is another's later, who is not evicted.
    drop(ann);
    let mut carl = hub.subscribe(&room("a"), false, tag("carl"));
    assert_eq!(next(&mut carl, 1), None);
    assert_eq!(hub.evict(&room("nobody"), |_| true), 0);
}

/// A hub that runs on the test's own runtime, over a journal that holds nothing.
fn running(shards: usize) -> Hub {
    let shared = Shared {
        past: Arc::new(Model::default()),
        metrics: Metrics::new(),
        spawn: Box::new(|task| drop(tokio::spawn(task))),
        ring: MAX_RING_ITEMS,
        shards,
        lines_per_turn: LINES_PER_TURN,
        stirred: tokio::sync::Notify::new(),
    };
    Hub::with(shared, Seq::ZERO)
}

#[tokio::test]
async fn what_comes_while_it_waits_ends_the_wait() {
    let hub = running(1);
    for (number, end) in [(1, "1"), (2, "tick"), (3, "evicted")] {
        let mut reader = reader(&hub, "a", false);
        let waits = tokio::spawn(async move {
            let seq = Seq::new(number - 1);
            std::future::poll_fn(|context| reader.poll_next(seq, context)).await
        });
        tokio::task::yield_now().await;
        let next = match number {
            1 => {
                hub.publish(&room("a"), frame(1));
                waits.await
            }
            2 => {
                hub.tick();
                waits.await
            }
            _ => {
                assert_eq!(hub.evict(&room("a"), |_| true), 1);
                waits.await
            }
        };
        let got = match next.unwrap() {
            Next::Frame(frame) => frame.seq().to_string(),
            Next::Tick => "tick".into(),
            Next::Evicted => "evicted".into(),
            _ => panic!("something else"),
        };
        assert_eq!(got, end);
        // Nobody reads there any more, so it begins anew.
        assert!(hub.pass(Seq::new(number)));
    }
}
