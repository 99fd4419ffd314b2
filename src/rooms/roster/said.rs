//! What was announced of each room, and what may wait.

use std::{collections::HashMap, sync::Arc};

use tokio::time::Instant;

use super::WATCHING_INTERVAL;
use crate::message::{People, RoomName};

/// What was announced: of rooms in which somebody is, or was said to be.
#[derive(Default)]
pub(super) struct Said {
    rooms: HashMap<RoomName, (Arc<People>, Instant)>,
    /// What waits until it may be said.
    waiting: HashMap<RoomName, Arc<People>>,
}

impl Said {
    /// Whether it is to be announced now that these people are in a room. Otherwise it waits, or is
    /// nothing new.
    pub(super) fn is_due(&mut self, room: &RoomName, people: &Arc<People>) -> bool {
        self.waiting.remove(room);
        if let Some((before, at)) = self.rooms.get(room) {
            if before == people {
                return false;
            }
            let same = before.count == people.count && before.names == people.names;
            if same && at.elapsed() < WATCHING_INTERVAL {
                self.waiting.insert(room.clone(), Arc::clone(people));
                return false;
            }
        }
        if **people == People::default() {
            self.rooms.remove(room);
        } else {
            self.rooms.insert(room.clone(), (Arc::clone(people), Instant::now()));
        }
        true
    }

    /// What has waited long enough.
    pub(super) fn late(&mut self) -> Vec<(RoomName, Arc<People>)> {
        let is_late = |room: &RoomName| {
            self.rooms.get(room).is_none_or(|(_, at)| at.elapsed() >= WATCHING_INTERVAL)
        };
        let late: Vec<_> = self.waiting.extract_if(|room, _| is_late(room)).collect();
        late.into_iter().filter(|(room, people)| self.is_due(room, people)).collect()
    }
}
