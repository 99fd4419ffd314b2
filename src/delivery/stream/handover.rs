//! The hand-over from replay to live, and of a line between its reader's task and its room's writer,
//! tried in every order.
//!
//! Actors take their steps one at a time: the journal commits, the feed publishes, the room's writer
//! (and the readings that it and readers start) goes on to its next stop, a reader's connection goes
//! on to its next stop, a socket takes some bytes. A test runs every interleaving of those steps.
//! Each task is polled only when something woke it, so that a wake-up that is lost shows as messages
//! that do not come. Whatever nobody holds is trimmed at once, so that what is not held shows as a
//! gap.

use std::task::Waker;

use bytes::Buf as _;

use super::*;
use crate::{
    delivery::model::{Model, Socket, Tasks, Woken, frame, hub, metrics, room},
    sink::decode,
};

/// A message that is committed, and published.
const PUBLISH: u8 = b'p';
/// One step of the tasks: a writer's turn, or a reading that goes on.
const WRITER: u8 = b'w';
/// One step of the reader's connection.
const READER: u8 = b'r';
/// The socket takes a part of an event.
const SOCKET: u8 = b's';
/// A reading that stopped before or after its look goes on.
const GATE: u8 = b'g';
/// A message that is committed, and not published yet.
const COMMIT: u8 = b'c';
/// A committed message that is published.
const FEED: u8 = b'f';
/// The end of the hub.
const END: u8 = b'e';

/// What a socket takes at a time: less than an event, so that writes are cut in the middle.
const SOCKET_BYTES: usize = 150;

/// A reader's connection, as the server drives it.
struct Connection {
    stream: LiveStream,
    socket: Socket,
    framing: Framing,
    out: Bytes,
    ended: bool,
    /// Whether all is written, and the line is to be parked next.
    parks: bool,
    woken: Arc<Woken>,
}

impl Connection {
    /// Goes on to its next stop: until it has to wait, or is about to park its line. `false` where
    /// nothing woke it.
    fn step(&mut self) -> bool {
        if std::mem::take(&mut self.parks) {
            self.stream.park();
            return true;
        }
        if self.ended || !self.woken.take() {
            return false;
        }
        let waker = Waker::from(Arc::clone(&self.woken));
        let mut context = Context::from_waker(&waker);
        let rest = self.stream.unpark();
        if !rest.is_empty() {
            assert!(self.out.is_empty(), "what was given out was written before it was parked");
            self.out = rest;
        }
        loop {
            while !self.out.is_empty() {
                match self.socket.poll_write(&self.out, &mut context) {
                    Poll::Ready(written) => self.out.advance(written),
                    Poll::Pending => return true,
                }
            }
            match Pin::new(&mut self.stream).poll_next(&mut context) {
                Poll::Ready(Some(piece)) => self.out = piece.into_framed(self.framing),
                Poll::Ready(None) => {
                    self.ended = true;
                    return true;
                }
                Poll::Pending => {
                    self.parks = true;
                    return true;
                }
            }
        }
    }
}

/// One run: the actors and what the reader got.
struct Run {
    model: Model,
    tasks: Tasks,
    hub: Hub,
    fed: u64,
    connection: Connection,
    trims: bool,
}

/// How a run begins.
#[derive(Clone, Copy, Debug)]
struct Begin {
    /// Messages that are committed.
    committed: u64,
    /// How many of them were published.
    fed: u64,
    /// The reader's cursor.
    sent: u64,
    /// How many of them are trimmed.
    trimmed: u64,
    /// Whether the reader's cursor means nothing.
    lost: bool,
    ring: usize,
    /// What stands around frames on the reader's socket.
    framing: Framing,
    /// Whether a writer may write to it.
    parks: bool,
    /// What the socket takes at first.
    room: usize,
    gated: bool,
}

/// A reader that has all there is.
const LIVE: Begin = Begin {
    committed: 2,
    fed: 2,
    sent: 2,
    trimmed: 0,
    lost: false,
    ring: 64,
    framing: Framing::Chunked,
    parks: true,
    room: SOCKET_BYTES,
    gated: false,
};

impl Run {
    fn new(begin: Begin) -> Self {
        let (model, tasks) = (Model::default(), Tasks::default());
        {
            let mut state = model.state();
            state.committed = begin.committed;
            state.trimmed = begin.trimmed;
            state.gated = begin.gated;
        }
        let hub = hub(&model, &tasks, begin.fed, begin.ring);
        let live = hub.subscribe(&room(), false, ReaderTag::default());
        let cursor = Cursor {
            sent: Seq::new(begin.sent),
            lost: begin.lost,
            count: 0,
            recent: VecDeque::new(),
        };
        let representation = Representation::EventStream;
        let opening = representation.opening(&room());
        let epoch = Epoch::parse("e").unwrap();
        let mut stream =
            LiveStream::new(live, cursor, representation, opening, epoch, metrics(), Box::new(()));
        let socket = Socket::new(begin.room);
        if begin.parks {
            stream.attach(Arc::new(socket.clone()), begin.framing);
        }
        let out = Bytes::new();
        let woken = Woken::new();
        let framing = begin.framing;
        let connection =
            Connection { stream, socket, framing, out, ended: false, parks: false, woken };
        Self { model, tasks, hub, fed: begin.fed, connection, trims: true }
    }

    fn commit(&self) {
        self.model.state().committed += 1;
    }

    /// Publishes the next committed message; `false` where there is none yet.
    fn feed(&mut self) -> bool {
        if self.fed == self.model.state().committed {
            return false;
        }
        self.fed += 1;
        self.hub.publish(&room(), frame(self.fed));
        true
    }

    fn play(&mut self, order: &[u8]) {
        for step in order {
            match *step {
                PUBLISH => {
                    self.commit();
                    self.feed();
                }
                COMMIT => self.commit(),
                FEED => drop(self.feed()),
                WRITER => drop(self.tasks.step()),
                READER => drop(self.connection.step()),
                SOCKET => self.connection.socket.give_room(SOCKET_BYTES),
                GATE => self.model.open_gate(),
                END => self.hub.end(),
                other => panic!("no step: {other}"),
            }
            if self.trims {
                self.model.trim();
            }
        }
    }

    /// Lets everybody finish, and gives the messages that the reader got, and all that it got.
    fn finish(&mut self) -> (Vec<u64>, String) {
        while self.feed() {}
        self.connection.socket.give_room(1 << 20);
        loop {
            self.model.open_gate();
            let went_on = self.tasks.step() || self.connection.step();
            if !went_on {
                break;
            }
        }
        let wire = self.connection.socket.written();
        let all = match self.connection.framing {
            Framing::Bare => wire,
            // Each chunk whole.
            Framing::Chunked => decode(&wire).0,
        };
        // Each event whole, its id first.
        let seqs = all.split("\n\n").filter_map(|event| {
            let id = event.strip_prefix("id: e-")?.split_once('\n')?.0;
            assert!(event.ends_with("</p>"), "{event:?} in {all:?}");
            id.parse().ok()
        });
        (seqs.collect(), all)
    }
}

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
