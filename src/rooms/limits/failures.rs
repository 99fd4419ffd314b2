//! How often an address gave a token that is none.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::subscriber::subscriber;

/// Of one address, in a [`WINDOW`]: more than anybody mistypes.
const MAX_FAILURES: u32 = 10;

const WINDOW: Duration = Duration::from_mins(1);

/// Addresses that are remembered, at most some megabytes; beyond it those go whose window is over, and
/// where none is, all.
const MAX_ADDRESSES: usize = 10_000;

/// Failures by address. Who has no address that limits count by is counted too: guessing from the
/// machine itself is guessing.
#[derive(Default)]
pub(super) struct Failures(Mutex<HashMap<Option<IpAddr>, Window>>);

struct Window {
    begun: Instant,
    failures: u32,
}

impl Failures {
    /// Whether an address may try.
    ///
    /// # Errors
    ///
    /// How long it has to wait.
    pub(super) fn check(&self, address: Option<IpAddr>) -> Result<(), Duration> {
        let windows = self.lock();
        match windows.get(&address.map(subscriber)) {
            Some(Window { begun, failures }) if *failures >= MAX_FAILURES => {
                match WINDOW.checked_sub(begun.elapsed()) {
                    Some(wait) if !wait.is_zero() => Err(wait),
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// One more.
    pub(super) fn add(&self, address: Option<IpAddr>) {
        let mut windows = self.lock();
        if windows.len() >= MAX_ADDRESSES {
            windows.retain(|_, window| window.begun.elapsed() < WINDOW);
            if windows.len() >= MAX_ADDRESSES {
                windows.clear();
            }
        }
        let fresh = || Window { begun: Instant::now(), failures: 0 };
        let window = windows.entry(address.map(subscriber)).or_insert_with(fresh);
        if window.begun.elapsed() >= WINDOW {
            *window = fresh();
        }
        window.failures += 1;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Option<IpAddr>, Window>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn after_ten_failures_an_address_waits_for_the_rest_of_a_minute_and_no_other_does() {
        let failures = Failures::default();
        let (one, other) = (Some([192, 0, 2, 1].into()), Some([192, 0, 2, 2].into()));
        for _ in 0..MAX_FAILURES {
            assert_eq!(failures.check(one), Ok(()));
            failures.add(one);
        }
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(failures.check(one), Err(Duration::from_secs(40)));
        assert_eq!(failures.check(other), Ok(()));
        tokio::time::advance(Duration::from_secs(40)).await;
        assert_eq!(failures.check(one), Ok(()));
        failures.add(one);
        assert_eq!(failures.check(one), Ok(()), "a new minute");
    }

    #[tokio::test(start_paused = true)]
    async fn the_addresses_that_are_remembered_are_bounded() {
        let failures = Failures::default();
        for number in 0..3 * MAX_ADDRESSES {
            let number = u32::try_from(number).unwrap();
            failures.add(Some(std::net::Ipv4Addr::from(number).into()));
            assert!(failures.lock().len() <= MAX_ADDRESSES);
        }
    }
}
