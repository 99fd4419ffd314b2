//! A share of a room's readers, and the writer that serves it.
//!
//! A room with many readers has as many shards as there are processors, so that its fan-out uses
//! them all.

use std::{
    mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    task::Waker,
};

use tokio::sync::Notify;

use super::{
    ReaderTag,
    line::{Batch, Line, Offered},
    lock,
};
use crate::{delivery::past::Hold, message::Seq};

/// A share of a room's readers.
pub(super) struct Shard {
    /// Up to where the writer has served it, or is about to. See [`Line::park`] for its order.
    position: AtomicU64,
    /// Wakes the writer.
    pub news: Notify,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// A reader keeps its slot for as long as it reads, so that serving it takes no more than
    /// finding it: it neither enters nor leaves with each message.
    slots: Vec<Option<Reader>>,
    /// Numbers of slots that were left.
    free: Vec<usize>,
}

struct Reader {
    tag: ReaderTag,
    waker: Option<Waker>,
    line: Option<Arc<Line>>,
    evicted: bool,
}

impl Shard {
    /// One without readers, served up to `position`.
    pub(super) fn new(position: Seq) -> Self {
        Self {
            position: AtomicU64::new(position.get()),
            news: Notify::new(),
            state: Mutex::default(),
        }
    }

    /// Up to where it is served.
    pub(super) fn position(&self) -> Seq {
        Seq::new(self.position.load(SeqCst))
    }

    /// Notes that it is about to be served up to `seq`.
    pub(super) fn set_position(&self, seq: Seq) {
        self.position.store(seq.get(), SeqCst);
    }

    /// Offers a batch to the readers in up to `count` slots from `from` on, and wakes those that did
    /// not take it. Answers where to go on, if anywhere.
    pub(super) fn offer(
        &self,
        batch: &Batch,
        from: usize,
        count: usize,
        hold: impl Fn(Seq) -> Box<dyn Hold> + Copy,
    ) -> Option<usize> {
        let state = lock(&self.state);
        let end = (from + count).min(state.slots.len());
        for reader in state.slots[from.min(end)..end].iter().flatten() {
            let taken = reader.line.as_ref().map(|line| line.offer(batch, hold));
            if taken != Some(Offered::Taken)
                && let Some(waker) = &reader.waker
            {
                waker.wake_by_ref();
            }
        }
        (end < state.slots.len()).then_some(end)
    }

    /// Wakes every reader's task. Under the lock: a reader registers its waker once.
    pub(super) fn wake_all(&self) {
        for reader in lock(&self.state).slots.iter().flatten() {
            if let Some(waker) = &reader.waker {
                waker.wake_by_ref();
            }
        }
    }

    /// Marks the readers that are meant, and says how many were marked now.
    pub(super) fn evict(&self, meant: impl Fn(&ReaderTag) -> bool) -> usize {
        let mut state = lock(&self.state);
        let all = state.slots.iter_mut().flatten();
        let evicted = all.filter(|reader| !reader.evicted && meant(&reader.tag));
        evicted.map(|reader| reader.evicted = true).count()
    }
}

/// One reader's slot, free again when dropped.
pub(super) struct Slot {
    shard: Arc<Shard>,
    number: usize,
    /// Who is woken; here as well, to see without the lock that it is still the same.
    waker: Option<Waker>,
}

impl Slot {
    /// One more, with nobody to wake yet.
    pub(super) fn new(shard: &Arc<Shard>, tag: ReaderTag) -> Self {
        let mut state = lock(&shard.state);
        let reader = Some(Reader { tag, waker: None, line: None, evicted: false });
        let number = if let Some(number) = state.free.pop() {
            state.slots[number] = reader;
            number
        } else {
            state.slots.push(reader);
            state.slots.len() - 1
        };
        Self { shard: Arc::clone(shard), number, waker: None }
    }

    /// Its shard.
    pub(super) fn shard(&self) -> &Shard {
        &self.shard
    }

    /// From now on the writer offers to this line.
    pub(super) fn attach(&self, line: Arc<Line>) {
        if let Some(reader) = &mut lock(&self.shard.state).slots[self.number] {
            reader.line = Some(line);
        }
    }

    /// From when this returns, `waker` is woken.
    pub(super) fn register(&mut self, waker: &Waker) {
        if self.waker.as_ref().is_some_and(|mine| mine.will_wake(waker)) {
            return;
        }
        self.waker = Some(waker.clone());
        let mut state = lock(&self.shard.state);
        let before = state.slots[self.number].as_mut().map(|r| r.waker.replace(waker.clone()));
        // Perhaps the last hold on a task: let go of outside of the lock.
        drop(state);
        drop(before);
    }

    /// Whether this reader was evicted.
    pub(super) fn is_evicted(&self) -> bool {
        lock(&self.shard.state).slots[self.number].as_ref().is_some_and(|reader| reader.evicted)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = lock(&self.shard.state);
        let left = mem::take(&mut state.slots[self.number]);
        state.free.push(self.number);
        drop(state);
        drop(left);
    }
}
