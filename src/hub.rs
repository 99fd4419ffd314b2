//! The hub: in-memory fan-out. A topic per room that has readers, each with a ring of its newest
//! items.
//!
//! A ring holds *every* item of its room after its **floor**. A reader that stands at or above
//! the floor has its next items here; one that stands below has to read what it lacks elsewhere
//! first. So there is no position to hand out and no lag to report: whether a reader can be live
//! follows from its own place, at the first open, after a reconnect and after it fell behind alike.
//!
//! The hub never waits for a reader, and knows neither the journal nor HTML.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::watch;

use crate::message::{RoomName, Seq};

/// Items that a ring holds: what a busy room says in a few seconds, so that a reader that was
/// held up for a moment need not go to the journal.
const RING: usize = 256;

/// Bytes that a ring holds, where its items are large: a thousand busy rooms are a gigabyte.
const RING_BYTES: usize = 1024 * 1024;

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
    by_room: HashMap<RoomName, Open<T>>,
}

struct Open<T> {
    topic: Arc<Topic<T>>,
    /// At least 1. Counted here, under the one lock, and not by the topic's references: those may
    /// be held by a [`Hub::publish`] that is under way.
    readers: usize,
}

struct Topic<T> {
    /// A std mutex: it is held to push one item or to clone a few, never across an await.
    ring: Mutex<Ring<T>>,
    /// Wakes the readers.
    newest: watch::Sender<Seq>,
}

struct Ring<T> {
    size: usize,
    /// What the items take, in bytes.
    bytes: usize,
    floor: Seq,
    items: VecDeque<T>,
    /// The newest notice and its number; what it replaced is of no use to anybody.
    notice: (u64, Bytes),
}

/// One reader's hold on a topic; the topic goes away with its last one.
pub struct Subscription<T> {
    hub: Hub<T>,
    room: RoomName,
    topic: Arc<Topic<T>>,
    since: Seq,
    newest: watch::Receiver<Seq>,
    noticed: u64,
}

impl<T: Item> Hub<T> {
    /// A hub without topics, to which everything up to `published` was published before.
    #[must_use]
    pub fn new(published: Seq) -> Self {
        Self::with_ring(published, RING)
    }

    /// One whose rings hold `ring` items.
    pub(crate) fn with_ring(published: Seq, ring: usize) -> Self {
        Self(Arc::new(Mutex::new(Topics { ring, published, by_room: HashMap::new() })))
    }

    /// Hands an item to the readers of its room. The one caller is [`feed`](crate::feed), in the
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
            topic.newest.send_replace(seq);
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
            topic.newest.send_modify(|_| {});
        }
    }

    /// Opens a room for one reader. Everything that is published from here on passes its ring.
    #[must_use]
    pub fn subscribe(&self, room: &RoomName) -> Subscription<T> {
        let mut topics = lock(&self.0);
        let (floor, size) = (topics.published, topics.ring);
        let open = topics.by_room.entry(room.clone()).or_insert_with(|| Open {
            topic: Arc::new(Topic {
                ring: Mutex::new(Ring {
                    size,
                    bytes: 0,
                    floor,
                    items: VecDeque::new(),
                    notice: (0, Bytes::new()),
                }),
                newest: watch::Sender::new(floor),
            }),
            readers: 0,
        });
        open.readers += 1;
        Subscription {
            hub: self.clone(),
            room: room.clone(),
            since: floor,
            newest: open.topic.newest.subscribe(),
            noticed: lock(&open.topic.ring).notice.0,
            topic: Arc::clone(&open.topic),
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
    /// Up to `most` items after `seq`, oldest first, none where the reader has them all; `None`
    /// where the reader stands below the ring's floor and lacks items that are not here.
    #[must_use]
    pub fn after(&self, seq: Seq, most: usize) -> Option<Vec<T>> {
        let ring = lock(&self.topic.ring);
        if seq < ring.floor {
            return None;
        }
        let start = ring.items.partition_point(|item| item.seq() <= seq);
        Some(ring.items.range(start..).take(most).cloned().collect())
    }

    /// The place up to which everything was published when this reader came: what is after it was
    /// published to this reader too, and counted for it in [`Item::due`].
    #[must_use]
    pub fn since(&self) -> Seq {
        self.since
    }

    /// The newest notice, where there is one that this reader has not had. Those from before it
    /// came are not for it.
    pub fn notice(&mut self) -> Option<Bytes> {
        let ring = lock(&self.topic.ring);
        let (number, notice) = &ring.notice;
        if *number == self.noticed {
            return None;
        }
        self.noticed = *number;
        Some(notice.clone())
    }

    /// Waits until something was published to the room, or announced, since the last wait.
    pub async fn changed(&mut self) {
        // The sender lives in the topic that this subscription holds.
        let _ = self.newest.changed().await;
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

impl<T: Item> Ring<T> {
    fn push(&mut self, item: T) {
        self.bytes += item.size();
        // One item stays, however large: live readers have it from here.
        while (self.items.len() == self.size || self.bytes > RING_BYTES)
            && let Some(oldest) = self.items.pop_front()
        {
            self.bytes -= oldest.size();
            self.floor = oldest.seq();
        }
        self.items.push_back(item);
    }
}

/// Locks, also after a panic elsewhere: nothing here leaves the data half-changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Item for Seq {
        fn seq(&self) -> Seq {
            *self
        }

        fn size(&self) -> usize {
            8
        }
    }

    /// One that takes as many bytes as it says.
    #[derive(Clone, Debug, PartialEq)]
    struct Large(u64, usize);

    impl Item for Large {
        fn seq(&self) -> Seq {
            Seq::new(self.0)
        }

        fn size(&self) -> usize {
            self.1
        }
    }

    fn room(name: &str) -> RoomName {
        RoomName::parse(name).unwrap()
    }

    fn seqs(numbers: impl IntoIterator<Item = u64>) -> Vec<Seq> {
        numbers.into_iter().map(Seq::new).collect()
    }

    #[test]
    fn a_reader_that_stands_below_the_floor_is_told_so_and_one_above_it_reads_on() {
        let hub = Hub::new(Seq::new(5));
        let reader = hub.subscribe(&room("a"));
        assert_eq!(reader.after(Seq::new(4), 10), None);
        assert_eq!(reader.after(Seq::new(5), 10), Some(seqs([])));
        for number in 6..=9 {
            hub.publish(&room("a"), Seq::new(number));
        }
        assert_eq!(reader.after(Seq::new(5), 10), Some(seqs(6..=9)));
        assert_eq!(reader.after(Seq::new(7), 1), Some(seqs([8])));
        assert_eq!(reader.after(Seq::new(9), 10), Some(seqs([])));
    }

    #[test]
    fn a_full_ring_lets_the_oldest_go_and_raises_its_floor() {
        let hub = Hub::new(Seq::ZERO);
        let reader = hub.subscribe(&room("a"));
        let most = RING as u64;
        for number in 1..=most + 3 {
            hub.publish(&room("a"), Seq::new(number));
        }
        assert_eq!(reader.after(Seq::new(2), RING), None);
        assert_eq!(reader.after(Seq::new(3), RING), Some(seqs(4..=most + 3)));
    }

    #[test]
    fn large_items_fill_a_ring_by_their_bytes_and_the_newest_is_always_there() {
        let hub = Hub::new(Seq::ZERO);
        let reader = hub.subscribe(&room("a"));
        let quarter = RING_BYTES / 4;
        for number in 1..=10 {
            hub.publish(&room("a"), Large(number, quarter));
        }
        assert_eq!(reader.after(Seq::new(5), 10), None);
        let kept: Vec<_> = (7..=10).map(|number| Large(number, quarter)).collect();
        assert_eq!(reader.after(Seq::new(6), 10), Some(kept));
        hub.publish(&room("a"), Large(11, RING_BYTES * 2));
        assert_eq!(reader.after(Seq::new(9), 10), None);
        assert_eq!(reader.after(Seq::new(10), 10), Some(vec![Large(11, RING_BYTES * 2)]));
        hub.publish(&room("a"), Large(12, 1));
        assert_eq!(reader.after(Seq::new(10), 10), None);
        assert_eq!(reader.after(Seq::new(11), 10), Some(vec![Large(12, 1)]));
    }

    proptest! {
        /// Against a list of all that was published: what a reader gets is all that is after its
        /// place, or word that some of it is not here; and the ring keeps within its bounds.
        #[test]
        fn whatever_its_items_size_a_ring_has_all_after_its_floor(
            sizes in proptest::collection::vec(0..RING_BYTES * 2 / 3, 1..40), ring in 1..12_usize
        ) {
            let hub = Hub::with_ring(Seq::ZERO, ring);
            let reader = hub.subscribe(&room("a"));
            let mut all = Vec::new();
            for (number, size) in (1..).zip(sizes) {
                let item = Large(number, size);
                hub.publish(&room("a"), item.clone());
                all.push(item);
                let floor = (0..=number).find(|&seq| reader.after(Seq::new(seq), 100).is_some());
                let floor = usize::try_from(floor.unwrap()).unwrap();
                for place in 0..=all.len() {
                    let due = (place >= floor).then(|| all[place..].to_vec());
                    prop_assert_eq!(reader.after(Seq::new(place as u64), 100), due);
                }
                let kept = &all[floor..];
                let bytes: usize = kept.iter().map(Item::size).sum();
                prop_assert!(!kept.is_empty() && kept.len() <= ring);
                prop_assert!(bytes <= RING_BYTES || kept.len() == 1);
            }
        }
    }

    #[test]
    fn what_went_by_before_a_topic_opened_is_below_its_floor() {
        let hub = Hub::new(Seq::ZERO);
        hub.publish(&room("a"), Seq::new(1));
        hub.publish(&room("b"), Seq::new(2));
        let reader = hub.subscribe(&room("a"));
        assert_eq!(reader.after(Seq::new(1), 10), None);
        assert_eq!(reader.after(Seq::new(2), 10), Some(seqs([])));
    }

    #[test]
    fn what_is_passed_over_while_nobody_reads_is_below_the_next_floor() {
        let hub: Hub<Seq> = Hub::new(Seq::ZERO);
        assert!(hub.pass(Seq::new(7)));
        let reader = hub.subscribe(&room("a"));
        assert_eq!(reader.after(Seq::new(6), 10), None);
        assert_eq!(reader.after(Seq::new(7), 10), Some(seqs([])));
        assert!(!hub.pass(Seq::new(8)), "somebody reads");
        hub.publish(&room("a"), Seq::new(8));
        assert_eq!(reader.after(Seq::new(7), 10), Some(seqs([8])));
    }

    #[test]
    fn a_topic_goes_away_with_its_last_reader() {
        let hub: Hub<Seq> = Hub::new(Seq::ZERO);
        let (one, other) = (hub.subscribe(&room("a")), hub.subscribe(&room("a")));
        assert_eq!(hub.topics(), 1);
        drop(one);
        assert_eq!(hub.topics(), 1);
        drop(other);
        assert_eq!(hub.topics(), 0);
    }

    #[tokio::test]
    async fn what_comes_between_a_look_and_a_wait_ends_the_wait() {
        let hub = Hub::new(Seq::ZERO);
        let mut reader = hub.subscribe(&room("a"));
        assert_eq!(reader.after(Seq::ZERO, 10), Some(seqs([])));
        hub.publish(&room("a"), Seq::new(1));
        reader.changed().await;
        assert_eq!(reader.after(Seq::ZERO, 10), Some(seqs([1])));
    }
}
