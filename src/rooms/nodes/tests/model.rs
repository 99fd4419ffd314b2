//! Whatever happens in whatever order, and whatever is lost: in the end all nodes have one list.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tokio::runtime;

use super::*;

const NODES: usize = 3;
const ROOMS: usize = 2;
const TABS: usize = 6;

#[derive(Clone, Copy, Debug)]
enum Step {
    Join(usize, usize, usize),
    Enter(usize, usize, usize),
    /// The nth guard, counted round.
    Drop(usize),
    Watch(usize, usize),
    Hide(usize, usize, usize),
    Show(usize, usize, usize),
    Leave(usize, usize, usize),
    /// All nodes tell, and what the first tells the second is lost.
    Lose(usize, usize),
    Tick,
    Pass(u64),
    Cut(usize),
    Mend(usize),
    /// The node is another process from here on.
    Restart(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let place = || (0..NODES, 0..ROOMS, 0..TABS);
    prop_oneof![
        2 => place().prop_map(|(node, room, tab)| Step::Join(node, room, tab)),
        6 => place().prop_map(|(node, room, tab)| Step::Enter(node, room, tab)),
        4 => any::<usize>().prop_map(Step::Drop),
        1 => (0..NODES, 0..ROOMS).prop_map(|(node, room)| Step::Watch(node, room)),
        2 => place().prop_map(|(node, room, tab)| Step::Hide(node, room, tab)),
        1 => place().prop_map(|(node, room, tab)| Step::Show(node, room, tab)),
        2 => place().prop_map(|(node, room, tab)| Step::Leave(node, room, tab)),
        3 => (0..NODES, 0..NODES).prop_map(|(from, to)| Step::Lose(from, to)),
        6 => Just(Step::Tick),
        3 => (100..9_000_u64).prop_map(Step::Pass),
        1 => (0..NODES).prop_map(Step::Cut),
        1 => (0..NODES).prop_map(Step::Mend),
        1 => (0..NODES).prop_map(Step::Restart),
    ]
}

struct Held {
    node: usize,
    room: usize,
    /// `None` for who watches.
    tab: Option<usize>,
    _guard: Guard,
}

fn rooms(number: usize) -> RoomName {
    RoomName::parse(&format!("room-{number}")).unwrap()
}

fn who(tab: usize) -> Name {
    name(&format!("name {tab}"))
}

struct Run {
    net: Net,
    held: Vec<Held>,
    processes: u64,
}

impl Run {
    async fn take(&mut self, step: Step) {
        match step {
            Step::Join(node, room, tab) => {
                let _ =
                    self.net.nodes[node].roster.join(&rooms(room), &id(tab), &who(tab), None, 0);
            }
            Step::Enter(node, room, tab) => {
                let Node { roster, peers, .. } = &self.net.nodes[node];
                let elsewhere = peers.count(&rooms(room), &id(tab));
                if let Ok(guard) = roster.enter(&rooms(room), &id(tab), &who(tab), elsewhere) {
                    self.held.push(Held { node, room, tab: Some(tab), _guard: guard });
                }
            }
            Step::Drop(nth) => {
                if let Some(nth) = nth.checked_rem(self.held.len()) {
                    self.held.remove(nth);
                }
            }
            Step::Watch(node, room) => {
                let guard = self.net.nodes[node].roster.watch(&rooms(room));
                self.held.push(Held { node, room, tab: None, _guard: guard });
            }
            Step::Hide(node, room, tab) => {
                let Node { roster, peers, .. } = &self.net.nodes[node];
                let elsewhere = peers.count(&rooms(room), &id(tab));
                roster.hide(&rooms(room), &id(tab), &who(tab), elsewhere);
            }
            Step::Show(node, room, tab) => self.net.nodes[node].roster.show(&rooms(room), &id(tab)),
            Step::Leave(node, room, tab) => {
                let Node { roster, peers, .. } = &mut self.net.nodes[node];
                roster.leave(&rooms(room), &id(tab));
                peers.tell(&rooms(room), &id(tab), Aside::Left, Instant::now());
            }
            Step::Lose(from, to) => self.net.tick(|one, other| (one, other) == (from, to)),
            Step::Tick => self.net.tick(|_, _| false),
            Step::Pass(time) => self.net.pass(Duration::from_millis(time)).await,
            Step::Cut(node) => self.net.nodes[node].linked = false,
            Step::Mend(node) => self.net.nodes[node].linked = true,
            Step::Restart(node) => {
                self.held.retain(|held| held.node != node);
                self.processes += 1;
                let roster = Roster::new();
                let peers = Peers::new(self.processes, roster.clone());
                self.net.nodes[node] = Node { roster, peers, up: true, linked: true };
            }
        }
    }

    /// Nothing happens for longer than anything lasts, and then all is as the streams that are open say;
    /// but for those of tabs that left, which count no more.
    async fn end(mut self) {
        for node in &mut self.net.nodes {
            node.linked = true;
        }
        self.net.pass(Duration::from_secs(170)).await;
        assert!(self.net.settled());
        for room in 0..ROOMS {
            let mut open: BTreeMap<Name, BTreeSet<usize>> = BTreeMap::new();
            for held in self.held.iter().filter(|held| held.room == room) {
                let Some(tab) = held.tab else { continue };
                let presence = self.net.nodes[held.node].roster.presence(&rooms(room), &id(tab));
                if presence == Presence::Here {
                    open.entry(who(tab)).or_default().insert(held.node);
                }
            }
            let watching = self.held.iter().filter(|held| held.room == room && held.tab.is_none());
            let watching = watching.count();
            for node in &self.net.nodes {
                let people = node.roster.people(&rooms(room));
                let names: Vec<_> = people.names.iter().map(|person| &person.name).collect();
                assert_eq!(names, open.keys().collect::<Vec<_>>());
                assert_eq!(people.watching, watching);
                for tab in 0..TABS {
                    let taken = node.roster.check(&rooms(room), &who(tab)).is_err();
                    assert_eq!(taken, open.contains_key(&who(tab)), "{}", who(tab));
                }
            }
        }
        for node in &self.net.nodes {
            for room in 0..ROOMS {
                for tab in 0..TABS {
                    node.roster.leave(&rooms(room), &id(tab));
                }
            }
        }
        self.held.clear();
        self.net.forget().await;
        for node in &self.net.nodes {
            node.roster.assert_nothing_is_kept();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_and_whatever_is_lost_all_nodes_end_with_one_list(
        steps in proptest::collection::vec(step(), 1..60)
    ) {
        let paused = runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        paused.unwrap().block_on(async {
            let net = Net::of(NODES as u64);
            let mut run = Run { net, held: Vec::new(), processes: 100 };
            for step in steps {
                run.take(step).await;
            }
            run.end().await;
        });
    }
}
