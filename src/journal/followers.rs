//! Who reads the journal from end to end, and how far each has come.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use crate::message::Seq;

/// The followers there are; clones share them. What the slowest has not read is not trimmed,
/// however little is kept: it could never be read again.
#[derive(Clone, Default)]
pub(super) struct Followers(Arc<Mutex<Vec<Registered>>>);

struct Registered {
    name: &'static str,
    /// Everything up to this seq was read.
    upto: Arc<AtomicU64>,
}

/// One follower's place among them. Dropped, it holds nothing back any more.
pub(super) struct Follower {
    followers: Followers,
    upto: Arc<AtomicU64>,
}

impl Followers {
    /// A new one, which has read everything up to `from`.
    ///
    /// # Panics
    ///
    /// In debug builds, when another of that name is there: one of them was forgotten, and would
    /// keep the journal from ever being trimmed again.
    pub(super) fn register(&self, name: &'static str, from: Seq) -> Follower {
        let upto = Arc::new(AtomicU64::new(from.get()));
        let taken = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let taken = all.iter().any(|other| other.name == name);
            all.push(Registered { name, upto: Arc::clone(&upto) });
            taken
        };
        if taken {
            tracing::error!(name, "two followers of one name");
        }
        let follower = Follower { followers: self.clone(), upto };
        debug_assert!(!taken, "two followers are named {name}");
        follower
    }

    /// Up to where all of them have read; without any, everything.
    pub(super) fn slowest(&self) -> Seq {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = all.iter().map(|follower| follower.upto.load(Ordering::Relaxed));
        Seq::new(read.min().unwrap_or(u64::MAX))
    }
}

impl Follower {
    /// Notes that it has read everything up to `seq`.
    pub(super) fn advance(&self, seq: Seq) {
        self.upto.fetch_max(seq.get(), Ordering::Relaxed);
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let mut all = self.followers.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|other| !Arc::ptr_eq(&other.upto, &self.upto));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_counts_and_who_is_dropped_does_not() {
        let followers = Followers::default();
        assert_eq!(followers.slowest(), Seq::new(u64::MAX));
        let feed = followers.register("feed", Seq::new(5));
        let search = followers.register("search", Seq::new(3));
        assert_eq!(followers.slowest(), Seq::new(3));
        search.advance(Seq::new(9));
        assert_eq!(followers.slowest(), Seq::new(5));
        drop(feed);
        assert_eq!(followers.slowest(), Seq::new(9));
        drop(search);
        assert_eq!(followers.slowest(), Seq::new(u64::MAX));
        let _again = followers.register("feed", Seq::new(1));
        assert_eq!(followers.slowest(), Seq::new(1), "a name is free again");
    }

    #[test]
    #[should_panic(expected = "two followers are named feed")]
    fn a_name_that_is_taken_is_a_bug() {
        let followers = Followers::default();
        let _one = followers.register("feed", Seq::ZERO);
        let _other = followers.register("feed", Seq::ZERO);
    }
}
