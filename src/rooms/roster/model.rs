//! The roster against a list of tabs that is walked for each question.

use std::{collections::BTreeMap, sync::LazyLock};

use proptest::prelude::*;
use tokio::runtime;

use super::*;
use crate::message::Person;

const ROOMS: usize = 3;

/// More than there are names, so that names are in several tabs.
const TABS: usize = 70;

/// More than are listed. A tab bears one for all its life.
const NAMES: usize = 60;

#[derive(Clone, Copy, Debug)]
enum Step {
    Join(usize, usize),
    Enter(usize, usize),
    /// The nth of those that are held, counted round.
    Drop(usize),
    Watch(usize),
    Hide(usize, usize),
    Show(usize, usize),
    Leave(usize, usize),
    /// In milliseconds; what ends is seen by the next sweep.
    Pass(u64),
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    // Few of them most of the time: what happens to one tab is what may go wrong.
    let tab = || prop_oneof![3 => 0..3_usize, 1 => 0..TABS];
    let place = || (0..ROOMS, tab());
    let moment = prop_oneof![
        0..600_u64,
        4_400..5_600_u64,
        Just(5_000_u64),
        Just(150_000_u64),
        Just(3_600_000_u64),
        140_000..160_000_u64
    ];
    prop_oneof![
        2 => place().prop_map(|(room, tab)| Step::Join(room, tab)),
        6 => place().prop_map(|(room, tab)| Step::Enter(room, tab)),
        5 => any::<usize>().prop_map(Step::Drop),
        1 => (0..ROOMS).prop_map(Step::Watch),
        4 => place().prop_map(|(room, tab)| Step::Hide(room, tab)),
        2 => place().prop_map(|(room, tab)| Step::Show(room, tab)),
        2 => place().prop_map(|(room, tab)| Step::Leave(room, tab)),
        4 => moment.prop_map(Step::Pass),
        4 => Just(Step::Sweep),
    ]
}

/// Parsed once: an unoptimised build takes most of its time for that otherwise.
static ROOM: LazyLock<[RoomName; ROOMS]> =
    LazyLock::new(|| std::array::from_fn(|n| RoomName::parse(&format!("room-{n}")).unwrap()));
static NAME: LazyLock<[Name; NAMES]> =
    LazyLock::new(|| std::array::from_fn(|n| Name::parse(&format!("name {n:02}")).unwrap()));

fn room(number: usize) -> RoomName {
    ROOM[number].clone()
}

fn name(tab: usize) -> Name {
    NAME[tab % NAMES].clone()
}

/// A tab, in one room, from when it comes until it is gone.
struct Tab {
    room: usize,
    id: usize,
    /// Numbers of the guards that are held for it.
    streams: Vec<usize>,
    arrived: bool,
    grace_until: Instant,
    hidden: Option<(Instant, Instant)>,
}

#[derive(Default)]
struct Model {
    tabs: Vec<Tab>,
    /// When which tab left.
    left: Vec<(usize, usize, Instant)>,
    /// Rooms and numbers of the guards that are held for readers without a name.
    watching: Vec<(usize, usize)>,
}

impl Model {
    fn find(&mut self, room: usize, tab: usize) -> Option<&mut Tab> {
        self.tabs.iter_mut().find(|known| (known.room, known.id) == (room, tab))
    }

    fn find_or_add(&mut self, room: usize, tab: usize, now: Instant) -> &mut Tab {
        if self.find(room, tab).is_none() {
            self.left.retain(|left| (left.0, left.1) != (room, tab));
            let grace_until = now + PRESENCE_GRACE;
            let streams = Vec::new();
            let new = Tab { room, id: tab, streams, arrived: false, grace_until, hidden: None };
            self.tabs.push(new);
        }
        self.find(room, tab).unwrap()
    }

    fn is_taken(&self, room: usize, tab: usize) -> bool {
        self.tabs.iter().any(|known| known.room == room && known.id % NAMES == tab % NAMES)
    }

    fn hide(&mut self, room: usize, tab: usize, now: Instant) {
        if self.left.iter().any(|left| (left.0, left.1) == (room, tab)) {
            return;
        }
        if self.find(room, tab).is_none() && self.is_taken(room, tab) {
            return;
        }
        let tab = self.find_or_add(room, tab, now);
        let since = tab.hidden.map_or(now, |(since, _)| since);
        tab.hidden = Some((since, now + HIDDEN_LEASE));
        tab.arrived = true;
    }

    fn drop(&mut self, guard: usize, now: Instant) {
        self.watching.retain(|(_, watching)| *watching != guard);
        for tab in self.tabs.iter_mut().filter(|tab| tab.streams.contains(&guard)) {
            tab.streams.retain(|stream| *stream != guard);
            tab.grace_until = now + PRESENCE_GRACE;
        }
    }

    fn sweep(&mut self, now: Instant) {
        self.left.retain(|(.., at)| now < *at + LEFT_TAB_TTL);
        self.tabs.retain(|tab| {
            let hidden = tab.hidden.is_some_and(|(_, until)| now < until);
            !tab.streams.is_empty() || now < tab.grace_until || hidden
        });
    }

    fn people(&self, room: usize, now: Instant) -> People {
        let mut names: BTreeMap<Name, bool> = BTreeMap::new();
        for tab in self.tabs.iter().filter(|tab| tab.room == room && tab.arrived) {
            let away = tab.hidden.is_some_and(|(since, _)| since + PRESENCE_GRACE <= now);
            *names.entry(name(tab.id)).or_insert(true) &= away;
        }
        let listed = names.iter().take(MAX_LISTED_NAMES);
        People {
            count: names.len(),
            names: listed.map(|(name, away)| Person { name: name.clone(), away: *away }).collect(),
            watching: self.watching.iter().filter(|(watched, _)| *watched == room).count(),
        }
    }
}

/// Both of them, and what was seen of them.
struct Run {
    roster: Roster,
    model: Model,
    guards: Vec<(usize, Guard)>,
    numbers: usize,
    steps: usize,
    announced: [People; ROOMS],
    seen: [Arc<People>; ROOMS],
    /// Whether time passed since the last sweep: what became due then is not to be seen yet.
    passed: bool,
}

impl Run {
    fn hold(&mut self, guard: Guard) -> usize {
        self.numbers += 1;
        self.guards.push((self.numbers, guard));
        self.numbers
    }

    async fn take(&mut self, step: Step) {
        self.steps += 1;
        let now = Instant::now();
        match step {
            Step::Join(at, tab) => {
                let joined = self.roster.join(&room(at), &tab.to_string(), &name(tab), None, 0);
                assert_eq!(joined.is_err(), self.model.is_taken(at, tab));
                if joined.is_ok() {
                    self.model.find_or_add(at, tab, now);
                }
            }
            Step::Enter(at, tab) => {
                let guard = self.roster.open(&room(at), &tab.to_string(), &name(tab));
                let number = self.hold(guard);
                let tab = self.model.find_or_add(at, tab, now);
                tab.streams.push(number);
                (tab.arrived, tab.hidden) = (true, None);
            }
            Step::Drop(nth) => {
                if let Some(nth) = nth.checked_rem(self.guards.len()) {
                    let (number, _) = self.guards.remove(nth);
                    self.model.drop(number, now);
                }
            }
            Step::Watch(at) => {
                let guard = self.roster.watch(&room(at));
                let number = self.hold(guard);
                self.model.watching.push((at, number));
            }
            Step::Hide(at, tab) => {
                self.roster.hide(&room(at), &tab.to_string(), &name(tab), 0);
                self.model.hide(at, tab, now);
            }
            Step::Show(at, tab) => {
                self.roster.show(&room(at), &tab.to_string());
                if let Some(tab) = self.model.find(at, tab) {
                    (tab.grace_until, tab.hidden) = (now + PRESENCE_GRACE, None);
                }
            }
            Step::Leave(at, tab) => {
                self.roster.leave(&room(at), &tab.to_string());
                self.model.tabs.retain(|known| (known.room, known.id) != (at, tab));
                self.model.left.retain(|left| (left.0, left.1) != (at, tab));
                self.model.left.push((at, tab, now));
            }
            Step::Pass(time) => {
                time::advance(Duration::from_millis(time)).await;
                self.passed |= time > 0;
            }
            Step::Sweep => self.sweep(),
        }
        self.compare();
    }

    fn sweep(&mut self) {
        let now = Instant::now();
        let changed = self.roster.sweep(now);
        self.model.sweep(now);
        self.passed = false;
        for at in 0..ROOMS {
            let said = changed.get(&room(at)).and_then(|room| self.roster.unannounced(room));
            let people = self.model.people(at, now);
            let expected = (people != self.announced[at]).then_some(&people);
            assert_eq!(said.as_deref(), expected, "what is announced of {}", room(at));
            self.announced[at] = people;
        }
    }

    fn compare(&mut self) {
        for at in 0..ROOMS {
            let people = self.roster.people(&room(at));
            assert_eq!(self.roster.count(&room(at)), people.count);
            assert_eq!(people == self.seen[at], Arc::ptr_eq(&people, &self.seen[at]));
            if !self.passed {
                assert_eq!(*people, self.model.people(at, Instant::now()));
            }
            self.seen[at] = people;
            // One of the busy tabs' names, in turns: to see what it looks like takes long.
            let tab = self.steps % 3;
            let taken = self.roster.check(&room(at), &name(tab)).is_err();
            assert_eq!(taken, self.model.is_taken(at, tab), "{} in {}", name(tab), room(at));
        }
        let counts = (0..ROOMS).map(|at| (room(at), self.seen[at].count));
        let mut occupied: Vec<_> = counts.filter(|(_, count)| *count > 0).collect();
        occupied.sort_by_key(|(room, count)| (std::cmp::Reverse(*count), room.clone()));
        assert_eq!(self.roster.occupied("", ROOMS), occupied);
        let known = self.model.tabs.len() + self.model.left.len();
        let due = self.roster.lock().deadlines();
        assert!(due <= known, "{due} deadlines of {known} tabs");
    }

    /// Everybody goes, and then nothing is kept of anybody.
    async fn end(mut self) {
        self.guards.clear();
        for at in 0..ROOMS {
            for tab in 0..TABS {
                self.roster.show(&room(at), &tab.to_string());
            }
        }
        time::advance(PRESENCE_GRACE.max(LEFT_TAB_TTL)).await;
        for room in self.roster.sweep(Instant::now()) {
            self.roster.unannounced(&room);
        }
        self.roster.lock().assert_is_empty();
    }
}

proptest! {
    #[test]
    fn whatever_is_told_in_whatever_order_the_roster_says_what_a_list_of_tabs_would(
        steps in proptest::collection::vec(step(), 1..150), crowd in prop::bool::weighted(0.1)
    ) {
        let paused = runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        paused.unwrap().block_on(async {
            let roster = Roster::new();
            let seen = std::array::from_fn(|at| roster.people(&room(at)));
            let mut run = Run {
                roster,
                model: Model::default(),
                guards: Vec::new(),
                numbers: 0,
                steps: 0,
                announced: Default::default(),
                seen,
                passed: false,
            };
            if crowd {
                for tab in 0..TABS {
                    run.take(Step::Enter(0, tab)).await;
                }
            }
            for step in steps {
                run.take(step).await;
            }
            run.end().await;
        });
    }
}
