//! The newest messages of rooms as pages show them, kept until something is sent: a page is asked
//! for far more often than its room is written to, when many come at once after a restart above
//! all, and to read and to render fifty messages is most of what it costs.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use maud::Markup;

use super::history::SHOWN;
use crate::{
    journal::{Journal, ReadError},
    message::{MessageId, RoomName, Seq},
    view,
};

/// How long it is shown without a look whether the journal still keeps it all: what grows too old
/// goes away without anything being sent.
const FRESH: Duration = Duration::from_secs(1);

/// Rooms that are kept, and the longest of a room's messages together: 8 MB at most.
const ROOMS: usize = 64;
const LONGEST: usize = 128 * 1024;

/// A handle on them; clones share it.
#[derive(Clone, Default)]
pub struct Newest(Arc<Mutex<HashMap<RoomName, Kept>>>);

struct Kept {
    /// The journal's last place before they were read: nothing was sent since while it is that.
    last: Seq,
    read: Instant,
    shown: Arc<Shown>,
}

impl Kept {
    fn holds(&self, last: Seq) -> bool {
        self.last == last && self.read.elapsed() < FRESH
    }
}

/// A part of the past on a page.
pub struct Shown {
    /// The messages' fragments, oldest first.
    pub messages: Markup,
    /// The oldest of them, where there are older ones.
    pub older: Option<MessageId>,
    /// Everything up to here that was due is among them.
    pub upto: Seq,
}

impl Shown {
    /// Reads and renders what a page shows.
    pub async fn read(
        journal: &Journal,
        room: &RoomName,
        before: Option<Seq>,
    ) -> Result<Self, ReadError> {
        // In a box: every page's future would be as large, and most of them read nothing.
        let past = Box::pin(journal.before(room, before, SHOWN)).await?;
        let oldest = past.messages.first().filter(|_| past.more);
        Ok(Self {
            messages: view::message::fragments(&past.messages),
            older: oldest.map(|oldest| oldest.id.clone()),
            upto: past.upto,
        })
    }
}

impl Newest {
    /// The newest messages of a room, as of now.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the journal cannot be read.
    pub async fn of(&self, journal: &Journal, room: &RoomName) -> Result<Arc<Shown>, ReadError> {
        // Before the reading: what is sent meanwhile makes what was read count as old.
        let last = journal.last();
        if let Some(kept) = self.lock().get(room).filter(|kept| kept.holds(last)) {
            return Ok(Arc::clone(&kept.shown));
        }
        let shown = Arc::new(Shown::read(journal, room, None).await?);
        if shown.messages.0.len() <= LONGEST {
            let mut rooms = self.lock();
            if rooms.len() >= ROOMS && !rooms.contains_key(room) {
                rooms.retain(|_, kept| kept.holds(last));
            }
            // Where all of them are asked for all the time, one more has no place.
            if rooms.len() < ROOMS || rooms.contains_key(room) {
                let kept = Kept { last, read: Instant::now(), shown: Arc::clone(&shown) };
                rooms.insert(room.clone(), kept);
            }
        }
        Ok(shown)
    }

    /// A std mutex: nothing is awaited or read under it.
    fn lock(&self) -> MutexGuard<'_, HashMap<RoomName, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
