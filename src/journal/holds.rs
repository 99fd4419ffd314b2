//! What somebody still wants of a room, and so is not trimmed.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::message::{RoomName, Seq};

/// The holds there are; clones share them.
#[derive(Clone, Default)]
pub(super) struct Holds(Arc<Mutex<HashMap<RoomName, Vec<Arc<AtomicU64>>>>>);

/// Keeps a room's messages after a seq from being trimmed, by number or by age, until it is
/// dropped. What the writer was trimming at the very moment it was made may still go.
pub struct Hold {
    holds: Holds,
    room: RoomName,
    after: Arc<AtomicU64>,
}

impl Holds {
    /// Holds what `room` has after `seq`.
    pub(super) fn hold(&self, room: &RoomName, seq: Seq) -> Hold {
        let after = Arc::new(AtomicU64::new(seq.get()));
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.entry(room.clone()).or_default().push(Arc::clone(&after));
        Hold { holds: self.clone(), room: room.clone(), after }
    }

    /// Up to where `room` may be trimmed.
    pub(super) fn lowest(&self, room: &RoomName) -> Seq {
        let rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seqs = rooms.get(room).into_iter().flatten().map(|hold| hold.load(Ordering::Relaxed));
        Seq::new(seqs.min().unwrap_or(u64::MAX))
    }
}

impl Hold {
    /// Lets go of what is up to `seq`. It never goes back: what was let go may be trimmed already.
    pub fn advance(&self, seq: Seq) {
        self.after.fetch_max(seq.get(), Ordering::Relaxed);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut rooms = self.holds.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(holds) = rooms.get_mut(&self.room) {
            holds.retain(|other| !Arc::ptr_eq(other, &self.after));
            if holds.is_empty() {
                rooms.remove(&self.room);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_hold_of_a_room_counts_and_none_goes_back() {
        let (lobby, hall) = (RoomName::parse("lobby").unwrap(), RoomName::parse("hall").unwrap());
        let holds = Holds::default();
        let low = holds.hold(&lobby, Seq::new(3));
        let high = holds.hold(&lobby, Seq::new(8));
        assert_eq!(holds.lowest(&lobby), Seq::new(3));
        assert_eq!(holds.lowest(&hall), Seq::new(u64::MAX));
        low.advance(Seq::new(5));
        low.advance(Seq::new(4));
        assert_eq!(holds.lowest(&lobby), Seq::new(5));
        drop(low);
        assert_eq!(holds.lowest(&lobby), Seq::new(8));
        drop(high);
        assert!(holds.0.lock().unwrap().is_empty(), "nothing is left behind");
    }
}
