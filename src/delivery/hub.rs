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
//! All that can happen to a reader, it hears from here: what is published, notices, the beat of
//! the one clock, and the end. So a reader waits in one place, which a delivery passes twice, and
//! not in several that would each have to be entered and left.

mod waiting;

use std::{
    collections::{HashMap, VecDeque},
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;

use crate::message::{RoomName, Seq};
use waiting::{Place, Waiting};

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
    waiting: Arc<Waiting>,
}

struct Ring<T> {
    size: usize,
    /// What the items take, in bytes.
    bytes: usize,
    floor: Seq,
    items: VecDeque<T>,
    /// The newest notice and its number; what it replaced is of no use to anybody.
    notice: (u64, Bytes),
    /// Beats of the clock so far.
    beats: u64,
    ended: bool,
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
    /// It has everything, and the clock has beaten.
    Beat,
    /// It is over, whatever it lacks.
    End,
}

/// One reader's hold on a topic; the topic goes away with its last one.
pub struct Subscription<T> {
    hub: Hub<T>,
    room: RoomName,
    topic: Arc<Topic<T>>,
    place: Place,
    since: Seq,
    /// The number of the last notice that it has had, where it wants any.
    noticed: Option<u64>,
    /// The last beat that it has heard.
    beats: u64,
}

impl<T: Item> Hub<T> {
    /// A hub without topics, to which everything up to `published` was published before.
    #[must_use]
    pub fn new(published: Seq) -> Self {
        Self::with_ring(published, RING)
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
            topic.waiting.wake();
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
            topic.waiting.wake();
        }
    }

    /// Lets every reader that has everything know that time has passed.
    pub fn beat(&self) {
        self.tell(|ring| ring.beats += 1);
    }

    /// Tells every reader, and all that will come, that it is over.
    pub fn end(&self) {
        lock(&self.0).ended = true;
        self.tell(|ring| ring.ended = true);
    }

    /// Whether it is over.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        lock(&self.0).ended
    }

    fn tell(&self, news: impl Fn(&mut Ring<T>)) {
        let all: Vec<_> =
            lock(&self.0).by_room.values().map(|open| Arc::clone(&open.topic)).collect();
        for topic in all {
            news(&mut lock(&topic.ring));
            topic.waiting.wake();
        }
    }

    /// Opens a room for one reader, which may want notices. Everything that is published from here
    /// on passes its ring.
    #[must_use]
    pub fn subscribe(&self, room: &RoomName, notices: bool) -> Subscription<T> {
        let mut topics = lock(&self.0);
        let (floor, size, ended) = (topics.published, topics.ring, topics.ended);
        let open = topics.by_room.entry(room.clone()).or_insert_with(|| Open {
            topic: Arc::new(Topic {
                ring: Mutex::new(Ring {
                    size,
                    bytes: 0,
                    floor,
                    items: VecDeque::new(),
                    notice: (0, Bytes::new()),
                    beats: 0,
                    ended,
                }),
                waiting: Arc::default(),
            }),
            readers: 0,
        });
        open.readers += 1;
        let (had, beats) = {
            let ring = lock(&open.topic.ring);
            (notices.then_some(ring.notice.0), ring.beats)
        };
        Subscription {
            hub: self.clone(),
            room: room.clone(),
            place: Place::new(&open.topic.waiting),
            since: floor,
            topic: Arc::clone(&open.topic),
            noticed: had,
            beats,
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
        self.place.take(context.waker());
        let ring = lock(&self.topic.ring);
        if ring.ended {
            return Poll::Ready(Next::End);
        }
        if seq < ring.floor {
            return Poll::Ready(Next::Behind);
        }
        if let Some(item) = ring.after(seq) {
            return Poll::Ready(Next::Item(item.clone()));
        }
        if let Some(noticed) = &mut self.noticed
            && *noticed != ring.notice.0
        {
            *noticed = ring.notice.0;
            return Poll::Ready(Next::Notice(ring.notice.1.clone()));
        }
        if self.beats != ring.beats {
            self.beats = ring.beats;
            return Poll::Ready(Next::Beat);
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

    /// The first item after `seq`. Nearly always none, or the newest.
    fn after(&self, seq: Seq) -> Option<&T> {
        let newest = self.items.back().filter(|item| item.seq() > seq)?;
        match self.items.len().checked_sub(2) {
            Some(before) if self.items[before].seq() > seq => {
                let start = self.items.partition_point(|item| item.seq() <= seq);
                self.items.get(start)
            }
            _ => Some(newest),
        }
    }
}

/// Locks, also after a panic elsewhere: nothing here leaves the data half-changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

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

    /// What comes next now; `None` where the reader would wait.
    fn next<T: Item>(reader: &mut Subscription<T>, seq: u64) -> Option<Next<T>> {
        match reader.poll_next(Seq::new(seq), &mut Context::from_waker(Waker::noop())) {
            Poll::Ready(next) => Some(next),
            Poll::Pending => None,
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "as it is compared")]
    fn item(seq: u64) -> Option<Next<Seq>> {
        Some(Next::Item(Seq::new(seq)))
    }

    #[test]
    fn a_reader_that_stands_below_the_floor_is_told_so_and_one_above_it_reads_on() {
        let hub = Hub::new(Seq::new(5));
        let mut reader = hub.subscribe(&room("a"), false);
        assert_eq!(next(&mut reader, 4), Some(Next::Behind));
        assert_eq!(next(&mut reader, 5), None);
        // Not every place is this room's.
        for number in [6, 8, 9] {
            hub.publish(&room("a"), Seq::new(number));
        }
        for (seq, due) in [(5, item(6)), (6, item(8)), (7, item(8)), (8, item(9)), (9, None)] {
            assert_eq!(next(&mut reader, seq), due, "after {seq}");
        }
    }

    #[test]
    fn a_full_ring_lets_the_oldest_go_and_raises_its_floor() {
        let hub = Hub::new(Seq::ZERO);
        let mut reader = hub.subscribe(&room("a"), false);
        let most = RING as u64;
        for number in 1..=most + 3 {
            hub.publish(&room("a"), Seq::new(number));
        }
        assert_eq!(next(&mut reader, 2), Some(Next::Behind));
        for seq in 3..most + 3 {
            assert_eq!(next(&mut reader, seq), item(seq + 1));
        }
    }

    #[test]
    fn large_items_fill_a_ring_by_their_bytes_and_the_newest_is_always_there() {
        let hub = Hub::new(Seq::ZERO);
        let mut reader = hub.subscribe(&room("a"), false);
        let quarter = RING_BYTES / 4;
        for number in 1..=10 {
            hub.publish(&room("a"), Large(number, quarter));
        }
        assert_eq!(next(&mut reader, 5), Some(Next::Behind));
        assert_eq!(next(&mut reader, 6), Some(Next::Item(Large(7, quarter))));
        hub.publish(&room("a"), Large(11, RING_BYTES * 2));
        assert_eq!(next(&mut reader, 9), Some(Next::Behind));
        assert_eq!(next(&mut reader, 10), Some(Next::Item(Large(11, RING_BYTES * 2))));
        hub.publish(&room("a"), Large(12, 1));
        assert_eq!(next(&mut reader, 10), Some(Next::Behind));
        assert_eq!(next(&mut reader, 11), Some(Next::Item(Large(12, 1))));
    }

    proptest! {
        /// Against a list of all that was published: what a reader gets is all that is after its
        /// place, or word that some of it is not here; and the ring keeps within its bounds.
        #[test]
        fn whatever_its_items_size_a_ring_has_all_after_its_floor(
            sizes in proptest::collection::vec(0..RING_BYTES * 2 / 3, 1..40), ring in 1..12_usize
        ) {
            let hub = Hub::with_ring(Seq::ZERO, ring);
            let mut reader = hub.subscribe(&room("a"), false);
            let mut all = Vec::new();
            for (number, size) in (1..).zip(sizes) {
                let item = Large(number, size);
                hub.publish(&room("a"), item.clone());
                all.push(item);
                let behind = |place: &u64| next(&mut reader, *place) == Some(Next::Behind);
                let floor = (0..number).take_while(behind).count();
                for place in floor..=all.len() {
                    let due = all.get(place).cloned().map(Next::Item);
                    prop_assert_eq!(next(&mut reader, place as u64), due);
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
        let mut reader = hub.subscribe(&room("a"), false);
        assert_eq!(next(&mut reader, 1), Some(Next::Behind));
        assert_eq!(next(&mut reader, 2), None);
    }

    #[test]
    fn what_is_passed_over_while_nobody_reads_is_below_the_next_floor() {
        let hub: Hub<Seq> = Hub::new(Seq::ZERO);
        assert!(hub.pass(Seq::new(7)));
        let mut reader = hub.subscribe(&room("a"), false);
        assert_eq!(next(&mut reader, 6), Some(Next::Behind));
        assert_eq!(next(&mut reader, 7), None);
        assert!(!hub.pass(Seq::new(8)), "somebody reads");
        hub.publish(&room("a"), Seq::new(8));
        assert_eq!(next(&mut reader, 7), item(8));
    }

    #[test]
    fn a_topic_goes_away_with_its_last_reader() {
        let hub: Hub<Seq> = Hub::new(Seq::ZERO);
        let (one, other) = (hub.subscribe(&room("a"), false), hub.subscribe(&room("a"), false));
        assert_eq!(hub.topics(), 1);
        drop(one);
        assert_eq!(hub.topics(), 1);
        drop(other);
        assert_eq!(hub.topics(), 0);
    }

    #[test]
    fn notices_are_for_who_wants_them_and_was_there() {
        let hub: Hub<Seq> = Hub::new(Seq::ZERO);
        let mut early = hub.subscribe(&room("a"), true);
        let mut deaf = hub.subscribe(&room("a"), false);
        hub.announce(&room("a"), Bytes::from_static(b"one"));
        hub.announce(&room("a"), Bytes::from_static(b"two"));
        let mut late = hub.subscribe(&room("a"), true);
        assert_eq!(next(&mut early, 0), Some(Next::Notice(Bytes::from_static(b"two"))));
        for reader in [&mut early, &mut deaf, &mut late] {
            assert_eq!(next(reader, 0), None);
        }
    }

    #[test]
    fn a_beat_is_heard_after_what_there_is_and_the_end_before_it() {
        let hub = Hub::new(Seq::ZERO);
        let mut reader = hub.subscribe(&room("a"), false);
        hub.publish(&room("a"), Seq::new(1));
        hub.beat();
        assert_eq!(next(&mut reader, 0), item(1));
        assert_eq!(next(&mut reader, 1), Some(Next::Beat));
        assert_eq!(next(&mut reader, 1), None);
        hub.end();
        let mut late = hub.subscribe(&room("b"), false);
        for reader in [&mut reader, &mut late] {
            assert_eq!(next(reader, 0), Some(Next::End));
        }
    }

    #[tokio::test]
    async fn what_comes_while_it_waits_ends_the_wait() {
        let hub = Hub::new(Seq::ZERO);
        let mut reader = hub.subscribe(&room("a"), false);
        let waits = tokio::spawn(async move { reader.next(Seq::ZERO).await });
        tokio::task::yield_now().await;
        hub.publish(&room("a"), Seq::new(1));
        assert_eq!(waits.await.unwrap(), Next::Item(Seq::new(1)));
    }
}
