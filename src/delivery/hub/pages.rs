//! Catching up: what a room's ring lacks is read and rendered once for every reader that stands at
//! the same cursor.
//!
//! A page is read by a task of its own: a reader whose socket is stuck holds nothing that others
//! wait for. Of a room one page is read at a time, so that many readers of one room take no more
//! of the journal's permits than one of another.

use std::sync::{Arc, Mutex};

use tokio::sync::{Mutex as AsyncMutex, watch};

use super::{Spawn, lock};
use crate::{
    delivery::{
        frame::{Encoded, Frame, Representation},
        past::Past,
    },
    journal::{Gap, Page, ReadError},
    message::{Entry, Epoch, RoomName, Seq},
    sink::Chunk,
};

/// Messages read from the journal at once: enough to be worth a reading (the journal ends a page
/// earlier where texts are long), few enough that thousands can catch up together.
const MAX_PAGE_MESSAGES: usize = 512;

/// Pages of a room that are kept for the next reader at that cursor: the writer's, and those of readers
/// that came back at once and stand at a cursor or two. They are let go with the next tick.
const MAX_KEPT_PAGES: usize = 4;

/// What a room has after a cursor, rendered once in each representation that somebody reads.
pub(crate) struct CatchUp {
    /// What is missing for good, before the first message.
    pub gap: Option<Gap>,
    /// The messages, and the changes of those and of earlier ones.
    pub entries: Vec<Entry>,
    /// The cursor of a reader that has these.
    pub upto: Seq,
    /// The messages have every change in them up to here.
    pub as_of: Seq,
    encoded: Encoded,
}

impl CatchUp {
    fn new(page: Page) -> Self {
        let Page { gap, entries, upto, as_of } = page;
        Self { gap, entries, upto, as_of, encoded: Encoded::default() }
    }

    /// Its messages in one representation, in one piece, and before them word of the gap, where
    /// there is one.
    pub(crate) fn chunk(&self, representation: Representation, epoch: &Epoch) -> Chunk {
        let encode = || representation.page(self.gap, epoch, &self.entries);
        self.encoded.get_or_encode(representation, encode).clone()
    }

    /// Its messages without the gap, for who was told of it before.
    pub(crate) fn chunk_without_gap(&self, representation: Representation, epoch: &Epoch) -> Chunk {
        match self.gap {
            None => self.chunk(representation, epoch),
            Some(_) => representation.page(None, epoch, &self.entries),
        }
    }

    /// Its messages as frames.
    pub(crate) fn frames(&self) -> Vec<Frame> {
        self.entries.iter().cloned().map(Frame::new).collect()
    }
}

/// What a reading came to.
pub(crate) type Outcome = Result<Arc<CatchUp>, Arc<ReadError>>;

/// A page that is read, or being read.
pub(super) type Reading = watch::Receiver<Option<Outcome>>;

/// The pages of one room.
pub(super) struct Pages {
    past: Arc<dyn Past>,
    room: RoomName,
    /// A std mutex: it is held to find a page or to note one.
    readings: Mutex<Vec<(Seq, Reading)>>,
    /// Held by the one reading that is under way.
    turn: Arc<AsyncMutex<()>>,
}

impl Pages {
    pub(super) fn new(past: Arc<dyn Past>, room: RoomName) -> Self {
        Self { past, room, readings: Mutex::default(), turn: Arc::default() }
    }

    /// The page after `seq`: the one that somebody asked for already, or a reading of its own.
    pub(super) fn after(&self, seq: Seq, spawn: &Spawn) -> Reading {
        let mut readings = lock(&self.readings);
        // One that failed is tried again.
        readings.retain(|(_, reading)| {
            !matches!(*reading.borrow(), Some(Err(_)))
                && (reading.has_changed().is_ok() || is_read(reading))
        });
        if let Some((_, reading)) = readings.iter().find(|(from, _)| *from == seq) {
            return reading.clone();
        }
        let (outcome, reading) = watch::channel(None);
        let excess = (readings.len() + 1).saturating_sub(MAX_KEPT_PAGES);
        let mut read = 0;
        readings.retain(|(_, reading)| {
            read += usize::from(is_read(reading));
            !is_read(reading) || read > excess
        });
        readings.push((seq, reading.clone()));
        drop(readings);
        let (past, room, turn) =
            (Arc::clone(&self.past), self.room.clone(), Arc::clone(&self.turn));
        spawn(Box::pin(async move {
            let _turn = turn.lock().await;
            if outcome.is_closed() {
                return; // Nobody waits for it any more.
            }
            let page = past.after(&room, seq, MAX_PAGE_MESSAGES).await;
            outcome.send_replace(Some(page.map(CatchUp::new).map(Arc::new).map_err(Arc::new)));
        }));
        reading
    }

    /// Forgets all of them: something is not what it was any more.
    pub(super) fn forget(&self) {
        lock(&self.readings).clear();
    }

    /// Lets go of what is read.
    pub(super) fn clear(&self) {
        lock(&self.readings).retain(|(_, reading)| !is_read(reading));
    }
}

fn is_read(reading: &Reading) -> bool {
    reading.borrow().is_some()
}

/// Waits for a page.
pub(super) async fn read(mut reading: Reading) -> Outcome {
    let outcome = reading.wait_for(Option::is_some).await;
    outcome.ok().and_then(|outcome| outcome.clone()).unwrap_or(Err(Arc::new(ReadError::Closed)))
}
