//! Presence: who is in a room, by the streams that are open there.
//!
//! A tab is here while it has a stream, and for a short grace after: a reload or a reconnect
//! neither leaves nor joins. A tab that says it is hidden lets go of its stream and is here all
//! the same, marked away, as long as it says so again and again. Who reads without having joined
//! is counted as watching.
//!
//! Changes gather, and [`run`] announces what came of them twice a second at most.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap, HashSet},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use unicode_normalization::UnicodeNormalization as _;

use crate::{
    delivery::frame::{self, Frame},
    delivery::hub::Hub,
    message::{Name, RoomName},
    message::{People, Person},
};

/// How long a tab without a stream is still here, and a hidden one not yet away: who looks into
/// another tab for a moment changes nothing.
const GRACE: Duration = Duration::from_secs(5);

/// How long the word of a hidden tab holds. It speaks once a minute, since browsers let timers of
/// hidden pages run that often; two may get lost.
const WORD: Duration = Duration::from_secs(150);

/// How often changes are looked at, and so the least time between two announcements in a room.
const LOOK: Duration = Duration::from_millis(500);

/// Names that a list carries; the rest is a number.
pub const LISTED: usize = 50;

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
    /// When to look at which tab again, since a grace or a word ends; the first to end is on top.
    due: BinaryHeap<Reverse<(Instant, RoomName, Arc<str>)>>,
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
    /// Until when it is here without a stream and without being hidden.
    until: Instant,
    /// Since when it is hidden, and until when its word for that holds.
    hidden: Option<(Instant, Instant)>,
    /// When it is looked at next, so that it waits in [`State::due`] once.
    due: Option<Instant>,
}

impl Present {
    fn new(name: &Name, now: Instant) -> Self {
        Self {
            name: name.clone(),
            likeness: likeness(name),
            streams: 0,
            arrived: false,
            until: now + GRACE,
            hidden: None,
            due: None,
        }
    }

    fn here(&self, now: Instant) -> bool {
        self.streams > 0 || now < self.until || self.hidden.is_some_and(|(_, until)| now < until)
    }

    fn away(&self, now: Instant) -> bool {
        self.hidden.is_some_and(|(since, _)| since + GRACE <= now)
    }

    /// When something about it changes by itself.
    fn next(&self, now: Instant) -> Option<Instant> {
        let alone = self.streams == 0;
        let grace = alone.then_some(self.until);
        let away = self.hidden.map(|(since, _)| since + GRACE);
        let word = self.hidden.filter(|_| alone).map(|(_, until)| until);
        [grace, away, word].into_iter().flatten().filter(|at| *at > now).min()
    }
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
        state.update(room, &tab.into(), Some(name), |_, _| false);
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
        let tab: Arc<str> = tab.into();
        self.lock().update(room, &tab, Some(name), |present, _| {
            present.streams += 1;
            // A hidden tab that keeps its stream says that it is hidden after this.
            let back = present.hidden.take().is_some();
            !mem::replace(&mut present.arrived, true) || back
        });
        Stay { presence: self.clone(), room: room.clone(), tab: Some(tab) }
    }

    /// A tab says that it is hidden; that holds for a while, and is to be said again. It is here
    /// by that, whether it has a stream or not.
    pub fn hide(&self, room: &RoomName, tab: &str, name: &Name) {
        self.lock().update(room, &tab.into(), Some(name), |present, now| {
            let since = present.hidden.map_or(now, |(since, _)| since);
            present.hidden = Some((since, now + WORD));
            !mem::replace(&mut present.arrived, true)
        });
    }

    /// A tab says that it is not hidden, or no more: it is here by its stream, and for a grace.
    pub fn show(&self, room: &RoomName, tab: &str) {
        self.lock().update(room, &tab.into(), None, |present, now| {
            present.until = now + GRACE;
            present.hidden.take().is_some()
        });
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
        let now = Instant::now();
        self.lock().rooms.get(room).map_or_else(People::default, |here| here.people(now))
    }

    /// The rooms that have people, and who is there.
    pub fn rooms(&self) -> Vec<(RoomName, People)> {
        let (state, now) = (self.lock(), Instant::now());
        state.rooms.iter().map(|(name, room)| (name.clone(), room.people(now))).collect()
    }

    /// Ends what graces are over, and gives the rooms in which other people are than were
    /// announced.
    fn look(&self, now: Instant) -> Vec<(RoomName, People)> {
        let mut state = self.lock();
        while let Some(Reverse((at, ..))) = state.due.peek()
            && *at <= now
        {
            let Some(Reverse((at, room, tab))) = state.due.pop() else { break };
            let Some(here) = state.rooms.get_mut(&room) else { continue };
            let Some(present) = here.tabs.get_mut(&tab) else { continue };
            if present.due.take_if(|due| *due == at).is_none() {
                continue; // To be looked at earlier, and was.
            }
            if present.here(now) {
                state.update(&room, &tab, None, |_, _| true);
            } else {
                here.tabs.remove(&tab);
                state.changed.insert(room);
            }
        }
        let mut news = Vec::new();
        for name in mem::take(&mut state.changed) {
            let Some(here) = state.rooms.get_mut(&name) else { continue };
            let people = here.people(now);
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
    /// Changes what is known of a tab; with a `name`, of one that was not known as well. The
    /// change says whether others can see it.
    fn update(
        &mut self,
        room: &RoomName,
        tab: &Arc<str>,
        name: Option<&Name>,
        change: impl FnOnce(&mut Present, Instant) -> bool,
    ) {
        let now = Instant::now();
        if let Some(name) = name {
            let here = self.rooms.entry(room.clone()).or_default();
            here.tabs.entry(Arc::clone(tab)).or_insert_with(|| Present::new(name, now));
        }
        let known = self.rooms.get_mut(room).and_then(|here| here.tabs.get_mut(tab));
        let Some(present) = known else { return };
        if change(present, now) {
            self.changed.insert(room.clone());
        }
        if let Some(at) = present.next(now)
            && present.due.is_none_or(|due| at < due)
        {
            present.due = Some(at);
            self.due.push(Reverse((at, room.clone(), Arc::clone(tab))));
        }
    }

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
    fn people(&self, now: Instant) -> People {
        let mut names: BTreeMap<&str, (&Name, bool)> = BTreeMap::new();
        for tab in self.tabs.values().filter(|tab| tab.arrived) {
            let (_, away) = names.entry(tab.name.as_str()).or_insert((&tab.name, true));
            *away &= tab.away(now);
        }
        let listed = names.values().take(LISTED);
        People {
            count: names.len(),
            names: listed
                .map(|(name, away)| Person { name: (*name).clone(), away: *away })
                .collect(),
            watching: self.watching,
        }
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let mut state = self.presence.lock();
        match &self.tab {
            None => {
                let Some(here) = state.rooms.get_mut(&self.room) else { return };
                here.watching -= 1;
                state.changed.insert(self.room.clone());
            }
            // Gone already where it left by itself.
            Some(tab) => state.update(&self.room, tab, None, |present, now| {
                present.streams -= 1;
                present.until = now + GRACE;
                false
            }),
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
            hub.announce(&room, frame::presence(&people));
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
        people.names.iter().map(|person| person.name.as_str()).collect()
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

    /// What is announced now, if anything, with who is away.
    fn told(presence: &Presence) -> Option<String> {
        let news = presence.look(Instant::now());
        let people = &news.first()?.1;
        let each = people.names.iter().map(|Person { name, away }| {
            if *away { format!("{name} (away)") } else { name.to_string() }
        });
        Some(each.collect::<Vec<_>>().join(", "))
    }

    #[tokio::test(start_paused = true)]
    async fn a_hidden_tab_is_away_after_a_grace_and_back_at_once() {
        let presence = Presence::new();
        let ann = name("ann");
        let stay = presence.enter(&room(), "1", &ann);
        assert_eq!(told(&presence).as_deref(), Some("ann"));
        presence.hide(&room(), "1", &ann);
        drop(stay);
        tokio::time::advance(GRACE / 2).await;
        let stay = presence.enter(&room(), "1", &ann);
        assert_eq!(told(&presence), None, "a look into another tab, and back");
        presence.hide(&room(), "1", &ann);
        drop(stay);
        tokio::time::advance(GRACE.mul_f32(0.99)).await;
        assert_eq!(told(&presence), None);
        tokio::time::advance(GRACE.mul_f32(0.02)).await;
        assert_eq!(told(&presence).as_deref(), Some("ann (away)"));
        assert_eq!(presence.check(&room(), &name("Ann")), Err(Taken));
        // As long as it says so again, and no longer.
        for _ in 0..10 {
            tokio::time::advance(WORD / 2).await;
            presence.hide(&room(), "1", &ann);
            assert_eq!(told(&presence), None);
        }
        let stay = presence.enter(&room(), "1", &ann);
        assert_eq!(told(&presence).as_deref(), Some("ann"));
        presence.hide(&room(), "1", &ann);
        drop(stay);
        tokio::time::advance(GRACE).await;
        assert_eq!(told(&presence).as_deref(), Some("ann (away)"));
        tokio::time::advance(WORD - GRACE).await;
        assert_eq!(told(&presence).as_deref(), Some(""));
        assert!(presence.rooms().is_empty(), "nothing is kept of an empty room");
    }

    #[tokio::test(start_paused = true)]
    async fn a_hidden_tab_that_is_closed_is_gone_after_a_grace() {
        let presence = Presence::new();
        let ann = name("ann");
        drop(presence.enter(&room(), "1", &ann));
        presence.hide(&room(), "1", &ann);
        tokio::time::advance(GRACE * 3).await;
        assert_eq!(told(&presence).as_deref(), Some("ann (away)"));
        presence.show(&room(), "1");
        assert_eq!(told(&presence).as_deref(), Some("ann"), "here for a grace");
        tokio::time::advance(GRACE).await;
        assert_eq!(told(&presence).as_deref(), Some(""));
        presence.show(&room(), "1");
        assert_eq!(told(&presence), None, "who is gone does not come by that");
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_is_away_when_all_its_tabs_are_and_a_tab_is_looked_at_once() {
        let presence = Presence::new();
        let ann = name("ann");
        let stays = [presence.enter(&room(), "1", &ann), presence.enter(&room(), "2", &ann)];
        told(&presence);
        for _ in 0..1000 {
            presence.hide(&room(), "1", &ann);
        }
        assert!(presence.lock().due.len() <= 2, "a word that is repeated takes no more room");
        tokio::time::advance(GRACE).await;
        assert_eq!(told(&presence), None);
        presence.hide(&room(), "2", &ann);
        tokio::time::advance(GRACE).await;
        assert_eq!(told(&presence).as_deref(), Some("ann (away)"));
        tokio::time::advance(WORD * 2).await;
        assert_eq!(told(&presence), None, "its streams are open: it is there");
        presence.show(&room(), "2");
        assert_eq!(told(&presence).as_deref(), Some("ann"));
        drop(stays);
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
