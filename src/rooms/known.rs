//! Which rooms there are, as far as it was looked up: whoever sends to one that is new makes it.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{Caller, Refusal, Rooms};
use crate::message::RoomName;

/// Rooms that are remembered to be there: a megabyte. Beyond it all are looked up anew.
const MAX_KNOWN: usize = 10_000;

/// Rooms that are in the journal. One of them may be gone by now; then to make it again is free.
#[derive(Default)]
pub(super) struct Known(Mutex<HashSet<RoomName>>);

impl Known {
    fn has(&self, room: &RoomName) -> bool {
        self.lock().contains(room)
    }

    fn add(&self, room: &RoomName) {
        let mut known = self.lock();
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(room.clone());
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<RoomName>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rooms {
    /// Whether `caller` may send to `room`, where that makes it.
    ///
    /// # Errors
    ///
    /// By the limits, or where the journal cannot be read.
    pub(super) async fn check_new(&self, caller: &Caller, room: &RoomName) -> Result<(), Refusal> {
        if self.0.known.has(room) {
            return Ok(());
        }
        if caller.ip.is_some() && !self.journal().has(room).await? {
            self.0.limits.new_room(caller.ip)?;
        }
        self.0.known.add(room);
        Ok(())
    }
}
