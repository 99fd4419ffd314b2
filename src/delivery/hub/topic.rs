//! A room that has readers.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::sync::Notify;

use super::{
    Item, ReaderTag, Shared,
    line::Batch,
    lock,
    pages::Pages,
    ring::Ring,
    shard::{Shard, Slot},
    writer,
};
use crate::{
    delivery::{frame::Frame, past::Hold},
    message::{RoomName, Seq},
};

/// Readers that one writer serves before a second one is started: below it, to divide the work
/// costs more than it gives.
const READERS_PER_SHARD: usize = 128;

/// Bytes that are joined for one write: what a socket's buffer takes at once.
const MAX_BATCH_BYTES: usize = 16 * 1024;

/// Messages that a room's readers may be behind its senders: half of what the ring holds, and a
/// fraction of a second's work for a thousand readers. Beyond it a send waits.
const MAX_UNSERVED: usize = 128;

/// A room that has readers.
pub(super) struct Topic {
    pub room: RoomName,
    /// A std mutex: it is held to push one frame or to clone some, never across an await.
    pub ring: Mutex<Ring<Frame>>,
    /// As many as may serve it; those without readers have no writer yet.
    shards: Vec<Arc<Shard>>,
    /// How many of them have a writer.
    writers: AtomicUsize,
    pub pages: Pages,
    /// Whether the last reader has left.
    closed: AtomicBool,
    /// Keeps what parked readers lack.
    hold: Box<dyn Hold>,
    /// Told when the readers were served.
    served: Notify,
    shared: Arc<Shared>,
}

/// What comes next for a writer.
#[expect(clippy::large_enum_variant, reason = "a writer has one at a time, on its stack")]
pub(super) enum Work {
    /// These.
    Batch(Batch),
    /// The ring lacks some of it.
    Behind,
    /// Nothing.
    Idle,
}

impl Topic {
    pub(super) fn new(shared: &Arc<Shared>, room: &RoomName, floor: Seq, ended: bool) -> Self {
        let shards = (0..shared.shards).map(|_| Arc::new(Shard::new(floor))).collect();
        Self {
            room: room.clone(),
            ring: Mutex::new(Ring::new(shared.ring, floor, ended)),
            shards,
            writers: AtomicUsize::new(0),
            pages: Pages::new(Arc::clone(&shared.past), room.clone()),
            closed: AtomicBool::new(false),
            hold: shared.past.hold(room, floor),
            served: Notify::new(),
            shared: Arc::clone(shared),
        }
    }

    /// What readers share.
    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// A slot for the reader that is the `number`-th, with a writer behind it. Called under the
    /// hub's lock, so one at a time.
    pub(super) fn slot(self: &Arc<Self>, number: usize, tag: ReaderTag) -> Slot {
        let writers = self.writers.load(SeqCst);
        if writers == 0 || (writers < self.shards.len() && number > writers * READERS_PER_SHARD) {
            let shard = Arc::clone(&self.shards[writers]);
            {
                // Nothing is pushed between the look and the start.
                let ring = lock(&self.ring);
                shard.set_position(ring.newest());
                self.writers.store(writers + 1, SeqCst);
            }
            (self.shared.spawn)(Box::pin(writer::run(Arc::clone(self), shard)));
        }
        let shard = &self.shards[number % self.writers.load(SeqCst)];
        Slot::new(shard, tag)
    }

    /// The shards that have a writer.
    pub(super) fn active(&self) -> &[Arc<Shard>] {
        &self.shards[..self.writers.load(SeqCst)]
    }

    /// Hands a frame to the writers.
    pub(super) fn push(&self, frame: Frame) {
        if frame.change().is_some() {
            self.pages.forget();
        }
        let shards = {
            let mut ring = lock(&self.ring);
            let shards = self.active();
            frame.due(shards.len());
            ring.push(frame);
            shards
        };
        for shard in shards {
            shard.news.notify_one();
        }
    }

    /// The seq up to which everything was pushed.
    pub(super) fn newest(&self) -> Seq {
        lock(&self.ring).newest()
    }

    /// Wakes every reader's task.
    pub(super) fn wake_all(&self) {
        for shard in self.active() {
            shard.wake_all();
        }
    }

    /// The last reader has left.
    pub(super) fn close(&self) {
        self.closed.store(true, SeqCst);
        for shard in &self.shards {
            shard.news.notify_one();
        }
        self.served.notify_waiters();
    }

    /// Whether the last reader has left.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(SeqCst)
    }

    /// What a writer that stands at `position` does next.
    pub(super) fn work(&self, position: Seq) -> Work {
        let ring = lock(&self.ring);
        if position < ring.floor {
            return Work::Behind;
        }
        let mut bytes = 0;
        let mut frames = Vec::new();
        for frame in ring.all_after(position) {
            bytes += frame.wire_size();
            frames.push(frame.clone());
            if bytes > MAX_BATCH_BYTES {
                break;
            }
        }
        match frames.last().map(Item::seq) {
            Some(upto) => Work::Batch(Batch::new(position, upto, frames)),
            None => Work::Idle,
        }
    }

    /// A shard was served.
    pub(super) fn note_served(&self, batch: &Batch) {
        let lowest = self.active().iter().map(|shard| shard.position()).min();
        self.hold.advance(lowest.unwrap_or(batch.upto));
        for frame in batch.frames() {
            if let Some(took) = frame.delivered_to_one() {
                self.shared.metrics.fanned_out(took);
            }
        }
        self.served.notify_waiters();
    }

    /// Whether its readers are so far behind that a send has to wait.
    fn is_behind(&self) -> bool {
        let ring = lock(&self.ring);
        self.active()
            .iter()
            .map(|shard| shard.position())
            .any(|position| position < ring.floor || ring.all_after(position).len() > MAX_UNSERVED)
    }

    /// Waits until its readers are near its senders; `false` where that takes too long.
    pub(super) async fn wait_until_served(&self, most: Duration) -> bool {
        let served = async {
            loop {
                let mut served = std::pin::pin!(self.served.notified());
                // Before it looks: what is served after the look ends the wait.
                served.as_mut().enable();
                if self.is_closed() || !self.is_behind() {
                    return;
                }
                served.await;
            }
        };
        tokio::time::timeout(most, served).await.is_ok()
    }
}
