//! A reader's line: its socket, which its room's writer and its own task write to in turn.
//!
//! While a reader has everything and its socket takes what it is given, its line is *parked*: the
//! room's writer writes to it, and its task sleeps. Whatever else there is to do (a socket that is
//! full, a notice, a tick, a catch-up, the end) is the task's: it takes the line back first.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, OnceLock},
};

use bytes::Bytes;

use super::{Item as _, lock};
use crate::{
    delivery::{
        frame::{Frame, Representation},
        past::Hold,
    },
    message::Seq,
    sink::Sink,
};

/// Frames that follow each other and go out in one write.
pub(crate) struct Batch {
    /// Who stands here, or after it, has missed nothing before these.
    pub after: Seq,
    /// Who has had these stands here.
    pub upto: Seq,
    frames: Vec<Frame>,
    /// All of them, joined once for all who stand at `after`.
    joined: [OnceLock<Bytes>; Representation::ALL.len()],
}

impl Batch {
    /// `frames` are all that a room has after `after` and up to `upto`.
    pub(crate) fn new(after: Seq, upto: Seq, frames: Vec<Frame>) -> Self {
        Self { after, upto, frames, joined: Default::default() }
    }

    /// Its frames.
    pub(crate) fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// The bytes of what is after `cursor`: nearly always those that all share.
    fn bytes(&self, cursor: Seq, representation: Representation) -> Cow<'_, Bytes> {
        let had = self.frames.partition_point(|frame| frame.seq() <= cursor);
        match &self.frames[had..] {
            [] => Cow::Owned(Bytes::new()),
            [one] => Cow::Borrowed(one.encoded(representation)),
            all if had == 0 => {
                let joined = &self.joined[representation as usize];
                Cow::Borrowed(joined.get_or_init(|| join(all, representation)))
            }
            rest => Cow::Owned(join(rest, representation)),
        }
    }
}

fn join(frames: &[Frame], representation: Representation) -> Bytes {
    let bytes: Vec<&Bytes> = frames.iter().map(|frame| frame.encoded(representation)).collect();
    let mut joined = Vec::with_capacity(bytes.iter().map(|bytes| bytes.len()).sum());
    for bytes in bytes {
        joined.extend_from_slice(bytes);
    }
    joined.into()
}

/// A reader's line, shared by its task and its room's writer.
pub(crate) struct Line {
    sink: Arc<dyn Sink>,
    representation: Representation,
    /// A std mutex: it is held for one write that does not wait.
    state: Mutex<State>,
}

struct State {
    parked: bool,
    /// Up to where the reader was written to; the writer's while it is parked.
    cursor: Seq,
    /// What the socket did not take of a write; its task writes that first.
    rest: Bytes,
    /// Set when the writer gives the line back: from then on what is after the reader's own cursor is held.
    hold: Option<Box<dyn Hold>>,
}

/// What became of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offered {
    /// It was written, or the reader had it.
    Taken,
    /// The reader's task has to look after it.
    Wake,
}

impl Line {
    /// A line that its task writes to.
    pub(crate) fn new(sink: Arc<dyn Sink>, representation: Representation) -> Self {
        let state = State { parked: false, cursor: Seq::ZERO, rest: Bytes::new(), hold: None };
        Self { sink, representation, state: Mutex::new(state) }
    }

    /// Writes a batch, where the line is parked. What the socket does not take is left to the
    /// reader's task; `hold` makes what keeps from then on what the reader lacks.
    pub(crate) fn offer(&self, batch: &Batch, hold: impl Fn(Seq) -> Box<dyn Hold>) -> Offered {
        let mut state = lock(&self.state);
        if !state.parked {
            return Offered::Wake;
        }
        if state.cursor >= batch.upto {
            return Offered::Taken;
        }
        if state.cursor >= batch.after {
            let bytes = batch.bytes(state.cursor, self.representation);
            let written = if bytes.is_empty() { Ok(0) } else { self.sink.try_write(&bytes) };
            if let Ok(written) = written {
                state.cursor = batch.upto;
                if written == bytes.len() {
                    return Offered::Taken;
                }
                state.rest = bytes.slice(written..);
            }
        }
        // Full, failed, or not where the others are.
        state.parked = false;
        state.hold = Some(hold(state.cursor));
        Offered::Wake
    }

    /// Gives the line to the room's writer at `cursor`, where `current` says that the writer is not
    /// past that. All that the task had was written.
    pub(crate) fn park(&self, cursor: Seq, current: impl Fn() -> bool) -> bool {
        let mut state = lock(&self.state);
        state.parked = true;
        state.cursor = cursor;
        // After it is parked: a writer that goes on now meets it, or is seen to have gone on.
        state.parked = current();
        state.parked
    }

    /// Takes the line back; gives the cursor, what is still to be written, and what the writer made
    /// to hold what the reader lacks. `None` where it is not the writer's.
    pub(crate) fn unpark(&self, hold: impl Fn(Seq) -> Box<dyn Hold>) -> Option<Unparked> {
        let mut state = lock(&self.state);
        let writers = state.hold.take();
        if !state.parked && writers.is_none() {
            return None;
        }
        state.parked = false;
        let cursor = state.cursor;
        let hold = writers.unwrap_or_else(|| hold(cursor));
        Some(Unparked { cursor, rest: std::mem::take(&mut state.rest), hold })
    }
}

/// What a task gets with its line.
pub(crate) struct Unparked {
    /// Up to where the reader was written to.
    pub cursor: Seq,
    /// What is to be written before anything else.
    pub rest: Bytes,
    /// What keeps all after `cursor`.
    pub hold: Box<dyn Hold>,
}
