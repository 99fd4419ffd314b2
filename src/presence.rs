//! Presence: who is in a room, by the streams that are open there.
//!
//! A tab is here while it has a stream, and for a short grace after: a reload or a reconnect
//! neither leaves nor joins. Who reads without having joined is counted as watching.
//!
//! Changes gather, and [`run`] announces what came of them twice a second at most.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use unicode_normalization::UnicodeNormalization as _;

use crate::{
    frame::{self, Frame},
    hub::Hub,
    message::{Name, RoomName},
};

/// How long a tab without a stream is still here.
const GRACE: Duration = Duration::from_secs(5);

/// How often changes are looked at, and so the least time between two announcements in a room.
const LOOK: Duration = Duration::from_millis(500);

/// Names that a list carries; the rest is a number.
pub const LISTED: usize = 50;

/// Who is in a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    /// How many names are here.
    pub count: usize,
    /// The names, in their order, [`LISTED`] at most.
    pub names: Vec<Name>,
    /// How many read along without a name.
    pub watching: usize,
}

/// Somebody else in the room bears this name, or one that looks like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("somebody in the room bears this name")]
pub struct Taken;

/// A handle on who is where; clones share it.
#[derive(Clone, Default)]
pub struct Presence(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    rooms: HashMap<RoomName, Room>,
    /// Tabs without a stream, and when their grace ends; the first to end is in front, since
    /// every grace is as long.
    leaving: VecDeque<(Instant, RoomName, Arc<str>)>,
    /// Rooms that changed since they were last announced.
    changed: HashSet<RoomName>,
}

#[derive(Default)]
struct Room {
    tabs: HashMap<Arc<str>, Present>,
    watching: usize,
    /// What was announced last.
    announced: People,
}

struct Present {
    name: Name,
    /// What the name looks like; see [`likeness`].
    likeness: String,
    streams: usize,
    /// Whether it ever had a stream: who only joined is not here yet, and has the name for a
    /// grace.
    arrived: bool,
    /// Until when it is here without a stream.
    until: Option<Instant>,
}

/// One open stream's hold on its place; dropped with the stream.
pub struct Stay {
    presence: Presence,
    room: RoomName,
    /// The tab, where it is one.
    tab: Option<Arc<str>>,
}

impl Presence {
    /// Nobody, anywhere.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a name for a tab that joins, before its stream opens.
    ///
    /// # Errors
    ///
    /// [`Taken`] when a tab that is here bears it.
    pub fn join(&self, room: &RoomName, tab: &str, name: &Name) -> Result<(), Taken> {
        let mut state = self.lock();
        state.check(room, name)?;
        let until = Instant::now() + GRACE;
        let tab: Arc<str> = tab.into();
        state.leaving.push_back((until, room.clone(), Arc::clone(&tab)));
        let present = Present {
            name: name.clone(),
            likeness: likeness(name),
            streams: 0,
            arrived: false,
            until: Some(until),
        };
        state.rooms.entry(room.clone()).or_default().tabs.insert(tab, present);
        Ok(())
    }

    /// Whether somebody who has not joined may speak under a name now.
    ///
    /// # Errors
    ///
    /// [`Taken`] when a tab that is here bears it.
    pub fn check(&self, room: &RoomName, name: &Name) -> Result<(), Taken> {
        self.lock().check(room, name)
    }

    /// A tab's stream opened.
    #[must_use]
    pub fn enter(&self, room: &RoomName, tab: &str, name: &Name) -> Stay {
        let mut state = self.lock();
        let tab: Arc<str> = tab.into();
        let here = state.rooms.entry(room.clone()).or_default();
        let present = here.tabs.entry(Arc::clone(&tab)).or_insert_with(|| Present {
            name: name.clone(),
            likeness: likeness(name),
            streams: 0,
            arrived: false,
            until: None,
        });
        present.streams += 1;
        present.until = None;
        if !mem::replace(&mut present.arrived, true) {
            state.changed.insert(room.clone());
        }
        Stay { presence: self.clone(), room: room.clone(), tab: Some(tab) }
    }

    /// A stream opened for somebody without a name.
    #[must_use]
    pub fn watch(&self, room: &RoomName) -> Stay {
        let mut state = self.lock();
        state.rooms.entry(room.clone()).or_default().watching += 1;
        state.changed.insert(room.clone());
        Stay { presence: self.clone(), room: room.clone(), tab: None }
    }

    /// A tab left by itself: its name is free at once.
    pub fn leave(&self, room: &RoomName, tab: &str) {
        let mut state = self.lock();
        if let Some(here) = state.rooms.get_mut(room)
            && here.tabs.remove(tab).is_some()
        {
            state.changed.insert(room.clone());
        }
    }

    /// Who is in a room.
    pub fn people(&self, room: &RoomName) -> People {
        self.lock().rooms.get(room).map_or_else(People::default, Room::people)
    }

    /// The rooms that have people, and who is there.
    pub fn rooms(&self) -> Vec<(RoomName, People)> {
        let state = self.lock();
        state.rooms.iter().map(|(name, room)| (name.clone(), room.people())).collect()
    }

    /// Ends what graces are over, and gives the rooms in which other people are than were
    /// announced.
    fn look(&self, now: Instant) -> Vec<(RoomName, People)> {
        let mut state = self.lock();
        while let Some((until, ..)) = state.leaving.front()
            && *until <= now
        {
            let Some((until, room, tab)) = state.leaving.pop_front() else { break };
            let Some(here) = state.rooms.get_mut(&room) else { continue };
            // It may have come back, and gone again, meanwhile: then a later entry is its end.
            if here.tabs.get(&tab).is_some_and(|present| present.until == Some(until)) {
                here.tabs.remove(&tab);
                state.changed.insert(room);
            }
        }
        let mut news = Vec::new();
        for name in mem::take(&mut state.changed) {
            let Some(here) = state.rooms.get_mut(&name) else { continue };
            let people = here.people();
            if people != here.announced {
                here.announced = people.clone();
                news.push((name.clone(), people));
            }
            if here.tabs.is_empty() && here.watching == 0 {
                state.rooms.remove(&name);
            }
        }
        news
    }

    /// A std mutex: what is done under it is short, and never awaits.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check(&self, room: &RoomName, name: &Name) -> Result<(), Taken> {
        let likeness = likeness(name);
        let taken = self
            .rooms
            .get(room)
            .is_some_and(|here| here.tabs.values().any(|present| present.likeness == likeness));
        if taken { Err(Taken) } else { Ok(()) }
    }
}

impl Room {
    fn people(&self) -> People {
        let arrived = self.tabs.values().filter(|present| present.arrived);
        let mut names: Vec<&Name> = arrived.map(|present| &present.name).collect();
        names.sort_unstable_by_key(|name| name.as_str());
        names.dedup();
        People {
            count: names.len(),
            names: names.into_iter().take(LISTED).cloned().collect(),
            watching: self.watching,
        }
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let mut state = self.presence.lock();
        let Some(here) = state.rooms.get_mut(&self.room) else { return };
        match &self.tab {
            None => {
                here.watching -= 1;
                state.changed.insert(self.room.clone());
            }
            Some(tab) => {
                // Gone already where it left by itself.
                let Some(present) = here.tabs.get_mut(tab) else { return };
                present.streams -= 1;
                if present.streams == 0 {
                    let until = Instant::now() + GRACE;
                    present.until = Some(until);
                    state.leaving.push_back((until, self.room.clone(), Arc::clone(tab)));
                }
            }
        }
    }
}

/// What a name looks like: case and width folded, and the skeleton of Unicode Technical Standard
/// 39, section 4, in which spellings that are easily confused are one.
fn likeness(name: &Name) -> String {
    let folded: String = name.as_str().nfkc().flat_map(char::to_lowercase).collect();
    let skeleton: String = unicode_security::skeleton(&folded).collect();
    // The skeleton may hold capitals again (a lookalike's prototype).
    skeleton.chars().flat_map(char::to_lowercase).collect()
}

/// Announces who is where, until it is dropped.
pub async fn run(presence: Presence, hub: Hub<Frame>) {
    let mut looks = tokio::time::interval(LOOK);
    loop {
        looks.tick().await;
        for (room, people) in presence.look(Instant::now()) {
            hub.announce(&room, frame::presence(&people.names, people.count, people.watching));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room() -> RoomName {
        RoomName::parse("lobby").unwrap()
    }

    fn name(raw: &str) -> Name {
        Name::parse(raw).unwrap()
    }

    fn names(people: &People) -> Vec<&str> {
        people.names.iter().map(Name::as_str).collect()
    }

    /// What is announced now, if anything.
    fn news(presence: &Presence) -> Option<Vec<String>> {
        let news = presence.look(Instant::now());
        let (_, people) = news.into_iter().next()?;
        Some(names(&people).into_iter().map(ToOwned::to_owned).collect())
    }

    #[tokio::test(start_paused = true)]
    async fn a_tab_that_comes_back_within_the_grace_neither_leaves_nor_joins() {
        let presence = Presence::new();
        let stay = presence.enter(&room(), "1", &name("ann"));
        assert_eq!(news(&presence), Some(vec!["ann".into()]));
        drop(stay);
        tokio::time::advance(GRACE.mul_f32(0.99)).await;
        assert_eq!(news(&presence), None);
        let stay = presence.enter(&room(), "1", &name("ann"));
        tokio::time::advance(GRACE * 2).await;
        assert_eq!(news(&presence), None);
        assert_eq!(names(&presence.people(&room())), ["ann"]);
        drop(stay);
        tokio::time::advance(GRACE).await;
        assert_eq!(news(&presence), Some(vec![]));
        assert!(presence.rooms().is_empty(), "nothing is kept of an empty room");
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_in_two_tabs_counts_once_until_both_are_gone() {
        let presence = Presence::new();
        let one = presence.enter(&room(), "1", &name("ann"));
        let other = presence.enter(&room(), "2", &name("ann"));
        assert_eq!(presence.people(&room()).count, 1);
        drop(one);
        tokio::time::advance(GRACE).await;
        presence.look(Instant::now());
        assert_eq!(names(&presence.people(&room())), ["ann"]);
        drop(other);
        tokio::time::advance(GRACE).await;
        presence.look(Instant::now());
        assert_eq!(presence.people(&room()).count, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn names_that_look_alike_are_taken_while_somebody_is_here() {
        let presence = Presence::new();
        presence.join(&room(), "1", &name("Ann")).unwrap();
        assert_eq!(presence.people(&room()).count, 0, "joined, and not here yet");
        let stay = presence.enter(&room(), "1", &name("Ann"));
        for alike in ["Ann", "ann", "ANN", "Ａｎｎ", "Аnn", "ɑnn"] {
            assert_eq!(presence.join(&room(), "2", &name(alike)), Err(Taken), "{alike}");
            assert_eq!(presence.check(&room(), &name(alike)), Err(Taken), "{alike}");
        }
        for other in ["Anna", "Bob", "李"] {
            assert_eq!(presence.check(&room(), &name(other)), Ok(()), "{other}");
        }
        assert_eq!(presence.check(&RoomName::parse("hall").unwrap(), &name("ann")), Ok(()));
        presence.leave(&room(), "1");
        assert_eq!(presence.check(&room(), &name("ann")), Ok(()), "free at once");
        drop(stay);
    }

    #[tokio::test(start_paused = true)]
    async fn who_joined_and_never_came_has_the_name_for_a_grace() {
        let presence = Presence::new();
        presence.join(&room(), "1", &name("ann")).unwrap();
        assert_eq!(presence.check(&room(), &name("ann")), Err(Taken));
        tokio::time::advance(GRACE).await;
        assert_eq!(news(&presence), None, "nobody saw it come, nobody sees it go");
        assert_eq!(presence.check(&room(), &name("ann")), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_joins_are_one_announcement_with_fifty_names_and_a_number() {
        let presence = Presence::new();
        let stays: Vec<_> = (0..1000)
            .map(|n| presence.enter(&room(), &n.to_string(), &name(&format!("n{n:04}"))))
            .collect();
        let watching = presence.watch(&room());
        let news = presence.look(Instant::now());
        assert_eq!(news.len(), 1);
        let (_, people) = &news[0];
        assert_eq!((people.count, people.names.len(), people.watching), (1000, LISTED, 1));
        assert!(presence.look(Instant::now()).is_empty());
        drop((stays, watching));
    }
}
