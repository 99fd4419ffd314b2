//! Slow mode: how long it is since somebody sent something.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::message::RoomName;

/// Senders that are remembered at most: beyond it those go whose time is over, and where there are none,
/// nobody is held up. Some 100 bytes each.
const MAX_SENDERS: usize = 100_000;

/// When each sender of a room may send again.
#[derive(Default)]
pub(super) struct SlowMode(Mutex<HashMap<(RoomName, String), Instant>>);

impl SlowMode {
    /// Takes the right to send now.
    ///
    /// # Errors
    ///
    /// How long to wait, where that is not yet.
    pub(super) fn take(
        &self,
        room: &RoomName,
        sender: &str,
        every: Duration,
    ) -> Result<(), Duration> {
        let now = Instant::now();
        let mut senders = self.lock();
        let sender = (room.clone(), sender.to_owned());
        if let Some(next) = senders.get(&sender).filter(|next| **next > now) {
            // Not longer than the rule is by now.
            let wait = next.duration_since(now);
            if wait <= every {
                return Err(wait);
            }
        }
        if senders.len() >= MAX_SENDERS {
            senders.retain(|_, next| *next > now);
        }
        if senders.len() < MAX_SENDERS {
            senders.insert(sender, now + every);
        }
        Ok(())
    }

    /// What was taken was not used.
    pub(super) fn give_back(&self, room: &RoomName, sender: &str) {
        self.lock().remove(&(room.clone(), sender.to_owned()));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(RoomName, String), Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_sender_of_a_room_waits_for_itself_alone() {
        let slow = SlowMode::default();
        let (lobby, attic) = ("lobby", "attic");
        let take = |room: &str, sender: &str| {
            slow.take(&RoomName::parse(room).unwrap(), sender, Duration::from_secs(10))
        };
        assert_eq!(take(lobby, "ann"), Ok(()));
        assert_eq!(take(lobby, "ann"), Err(Duration::from_secs(10)));
        assert_eq!((take(lobby, "ben"), take(attic, "ann")), (Ok(()), Ok(())));
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(take(lobby, "ann"), Err(Duration::from_secs(1)));
        slow.give_back(&RoomName::parse(lobby).unwrap(), "ann");
        assert_eq!(take(lobby, "ann"), Ok(()));
    }
}
