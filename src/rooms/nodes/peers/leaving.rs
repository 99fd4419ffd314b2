//! Tabs that left by a node which does not have them. They are gone at once, and not only once the node
//! that has them says so: who leaves and joins again is not to be in the own way. They stay gone, whatever
//! that node says before it knows, and it is told until it does: a tab that left never comes back.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    super::{
        super::roster::{Hold, Word},
        map::{Id, Map, Shifts},
        wire::{Aside, Change},
    },
    Peers, apply,
};
use crate::message::RoomName;

/// How long the node that has a tab may take to say that it is gone; then it is told again.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);

/// For how long that is remembered: a node that was parted from the others, and dropped, may be back by
/// then.
const LEFT_TTL: Duration = Duration::from_mins(2);

/// Tabs that left and that are remembered, some 80 bytes each.
const MAX_LEFT: usize = 4096;

pub(super) struct Left {
    at: Instant,
    /// When others were told last.
    told: Instant,
    room: RoomName,
    id: Id,
}

impl Left {
    fn aside(&self) -> (RoomName, Id, Aside) {
        (self.room.clone(), self.id, Aside::Left)
    }

    /// Whether a node says something else of it, or has not said yet that it is gone.
    fn is_in(&self, map: &Map) -> bool {
        map.get(&self.room, &self.id).is_some()
    }

    /// Marks it as gone, whatever its node says.
    fn mark(&self, map: &mut Map, shifts: &mut Shifts) {
        let word = map.get(&self.room, &self.id).filter(|word| word.hold != Hold::Left);
        if let Some(word) = word {
            let left = Word { hold: Hold::Left, ..word.clone() };
            map.set(&self.room, self.id, Some(left), shifts);
        }
    }
}

impl Peers {
    /// A tab left, whichever node it is on: that one will say so, and its name is free by now.
    pub(super) fn leave(&mut self, room: &RoomName, id: Id, now: Instant) {
        let left = Left { at: now, told: now, room: room.clone(), id };
        let mut shifts = Shifts::default();
        for peer in self.others.values_mut() {
            left.mark(&mut peer.map, &mut shifts);
        }
        apply(&self.roster, &shifts);
        if self.left.iter().all(|one| (one.id, &one.room) != (id, room)) {
            if self.left.len() >= MAX_LEFT {
                self.left.pop_front();
            }
            self.left.push_back(left);
        }
    }

    /// What a node says of tabs that left is from before it knew that.
    pub(super) fn keep_left(&mut self, node: u64, shifts: &mut Shifts) {
        if shifts.tabs.is_empty() {
            return;
        }
        let Some(peer) = self.others.get_mut(&node) else { return };
        for left in &self.left {
            left.mark(&mut peer.map, shifts);
        }
    }

    /// Tells a node again who left: it may not have heard. It did not, where it lacks what was said last.
    pub(super) fn tell_again(&mut self, node: u64, now: Instant) {
        let Some(peer) = self.others.get(&node) else { return };
        for left in self.left.iter_mut().filter(|left| !peer.is_known() || left.is_in(&peer.map)) {
            left.told = now;
            self.asides.push(left.aside());
        }
    }

    /// All who left.
    pub(super) fn all_left(&self) -> Vec<Change> {
        let all = self.left.iter().map(Left::aside);
        all.map(|(room, id, aside)| Change::Aside(room, id, aside)).collect()
    }

    /// Tells those again that have not said that a tab is gone; one that has stopped will say nothing more.
    pub(super) fn remind(&mut self, now: Instant) {
        while self.left.front().is_some_and(|left| now - left.at > LEFT_TTL) {
            self.left.pop_front();
        }
        let others = &self.others;
        for left in self.left.iter_mut().filter(|left| now - left.told > LEAVE_TIMEOUT) {
            let mut running = others.values().filter(|peer| peer.stopped.is_none());
            if running.any(|peer| left.is_in(&peer.map)) {
                left.told = now;
                self.asides.push(left.aside());
            }
        }
    }
}
