//! Tabs that left by a node that does not have them. They are gone at once, and not only once the node
//! that has them says so: who leaves and joins again is not to be in the own way.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    super::{
        super::roster::{Hold, Word},
        map::{Id, Shifts},
        wire::Aside,
    },
    Peers, apply,
};
use crate::message::RoomName;

/// How long the node that has a tab may take to say that it is gone, after it left by another.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);

/// For how long a node that lives may say nothing: a beat, and some for a busy machine.
const MAX_SILENCE: Duration = Duration::from_secs(3);

pub(super) struct Leaving {
    since: Instant,
    node: u64,
    room: RoomName,
    id: Id,
    before: Word,
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
                self.leaving.push_back(Leaving {
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

    /// Tells a node again who left it: it may not have heard. It did not, where it lacks what was said
    /// last.
    pub(super) fn tell_again(&mut self, node: u64) {
        let left = self.leaving.iter().filter(|leaving| leaving.node == node);
        let asides = left.map(|leaving| (leaving.room.clone(), leaving.id, Aside::Left));
        self.asides.extend(asides);
    }

    /// Brings those back that have not left after all: their node was not told. One that says nothing is
    /// dead, or parted from the others; it is told again, and who left there stays gone: somebody may
    /// have joined under that name, and would be joined no more on a node where both seem to bear it.
    pub(super) fn bring_back(&mut self, now: Instant) {
        let mut shifts = Shifts::default();
        while self.leaving.front().is_some_and(|leaving| now - leaving.since > LEAVE_TIMEOUT) {
            let Some(mut leaving) = self.leaving.pop_front() else { break };
            // One that has stopped will say nothing more.
            let peer = self.others.get_mut(&leaving.node).filter(|peer| peer.stopped.is_none());
            let Some(peer) = peer else { continue };
            if peer.heard.is_none_or(|at| now - at > MAX_SILENCE) {
                leaving.since = now;
                self.asides.push((leaving.room.clone(), leaving.id, Aside::Left));
                self.leaving.push_back(leaving);
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
