//! Rooms that somebody is told the number of: a stream of one room that says of others how much is
//! unread there. Those have no ring and no frames; a message that comes is a number that is one more.
//!
//! Who watches is not told with each message: a room that has news is noted once, and those who watch it
//! are woken at the next telling, which [`Hub::tell_watchers`] is. So a busy room costs them as much as
//! the tellings are, and nothing is queued for anybody.

use std::{
    collections::HashMap,
    mem,
    sync::{
        Arc, Mutex,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
    task::{Context, Waker},
};

use super::{Hub, lock};
use crate::message::{Entry, Message, Name, RoomName, Seq, folded, mentioned};

/// All rooms that are watched.
#[derive(Default)]
pub(super) struct Watched {
    by_room: HashMap<RoomName, Arc<Room>>,
    /// Those that have news since the last telling, each once.
    with_news: Vec<Arc<Room>>,
    last_watcher: u64,
}

/// One that is watched.
struct Room {
    /// Messages that were published to it since it is watched.
    count: AtomicU64,
    /// Those among them that named somebody who watches: by name, as [`folded`] answers it.
    mentions: Mutex<HashMap<String, Arc<AtomicU64>>>,
    has_news: AtomicBool,
    /// By their numbers. A std mutex: nothing is awaited under it.
    watchers: Mutex<HashMap<u64, Arc<Watcher>>>,
}

/// Who is told.
#[derive(Default)]
struct Watcher {
    is_due: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Watched {
    /// A message came, or another rule holds. Answers whether the first one is noted since the last
    /// telling.
    fn note(&mut self, room: &RoomName, message: Option<&Message>) -> bool {
        let Some(room) = self.by_room.get(room) else { return false };
        if let Some(message) = message {
            room.count(message);
        }
        if room.has_news.swap(true, Relaxed) {
            return false;
        }
        self.with_news.push(Arc::clone(room));
        self.with_news.len() == 1
    }

    /// Whether no room is watched.
    pub(super) fn is_empty(&self) -> bool {
        self.by_room.is_empty()
    }

    /// A message was published to a room. Answers whether there is something to tell that there was not
    /// before.
    #[must_use]
    pub(super) fn count(&mut self, room: &RoomName, entry: &Entry) -> bool {
        let Entry::Message(message) = entry else { return false };
        // Nearly always nobody watches any.
        !self.is_empty() && self.note(room, Some(message))
    }
}

impl Room {
    fn count(&self, message: &Message) {
        self.count.fetch_add(1, Relaxed);
        let counts = lock(&self.mentions);
        if counts.is_empty() {
            return;
        }
        for name in mentioned(message) {
            if let Some(count) = counts.get(&name) {
                count.fetch_add(1, Relaxed);
            }
        }
    }
}

impl Hub {
    /// From now on counts what is published to these rooms, and what of it mentions `name`.
    pub(crate) fn watch(&self, rooms: Vec<RoomName>, name: Option<&Name>) -> Watch {
        let named = name.map(|name| folded(name.as_str()));
        let watcher = Arc::new(Watcher { is_due: AtomicBool::new(true), ..Watcher::default() });
        let mut topics = lock(&self.topics);
        let since = topics.published;
        topics.watched.last_watcher += 1;
        let number = topics.watched.last_watcher;
        let rooms = rooms.into_iter().map(|name| {
            let fresh = || {
                let (count, has_news) = (AtomicU64::new(0), AtomicBool::new(false));
                let (mentions, watchers) = (Mutex::default(), Mutex::default());
                Arc::new(Room { count, mentions, has_news, watchers })
            };
            let room = topics.watched.by_room.entry(name.clone()).or_insert_with(fresh);
            lock(&room.watchers).insert(number, Arc::clone(&watcher));
            let mentions = named
                .as_ref()
                .map(|named| Arc::clone(lock(&room.mentions).entry(named.clone()).or_default()));
            let begin = Count::default();
            let mut it = WatchedRoom { name, room: Arc::clone(room), mentions, begin };
            it.begin = it.count();
            it
        });
        let rooms = rooms.collect();
        Watch { hub: self.clone(), number, named, watcher: Arc::clone(&watcher), since, rooms }
    }

    /// Whoever watches a room is to look at it again: what they may see may be something else.
    pub(crate) fn stir(&self, room: &RoomName) {
        let is_first = lock(&self.topics).watched.note(room, None);
        if is_first {
            self.shared.stirred.notify_one();
        }
    }

    /// Completes when there is something to tell those who watch.
    pub(crate) async fn has_news(&self) {
        self.shared.stirred.notified().await;
    }

    /// Wakes those who watch a room that has news.
    pub(crate) fn tell_watchers(&self) {
        let with_news = mem::take(&mut lock(&self.topics).watched.with_news);
        for room in with_news {
            // Before they look: what comes after the look is news again.
            room.has_news.store(false, SeqCst);
            for watcher in lock(&room.watchers).values() {
                watcher.wake();
            }
        }
    }

    /// How many rooms are watched.
    #[cfg(test)]
    pub(crate) fn watched(&self) -> usize {
        lock(&self.topics).watched.by_room.len()
    }
}

impl Watcher {
    fn wake(&self) {
        self.is_due.store(true, SeqCst);
        if let Some(waker) = &*lock(&self.waker) {
            waker.wake_by_ref();
        }
    }
}

/// One stream's hold on the rooms that it watches.
pub(crate) struct Watch {
    hub: Hub,
    number: u64,
    /// Whose mentions are counted.
    named: Option<String>,
    watcher: Arc<Watcher>,
    /// Up to here everything was published when it began, and is not counted.
    pub since: Seq,
    rooms: Vec<WatchedRoom>,
}

/// A room that a stream watches.
struct WatchedRoom {
    name: RoomName,
    room: Arc<Room>,
    mentions: Option<Arc<AtomicU64>>,
    /// What had been counted when the stream began.
    begin: Count,
}

/// How many messages a room was sent, and how many of them mention the one who watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// All.
    pub messages: u64,
    /// Those with the name in them.
    pub mentions: u64,
}

impl WatchedRoom {
    fn count(&self) -> Count {
        let mentions = self.mentions.as_ref().map_or(0, |count| count.load(Relaxed));
        Count {
            messages: self.room.count.load(Relaxed) - self.begin.messages,
            mentions: mentions - self.begin.mentions,
        }
    }
}

impl Watch {
    /// Whether it is to look, at its beginning or after a telling; from when this returns the task is
    /// woken by the next.
    pub(crate) fn is_due(&self, context: &Context<'_>) -> bool {
        let mut waker = lock(&self.watcher.waker);
        if !waker.as_ref().is_some_and(|mine| mine.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        drop(waker);
        self.watcher.is_due.swap(false, SeqCst)
    }

    /// The rooms, and how many messages each was sent since it is watched.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&RoomName, Count)> {
        self.rooms.iter().map(|room| (&room.name, room.count()))
    }

    /// Whether mentions are counted.
    pub(crate) fn counts_mentions(&self) -> bool {
        self.named.is_some()
    }

    /// Goes on without the rooms of which `is_over` says so.
    pub(crate) fn forget(&mut self, is_over: impl Fn(&RoomName) -> bool) {
        let over: Vec<_> = self.rooms.extract_if(.., |room| is_over(&room.name)).collect();
        self.unwatch(over);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let rooms = mem::take(&mut self.rooms);
        self.unwatch(rooms);
    }
}

impl Watch {
    fn unwatch(&self, rooms: Vec<WatchedRoom>) {
        if rooms.is_empty() {
            return;
        }
        let mut topics = lock(&self.hub.topics);
        for WatchedRoom { name, room, mentions, .. } in rooms {
            let mut watchers = lock(&room.watchers);
            watchers.remove(&self.number);
            if watchers.is_empty() {
                topics.watched.by_room.remove(&name);
            }
            // The last of this name: one hold is the map's.
            if let (Some(named), Some(count)) = (&self.named, mentions)
                && Arc::strong_count(&count) == 2
            {
                lock(&room.mentions).remove(named);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Wake as _;

    use super::*;
    use crate::{
        delivery::{
            frame::Frame,
            model::{Model, Tasks, Woken, frame, hub, message, room},
        },
        message::Text,
    };

    fn count(watch: &Watch) -> Vec<u64> {
        watch.counts().map(|(_, count)| count.messages).collect()
    }

    #[test]
    fn what_is_published_is_counted_from_where_each_began_and_told_once_for_all_of_it() {
        let hub = hub(&Model::default(), &Tasks::default(), 0, 64);
        let woken = Woken::new();
        let waker = Waker::from(Arc::clone(&woken));
        let context = Context::from_waker(&waker);
        let other = RoomName::parse("attic").unwrap();
        let first = hub.watch(vec![room(), other], None);
        assert!(first.is_due(&context), "it has not looked yet");
        hub.publish(&room(), frame(1));
        let second = hub.watch(vec![room()], None);
        assert_eq!((first.since.get(), second.since.get()), (0, 1));
        hub.publish(&room(), frame(2));
        assert_eq!((count(&first), count(&second)), (vec![2, 0], vec![1]));

        assert!(woken.take() && !first.is_due(&context), "nothing was told yet");
        hub.tell_watchers();
        assert!(woken.take() && first.is_due(&context) && !first.is_due(&context));
        hub.tell_watchers();
        assert!(!woken.take(), "nothing came since");
        hub.publish(&room(), frame(3));
        hub.tell_watchers();
        assert!(woken.take() && first.is_due(&context));
        woken.wake_by_ref();
    }

    #[test]
    fn a_room_is_watched_until_the_last_of_its_watchers_is_gone() {
        let hub = hub(&Model::default(), &Tasks::default(), 0, 64);
        let other = RoomName::parse("attic").unwrap();
        let mut first = hub.watch(vec![room(), other.clone()], None);
        let second = hub.watch(vec![room()], None);
        assert_eq!(hub.watched(), 2);
        first.forget(|name| *name == other);
        assert_eq!((hub.watched(), count(&first)), (1, vec![0]));
        drop(first);
        assert_eq!(hub.watched(), 1);
        hub.publish(&room(), frame(1));
        assert_eq!(count(&second), [1]);
        drop(second);
        assert_eq!(hub.watched(), 0);
        hub.tell_watchers();
    }

    #[test]
    fn nothing_is_passed_over_uncounted_while_a_room_is_watched_and_none_is_read_yet() {
        let hub = hub(&Model::default(), &Tasks::default(), 0, 64);
        let watch = hub.watch(vec![room()], None);
        assert!(!hub.pass(Seq::new(1)), "it is to be published");
        hub.publish(&room(), frame(1));
        assert_eq!(count(&watch), [1]);
        drop(watch);
        assert!(hub.pass(Seq::new(2)));
    }

    #[test]
    fn mentions_are_counted_for_the_one_they_name_and_forgotten_with_the_last_who_watches() {
        let hub = hub(&Model::default(), &Tasks::default(), 0, 64);
        let name = |name: &str| Name::parse(name).unwrap();
        let say = |seq, from: &str, text: &str| {
            let message = Message { name: name(from), text: Text::stored(text), ..message(seq) };
            hub.publish(&room(), Frame::new(Entry::Message(message)));
        };
        let mentions = |watch: &Watch| watch.counts().next().unwrap().1.mentions;
        let ben = hub.watch(vec![room()], Some(&name("ben")));
        say(1, "ann", "@Ben, and @ben again");
        let (twin, cem) =
            (hub.watch(vec![room()], Some(&name("Ben"))), hub.watch(vec![room()], None));
        say(2, "ann", "@ben @cem");
        say(3, "ben", "I am @ben");
        say(4, "ann", "ben");
        assert_eq!([&ben, &twin, &cem].map(mentions), [2, 1, 0]);
        let room = Arc::clone(&ben.rooms[0].room);
        drop(ben);
        assert_eq!(lock(&room.mentions).len(), 1);
        drop(twin);
        assert_eq!(lock(&room.mentions).len(), 0);
    }
}
