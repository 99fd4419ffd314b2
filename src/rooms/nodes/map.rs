//! What one node has said of its tabs.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    mem,
};

use super::super::roster::{Hold, Shift, Skeleton, Word};
use crate::message::RoomName;

/// A tab's id: 32 hexadecimal digits are 16 bytes.
pub(super) type Id = [u8; 16];

/// The tabs of one node, room by room. It is kept small, since there may be a hundred thousand: an
/// entry is 40 bytes in a tree, which gives memory back, and the name's text, which the list of its
/// room shares.
#[derive(Default)]
pub(super) struct Map {
    rooms: HashMap<RoomName, Place>,
}

/// One room, as a node has said.
#[derive(Default)]
pub(super) struct Place {
    pub tabs: BTreeMap<Id, Word>,
    pub watching: usize,
}

/// What became of the lists by something that a node said.
#[derive(Default)]
pub(super) struct Shifts {
    pub tabs: Vec<Shift>,
    /// Rooms, how many watched there, and how many do.
    pub watching: Vec<(RoomName, usize, usize)>,
}

impl Shifts {
    pub(super) fn extend(&mut self, more: Self) {
        self.tabs.extend(more.tabs);
        self.watching.extend(more.watching);
    }
}

/// Whether a tab is in any list.
fn counts(word: &Word) -> bool {
    word.hold != Hold::Left
}

/// Reads an id.
pub(super) fn parse_id(raw: &str) -> Option<Id> {
    let number = u128::from_str_radix(raw, 16).ok().filter(|_| raw.len() == 32)?;
    Some(number.to_be_bytes())
}

/// Writes it.
pub(super) fn id_text(id: &Id) -> String {
    format!("{:032x}", u128::from_be_bytes(*id))
}

impl Map {
    /// What it says of a tab.
    pub(super) fn get(&self, room: &RoomName, id: &Id) -> Option<&Word> {
        self.rooms.get(room)?.tabs.get(id)
    }

    /// Its rooms.
    pub(super) fn rooms(&self) -> impl Iterator<Item = (&RoomName, &Place)> {
        self.rooms.iter()
    }

    /// The tabs of a browser under a name that looks like this.
    pub(super) fn of_browser(
        &self,
        room: &RoomName,
        skeleton: &Skeleton,
        browser: u32,
    ) -> Vec<(Id, Word)> {
        let tabs = self.rooms.get(room).into_iter().flat_map(|place| &place.tabs);
        let own = tabs.filter(|(_, word)| {
            word.browser == browser
                && word.hold != Hold::Left
                && Skeleton::of(&word.name).is_like(skeleton)
        });
        own.map(|(id, word)| (*id, word.clone())).collect()
    }

    /// The tabs whose name looks like this.
    pub(super) fn bearers<'a>(
        &'a self,
        room: &RoomName,
        skeleton: &'a Skeleton,
    ) -> impl Iterator<Item = (&'a Id, Hold)> {
        let tabs = self.rooms.get(room).into_iter().flat_map(|place| &place.tabs);
        tabs.filter(|(_, word)| Skeleton::of(&word.name).is_like(skeleton))
            .map(|(id, word)| (id, word.hold))
    }

    /// Whether a tab has a name that looks like this, of those whose id is wanted.
    pub(super) fn bears(
        &self,
        room: &RoomName,
        skeleton: &Skeleton,
        is_wanted: impl Fn(&Id) -> bool,
    ) -> bool {
        let mut tabs = self.rooms.get(room).into_iter().flat_map(|place| &place.tabs);
        tabs.any(|(id, word)| {
            is_wanted(id) && counts(word) && Skeleton::of(&word.name).is_like(skeleton)
        })
    }

    /// Says another thing of a tab, or that it is gone.
    pub(super) fn set(&mut self, room: &RoomName, id: Id, word: Option<Word>, shifts: &mut Shifts) {
        let tabs = &mut self.place(room).tabs;
        let before = match &word {
            Some(word) => tabs.insert(id, word.clone()),
            None => tabs.remove(&id),
        };
        self.forget_empty(room);
        let mut push = |before: Option<Word>, after: Option<Word>| {
            let (before, after) = (before.filter(counts), after.filter(counts));
            if before != after {
                shifts.tabs.push(Shift { room: room.clone(), before, after });
            }
        };
        match (before, word) {
            // A tab bears one name for all its life; were it not so, the one goes and the other comes.
            (Some(before), Some(after)) if before.name != after.name => {
                push(Some(before), None);
                push(None, Some(after));
            }
            (before, after) => push(before, after),
        }
    }

    /// Says how many watch.
    pub(super) fn watch(&mut self, room: &RoomName, watching: usize, shifts: &mut Shifts) {
        let before = mem::replace(&mut self.place(room).watching, watching);
        self.forget_empty(room);
        if before != watching {
            shifts.watching.push((room.clone(), before, watching));
        }
    }

    /// Says of all tabs but these, and of all who watch, that they are gone.
    pub(super) fn retain(&mut self, stays: impl Fn(&Word) -> bool, shifts: &mut Shifts) {
        let mut fresh = Self::default();
        for (room, place) in &self.rooms {
            let stay = place.tabs.iter().filter(|(_, word)| stays(word));
            let stay: BTreeMap<_, _> = stay.map(|(id, word)| (*id, word.clone())).collect();
            if !stay.is_empty() {
                fresh.rooms.insert(room.clone(), Place { tabs: stay, watching: 0 });
            }
        }
        shifts.extend(self.replace(fresh));
    }

    /// Takes another in its place, and says how they differ.
    pub(super) fn replace(&mut self, fresh: Self) -> Shifts {
        let mut shifts = Shifts::default();
        let gone = self.rooms.iter().flat_map(|(room, place)| {
            let now = fresh.rooms.get(room);
            let is_gone = move |id: &&Id| now.is_none_or(|now| !now.tabs.contains_key(*id));
            place.tabs.keys().filter(is_gone).map(|id| (room.clone(), *id))
        });
        for (room, id) in gone.collect::<Vec<_>>() {
            self.set(&room, id, None, &mut shifts);
        }
        let unwatched = self.rooms.keys().filter(|room| !fresh.rooms.contains_key(*room));
        for room in unwatched.cloned().collect::<Vec<_>>() {
            self.watch(&room, 0, &mut shifts);
        }
        for (room, place) in fresh.rooms {
            for (id, word) in place.tabs {
                self.set(&room, id, Some(word), &mut shifts);
            }
            self.watch(&room, place.watching, &mut shifts);
        }
        shifts
    }

    fn place(&mut self, room: &RoomName) -> &mut Place {
        self.rooms.entry(room.clone()).or_default()
    }

    fn forget_empty(&mut self, room: &RoomName) {
        if let Entry::Occupied(place) = self.rooms.entry(room.clone())
            && place.get().tabs.is_empty()
            && place.get().watching == 0
        {
            place.remove();
        }
    }
}
