//! Presence: who is in a room, by the streams that are open there.
//!
//! A tab is here while it has a stream, and for a short grace after: a reload or a reconnect
//! neither leaves nor joins. A tab that says it is hidden lets go of its stream and is here all
//! the same, marked away, as long as it says so again and again. Who reads without having joined
//! is counted as watching.
//!
//! What a page needs is kept ready: the names of a room in order with how many tabs bear each, and
//! a list made of them once per change. A list costs the same with one name or with ten thousand.
//!
//! Tabs on other nodes count like those here; [`elsewhere`] has the roster's part in that.
//!
//! Times end in the sweep of [`Roster::changes`], which also says what changed, twice a second at
//! most; until the next sweep a tab may look as it did. The roster knows neither HTML nor readers.

#[cfg_attr(not(feature = "nats"), expect(dead_code, reason = "there are no other nodes"))]
mod elsewhere;
#[cfg(test)]
mod model;
mod room;
mod said;
mod skeleton;
mod state;
mod tab;
#[cfg(test)]
mod tests;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{self, Instant, MissedTickBehavior};
use tokio_stream::Stream;

use crate::message::{Name, People, RoomName};
#[cfg(feature = "nats")]
pub(super) use elsewhere::{Hold, News, Shift, Word, browser_mark};
use said::Said;
pub(super) use skeleton::Skeleton;
use state::{Key, State};
#[cfg(feature = "nats")]
pub(super) use tab::Standing;

/// How long a tab without a stream is still here, and a hidden one not yet away: who looks into
/// another tab for a moment changes nothing.
pub(super) const PRESENCE_GRACE: Duration = Duration::from_secs(5);

/// How long a hidden tab is here after it said so. It says so once a minute, since browsers let
/// timers of hidden pages run that often; two may get lost.
const HIDDEN_LEASE: Duration = Duration::from_secs(150);

/// For how long a tab that left is remembered, whose cookie proves nothing any more. After that, and
/// after a restart, it proves a name that nobody else bears; the browser has none to show by then. An
/// address can have 7,200 of them remembered by its joins: some 2 MB.
const LEFT_TAB_TTL: Duration = Duration::from_hours(1);

/// How often changes are looked at, and so the least time between two announcements in a room.
const SWEEP_INTERVAL: Duration = Duration::from_millis(500);

/// The least time between two announcements in a room that tell of nothing but how many watch. A list
/// of names goes out to all tabs, and whoever opens and closes a stream need not even bear a name.
const WATCHING_INTERVAL: Duration = Duration::from_secs(30);

/// Rooms that are looked through for a part of a name: a fraction of a millisecond.
const MAX_SEARCHED_ROOMS: usize = 10_000;

/// Names that a list carries; the rest is a number.
pub(super) const MAX_LISTED_NAMES: usize = 50;

/// What the sweep does before it lets others have the lock: a fraction of a millisecond, also where
/// ten thousand tabs are cut off at once.
const MAX_SWEEP_BATCH: usize = 256;

/// A tab's id, unique in its room.
type TabId = Arc<str>;

/// Somebody else in the room bears this name, or one that looks like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("somebody in the room bears this name")]
pub(crate) struct NameTaken {
    /// Whether it is an open tab of the same browser, and nobody else.
    pub by_own: bool,
}

/// A tab left, or somebody else has its name by now: its cookie proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tab is not joined any more")]
pub(crate) struct Lapsed;

/// How much a tab is in its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Presence {
    /// Not at all.
    Gone,
    /// It has its name for a grace, and nothing else.
    Idle,
    /// It has a stream, or said that it is hidden.
    Here,
}

/// A handle on who is where; clones share it.
///
/// A tab bears one name for all its life, so what is told of a known tab is told under that name.
///
/// A std mutex: what is done under it takes microseconds whatever the number of tabs, and never
/// awaits.
#[derive(Clone, Default)]
pub(crate) struct Roster(Arc<Mutex<State>>);

/// One open stream; dropped with it, and then the tab is here for a grace, or the reader gone.
#[must_use = "the stream counts for as long as this is held"]
pub(crate) struct Guard {
    roster: Roster,
    held: Held,
}

enum Held {
    Watching(RoomName),
    /// A stream of this tab, and of no later one under the same id.
    Tab(Key, u64),
}

impl Roster {
    /// Nobody, anywhere.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Takes a name for a tab that joins: it has the name for a grace, and is listed when its
    /// stream opens. Tabs of the same browser that have no stream and are not hidden give it up;
    /// `elsewhere` of its tabs have such a name on other nodes.
    ///
    /// # Errors
    ///
    /// [`NameTaken`] when another tab has the name, or one that looks like it.
    pub(crate) fn join(
        &self,
        room: &RoomName,
        tab: &str,
        name: &Name,
        browser: Option<&str>,
        elsewhere: usize,
    ) -> Result<(), NameTaken> {
        let (key, skeleton) = (Key::new(room, tab), Skeleton::of(name));
        self.lock().join(&key, name, skeleton, browser, elsewhere, Instant::now())
    }

    /// The tabs of a room that are on this node, with a stream or without, and whom each posts as.
    pub(crate) fn tabs(&self, room: &RoomName) -> Vec<(Arc<str>, Name)> {
        self.lock().tabs(room)
    }

    /// Whether a tab is here.
    pub(crate) fn presence(&self, room: &RoomName, tab: &str) -> Presence {
        self.lock().presence(&Key::new(room, tab))
    }

    /// Whether a tab is before somebody's eyes: it has a stream, and has not said that it is hidden.
    pub(crate) fn is_shown(&self, room: &RoomName, tab: &str) -> bool {
        self.lock().tab(&Key::new(room, tab)).is_some_and(tab::Tab::is_shown)
    }

    /// Whether somebody who has not joined may speak under a name now.
    ///
    /// # Errors
    ///
    /// [`NameTaken`] when a tab has the name, or one that looks like it.
    pub(crate) fn check(&self, room: &RoomName, name: &Name) -> Result<(), NameTaken> {
        let skeleton = Skeleton::of(name);
        self.lock().check(room, &skeleton)
    }

    /// Whether a tab may go on under its name; `elsewhere` is on how many other nodes it is.
    ///
    /// # Errors
    ///
    /// [`Lapsed`] when it left, or is not here and another has its name, or one that looks like it.
    pub(crate) fn check_tab(
        &self,
        room: &RoomName,
        tab: &str,
        name: &Name,
        elsewhere: impl FnOnce() -> u32,
    ) -> Result<(), Lapsed> {
        let key = Key::new(room, tab);
        if self.lock().knows(&key) {
            return Ok(());
        }
        // What it looks like takes microseconds, and is asked of few.
        let (skeleton, elsewhere) = (Skeleton::of(name), elsewhere());
        self.lock().check_tab(&key, &skeleton, elsewhere)
    }

    /// A tab's stream opened; `elsewhere` is on how many other nodes it is.
    ///
    /// # Errors
    ///
    /// As [`Roster::check_tab`].
    pub(crate) fn enter(
        &self,
        room: &RoomName,
        tab: &str,
        name: &Name,
        elsewhere: u32,
    ) -> Result<Guard, Lapsed> {
        let (key, skeleton) = (Key::new(room, tab), Skeleton::of(name));
        let mut state = self.lock();
        state.check_tab(&key, &skeleton, elsewhere)?;
        let generation = state.enter(&key, name, skeleton, Instant::now());
        drop(state);
        Ok(Guard { roster: self.clone(), held: Held::Tab(key, generation) })
    }

    /// A stream opened for somebody without a name.
    pub(crate) fn watch(&self, room: &RoomName) -> Guard {
        self.lock().watch(room);
        Guard { roster: self.clone(), held: Held::Watching(room.clone()) }
    }

    /// A tab says that it is hidden; that holds for a while, and is to be said again. It is here
    /// by that, whether it has a stream or not; one that lapsed does not come back by it.
    pub(crate) fn hide(&self, room: &RoomName, tab: &str, name: &Name, elsewhere: u32) {
        let (key, skeleton) = (Key::new(room, tab), Skeleton::of(name));
        self.lock().hide(&key, name, skeleton, elsewhere, Instant::now());
    }

    /// A tab says that it is not hidden, or no more: it is here by its stream, and for a grace.
    pub(crate) fn show(&self, room: &RoomName, tab: &str) {
        self.lock().show(&Key::new(room, tab), Instant::now());
    }

    /// A tab says up to which message of its room, by its number, it was read.
    pub(crate) fn read(&self, room: &RoomName, tab: &str, number: i64) {
        self.lock().read(&Key::new(room, tab), number);
    }

    /// What it said last; 0 where it said nothing, or is not here.
    pub(crate) fn read_upto(&self, room: &RoomName, tab: &str) -> i64 {
        self.lock().tab(&Key::new(room, tab)).map_or(0, |tab| tab.read)
    }

    /// A tab left by itself: its name is free at once, and guards of streams that are still open
    /// change nothing any more.
    pub(crate) fn leave(&self, room: &RoomName, tab: &str) {
        self.lock().leave(Key::new(room, tab), Instant::now());
    }

    /// Who is in a room. The same value is given, and not a copy, until what it says changes.
    #[must_use]
    pub(crate) fn people(&self, room: &RoomName) -> Arc<People> {
        self.lock().people(room)
    }

    /// How many names are in a room.
    #[must_use]
    pub(crate) fn count(&self, room: &RoomName) -> usize {
        self.lock().count(room)
    }

    /// The rooms with most names in them that have `part` in their own, and how many, `limit` rooms
    /// at most. Ties are in the order of the rooms' names.
    #[must_use]
    pub(crate) fn occupied(&self, part: &str, limit: usize) -> Vec<(RoomName, usize)> {
        self.lock().occupied(part, limit)
    }

    /// Whom a tab posts as that is here, on this node.
    pub(crate) fn name(&self, room: &RoomName, tab: &str) -> Option<Name> {
        self.lock().name(&Key::new(room, tab))
    }

    /// The rooms where other people are than this said before, and who is there now: of each room
    /// twice a second at most; and where only the number of those who watch is another, twice a
    /// minute. It never ends.
    ///
    /// It is to be read by one, all the time: reading it is what ends graces and leases.
    pub(crate) fn changes(&self) -> impl Stream<Item = (RoomName, Arc<People>)> + Send + use<> {
        let roster = self.clone();
        async_stream::stream! {
            let mut sweeps = time::interval(SWEEP_INTERVAL);
            // A sweep that was late must not be followed by another at once.
            sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut said = Said::default();
            loop {
                sweeps.tick().await;
                for room in roster.sweep(Instant::now()) {
                    if let Some(people) = roster.unannounced(&room)
                        && said.is_due(&room, &people)
                    {
                        yield (room, people);
                    }
                }
                for (room, people) in said.late() {
                    yield (room, people);
                }
            }
        }
    }

    /// Ends what is over, and gives the rooms that may have changed.
    fn sweep(&self, now: Instant) -> HashSet<RoomName> {
        loop {
            let mut state = self.lock();
            if state.elapse(now, MAX_SWEEP_BATCH) < MAX_SWEEP_BATCH {
                return state.take_changed();
            }
        }
    }

    fn unannounced(&self, room: &RoomName) -> Option<Arc<People>> {
        self.lock().unannounced(room)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut state = self.roster.lock();
        match &self.held {
            Held::Watching(room) => state.unwatch(room),
            Held::Tab(key, generation) => state.exit(key, *generation, Instant::now()),
        }
    }
}
