//! A reader's line: its socket, which its room's writer and its own task write to in turn.
//!
//! While a reader has everything and its socket takes what it is given, its line is *parked*: the
//! room's writer writes to it, and its task sleeps. Whatever else there is to do (a socket that is
//! full, a notice, a tick, a catch-up, the end) is the task's: it takes the line back first.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex},
};

use bytes::Bytes;

use super::{Item as _, lock};
use crate::{
    delivery::{
        frame::{Encoded, Frame, Representation},
        past::Hold,
    },
    message::Seq,
    sink::{Chunk, Framing, Sink},
};

/// Frames that follow each other and go out in one write.
pub(crate) struct Batch {
    /// Who stands here, or after it, has missed nothing before these.
    pub after: Seq,
    /// Who has had these stands here.
    pub upto: Seq,
    frames: Vec<Frame>,
    /// All of them, joined once for all who stand at `after`.
    joined: Encoded,
}

impl Batch {
    /// `frames` are all that a room has after `after` and up to `upto`.
    pub(crate) fn new(after: Seq, upto: Seq, frames: Vec<Frame>) -> Self {
        Self { after, upto, frames, joined: Encoded::default() }
    }

    /// Its frames.
    pub(crate) fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// What is after `cursor`: nearly always what all share.
    fn chunk(&self, cursor: Seq, representation: Representation) -> Cow<'_, Chunk> {
        let join =
            |frames: &[Frame]| Chunk::join(frames.iter().map(|frame| frame.chunk(representation)));
        let had = self.frames.partition_point(|frame| frame.seq() <= cursor);
        match &self.frames[had..] {
            [] => Cow::Owned(Chunk::default()),
            [one] => Cow::Borrowed(one.chunk(representation)),
            all if had == 0 => {
                Cow::Borrowed(self.joined.get_or_encode(representation, || join(all)))
            }
            rest => Cow::Owned(join(rest)),
        }
    }
}

/// A reader's line, shared by its task and its room's writer.
pub(crate) struct Line {
    sink: Arc<dyn Sink>,
    representation: Representation,
    framing: Framing,
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
    pub(crate) fn new(
        sink: Arc<dyn Sink>,
        framing: Framing,
        representation: Representation,
    ) -> Self {
        let state = State { parked: false, cursor: Seq::ZERO, rest: Bytes::new(), hold: None };
        Self { sink, representation, framing, state: Mutex::new(state) }
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
            let chunk = batch.chunk(state.cursor, self.representation);
            let bytes = chunk.framed(self.framing);
            let written = if bytes.is_empty() { Ok(0) } else { self.sink.try_write(bytes) };
            if let Ok(written) = written {
                state.cursor = batch.upto;
                if written == bytes.len() {
                    return Offered::Taken;
                }
                state.rest = chunk.into_owned().into_framed(self.framing).slice(written..);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{
        model::{Model, Socket, frame, room},
        past::Past as _,
    };

    #[test]
    fn what_a_socket_does_not_take_of_a_batch_is_left_to_the_task_whatever_stands_around_it() {
        let model = Model::default();
        let hold = |seq| model.hold(&room(), seq);
        for framing in [Framing::Bare, Framing::Chunked] {
            let frames = vec![frame(1), frame(2)];
            let batch = Batch::new(Seq::ZERO, Seq::new(2), frames.clone());
            for (had, due) in [(0, &frames[..]), (1, &frames[1..])] {
                let representation = Representation::Text;
                let due = Chunk::join(due.iter().map(|frame| frame.chunk(representation)));
                let due = str::from_utf8(due.framed(framing)).unwrap();
                for room in 0..=due.len() {
                    let socket = Socket::new(room);
                    let line = Line::new(Arc::new(socket.clone()), framing, representation);
                    assert!(line.park(Seq::new(had), || true));
                    let offered = line.offer(&batch, hold);
                    if room == due.len() {
                        assert_eq!(offered, Offered::Taken);
                    } else {
                        assert_eq!(offered, Offered::Wake, "{room}");
                    }
                    let unparked = line.unpark(hold).expect("it was parked");
                    let rest = str::from_utf8(&unparked.rest).unwrap();
                    let upto = if room == 0 { Seq::new(had) } else { Seq::new(2) };
                    assert_eq!(unparked.cursor, upto, "{room}");
                    let all = socket.written() + rest;
                    assert_eq!(all, if room == 0 { "" } else { due }, "{room}");
                }
            }
        }
    }
}
