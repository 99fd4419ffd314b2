//! The hub: in-memory fan-out. A topic per room that has readers, each with a ring of its newest
//! items.
//!
//! A ring holds *every* item of its room after its **floor**. A reader that stands at or above
//! the floor has its next items here; one that stands below has to read what it lacks elsewhere
//! first. So there is no position to hand out and no lag to report: whether a reader can be live
//! follows from its own place, at the first open, after a reconnect and after it fell behind alike.
//!
//! The hub never waits for a reader, and knows neither the journal nor HTML.
//!
//! All that can happen to a reader, it hears from here: what is published, notices, the ticks of
//! the one clock, and the end. So a reader waits in one place, which a delivery passes twice, and
//! not in several that would each have to be entered and left.

mod ring;
mod slots;

use std::{
    collections::HashMap,
    future::poll_fn,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;

use crate::message::{RoomName, Seq};
use ring::{MAX_RING_ITEMS, Ring};
use slots::{Slot, Slots};

/// What can be published: a shared item with a place in the one order.
pub trait Item: Clone {
    /// Its place; each published item's is above the one before.
    fn seq(&self) -> Seq;

    /// About how many bytes it takes in memory.
    fn size(&self) -> usize;

    /// It is published to so many readers.
    fn due(&self, readers: usize) {
        let _ = readers;
    }
}

/// A handle on the hub; clones share it.
pub struct Hub<T>(Arc<Mutex<Topics<T>>>);

impl<T> Clone for Hub<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Topics<T> {
    /// How many items a ring holds.
    ring: usize,
    /// The place up to which everything was published, to whichever room.
    published: Seq,
    /// Whether it is over.
    ended: bool,
    by_room: HashMap<RoomName, Open<T>>,
}

struct Open<T> {
    topic: Arc<Topic<T>>,
    /// At least 1. Counted here, under the one lock, and not by the topic's references: those may
    /// be held by a [`Hub::publish`] that is under way.
    readers: usize,
}

struct Topic<T> {
    /// A std mutex: it is held to push one item or to clone one, never across an await.
    ring: Mutex<Ring<T>>,
    /// The readers, to be woken.
    slots: Arc<Slots>,
}

/// What tells a reader from others, for who wants to end its stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReaderTag {
    /// The id of its tab, where it is one.
    pub tab: Option<Box<str>>,
    /// The address that it reads from, where limits count by one.
    pub ip: Option<IpAddr>,
}

/// What comes next for a reader.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<T> {
    /// The next item after its place.
    Item(T),
    /// It stands below the ring's floor and lacks items that are not here.
    Behind,
    /// The newest notice, which it has not had.
    Notice(Bytes),
    /// It has everything, and the clock has ticked.
    Tick,
    /// It is over, whatever it lacks.
    End,
    /// It is over for this reader: it may read no longer.
    Evicted,
}

/// One reader's hold on a topic; the topic goes away with its last one.
pub struct Subscription<T> {
    hub: Hub<T>,
    room: RoomName,
    topic: Arc<Topic<T>>,
    slot: Slot,
    since: Seq,
    /// The number of the last notice that it has had, where it wants any.
    last_notice: Option<u64>,
    /// The last tick that it has had.
    ticks: u64,
    /// The evictions of which it was none.
    evictions: u64,
}

impl<T: Item> Hub<T> {
    /// A hub without topics, to which everything up to `published` was published before.
    #[must_use]
    pub fn new(published: Seq) -> Self {
        Self::with_ring(published, MAX_RING_ITEMS)
    }

    /// One whose rings hold `ring` items.
    pub(crate) fn with_ring(published: Seq, ring: usize) -> Self {
        Self(Arc::new(Mutex::new(Topics {
            ring,
            published,
            ended: false,
            by_room: HashMap::new(),
        })))
    }

    /// Hands an item to the readers of its room. The one caller is [`feed`](crate::delivery::feed), in the
    /// order of the items' seqs.
    pub fn publish(&self, room: &RoomName, item: T) {
        let seq = item.seq();
        let topic = {
            let mut topics = lock(&self.0);
            // Also where nobody reads: a topic that opens later must know that this went by.
            topics.published = seq;
            topics.by_room.get(room).map(|open| {
                item.due(open.readers);
                Arc::clone(&open.topic)
            })
        };
        if let Some(topic) = topic {
            lock(&topic.ring).push(item);
            topic.slots.wake_all();
        }
    }

    /// Passes over everything up to `upto`, where no room has readers; answers whether it did.
    /// A topic that opens later knows that it went by.
    #[must_use]
    pub fn pass(&self, upto: Seq) -> bool {
        let mut topics = lock(&self.0);
        let nobody = topics.by_room.is_empty();
        if nobody {
            topics.published = topics.published.max(upto);
        }
        nobody
    }

    /// Hands the readers of a room a notice: something about now, which has no place in the order
    /// and replaces the notice before it.
    pub fn announce(&self, room: &RoomName, notice: Bytes) {
        let topic = lock(&self.0).by_room.get(room).map(|open| Arc::clone(&open.topic));
        if let Some(topic) = topic {
            {
                let mut ring = lock(&topic.ring);
                ring.notice = (ring.notice.0 + 1, notice);
            }
            topic.slots.wake_all();
        }
    }

    /// Lets every reader that has everything know that time has passed.
    pub fn tick(&self) {
        self.tell(|ring| ring.ticks += 1);
    }

    /// Tells every reader, and all that will come, that it is over.
    pub fn end(&self) {
        lock(&self.0).ended = true;
        self.tell(|ring| ring.ended = true);
    }

    /// Ends the streams of the readers of `room` that are `meant`, and says how many.
    pub fn evict(&self, room: &RoomName, meant: impl Fn(&ReaderTag) -> bool) -> usize {
        let topic = lock(&self.0).by_room.get(room).map(|open| Arc::clone(&open.topic));
        let Some(topic) = topic else { return 0 };
        let evicted = topic.slots.evict(meant);
        lock(&topic.ring).evictions += 1;
        topic.slots.wake_all();
        evicted
    }

    fn tell(&self, news: impl Fn(&mut Ring<T>)) {
        let all: Vec<_> =
            lock(&self.0).by_room.values().map(|open| Arc::clone(&open.topic)).collect();
        for topic in all {
            news(&mut lock(&topic.ring));
            topic.slots.wake_all();
        }
    }

    /// Opens a room for one reader, which may want notices. Everything that is published from here
    /// on passes its ring.
    #[must_use]
    pub fn subscribe(&self, room: &RoomName, notices: bool, tag: ReaderTag) -> Subscription<T> {
        let mut topics = lock(&self.0);
        let (floor, size, ended) = (topics.published, topics.ring, topics.ended);
        let open = topics.by_room.entry(room.clone()).or_insert_with(|| Open {
            topic: Arc::new(Topic {
                ring: Mutex::new(Ring::new(size, floor, ended)),
                slots: Arc::default(),
            }),
            readers: 0,
        });
        open.readers += 1;
        let (last_notice, ticks, evictions) = {
            let ring = lock(&open.topic.ring);
            (notices.then_some(ring.notice.0), ring.ticks, ring.evictions)
        };
        Subscription {
            hub: self.clone(),
            room: room.clone(),
            slot: Slot::new(&open.topic.slots, tag),
            since: floor,
            topic: Arc::clone(&open.topic),
            last_notice,
            ticks,
            evictions,
        }
    }

    /// Whether a room has readers.
    #[must_use]
    pub fn has(&self, room: &RoomName) -> bool {
        lock(&self.0).by_room.contains_key(room)
    }

    /// How many rooms have readers.
    #[must_use]
    pub fn topics(&self) -> usize {
        lock(&self.0).by_room.len()
    }
}

impl<T: Item> Subscription<T> {
    /// What comes next for a reader that has everything up to `seq`; waits while that is nothing.
    pub async fn next(&mut self, seq: Seq) -> Next<T> {
        poll_fn(|context| self.poll_next(seq, context)).await
    }

    /// The place up to which everything was published when this reader came: what is after it was
    /// published to this reader too, and counted for it in [`Item::due`].
    #[must_use]
    pub fn since(&self) -> Seq {
        self.since
    }

    fn poll_next(&mut self, seq: Seq, context: &mut Context<'_>) -> Poll<Next<T>> {
        // Before it looks: what comes after the look wakes it.
        self.slot.register(context.waker());
        let ring = lock(&self.topic.ring);
        if ring.ended {
            return Poll::Ready(Next::End);
        }
        if self.evictions != ring.evictions {
            self.evictions = ring.evictions;
            if self.slot.is_evicted() {
                return Poll::Ready(Next::Evicted);
            }
        }
        if seq < ring.floor {
            return Poll::Ready(Next::Behind);
        }
        if let Some(item) = ring.after(seq) {
            return Poll::Ready(Next::Item(item.clone()));
        }
        if let Some(last) = &mut self.last_notice
            && *last != ring.notice.0
        {
            *last = ring.notice.0;
            return Poll::Ready(Next::Notice(ring.notice.1.clone()));
        }
        if self.ticks != ring.ticks {
            self.ticks = ring.ticks;
            return Poll::Ready(Next::Tick);
        }
        Poll::Pending
    }
}

impl<T> Drop for Subscription<T> {
    fn drop(&mut self) {
        let mut topics = lock(&self.hub.0);
        if let Some(open) = topics.by_room.get_mut(&self.room) {
            open.readers -= 1;
            if open.readers == 0 {
                topics.by_room.remove(&self.room);
            }
        }
    }
}

/// Locks, also after a panic elsewhere: nothing here leaves the data half-changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
