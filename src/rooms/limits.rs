//! How much one tab, one address and all together may ask for.
//!
//! Rates are token buckets: a minute's allowance may be used at once, and comes back little by
//! little.

mod answers;
mod failures;
mod readings;

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
};

pub(crate) use answers::AnswerPermit;
use answers::Answers;
use failures::Failures;
use readings::{ReadingPermit, Readings};

use crate::subscriber::subscriber;

/// Buckets kept before those that are full again are let go: a few megabytes at most.
const MAX_BUCKETS: usize = 10_000;

/// How much is allowed; 0 is without a limit.
#[derive(Clone, Copy, Debug)]
pub struct Allowed {
    /// Messages a minute from one tab.
    pub tab_sends: u32,
    /// Messages a minute from one address.
    pub sends: u32,
    /// Joins a minute from one address.
    pub joins: u32,
    /// Streams open at once from one address.
    pub address_streams: usize,
    /// Streams open at once in all.
    pub streams: usize,
    /// Rooms a minute that one address may make.
    pub new_rooms: u32,
    /// Rooms with readers at once.
    pub rooms: usize,
}

/// More was asked for than is allowed. The time is how long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too much was asked for")]
pub(crate) struct TooMuch(pub Duration);

/// What is counted; clones share it.
#[derive(Clone)]
pub(crate) struct Limits(Arc<Inner>);

struct Inner {
    allowed: Allowed,
    tab_sends: Option<Rate<String>>,
    sends: Option<Rate<IpAddr>>,
    joins: Option<Rate<IpAddr>>,
    new_rooms: Option<Rate<IpAddr>>,
    answers: Answers,
    failures: Failures,
    readings: Readings,
    streams: AtomicUsize,
    /// A std mutex: it is held to change one number, never across an await.
    by_address: Mutex<HashMap<IpAddr, usize>>,
}

/// One open stream, counted until it is dropped.
pub(crate) struct StreamPermit {
    limits: Limits,
    address: Option<IpAddr>,
}

/// How long to wait before a stream is asked for again: others end when they will.
const FULL_RETRY_DELAY: Duration = Duration::from_secs(10);

impl Limits {
    /// Nothing asked for yet.
    #[must_use]
    pub(crate) fn new(allowed: Allowed) -> Self {
        Self(Arc::new(Inner {
            allowed,
            tab_sends: Rate::per_minute(allowed.tab_sends),
            sends: Rate::per_minute(allowed.sends),
            joins: Rate::per_minute(allowed.joins),
            new_rooms: Rate::per_minute(allowed.new_rooms),
            answers: Answers::default(),
            failures: Failures::default(),
            readings: Readings::default(),
            streams: AtomicUsize::new(0),
            by_address: Mutex::default(),
        }))
    }

    /// Whether a tab may send once more.
    ///
    /// # Errors
    ///
    /// [`TooMuch`] says when it may.
    pub(crate) fn tab_send(&self, tab: &str) -> Result<(), TooMuch> {
        self.0.tab_sends.as_ref().map_or(Ok(()), |rate| rate.take(&tab.to_owned()))
    }

    /// Whether an address may send once more; `None` is one without a limit.
    ///
    /// # Errors
    ///
    /// [`TooMuch`] says when it may.
    pub(crate) fn send(&self, address: Option<IpAddr>) -> Result<(), TooMuch> {
        take(self.0.sends.as_ref(), address)
    }

    /// Whether an address may join once more.
    ///
    /// # Errors
    ///
    /// [`TooMuch`] says when it may.
    pub(crate) fn join(&self, address: Option<IpAddr>) -> Result<(), TooMuch> {
        take(self.0.joins.as_ref(), address)
    }

    /// Whether an address may make one more room.
    ///
    /// # Errors
    ///
    /// [`TooMuch`] says when it may.
    pub(crate) fn new_room(&self, address: Option<IpAddr>) -> Result<(), TooMuch> {
        take(self.0.new_rooms.as_ref(), address)
    }

    /// Whether a token that an address gave is the right one. Without an address it is counted as well:
    /// guessing from the machine itself is guessing.
    ///
    /// # Errors
    ///
    /// [`TooMuch`] where it has given as many wrong ones as it may; then nothing is compared.
    pub(crate) fn try_token(
        &self,
        address: Option<IpAddr>,
        is_right: impl FnOnce() -> bool,
    ) -> Result<bool, TooMuch> {
        self.0.failures.check(address).map_err(TooMuch)?;
        let right = is_right();
        if !right {
            self.0.failures.add(address);
        }
        Ok(right)
    }

    /// Takes a permit for an answer of so many bytes.
    ///
    /// # Errors
    ///
    /// [`TooMuch`] where as many are on their way, in all or to this address.
    pub(crate) fn answer(
        &self,
        address: Option<IpAddr>,
        bytes: usize,
    ) -> Result<AnswerPermit, TooMuch> {
        let permit = self.0.answers.take(address.map(subscriber), bytes);
        permit.ok_or(TooMuch(FULL_RETRY_DELAY))
    }

    /// Waits for a turn to read messages or rooms.
    pub(crate) async fn reading(&self, address: Option<IpAddr>) -> ReadingPermit {
        self.0.readings.take(address.map(subscriber)).await
    }

    /// Takes a permit for a stream.
    ///
    /// # Errors
    ///
    /// [`TooMuch`] where all are taken, or all of this address.
    pub(crate) fn stream(&self, address: Option<IpAddr>) -> Result<StreamPermit, TooMuch> {
        let Allowed { streams, address_streams, .. } = self.0.allowed;
        let before = self.0.streams.fetch_add(1, Ordering::Relaxed);
        // Gives the permit back where it ends in an error.
        let mut permit = StreamPermit { limits: self.clone(), address: None };
        if streams > 0 && before >= streams {
            return Err(TooMuch(FULL_RETRY_DELAY));
        }
        if address_streams > 0
            && let Some(address) = address.map(subscriber)
        {
            let mut by_address = self.by_address();
            let taken = by_address.entry(address).or_default();
            if *taken >= address_streams {
                return Err(TooMuch(FULL_RETRY_DELAY));
            }
            *taken += 1;
            permit.address = Some(address);
        }
        Ok(permit)
    }

    /// Whether another room may have readers, where `open` have.
    ///
    /// # Errors
    ///
    /// [`TooMuch`] where too many have.
    pub(crate) fn room(&self, open: usize) -> Result<(), TooMuch> {
        let rooms = self.0.allowed.rooms;
        if rooms > 0 && open >= rooms { Err(TooMuch(FULL_RETRY_DELAY)) } else { Ok(()) }
    }

    fn by_address(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.by_address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        self.limits.0.streams.fetch_sub(1, Ordering::Relaxed);
        if let Some(address) = self.address {
            let mut by_address = self.limits.by_address();
            if let Some(taken) = by_address.get_mut(&address) {
                *taken -= 1;
                if *taken == 0 {
                    by_address.remove(&address);
                }
            }
        }
    }
}

/// One bucket for each key.
struct Rate<K: Clone + Eq + Hash> {
    buckets: DefaultKeyedRateLimiter<K>,
    /// At how many buckets those that are full again are looked for: at twice as many as there
    /// were after the last look, so that the looking costs each request a constant.
    sweep_at: AtomicUsize,
}

impl<K: Clone + Eq + Hash> Rate<K> {
    fn per_minute(number: u32) -> Option<Self> {
        let buckets = RateLimiter::keyed(Quota::per_minute(NonZeroU32::new(number)?));
        Some(Self { buckets, sweep_at: AtomicUsize::new(MAX_BUCKETS) })
    }

    fn take(&self, key: &K) -> Result<(), TooMuch> {
        if self.buckets.len() > self.sweep_at.load(Ordering::Relaxed) {
            self.buckets.retain_recent();
            self.sweep_at.store(MAX_BUCKETS.max(2 * self.buckets.len()), Ordering::Relaxed);
        }
        let now = DefaultClock::default();
        self.buckets.check_key(key).map_err(|until| TooMuch(until.wait_time_from(now.now())))
    }
}

fn take(rate: Option<&Rate<IpAddr>>, address: Option<IpAddr>) -> Result<(), TooMuch> {
    match (rate, address) {
        (Some(rate), Some(address)) => rate.take(&subscriber(address)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Allowed = Allowed {
        tab_sends: 0,
        sends: 0,
        joins: 0,
        address_streams: 0,
        streams: 0,
        new_rooms: 0,
        rooms: 0,
    };

    #[expect(clippy::unnecessary_wraps, reason = "as limits take it")]
    fn address(raw: &str) -> Option<IpAddr> {
        Some(raw.parse().unwrap())
    }

    #[test]
    fn a_minutes_allowance_may_be_used_at_once_and_each_has_its_own() {
        let limits = Limits::new(Allowed { tab_sends: 3, sends: 2, joins: 1, ..NONE });
        for _ in 0..3 {
            assert_eq!(limits.tab_send("a"), Ok(()));
        }
        let TooMuch(wait) = limits.tab_send("a").unwrap_err();
        assert!(wait <= Duration::from_secs(20) && wait > Duration::from_secs(15), "{wait:?}");
        assert_eq!(limits.tab_send("b"), Ok(()));
        for one in ["192.0.2.1", "::ffff:192.0.2.1"] {
            assert_eq!(limits.send(address(one)), Ok(()), "two spellings of one");
        }
        assert!(limits.send(address("192.0.2.1")).is_err());
        assert_eq!(limits.join(address("2001:db8::1")), Ok(()));
        assert!(limits.join(address("2001:db8::2")).is_err(), "one subscriber");
        assert_eq!(limits.join(address("2001:db8:0:1::1")), Ok(()));
        for _ in 0..10 {
            assert_eq!(limits.join(None), Ok(()), "without a limit");
        }
    }

    #[test]
    fn zero_is_without_a_limit() {
        let limits = Limits::new(NONE);
        let permits: Vec<_> =
            (0..100).map(|_| limits.stream(address("192.0.2.1")).unwrap()).collect();
        for _ in 0..1000 {
            limits.tab_send("a").unwrap();
            limits.send(address("192.0.2.1")).unwrap();
        }
        limits.room(1_000_000).unwrap();
        drop(permits);
        assert_eq!(limits.0.streams.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn places_come_back_and_nothing_is_kept_of_who_has_none() {
        let limits = Limits::new(Allowed { streams: 3, address_streams: 2, rooms: 1, ..NONE });
        let one = address("192.0.2.1");
        let mut permits: Vec<_> = (0..2).map(|_| limits.stream(one).unwrap()).collect();
        assert!(limits.stream(one).is_err(), "all of this address");
        permits.push(limits.stream(address("192.0.2.2")).unwrap());
        assert!(limits.stream(address("192.0.2.3")).is_err(), "all");
        assert!(limits.stream(None).is_err(), "all, for everybody");
        permits.remove(0);
        permits.push(limits.stream(one).unwrap());
        permits.clear();
        assert!(limits.by_address().is_empty());
        assert_eq!(limits.0.streams.load(Ordering::Relaxed), 0);
        assert_eq!((limits.room(0), limits.room(1)), (Ok(()), Err(TooMuch(FULL_RETRY_DELAY))));
    }

    #[test]
    fn many_keys_are_not_kept_for_ever() {
        let limits = Limits::new(Allowed { tab_sends: 60_000, ..NONE });
        for n in 0..100_000 {
            limits.tab_send(&n.to_string()).unwrap();
        }
        let kept = limits.0.tab_sends.as_ref().unwrap().buckets.len();
        assert!(kept < 60_000, "{kept}");
    }
}
