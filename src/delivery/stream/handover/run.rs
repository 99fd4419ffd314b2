//! One run of the model: the actors, their steps, and what a reader got.

use std::task::Waker;

use bytes::Buf as _;

use super::super::*;
use crate::{
    delivery::{
        hub::{Hub, ReaderTag},
        model::{Model, Socket, Tasks, Woken, frame, hub_of_turns, metrics, other_room, room},
    },
    sink::decode,
};

/// A message that is committed, and published.
pub(super) const PUBLISH: u8 = b'p';
/// One step of the tasks: a writer's turn, or a reading that goes on.
pub(super) const WRITER: u8 = b'w';
/// One step of the reader's connection.
pub(super) const READER: u8 = b'r';
/// The socket takes a part of an event.
pub(super) const SOCKET: u8 = b's';
/// A reading that stopped before or after its look goes on.
pub(super) const GATE: u8 = b'g';
/// A message that is committed, and not published yet.
pub(super) const COMMIT: u8 = b'c';
/// A committed message that is published.
pub(super) const FEED: u8 = b'f';
/// A message of another room that is committed, and published.
pub(super) const OTHER: u8 = b'o';
/// Who watches other rooms is told.
pub(super) const TELL: u8 = b't';
/// The end of the hub.
pub(super) const END: u8 = b'e';

/// What a socket takes at a time: less than an event, so that writes are cut in the middle.
pub(super) const SOCKET_BYTES: usize = 150;

/// A reader's connection, as the server drives it.
pub(super) struct Connection {
    pub(super) stream: LiveStream,
    pub(super) socket: Socket,
    pub(super) framing: Framing,
    pub(super) out: Bytes,
    pub(super) ended: bool,
    /// Whether all is written, and the line is to be parked next.
    pub(super) parks: bool,
    pub(super) woken: Arc<Woken>,
}

impl Connection {
    /// One that has not read anything.
    pub(super) fn new(hub: &Hub, begin: Begin) -> Self {
        let live = hub.subscribe(&room(), false, ReaderTag::default());
        let cursor = Cursor {
            began: Seq::new(begin.sent),
            sent: Seq::new(begin.sent),
            lost: begin.lost,
            count: 0,
            recent: VecDeque::new(),
            had: Vec::new(),
            pages: Vec::new(),
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
        let (out, woken, framing) = (Bytes::new(), Woken::new(), begin.framing);
        Self { stream, socket, framing, out, ended: false, parks: false, woken }
    }

    /// Goes on to its next stop: until it has to wait, or is about to park its line. `false` where
    /// nothing woke it.
    pub(super) fn step(&mut self) -> bool {
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
pub(super) struct Run {
    pub(super) model: Model,
    pub(super) tasks: Tasks,
    pub(super) hub: Hub,
    pub(super) fed: u64,
    pub(super) connection: Connection,
    /// Readers in later slots than its own, which have all there is.
    pub(super) others: Vec<Connection>,
    pub(super) trims: bool,
}

/// How a run begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begin {
    /// Messages that are committed.
    pub(super) committed: u64,
    /// How many of them were published.
    pub(super) fed: u64,
    /// The reader's cursor.
    pub(super) sent: u64,
    /// How many of them are trimmed.
    pub(super) trimmed: u64,
    /// Whether the reader's cursor means nothing.
    pub(super) lost: bool,
    pub(super) ring: usize,
    /// What stands around frames on the reader's socket.
    pub(super) framing: Framing,
    /// Whether a writer may write to it.
    pub(super) parks: bool,
    /// What the socket takes at first.
    pub(super) room: usize,
    pub(super) gated: bool,
    /// How many others read.
    pub(super) others: usize,
    /// Readers that a writer writes to before it has another turn.
    pub(super) lines_per_turn: usize,
}

/// A reader that has all there is.
pub(super) const LIVE: Begin = Begin {
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
    others: 0,
    lines_per_turn: 64,
};

impl Run {
    pub(super) fn new(begin: Begin) -> Self {
        let (model, tasks) = (Model::default(), Tasks::default());
        {
            let mut state = model.state();
            state.committed = begin.committed;
            state.trimmed = begin.trimmed;
            state.gated = begin.gated;
        }
        let hub = hub_of_turns(&model, &tasks, begin.fed, begin.ring, begin.lines_per_turn);
        let connection = Connection::new(&hub, begin);
        let live = Begin { sent: begin.fed, parks: true, room: 1 << 20, ..begin };
        let others = (0..begin.others).map(|_| {
            let mut other = Connection::new(&hub, live);
            while other.step() {}
            other
        });
        let others = others.collect();
        Self { model, tasks, hub, fed: begin.fed, connection, others, trims: true }
    }

    pub(super) fn commit(&self) {
        self.model.state().committed += 1;
    }

    /// A message of another room.
    fn commit_elsewhere(&self) {
        let mut state = self.model.state();
        state.committed += 1;
        let seq = state.committed;
        state.elsewhere.insert(seq);
    }

    /// Publishes the next committed message; `false` where there is none yet.
    pub(super) fn feed(&mut self) -> bool {
        if self.fed == self.model.state().committed {
            return false;
        }
        self.fed += 1;
        let is_elsewhere = self.model.state().elsewhere.contains(&self.fed);
        let room = if is_elsewhere { other_room() } else { room() };
        self.hub.publish(&room, frame(self.fed));
        true
    }

    /// From now on the reader is told of the other room, of which it has seen what is up to `seen`.
    pub(super) fn watch(&mut self, seen: u64) {
        let watch = self.hub.watch(vec![other_room()], None);
        let since = watch.since.get();
        let number = |upto: u64| {
            let state = self.model.state();
            i64::try_from(state.elsewhere.range(..=upto).count()).unwrap()
        };
        let messages = number(since) - number(seen);
        let other = Other::new(other_room(), Before { messages, mentions: 0, last: number(since) });
        let unread = Unread::new(watch, vec![other], |_| Standing::Counted(0));
        self.connection.stream.unread = Some(Box::new(unread));
    }

    pub(super) fn play(&mut self, order: &[u8]) {
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
                OTHER => {
                    self.commit_elsewhere();
                    self.feed();
                }
                TELL => self.hub.tell_watchers(),
                END => self.hub.end(),
                other => panic!("no step: {other}"),
            }
            if self.trims {
                self.model.trim();
            }
        }
    }

    /// Lets everybody finish, and gives the messages that the reader got, and all that it got.
    pub(super) fn finish(&mut self) -> (Vec<u64>, String) {
        while self.feed() {}
        self.connection.socket.give_room(1 << 20);
        loop {
            self.model.open_gate();
            self.hub.tell_watchers();
            let went_on = self.tasks.step()
                || self.connection.step()
                || self.others.iter_mut().any(Connection::step);
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
