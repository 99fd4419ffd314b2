//! The hub: in-memory fan-out. A topic per room that has readers, each with a ring of its newest
//! frames and a writer that serves its readers.
//!
//! A ring holds *every* frame of its room after its **floor**. A reader that stands at or above
//! the floor has its next frames here; one that stands below has to catch up from the journal
//! first. So there is no position to hand out and no lag to report: whether a reader can be live
//! follows from its own cursor, at the first open, after a reconnect and after it fell behind alike.
//!
//! Most readers have their line *parked* ([`mod@line`]): the room's writer writes to their sockets, and
//! a message takes one task's work, not a wake-up of each reader's. A reader's own task is woken
//! for what is not that: a full socket, a notice, a tick, a catch-up, the end. All of these it hears
//! from here, so its task waits for one thing.
//!
//! The hub never waits for a reader. It holds in the journal what its connected readers still lack.

pub(crate) mod line;
mod pages;
mod ring;
mod shard;
mod subscription;
mod topic;
mod watch;
mod writer;

use std::{
    collections::HashMap,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use super::{
    frame::{Frame, Notice},
    past::Past,
};
use crate::{
    message::{Link, Name, RoomName, Seq},
    metrics::Metrics,
};
use ring::MAX_RING_ITEMS;
use tokio::sync::Notify;
use topic::Topic;
use watch::Watched;

pub(crate) use pages::{CatchUp, Outcome};
pub(crate) use subscription::{Next, Subscription};
pub(crate) use watch::{Count, Watch};

/// Shards of a room at most: the largest room of a large machine is as many writers' work.
const MAX_SHARDS: usize = 8;

/// Readers that a writer writes to before other tasks have their turn: a third of a millisecond.
const LINES_PER_TURN: usize = 64;

/// What a ring holds: a shared item with its seq.
pub(crate) trait Item: Clone {
    /// Its seq; each pushed item's is above the one before.
    fn seq(&self) -> Seq;

    /// About how many bytes it takes in memory.
    fn size(&self) -> usize;

    /// The seq of an earlier item that is no more what it was, and what stands in its place.
    fn replaces(&self) -> Option<(Seq, Self)> {
        None
    }

    /// Whether it tells of a change of the item at `target`.
    fn concerns(&self, target: Seq) -> bool {
        let _ = target;
        false
    }
}

/// Starts a task.
pub(crate) type Spawn = Box<dyn Fn(Pin<Box<dyn Future<Output = ()> + Send>>) + Send + Sync>;

/// A handle on the hub; clones share it.
#[derive(Clone)]
pub(crate) struct Hub {
    topics: Arc<Mutex<Topics>>,
    shared: Arc<Shared>,
}

/// What all topics are made with.
pub(crate) struct Shared {
    /// Where readers catch up from.
    pub past: Arc<dyn Past>,
    /// What is counted.
    pub metrics: Metrics,
    /// Starts writers and readings.
    pub spawn: Spawn,
    /// How many frames a ring holds.
    pub ring: usize,
    /// How many shards a room has at most.
    pub shards: usize,
    /// Readers that a writer writes to before other tasks have their turn.
    pub lines_per_turn: usize,
    /// Told when a room that is watched has news.
    pub stirred: Notify,
}

struct Topics {
    /// The seq up to which everything was published, to whichever room.
    published: Seq,
    /// Whether it is over.
    ended: bool,
    by_room: HashMap<RoomName, Open>,
    /// Rooms of which only the number is told.
    watched: Watched,
}

struct Open {
    topic: Arc<Topic>,
    /// At least 1. Counted here, under the one lock, and not by the topic's references.
    readers: usize,
}

/// What tells a reader from others, for who wants to end its stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReaderTag {
    /// The id of its tab, where it is one.
    pub tab: Option<Box<str>>,
    /// Its name, where it is one.
    pub name: Option<Name>,
    /// The address that it reads from, where limits count by one.
    pub ip: Option<IpAddr>,
    /// The link that let it in.
    pub link: Option<Arc<Link>>,
    /// Whether it is the operator.
    pub operator: bool,
}

impl Hub {
    /// A hub without topics, to which everything up to `published` was published before. Its
    /// writers run on the runtime that it is used from.
    pub(crate) fn new(past: Arc<dyn Past>, published: Seq, metrics: Metrics) -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self::with(
            Shared {
                past,
                metrics,
                spawn: Box::new(|task| drop(tokio::spawn(task))),
                ring: MAX_RING_ITEMS,
                shards: processors.min(MAX_SHARDS),
                lines_per_turn: LINES_PER_TURN,
                stirred: Notify::new(),
            },
            published,
        )
    }

    /// One made of these parts.
    pub(crate) fn with(shared: Shared, published: Seq) -> Self {
        let topics = Topics {
            published,
            ended: false,
            by_room: HashMap::new(),
            watched: Watched::default(),
        };
        Self { topics: Arc::new(Mutex::new(topics)), shared: Arc::new(shared) }
    }

    /// Hands a frame to the readers of its room. The one caller is [`feed`](super::feed), in the
    /// order of the frames' seqs.
    pub(crate) fn publish(&self, room: &RoomName, frame: Frame) {
        let (topic, is_news) = {
            let mut topics = lock(&self.topics);
            // Also where nobody reads: a topic that opens later must know that this went by.
            topics.published = frame.seq();
            // With it, under one lock: who begins to watch counts all after it, and nothing twice.
            let is_news = topics.watched.count(room, frame.entry());
            (topics.by_room.get(room).map(|open| Arc::clone(&open.topic)), is_news)
        };
        if is_news {
            self.shared.stirred.notify_one();
        }
        if let Some(topic) = topic {
            topic.push(frame);
        }
    }

    /// Passes over everything up to `upto`, where no room has readers and none is watched; answers whether
    /// it did. A topic that opens later knows that it went by.
    #[must_use]
    pub(crate) fn pass(&self, upto: Seq) -> bool {
        let mut topics = lock(&self.topics);
        // A stream watches other rooms before it opens its own.
        let nobody = topics.by_room.is_empty() && topics.watched.is_empty();
        if nobody {
            topics.published = topics.published.max(upto);
        }
        nobody
    }

    /// Hands the readers of a room a notice: something about now, which has no seq
    /// and replaces the notice before it.
    pub(crate) fn announce(&self, room: &RoomName, notice: Notice) {
        if let Some(topic) = self.topic(room) {
            {
                let mut ring = lock(&topic.ring);
                ring.notice = (ring.notice.0 + 1, Some(notice));
            }
            topic.wake_all();
        }
    }

    /// Lets every reader that has everything know that time has passed.
    pub(crate) fn tick(&self) {
        for topic in self.all() {
            lock(&topic.ring).ticks += 1;
            topic.pages.clear();
            topic.wake_all();
        }
    }

    /// Tells every reader, and all that will come, that it is over.
    pub(crate) fn end(&self) {
        lock(&self.topics).ended = true;
        for topic in self.all() {
            lock(&topic.ring).ended = true;
            topic.wake_all();
        }
    }

    /// Ends the streams of the readers of `room` that are `meant`, and says how many.
    pub(crate) fn evict(&self, room: &RoomName, meant: impl Fn(&ReaderTag) -> bool) -> usize {
        let Some(topic) = self.topic(room) else { return 0 };
        let evicted = topic.active().iter().map(|shard| shard.evict(&meant)).sum();
        if evicted > 0 {
            lock(&topic.ring).evictions += 1;
            topic.wake_all();
        }
        evicted
    }

    /// Waits until the readers of `room` are near its senders, for as long as `most`: a room's sends
    /// are taken no faster than its readers are served. `false` where that takes too long.
    pub(crate) async fn wait_until_served(&self, room: &RoomName, most: Duration) -> bool {
        match self.topic(room) {
            Some(topic) => topic.wait_until_served(most).await,
            None => true,
        }
    }

    /// Opens a room for one reader, which may want notices. Everything that is published from here
    /// on passes its ring.
    #[must_use]
    pub(crate) fn subscribe(&self, room: &RoomName, notices: bool, tag: ReaderTag) -> Subscription {
        let mut topics = lock(&self.topics);
        let (floor, ended) = (topics.published, topics.ended);
        let open = topics.by_room.entry(room.clone()).or_insert_with(|| Open {
            topic: Arc::new(Topic::new(&self.shared, room, floor, ended)),
            readers: 0,
        });
        open.readers += 1;
        let slot = open.topic.slot(open.readers, tag);
        Subscription::new(self.clone(), Arc::clone(&open.topic), slot, notices)
    }

    /// Whether a room has readers.
    #[must_use]
    pub(crate) fn has(&self, room: &RoomName) -> bool {
        lock(&self.topics).by_room.contains_key(room)
    }

    /// The rooms that have readers.
    #[must_use]
    pub(crate) fn rooms(&self) -> Vec<RoomName> {
        lock(&self.topics).by_room.keys().cloned().collect()
    }

    /// How many rooms have readers.
    #[must_use]
    pub(crate) fn topics(&self) -> usize {
        lock(&self.topics).by_room.len()
    }

    /// One reader of a room is gone; the topic goes away with its last one.
    fn leave(&self, room: &RoomName) {
        let mut topics = lock(&self.topics);
        if let Some(open) = topics.by_room.get_mut(room) {
            open.readers -= 1;
            if open.readers == 0
                && let Some(open) = topics.by_room.remove(room)
            {
                open.topic.close();
            }
        }
    }

    fn topic(&self, room: &RoomName) -> Option<Arc<Topic>> {
        lock(&self.topics).by_room.get(room).map(|open| Arc::clone(&open.topic))
    }

    fn all(&self) -> Vec<Arc<Topic>> {
        lock(&self.topics).by_room.values().map(|open| Arc::clone(&open.topic)).collect()
    }
}

/// Locks, also after a panic elsewhere: nothing here leaves the data half-changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
