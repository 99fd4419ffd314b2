//! One room: its tabs, and its names in order with how many tabs bear each.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    hash::{BuildHasher as _, RandomState},
    mem,
    sync::Arc,
};

use tokio::time::Instant;

use super::{
    MAX_LISTED_NAMES, TabId,
    elsewhere::{Elsewhere, Shift, Word},
    skeleton::Skeleton,
    tab::{Standing, Tab},
};
use crate::message::{Name, People, Person};

pub(super) struct Room {
    tabs: HashMap<TabId, Tab>,
    /// The names that are listed, of tabs here and on other nodes.
    names: BTreeMap<Name, Tally>,
    /// How many tabs, here and on other nodes, hold a name with this skeleton, those that have not
    /// come yet among them.
    ///
    /// By a hash of it under a key that nobody knows: two of 64 bits are not the same by chance, and a
    /// text for each would be a third of what a tab on another node costs.
    skeletons: BTreeMap<u64, u32>,
    hasher: RandomState,
    watching: usize,
    /// What counts of other nodes' tabs.
    elsewhere: Elsewhere,
    /// What was listed when somebody last asked, and whether that may have changed since.
    snapshot: Arc<People>,
    stale: bool,
    /// What was announced last.
    announced: Arc<People>,
}

/// The tabs under one name.
#[derive(Default)]
struct Tally {
    tabs: u32,
    away: u32,
}

impl Tally {
    fn is_away(&self) -> bool {
        self.away == self.tabs
    }
}

/// A tab's deadline, before a change and after it.
pub(super) struct Deadlines {
    pub before: Option<Instant>,
    pub after: Option<Instant>,
}

/// Who bears a name, as one browser sees it.
pub(super) struct Bearers {
    /// Its own tabs, and whether each is idle.
    pub own: Vec<(TabId, bool)>,
    /// Whether there are others.
    pub others: bool,
}

impl Room {
    /// A room in which `nobody` is.
    pub(super) fn new(nobody: &Arc<People>) -> Self {
        Self {
            tabs: HashMap::new(),
            names: BTreeMap::new(),
            skeletons: BTreeMap::new(),
            hasher: RandomState::new(),
            watching: 0,
            elsewhere: Elsewhere::default(),
            snapshot: Arc::clone(nobody),
            stale: false,
            announced: Arc::clone(nobody),
        }
    }

    /// How many names are listed.
    pub(super) fn count(&self) -> usize {
        self.names.len()
    }

    pub(super) fn lists_anybody(&self) -> bool {
        !self.names.is_empty() || self.watching() > 0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tabs.is_empty() && self.elsewhere.tabs == 0 && self.watching() == 0
    }

    /// Readers without a name on this node.
    pub(super) fn watching_here(&self) -> usize {
        self.watching
    }

    fn watching(&self) -> usize {
        self.watching + self.elsewhere.watching
    }

    /// Whether what is listed may have changed since somebody last asked.
    pub(super) fn is_stale(&self) -> bool {
        self.stale
    }

    /// Whether more than so many tabs have a name that looks like this.
    pub(super) fn holds(&self, skeleton: &Skeleton, beside: u32) -> bool {
        skeleton.each().any(|one| self.count_of(one) > beside)
    }

    /// The tabs here whose name, or one that looks like it, others have as well.
    pub(super) fn contested(&self) -> impl Iterator<Item = (&TabId, &Skeleton)> {
        let tabs = self.tabs.iter().map(|(id, tab)| (id, &tab.skeleton));
        tabs.filter(|(_, skeleton)| self.holds(skeleton, 1))
    }

    /// The tabs here, and whom each posts as.
    pub(super) fn tabs(&self) -> impl Iterator<Item = (&TabId, &Name)> {
        self.tabs.iter().map(|(id, tab)| (id, &tab.name))
    }

    fn count_of(&self, one: &Arc<str>) -> u32 {
        self.skeletons.get(&self.hasher.hash_one(one)).copied().unwrap_or(0)
    }

    pub(super) fn tab(&self, id: &TabId) -> Option<&Tab> {
        self.tabs.get(id)
    }

    /// Who bears a name with this skeleton; `elsewhere` of the browser's own tabs are on other nodes.
    /// It looks at each tab of the room, and is asked only where a browser wants a name that is taken.
    pub(super) fn bearers(&self, skeleton: &Skeleton, browser: &str, elsewhere: usize) -> Bearers {
        let mut bearers = Bearers { own: Vec::new(), others: false };
        let mut known = u32::try_from(elsewhere).unwrap_or(u32::MAX);
        for (id, tab) in self.tabs.iter().filter(|(_, tab)| tab.skeleton.is_like(skeleton)) {
            if tab.browser.as_deref() == Some(browser) {
                bearers.own.push((id.clone(), tab.is_idle()));
            } else {
                bearers.others = true;
            }
            known += 1;
        }
        bearers.others |= self.holds(skeleton, known);
        bearers
    }

    /// Adds a tab, unless one is there under its id.
    pub(super) fn insert(&mut self, id: TabId, tab: Tab) {
        if let Entry::Vacant(place) = self.tabs.entry(id) {
            for one in tab.skeleton.each() {
                *self.skeletons.entry(self.hasher.hash_one(one)).or_default() += 1;
            }
            place.insert(tab); // It has not come yet, so no name is to be counted.
        }
    }

    /// Changes a tab, if it is there.
    pub(super) fn update<R>(
        &mut self,
        id: &TabId,
        change: impl FnOnce(&mut Tab) -> R,
    ) -> Option<(R, Deadlines)> {
        let tab = self.tabs.get_mut(id)?;
        let before = tab.standing();
        let result = change(tab);
        let (name, after, due) = (tab.name.clone(), tab.standing(), tab.deadline());
        let deadlines = Deadlines { before: mem::replace(&mut tab.due, due), after: due };
        self.recount(&name, before, after);
        Some((result, deadlines))
    }

    /// Removes a tab, if it is there.
    pub(super) fn remove(&mut self, id: &TabId) -> Option<Tab> {
        let tab = self.tabs.remove(id)?;
        self.recount(&tab.name, tab.standing(), Standing::Unlisted);
        self.release(&tab.skeleton);
        Some(tab)
    }

    /// A tab holds its skeleton.
    fn hold(&mut self, skeleton: &Skeleton) {
        for one in skeleton.each() {
            *self.skeletons.entry(self.hasher.hash_one(one)).or_default() += 1;
        }
    }

    /// A tab holds its skeleton no more.
    fn release(&mut self, skeleton: &Skeleton) {
        for one in skeleton.each() {
            let hash = self.hasher.hash_one(one);
            if let Some(tabs) = self.skeletons.get_mut(&hash) {
                *tabs -= 1;
                if *tabs == 0 {
                    self.skeletons.remove(&hash);
                }
            }
        }
    }

    /// A tab on another node came, changed, or went.
    pub(super) fn shift(&mut self, shift: &Shift, skeleton: &Skeleton) {
        if shift.before.is_none() && shift.after.is_some() {
            self.elsewhere.tabs += 1;
            self.hold(skeleton);
        } else if shift.before.is_some() && shift.after.is_none() {
            self.elsewhere.tabs -= 1;
            self.release(skeleton);
        }
        let standing =
            |word: &Option<Word>| word.as_ref().map_or(Standing::Unlisted, |word| word.standing);
        if let Some(word) = shift.after.as_ref().or(shift.before.as_ref()) {
            self.recount(&word.name, standing(&shift.before), standing(&shift.after));
        }
    }

    /// Another number watches on other nodes.
    pub(super) fn shift_watching(&mut self, before: usize, after: usize) {
        self.elsewhere.watching = self.elsewhere.watching - before + after;
        self.stale = true;
    }

    /// A reader without a name came.
    pub(super) fn watch(&mut self) {
        self.watching += 1;
        self.stale = true;
    }

    /// A reader without a name left.
    pub(super) fn unwatch(&mut self) {
        self.watching -= 1;
        self.stale = true;
    }

    /// Who is here: the same value until what it says changes.
    pub(super) fn people(&mut self) -> &Arc<People> {
        if self.stale {
            let people = self.list();
            if people != *self.snapshot {
                self.snapshot = Arc::new(people);
            }
            self.stale = false;
        }
        &self.snapshot
    }

    /// Who is here, where that is not what was given here before.
    pub(super) fn unannounced(&mut self) -> Option<Arc<People>> {
        let people = Arc::clone(self.people());
        let before = mem::replace(&mut self.announced, Arc::clone(&people));
        // By value too: it may have changed there and back, and been asked for in between.
        (!Arc::ptr_eq(&before, &people) && before != people).then_some(people)
    }

    fn list(&self) -> People {
        let listed = self.names.iter().take(MAX_LISTED_NAMES);
        People {
            count: self.names.len(),
            names: listed
                .map(|(name, tally)| Person { name: name.clone(), away: tally.is_away() })
                .collect(),
            watching: self.watching(),
        }
    }

    /// Counts one tab of a name anew.
    fn recount(&mut self, name: &Name, before: Standing, after: Standing) {
        if before == after {
            return;
        }
        let tally = self.names.entry(name.clone()).or_default();
        let (was_listed, was_away) = (tally.tabs > 0, tally.is_away());
        tally.tabs -= u32::from(before != Standing::Unlisted);
        tally.away -= u32::from(before == Standing::Away);
        tally.tabs += u32::from(after != Standing::Unlisted);
        tally.away += u32::from(after == Standing::Away);
        let is_listed = tally.tabs > 0;
        self.stale |= was_listed != is_listed || was_away != tally.is_away();
        if !is_listed {
            self.names.remove(name);
        }
    }
}

#[cfg(test)]
impl Room {
    pub fn tabs_with_a_deadline(&self) -> usize {
        self.tabs.values().filter(|tab| tab.due.is_some()).count()
    }
}
