//! Tabs that left by a node which does not have them. They are gone at once, and not only once the node
//! that has them says so: who leaves and joins again is not to be in the own way.

use std::{mem, time::Duration};

use tokio::time::Instant;

use super::{
    super::{
        super::roster::{Hold, Word},
        map::{Id, Shifts},
        wire::{Aside, Change},
    },
    Peers, apply,
};
use crate::message::RoomName;

/// How long the node that has a tab may take to say that it is gone, after it left by another.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);

/// For how long a node that lives may say nothing: a beat, and some for a busy machine.
const MAX_SILENCE: Duration = Duration::from_secs(3);

/// For how long a node that was dropped may come back, and be told who left it meanwhile.
const DROPPED_TIMEOUT: Duration = Duration::from_mins(10);

/// Tabs that left and that are remembered, some 150 bytes each.
const MAX_LEAVING: usize = 4096;

pub(super) struct Leaving {
    left: Instant,
    /// When its node was told last.
    since: Instant,
    node: u64,
    room: RoomName,
    id: Id,
    before: Word,
}

impl Leaving {
    fn aside(&self) -> (RoomName, Id, Aside) {
        (self.room.clone(), self.id, Aside::Left)
    }
}

impl Peers {
    /// A tab left, whichever node it is on: that one will say so, and its name is free by now.
    pub(super) fn leave(&mut self, room: &RoomName, id: Id, now: Instant) {
        let mut shifts = Shifts::default();
        for (node, peer) in &mut self.others {
            if let Some(before) = peer.map.get(room, &id).filter(|word| word.hold != Hold::Left) {
                let before = before.clone();
                let left = Word { hold: Hold::Left, ..before.clone() };
                peer.map.set(room, id, Some(left), &mut shifts);
                if self.leaving.len() >= MAX_LEAVING {
                    self.leaving.remove(0);
                }
                self.leaving.push(Leaving {
                    left: now,
                    since: now,
                    node: *node,
                    room: room.clone(),
                    id,
                    before,
                });
            }
        }
        apply(&self.roster, &shifts);
    }

    /// What a node says of tabs that left it by another one is from before it knew that.
    pub(super) fn keep_left(&mut self, node: u64, shifts: &mut Shifts) {
        let Some(peer) = self.others.get_mut(&node) else { return };
        for leaving in self.leaving.iter_mut().filter(|leaving| leaving.node == node) {
            let Leaving { room, id, before, .. } = leaving;
            if let Some(word) = peer.map.get(room, id).filter(|word| word.hold != Hold::Left) {
                *before = word.clone();
                let left = Word { hold: Hold::Left, ..word.clone() };
                peer.map.set(room, *id, Some(left), shifts);
            }
        }
    }

    /// Tells a node again who left it: it may not have heard. It did not, where it lacks what was said
    /// last.
    pub(super) fn tell_again(&mut self, node: u64, now: Instant) {
        for leaving in self.leaving.iter_mut().filter(|leaving| leaving.node == node) {
            leaving.since = now;
            self.asides.push(leaving.aside());
        }
    }

    /// All who left by a node that does not have them, and are not known to be gone.
    pub(super) fn all_leaving(&self) -> Vec<Change> {
        let is_there = |leaving: &&Leaving| {
            let peer = self.others.get(&leaving.node);
            peer.is_some_and(|peer| peer.map.get(&leaving.room, &leaving.id).is_some())
        };
        let there = self.leaving.iter().filter(is_there).map(Leaving::aside);
        there.map(|(room, id, aside)| Change::Aside(room, id, aside)).collect()
    }

    /// Brings those back that have not left after all: their node was not told. One that says nothing is
    /// dead, or parted from the others; it is told again, and who left there stays gone: somebody may
    /// have joined under that name, and would be joined no more on a node where both seem to bear it.
    /// That holds for one that was dropped meanwhile as well, and comes back.
    pub(super) fn bring_back(&mut self, now: Instant) {
        if self.leaving.iter().all(|leaving| now - leaving.since <= LEAVE_TIMEOUT) {
            return;
        }
        let mut shifts = Shifts::default();
        for mut leaving in mem::take(&mut self.leaving) {
            if now - leaving.since <= LEAVE_TIMEOUT {
                self.leaving.push(leaving);
                continue;
            }
            let Some(peer) = self.others.get_mut(&leaving.node) else {
                if now - leaving.left <= DROPPED_TIMEOUT {
                    self.leaving.push(leaving);
                }
                continue;
            };
            if peer.stopped.is_some() {
                continue; // It will say nothing more.
            }
            if peer.heard.is_none_or(|at| now - at > MAX_SILENCE) {
                leaving.since = now;
                self.asides.push(leaving.aside());
                self.leaving.push(leaving);
                continue;
            }
            let Leaving { room, id, before, .. } = leaving;
            if peer.map.get(&room, &id).is_some_and(|word| word.hold == Hold::Left) {
                peer.map.set(&room, id, Some(before), &mut shifts);
            }
        }
        apply(&self.roster, &shifts);
    }
}
