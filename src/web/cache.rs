//! What pages of the same room share: its newest messages, rendered, until something is sent, and
//! the list of its people, until somebody comes or goes. A page is asked for far more often than
//! its room changes, when many come at once after a restart above all, and to read and to render
//! these is most of what it costs.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use maud::Markup;

use crate::{
    message::{MessageId, People, RoomName, Seq},
    rooms::{Caller, Refusal, Rooms},
    view,
};

/// How many messages a page has unless it is asked for another number: some screens full.
pub(super) const PAGE_MESSAGES: usize = 50;

/// How long messages are shown without a look whether the journal still keeps them all: what grows
/// too old goes away without anything being sent.
const MAX_AGE: Duration = Duration::from_secs(1);

/// How long what is shown no more is kept at most, once anything else is read.
const MAX_UNREAD_AGE: Duration = Duration::from_secs(10);

/// Rooms that are cached, and the longest of a room's messages together: 8 MB at most.
const MAX_ROOMS: usize = 64;
const MAX_ROOM_BYTES: usize = 128 * 1024;

/// A handle on the cache; clones share it.
#[derive(Clone, Default)]
pub(crate) struct PageCache(Arc<Caches>);

#[derive(Default)]
struct Caches {
    /// Std mutexes, both: nothing is awaited, read or rendered under them.
    newest: Mutex<HashMap<RoomName, Newest>>,
    people: Mutex<HashMap<RoomName, List>>,
}

struct Newest {
    /// The journal's last seq before they were read: nothing was sent since while it is that.
    last: Seq,
    read_at: Instant,
    past: Arc<Past>,
}

impl Newest {
    fn is_current(&self, last: Seq) -> bool {
        self.last == last && self.read_at.elapsed() < MAX_AGE
    }
}

struct List {
    /// What it was rendered from: the room's people are another value as soon as they change.
    of: Arc<People>,
    rendered: Arc<Markup>,
}

/// A part of the past on a page.
pub(crate) struct Past {
    /// The messages' fragments, oldest first.
    pub messages: Markup,
    /// The oldest of them, where there are older ones.
    pub older: Option<MessageId>,
    /// Everything up to here that was due is among them.
    pub upto: Seq,
}

impl Past {
    /// Reads and renders what a page shows.
    pub(crate) async fn read(
        rooms: &Rooms,
        caller: &Caller,
        room: &RoomName,
        before: Option<Seq>,
    ) -> Result<Self, Refusal> {
        // In a box: every page's future would be as large, and most of them read nothing.
        let past = Box::pin(rooms.messages(caller, room, before, PAGE_MESSAGES)).await?;
        let oldest = past.messages.first().filter(|_| past.more);
        Ok(Self {
            messages: view::message::fragments(&past.messages),
            older: oldest.map(|oldest| oldest.id.clone()),
            upto: past.upto,
        })
    }
}

impl PageCache {
    /// The newest messages of a room, as of now.
    ///
    /// # Errors
    ///
    /// By the rules of access, or where the journal cannot be read.
    pub(crate) async fn newest(
        &self,
        rooms: &Rooms,
        caller: &Caller,
        room: &RoomName,
    ) -> Result<Arc<Past>, Refusal> {
        rooms.check_read(caller, room)?;
        // Before the reading: what is sent meanwhile makes what was read count as old.
        let last = rooms.journal().last();
        if let Some(newest) = lock(&self.0.newest).get(room).filter(|it| it.is_current(last)) {
            return Ok(Arc::clone(&newest.past));
        }
        let past = Arc::new(Past::read(rooms, caller, room, None).await?);
        if past.messages.0.len() <= MAX_ROOM_BYTES {
            let newest = Newest { last, read_at: Instant::now(), past: Arc::clone(&past) };
            // What was removed on another node is let go of, whether or not its room is asked for.
            lock(&self.0.newest).retain(|_, newest| newest.read_at.elapsed() < MAX_UNREAD_AGE);
            insert(&mut lock(&self.0.newest), room, newest, |newest| newest.is_current(last));
        }
        Ok(past)
    }

    /// Forgets the newest messages of a room: one of them is not what it was any more.
    pub(crate) fn forget(&self, room: &RoomName) {
        lock(&self.0.newest).remove(room);
    }

    /// The same of all rooms.
    pub(crate) fn forget_all(&self) {
        lock(&self.0.newest).clear();
    }

    /// The list of a room's people.
    pub(crate) fn people(&self, room: &RoomName, people: &Arc<People>) -> Arc<Markup> {
        let is_current = |list: &List| Arc::ptr_eq(&list.of, people);
        if let Some(list) = lock(&self.0.people).get(room).filter(|list| is_current(list)) {
            return Arc::clone(&list.rendered);
        }
        let rendered = Arc::new(view::presence::list(people, false));
        let list = List { of: Arc::clone(people), rendered: Arc::clone(&rendered) };
        // What only the cache still holds was replaced since.
        insert(&mut lock(&self.0.people), room, list, |list| Arc::strong_count(&list.of) > 1);
        rendered
    }
}

/// Caches one more room, in the place of those that are no longer current. Where all of them are
/// asked for all the time, one more is not cached.
fn insert<T>(
    cache: &mut HashMap<RoomName, T>,
    room: &RoomName,
    value: T,
    is_current: impl Fn(&T) -> bool,
) {
    if cache.len() >= MAX_ROOMS && !cache.contains_key(room) {
        cache.retain(|_, value| is_current(value));
    }
    if cache.len() < MAX_ROOMS || cache.contains_key(room) {
        cache.insert(room.clone(), value);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
