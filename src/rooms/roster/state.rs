//! All rooms: which have most people, what is due when, and what changed.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    mem,
    sync::Arc,
};

use tokio::time::Instant;

use super::{
    LEFT_TAB_TTL, Lapsed, MAX_SEARCHED_ROOMS, NameTaken, Presence, TabId,
    elsewhere::{Outbox, Shift},
    room::{Bearers, Room},
    skeleton::Skeleton,
    tab::Tab,
};
use crate::message::{Name, People, RoomName};

/// A tab of a room.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub room: RoomName,
    pub tab: TabId,
}

impl Key {
    pub(super) fn new(room: &RoomName, tab: &str) -> Self {
        Self { room: room.clone(), tab: tab.into() }
    }
}

#[derive(Default)]
pub(super) struct State {
    rooms: HashMap<RoomName, Room>,
    /// Rooms in which names are listed, those with most of them first.
    by_count: BTreeSet<(Reverse<usize>, RoomName)>,
    /// What to look at when: each tab in [`Self::rooms`] or [`Self::left`] once at most.
    due: BTreeSet<(Instant, Key)>,
    /// Tabs that left, and until when a late [`Self::hide`] does not bring them back. A tree and
    /// no hash map: it gives its memory back after many left at once.
    left: BTreeMap<Key, Instant>,
    /// Rooms that changed, or became empty, since they were last taken.
    changed: HashSet<RoomName>,
    generations: u64,
    /// What all empty rooms share.
    nobody: Arc<People>,
    /// What other nodes are to be told, where there may be any.
    pub(super) outbox: Option<Box<Outbox>>,
}

impl State {
    pub(super) fn check(&self, room: &RoomName, skeleton: &Skeleton) -> Result<(), NameTaken> {
        let taken = self.rooms.get(room).is_some_and(|room| room.holds(skeleton, 0));
        if taken { Err(NameTaken { by_own: false }) } else { Ok(()) }
    }

    /// Whether a tab may go on under its name: it is here, or it neither left nor has somebody else
    /// its name by now.
    /// `elsewhere` is on how many other nodes the tab itself is.
    pub(super) fn check_tab(
        &self,
        key: &Key,
        skeleton: &Skeleton,
        elsewhere: u32,
    ) -> Result<(), Lapsed> {
        if self.tab(key).is_some() {
            return Ok(());
        }
        let holds = |room: &Room| room.holds(skeleton, elsewhere);
        if self.left.contains_key(key) || self.rooms.get(&key.room).is_some_and(holds) {
            return Err(Lapsed);
        }
        Ok(())
    }

    pub(super) fn join(
        &mut self,
        key: &Key,
        name: &Name,
        skeleton: Skeleton,
        browser: Option<&str>,
        elsewhere: usize,
        now: Instant,
    ) -> Result<(), NameTaken> {
        if let (Err(taken), Some(browser)) = (self.check(&key.room, &skeleton), browser) {
            let room = self.rooms.get(&key.room);
            let bearers = room.map(|room| room.bearers(&skeleton, browser, elsewhere));
            let Some(Bearers { own, others: false }) = bearers else { return Err(taken) };
            for (tab, _) in own.iter().filter(|(_, idle)| *idle) {
                self.remove(&Key { room: key.room.clone(), tab: tab.clone() });
            }
            self.check(&key.room, &skeleton).map_err(|_| NameTaken { by_own: true })?;
        }
        self.check(&key.room, &skeleton)?;
        self.insert(key, name, skeleton, now);
        self.update(key, |tab| tab.browser = browser.map(Into::into));
        Ok(())
    }

    /// Whether a tab is here, or was until a moment ago.
    pub(super) fn knows(&self, key: &Key) -> bool {
        self.tab(key).is_some()
    }

    /// The tabs of a room that are on this node, and whom each posts as.
    pub(super) fn tabs(&self, room: &RoomName) -> Vec<(TabId, Name)> {
        let tabs = self.rooms.get(room).into_iter().flat_map(Room::tabs);
        tabs.map(|(id, name)| (id.clone(), name.clone())).collect()
    }

    pub(super) fn presence(&self, key: &Key) -> Presence {
        match self.tab(key).map(Tab::is_idle) {
            None => Presence::Gone,
            Some(true) => Presence::Idle,
            Some(false) => Presence::Here,
        }
    }

    /// Gives the tab's generation, which its guard needs to close the stream again.
    pub(super) fn enter(
        &mut self,
        key: &Key,
        name: &Name,
        skeleton: Skeleton,
        now: Instant,
    ) -> u64 {
        self.insert(key, name, skeleton, now);
        let generation = self.update(key, |tab| {
            tab.open_stream();
            tab.generation
        });
        generation.unwrap_or_default() // It is there.
    }

    pub(super) fn exit(&mut self, key: &Key, generation: u64, now: Instant) {
        if self.tab(key).is_some_and(|tab| tab.generation == generation) {
            self.update(key, |tab| tab.close_stream(now));
        }
    }

    /// Also for a tab that is not known: after a restart of the server, or of a machine that slept
    /// for longer than the lease.
    pub(super) fn hide(
        &mut self,
        key: &Key,
        name: &Name,
        skeleton: Skeleton,
        elsewhere: u32,
        now: Instant,
    ) {
        if self.check_tab(key, &skeleton, elsewhere).is_ok() {
            self.insert(key, name, skeleton, now);
            self.update(key, |tab| tab.hide(now));
        }
    }

    pub(super) fn hide_known(&mut self, key: &Key, now: Instant) {
        self.update(key, |tab| tab.hide(now));
    }

    pub(super) fn show(&mut self, key: &Key, now: Instant) {
        self.update(key, |tab| tab.show(now));
    }

    pub(super) fn read(&mut self, key: &Key, number: i64) {
        self.update(key, |tab| tab.read = number);
    }

    pub(super) fn leave(&mut self, key: Key, now: Instant) {
        self.remove(&key);
        let until = now + LEFT_TAB_TTL;
        if let Some(before) = self.left.insert(key.clone(), until) {
            self.due.remove(&(before, key.clone()));
        }
        self.due.insert((until, key));
    }

    pub(super) fn has_left(&self, key: &Key) -> bool {
        self.left.contains_key(key)
    }

    pub(super) fn contested(&self) -> Vec<(RoomName, TabId, Skeleton)> {
        let rooms = self.rooms.iter();
        let tabs = rooms.flat_map(|(name, room)| {
            room.contested().map(|(tab, skeleton)| (name.clone(), tab.clone(), skeleton.clone()))
        });
        tabs.collect()
    }

    pub(super) fn give_up(&mut self, key: &Key) {
        self.remove(key);
    }

    pub(super) fn watch(&mut self, room: &RoomName) {
        self.open(room);
        self.change(room, Room::watch);
        self.note_watching(room);
    }

    pub(super) fn unwatch(&mut self, room: &RoomName) {
        self.change(room, Room::unwatch);
        self.note_watching(room);
    }

    pub(super) fn watching_here(&self, room: &RoomName) -> usize {
        self.rooms.get(room).map_or(0, Room::watching_here)
    }

    /// A tab on another node came, changed, or went.
    pub(super) fn shift(&mut self, shift: &Shift, skeleton: &Skeleton) {
        self.open(&shift.room);
        self.change(&shift.room, |room| room.shift(shift, skeleton));
    }

    pub(super) fn shift_watching(&mut self, room: &RoomName, before: usize, after: usize) {
        self.open(room);
        self.change(room, |room| room.shift_watching(before, after));
    }

    pub(super) fn people(&mut self, room: &RoomName) -> Arc<People> {
        let room = self.rooms.get_mut(room).filter(|room| room.lists_anybody());
        Arc::clone(room.map_or(&self.nobody, Room::people))
    }

    pub(super) fn count(&self, room: &RoomName) -> usize {
        self.rooms.get(room).map_or(0, Room::count)
    }

    pub(super) fn occupied(&self, part: &str, limit: usize) -> Vec<(RoomName, usize)> {
        let looked_at = self.by_count.iter().take(limit.max(MAX_SEARCHED_ROOMS));
        let most = looked_at.filter(|(_, room)| room.as_str().contains(part)).take(limit);
        most.map(|(Reverse(count), room)| (room.clone(), *count)).collect()
    }

    pub(super) fn name(&self, key: &Key) -> Option<Name> {
        self.tab(key).map(|tab| tab.name.clone())
    }

    /// Does what is due by `now`, `most` at most; gives how much that was.
    pub(super) fn elapse(&mut self, now: Instant, most: usize) -> usize {
        for done in 0..most {
            if self.due.first().is_none_or(|(at, _)| *at > now) {
                return done;
            }
            let Some((_, key)) = self.due.pop_first() else { return done };
            match self.tab(&key).map(|tab| tab.has_ended(now)) {
                Some(true) => self.remove(&key),
                Some(false) => drop(self.update(&key, |tab| tab.elapse(now))),
                None => drop(self.left.remove(&key)),
            }
        }
        most
    }

    pub(super) fn take_changed(&mut self) -> HashSet<RoomName> {
        mem::take(&mut self.changed)
    }

    /// Who is in a room, where that was not announced; and forgets a room that is empty.
    pub(super) fn unannounced(&mut self, name: &RoomName) -> Option<Arc<People>> {
        let room = self.rooms.get_mut(name)?;
        let people = room.unannounced();
        if room.is_empty() {
            self.rooms.remove(name);
        }
        people
    }

    pub(super) fn tab(&self, key: &Key) -> Option<&Tab> {
        self.rooms.get(&key.room)?.tab(&key.tab)
    }

    fn open(&mut self, name: &RoomName) {
        let nobody = &self.nobody;
        self.rooms.entry(name.clone()).or_insert_with(|| Room::new(nobody));
    }

    /// Adds a tab, unless it is there.
    fn insert(&mut self, key: &Key, name: &Name, skeleton: Skeleton, now: Instant) {
        if self.tab(key).is_some() {
            return;
        }
        if let Some(until) = self.left.remove(key) {
            self.due.remove(&(until, key.clone()));
        }
        self.generations += 1;
        let tab = Tab::new(name.clone(), skeleton, self.generations, now);
        self.open(&key.room);
        self.change(&key.room, |room| room.insert(key.tab.clone(), tab));
        self.update(key, |_| ()); // From here on it waits for its deadline.
        self.note(key);
    }

    /// Notes for other nodes that a tab is another than it was.
    fn note(&mut self, key: &Key) {
        if let Some(outbox) = &mut self.outbox {
            outbox.tabs.insert(key.clone());
        }
    }

    fn note_watching(&mut self, room: &RoomName) {
        if let Some(outbox) = &mut self.outbox {
            outbox.watched.insert(room.clone());
        }
    }

    /// Changes a tab, if it is there.
    fn update<R>(&mut self, key: &Key, change: impl FnOnce(&mut Tab) -> R) -> Option<R> {
        let shared = self.outbox.is_some();
        let before = if shared { self.tab(key).map(Tab::word) } else { None };
        let (result, due) = self.change(&key.room, |room| room.update(&key.tab, change))??;
        if shared && before != self.tab(key).map(Tab::word) {
            self.note(key);
        }
        if due.before != due.after {
            if let Some(before) = due.before {
                self.due.remove(&(before, key.clone()));
            }
            if let Some(after) = due.after {
                self.due.insert((after, key.clone()));
            }
        }
        Some(result)
    }

    /// Removes a tab, if it is there.
    fn remove(&mut self, key: &Key) {
        let tab = self.change(&key.room, |room| room.remove(&key.tab)).flatten();
        let Some(tab) = tab else { return };
        if let Some(due) = tab.due {
            self.due.remove(&(due, key.clone()));
        }
        self.note(key);
    }

    /// Changes a room, if it is there, and notes what came of it.
    fn change<R>(&mut self, name: &RoomName, change: impl FnOnce(&mut Room) -> R) -> Option<R> {
        let room = self.rooms.get_mut(name)?;
        let before = room.count();
        let result = change(room);
        let after = room.count();
        if before != after {
            self.by_count.remove(&(Reverse(before), name.clone()));
            if after > 0 {
                self.by_count.insert((Reverse(after), name.clone()));
            }
        }
        if room.is_stale() || room.is_empty() {
            self.changed.insert(name.clone());
        }
        Some(result)
    }
}

#[cfg(test)]
impl State {
    /// How many deadlines wait: one of each tab that has any, and of each that left.
    pub fn deadlines(&self) -> usize {
        let tabs = self.rooms.values().map(Room::tabs_with_a_deadline).sum::<usize>();
        assert_eq!(self.due.len(), tabs + self.left.len());
        self.due.len()
    }

    pub fn assert_is_empty(&self) {
        let State { rooms, by_count, due, left, changed, .. } = self;
        let kept = [rooms.len(), by_count.len(), due.len(), left.len(), changed.len()];
        assert_eq!(kept, [0; 5], "rooms, counts, deadlines, tabs that left, changes");
    }
}
