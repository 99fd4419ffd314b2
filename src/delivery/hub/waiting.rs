//! Readers that wait, and how they are woken.
//!
//! A reader keeps its place for as long as it reads, so that waking it again takes no more than
//! finding it: it neither enters nor leaves with each message.

use std::{
    mem,
    sync::{Arc, Mutex},
    task::Waker,
};

use super::lock;

/// The places of a topic's readers.
#[derive(Default)]
pub struct Waiting(Mutex<Places>);

#[derive(Default)]
struct Places {
    wakers: Vec<Option<Waker>>,
    /// Places that were left.
    free: Vec<usize>,
}

impl Waiting {
    /// Wakes every reader that has taken its place. Under the lock: a reader takes its place once.
    pub fn wake(&self) {
        for waker in lock(&self.0).wakers.iter().flatten() {
            waker.wake_by_ref();
        }
    }
}

/// One reader's place, free again when dropped.
pub struct Place {
    waiting: Arc<Waiting>,
    number: usize,
    /// Who is woken there; here as well, to see without the lock that it is still the one.
    waker: Option<Waker>,
}

impl Place {
    /// One more, with nobody to wake yet.
    pub fn new(waiting: &Arc<Waiting>) -> Self {
        let mut places = lock(&waiting.0);
        let number = places.free.pop().unwrap_or_else(|| {
            places.wakers.push(None);
            places.wakers.len() - 1
        });
        Self { waiting: Arc::clone(waiting), number, waker: None }
    }

    /// From when this returns, `waker` is woken.
    pub fn take(&mut self, waker: &Waker) {
        if self.waker.as_ref().is_some_and(|mine| mine.will_wake(waker)) {
            return;
        }
        self.waker = Some(waker.clone());
        let before = lock(&self.waiting.0).wakers[self.number].replace(waker.clone());
        // Perhaps the last hold on a task: let go of outside of the lock.
        drop(before);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = lock(&self.waiting.0);
        let left = mem::take(&mut places.wakers[self.number]);
        places.free.push(self.number);
        drop(places);
        drop(left);
    }
}
