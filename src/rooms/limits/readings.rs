//! Readings of one address wait for each other, and not before those of others: a few hundred large
//! pages that somebody asks for at once would else all be read before the next page of anybody.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Readings of one address that run, or wait for a thread, at once: as many as threads read on a small
/// machine.
const MAX_AT_ONCE: usize = 2;

/// The turns of each address that reads; clones share them.
#[derive(Clone, Default)]
pub(super) struct Readings(Arc<Mutex<HashMap<IpAddr, Turns>>>);

struct Turns {
    semaphore: Arc<Semaphore>,
    /// How many read or wait.
    users: usize,
}

/// A turn to read, until it is dropped.
#[must_use = "the turn is over when this is dropped"]
pub(crate) struct ReadingPermit {
    /// Given back before it is looked whether anybody is left.
    permit: Option<OwnedSemaphorePermit>,
    readings: Readings,
    address: Option<IpAddr>,
}

impl Readings {
    /// Waits for a turn; who has no address has it at once.
    pub(super) async fn take(&self, address: Option<IpAddr>) -> ReadingPermit {
        // It is one of those who wait until it is dropped, whether its turn came or not.
        let mut permit = ReadingPermit { permit: None, readings: self.clone(), address };
        let Some(address) = address else { return permit };
        let semaphore = {
            let mut all = self.lock();
            let turns = all.entry(address).or_insert_with(|| Turns {
                semaphore: Arc::new(Semaphore::new(MAX_AT_ONCE)),
                users: 0,
            });
            turns.users += 1;
            Arc::clone(&turns.semaphore)
        };
        // It is never closed.
        permit.permit = semaphore.acquire_owned().await.ok();
        permit
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Turns>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ReadingPermit {
    fn drop(&mut self) {
        drop(self.permit.take());
        let Some(address) = self.address else { return };
        let mut all = self.readings.lock();
        if let Some(turns) = all.get_mut(&address) {
            turns.users -= 1;
            if turns.users == 0 {
                all.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test(start_paused = true)]
    async fn an_address_waits_for_its_own_readings_and_for_nobody_elses() {
        let readings = Readings::default();
        let (one, other) = ("192.0.2.1".parse().ok(), "192.0.2.2".parse().ok());
        let mut held: Vec<_> = Vec::new();
        for _ in 0..MAX_AT_ONCE {
            held.push(readings.take(one).await);
        }
        let soon = Duration::from_secs(1);
        assert!(timeout(soon, readings.take(one)).await.is_err(), "who gives up waits no more");
        assert!(timeout(soon, readings.take(other)).await.is_ok());
        assert!(timeout(soon, readings.take(None)).await.is_ok());
        held.pop();
        assert!(timeout(soon, readings.take(one)).await.is_ok());
        drop(held);
        assert!(readings.lock().is_empty(), "nothing is kept of who reads no more");
    }
}
