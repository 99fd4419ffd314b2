//! The roster's part in a list that several nodes share: what others are to be told of the tabs that
//! are here, and the tabs that are elsewhere, which count in the rooms' lists like our own.
//!
//! Which tab is on which node is not kept here; see [`nodes`](super::super::nodes).

use std::{collections::BTreeSet, mem};

use tokio::time::Instant;

use super::{
    MAX_SWEEP_BATCH, Presence, Roster, TabId, skeleton::Skeleton, state::Key, tab::Standing,
};
use crate::message::{Name, RoomName};

/// What a node says of one of its tabs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::rooms) struct Word {
    /// The tab's name.
    pub name: Name,
    /// The browser that it joined from, as [`browser_mark`] has it; 0 where that is not known.
    pub browser: u32,
    /// How it counts in the list.
    pub standing: Standing,
    /// What keeps it there.
    pub hold: Hold,
}

/// What keeps a tab in its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rooms) enum Hold {
    /// A grace.
    Grace,
    /// That it said that it is hidden.
    Hidden,
    /// A stream.
    Stream,
    /// Nothing: it left by another node, and the one that has it has yet to say so.
    Left,
}

/// What others have not been told yet. Trees, which give their memory back after a rush.
#[derive(Default)]
pub(super) struct Outbox {
    /// Tabs that changed, came or went.
    pub tabs: BTreeSet<Key>,
    /// Rooms in which another number watches.
    pub watched: BTreeSet<RoomName>,
}

/// What changed here since others were told.
#[derive(Default)]
pub(in crate::rooms) struct News {
    /// What is to be said of tabs; `None` of those that are gone.
    pub tabs: Vec<(RoomName, TabId, Option<Word>)>,
    /// How many watch.
    pub watching: Vec<(RoomName, usize)>,
}

/// A tab elsewhere as it was known, and as it is.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::rooms) struct Shift {
    pub room: RoomName,
    pub before: Option<Word>,
    pub after: Option<Word>,
}

/// What tells browsers apart, among those with a tab under one name in one room.
pub(in crate::rooms) fn browser_mark(browser: Option<&str>) -> u32 {
    // FNV-1a: it is the same on every node. Ids of browsers are random and signed: nobody chooses one.
    let hash = |browser: &str| {
        browser
            .bytes()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
    };
    browser.map_or(0, |browser| hash(browser).max(1))
}

impl Roster {
    /// From here on it notes what others are to be told.
    pub(in crate::rooms) fn share(&self) {
        self.lock().share();
    }

    /// Takes what others are to be told.
    pub(in crate::rooms) fn news(&self) -> News {
        let mut news = News::default();
        // In parts: whoever waits for the lock has it in between.
        while self.lock().take_news(&mut news, MAX_SWEEP_BATCH) {}
        news
    }

    /// Counts tabs elsewhere anew.
    pub(in crate::rooms) fn shift(&self, shifts: &[Shift]) {
        for part in shifts.chunks(MAX_SWEEP_BATCH) {
            let skeletons = part.iter().map(|shift| {
                let known = shift.before.as_ref().or(shift.after.as_ref());
                known.map(|word| Skeleton::of(&word.name))
            });
            let skeletons: Vec<_> = skeletons.collect(); // What takes long, before the lock.
            let mut state = self.lock();
            for (shift, skeleton) in part.iter().zip(skeletons) {
                if let Some(skeleton) = skeleton {
                    state.shift(shift, &skeleton);
                }
            }
        }
    }

    /// So many more, or fewer, watch a room elsewhere.
    pub(in crate::rooms) fn shift_watching(&self, room: &RoomName, before: usize, after: usize) {
        self.lock().shift_watching(room, before, after);
    }

    /// A tab has a stream on another node. Where it has none here, it is here for a grace.
    pub(in crate::rooms) fn yield_to_stream(&self, room: &RoomName, tab: &str) {
        self.lock().yield_to_stream(&Key::new(room, tab), Instant::now());
    }

    /// A tab said elsewhere that it is hidden; where it is not here, that means nothing.
    pub(in crate::rooms) fn hide_known(&self, room: &RoomName, tab: &str) {
        self.lock().hide_known(&Key::new(room, tab), Instant::now());
    }

    /// The tabs here whose name, or one that looks like it, others have as well. It looks at all of them.
    pub(in crate::rooms) fn contested(&self) -> Vec<(RoomName, TabId, Skeleton)> {
        self.lock().contested()
    }

    /// A tab gives up the name that it has just taken: another node's was first.
    pub(in crate::rooms) fn give_up(&self, room: &RoomName, tab: &str) {
        self.lock().give_up(&Key::new(room, tab));
    }

    /// Whether a tab left by itself, not long ago.
    pub(in crate::rooms) fn has_left(&self, room: &RoomName, tab: &str) -> bool {
        self.lock().has_left(&Key::new(room, tab))
    }
}

impl super::state::State {
    fn share(&mut self) {
        self.outbox = Some(Box::default());
    }

    /// Moves up to so many pieces of news; whether more are left.
    fn take_news(&mut self, news: &mut News, most: usize) -> bool {
        let Some(outbox) = &mut self.outbox else { return false };
        let mut tabs = BTreeSet::new();
        mem::swap(&mut tabs, &mut outbox.tabs);
        if tabs.len() > most
            && let Some(first_left) = tabs.iter().nth(most).cloned()
        {
            outbox.tabs = tabs.split_off(&first_left);
        }
        let watched = mem::take(&mut outbox.watched);
        let more = !outbox.tabs.is_empty();
        for key in tabs {
            let word = self.tab(&key).map(super::tab::Tab::word);
            news.tabs.push((key.room, key.tab, word));
        }
        for room in watched {
            let watching = self.watching_here(&room);
            news.watching.push((room, watching));
        }
        more
    }

    fn yield_to_stream(&mut self, key: &Key, now: Instant) {
        // Word that it is hidden would keep it here for minutes after it left there.
        if self.tab(key).is_some_and(|tab| tab.hold() == Hold::Hidden) {
            self.show(key, now);
        }
    }
}

impl Hold {
    /// How much a tab is there by it.
    pub(in crate::rooms) fn presence(self) -> Presence {
        match self {
            Self::Left => Presence::Gone,
            Self::Grace => Presence::Idle,
            Self::Hidden | Self::Stream => Presence::Here,
        }
    }
}

/// Counts of what is elsewhere, in one room.
#[derive(Default)]
pub(super) struct Elsewhere {
    /// Tabs on other nodes.
    pub tabs: usize,
    /// Readers without a name on other nodes.
    pub watching: usize,
}

#[cfg(test)]
impl Roster {
    /// Ends what is over, as who reads the changes does.
    pub(in crate::rooms) fn sweep_now(&self) {
        for room in self.sweep(Instant::now()) {
            self.unannounced(&room);
        }
    }

    pub(in crate::rooms) fn assert_nothing_is_kept(&self) {
        self.lock().assert_is_empty();
    }
}
