//! Nodes that stop, and say so. Their tabs are as if each had been closed: here for a grace, in which
//! who comes back on another node never went.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    super::{
        super::roster::{Hold, PRESENCE_GRACE},
        map::{Map, Shifts},
        wire::{Message, Signal},
    },
    Peers, apply,
};

/// How long tabs stay that said that they are hidden: they say so again within a minute, on another
/// node, and a browser may be late with it.
const HIDDEN_GRACE: Duration = Duration::from_secs(75);

impl Peers {
    /// The last that is to be said, where there is a connection: what changed, and that it is over.
    pub(in super::super) fn bye(&mut self, now: Instant, connected: bool) -> Vec<Vec<u8>> {
        let mut messages = self.tick(now, connected);
        self.stopped = true;
        if connected {
            messages.push(self.numbered(Message::signal(self.me, Signal::Bye)));
        }
        messages
    }

    /// Drops what is left of those that have stopped, once who was there had time to come back.
    pub(super) fn drop_stopped(&mut self, now: Instant) {
        // Who is back on another node may not be known yet.
        if self.settled.is_none_or(|at| at > now) {
            return;
        }
        let mut shifts = Shifts::default();
        self.others.retain(|_, peer| {
            let Some(stopped) = peer.stopped.map(|at| now - at) else { return true };
            if stopped < PRESENCE_GRACE {
                return true;
            }
            if stopped < HIDDEN_GRACE {
                peer.map.retain(|word| word.hold == Hold::Hidden, &mut shifts);
                return true;
            }
            shifts.extend(peer.map.replace(Map::default()));
            false
        });
        apply(&self.roster, &shifts);
    }
}
