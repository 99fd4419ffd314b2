//! Readers that wait, and how they are woken.
//!
//! A reader keeps its slot for as long as it reads, so that waking it again takes no more than
//! finding it: it neither enters nor leaves with each message.

use std::{
    mem,
    sync::{Arc, Mutex},
    task::Waker,
};

use super::{ReaderTag, lock};

/// The slots of a topic's readers.
#[derive(Default)]
pub struct Slots(Mutex<State>);

#[derive(Default)]
struct State {
    slots: Vec<Option<Reader>>,
    /// Numbers of slots that were left.
    free: Vec<usize>,
}

struct Reader {
    tag: ReaderTag,
    waker: Option<Waker>,
    evicted: bool,
}

impl Slots {
    /// Wakes every reader that waits. Under the lock: a reader registers its waker once.
    pub fn wake_all(&self) {
        for reader in lock(&self.0).slots.iter().flatten() {
            if let Some(waker) = &reader.waker {
                waker.wake_by_ref();
            }
        }
    }

    /// Marks the readers that are meant, and says how many were marked now.
    pub fn evict(&self, meant: impl Fn(&ReaderTag) -> bool) -> usize {
        let mut state = lock(&self.0);
        let all = state.slots.iter_mut().flatten();
        let evicted = all.filter(|reader| !reader.evicted && meant(&reader.tag));
        evicted.map(|reader| reader.evicted = true).count()
    }
}

/// One reader's slot, free again when dropped.
pub struct Slot {
    slots: Arc<Slots>,
    number: usize,
    /// Who is woken; here as well, to see without the lock that it is still the same.
    waker: Option<Waker>,
}

impl Slot {
    /// One more, with nobody to wake yet.
    pub fn new(slots: &Arc<Slots>, tag: ReaderTag) -> Self {
        let mut state = lock(&slots.0);
        let reader = Some(Reader { tag, waker: None, evicted: false });
        let number = if let Some(number) = state.free.pop() {
            state.slots[number] = reader;
            number
        } else {
            state.slots.push(reader);
            state.slots.len() - 1
        };
        Self { slots: Arc::clone(slots), number, waker: None }
    }

    /// From when this returns, `waker` is woken.
    pub fn register(&mut self, waker: &Waker) {
        if self.waker.as_ref().is_some_and(|mine| mine.will_wake(waker)) {
            return;
        }
        self.waker = Some(waker.clone());
        let mut state = lock(&self.slots.0);
        let before = state.slots[self.number].as_mut().map(|r| r.waker.replace(waker.clone()));
        // Perhaps the last hold on a task: let go of outside of the lock.
        drop(state);
        drop(before);
    }

    /// Whether this reader was evicted.
    pub fn is_evicted(&self) -> bool {
        lock(&self.slots.0).slots[self.number].as_ref().is_some_and(|reader| reader.evicted)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = lock(&self.slots.0);
        let left = mem::take(&mut state.slots[self.number]);
        state.free.push(self.number);
        drop(state);
        drop(left);
    }
}
