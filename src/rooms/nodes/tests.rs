//! Nodes whose words go through the hands of a test; and further below, real ones.

mod contest;
mod model;
mod news;
mod real;
mod weight;

use super::{peers::BEAT_INTERVAL, *};
use crate::{message::People, rooms::roster::Guard};

/// A node without a network.
struct Node {
    roster: Roster,
    peers: Peers,
    /// Whether it lives.
    up: bool,
    /// Whether it has a connection.
    linked: bool,
}

struct Net {
    nodes: Vec<Node>,
}

fn room() -> RoomName {
    RoomName::parse("lobby").unwrap()
}

fn name(raw: &str) -> Name {
    Name::parse(raw).unwrap()
}

fn id(number: usize) -> String {
    format!("{number:032x}")
}

fn said(people: &People) -> String {
    let each = people.names.iter().map(|person| {
        if person.away { format!("{} (away)", person.name) } else { person.name.to_string() }
    });
    each.collect::<Vec<_>>().join(", ")
}

impl Net {
    fn of(count: u64) -> Self {
        let nodes = (1..=count).map(|me| {
            let roster = Roster::new();
            let peers = Peers::new(me, roster.clone());
            Node { roster, peers, up: true, linked: true }
        });
        Self { nodes: nodes.collect() }
    }

    /// Lets every node say what it has to, to all that hear it.
    fn tick(&mut self, mut is_lost: impl FnMut(usize, usize) -> bool) {
        let now = Instant::now();
        for from in 0..self.nodes.len() {
            let node = &mut self.nodes[from];
            if !node.up {
                continue;
            }
            node.roster.sweep_now();
            for message in node.peers.tick(now, node.linked) {
                for to in 0..self.nodes.len() {
                    let node = &mut self.nodes[to];
                    if !node.up || !node.linked || is_lost(from, to) {
                        continue;
                    }
                    for (room, tab, aside) in node.peers.hear(&message, now) {
                        match aside {
                            Aside::Left => node.roster.leave(&room, &tab),
                            Aside::Hidden => node.roster.hide_known(&room, &tab),
                            Aside::Shown => node.roster.show(&room, &tab),
                        }
                    }
                }
            }
        }
    }

    async fn pass(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            time::advance(TELL_INTERVAL).await;
            self.tick(|_, _| false);
        }
    }

    /// Lets so much time go by that nothing is remembered any more.
    async fn forget(&mut self) {
        time::advance(Duration::from_hours(3)).await;
        self.pass(Duration::from_secs(10)).await;
    }

    fn here(&self, node: usize) -> String {
        said(&self.nodes[node].roster.people(&room()))
    }

    fn everywhere(&self) -> Vec<String> {
        (0..self.nodes.len()).map(|node| self.here(node)).collect()
    }

    fn enter(&self, node: usize, tab: usize, who: &str) -> Guard {
        let Node { roster, peers, .. } = &self.nodes[node];
        let elsewhere = peers.count(&room(), &id(tab));
        roster.enter(&room(), &id(tab), &name(who), elsewhere).unwrap()
    }

    fn settled(&self) -> bool {
        self.nodes.iter().all(|node| node.peers.is_settled(Instant::now()))
    }

    fn settled_but(&self, down: usize) -> bool {
        let others = self.nodes.iter().enumerate().filter(|(number, _)| *number != down);
        others.into_iter().all(|(_, node)| node.peers.is_settled(Instant::now()))
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_on_one_node_is_listed_on_all_and_the_name_is_taken_there() {
    let mut net = Net::of(3);
    let guard = net.enter(0, 1, "ann");
    let watcher = net.nodes[1].roster.watch(&room());
    net.pass(TELL_INTERVAL * 2).await;
    assert_eq!(net.everywhere(), ["ann"; 3]);
    for node in &net.nodes {
        assert_eq!(node.roster.people(&room()).watching, 1);
        assert!(node.roster.check(&room(), &name("ANN")).is_err());
        assert!(node.roster.join(&room(), &id(2), &name("ann"), None, 0).is_err());
    }
    let changed: Vec<_> = net.nodes.iter().map(|node| node.roster.occupied("", 9)).collect();
    assert_eq!(changed, vec![vec![(room(), 1)]; 3]);
    net.nodes[0].roster.leave(&room(), &id(1));
    drop((guard, watcher));
    net.pass(TELL_INTERVAL * 2).await;
    assert_eq!(net.everywhere(), [""; 3]);
    assert!(net.nodes[2].roster.check(&room(), &name("ann")).is_ok(), "free at once");
    net.forget().await;
    for node in &net.nodes {
        node.roster.assert_nothing_is_kept();
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_dead_is_dropped_after_ten_seconds_and_who_came_elsewhere_never_went() {
    let mut net = Net::of(3);
    let _guards = (net.enter(0, 1, "ann"), net.enter(0, 2, "bob"), net.enter(1, 3, "eve"));
    net.pass(BEAT_INTERVAL).await;
    assert_eq!(net.everywhere(), ["ann, bob, eve"; 3]);
    net.nodes[0].up = false;
    net.pass(Duration::from_secs(3)).await;
    let _ann = net.enter(1, 1, "ann");
    let mut seen = Vec::new();
    let died = Instant::now();
    while died.elapsed() < Duration::from_secs(20) {
        net.pass(TELL_INTERVAL).await;
        for node in [1, 2] {
            let here = net.here(node);
            assert!(here.contains("ann"), "{here} after {:?}", died.elapsed());
            if !here.contains("bob") && seen.len() < 2 {
                seen.push(died.elapsed().as_secs());
            }
        }
    }
    assert_eq!(&net.everywhere()[1..], ["ann, eve"; 2]);
    assert!(
        seen.iter().all(|at| (7..=10).contains(at)),
        "{seen:?} and three seconds after the death"
    );
}

#[tokio::test(start_paused = true)]
async fn a_node_that_can_hear_nobody_drops_nobody_and_knows_that_it_knows_nothing() {
    let mut net = Net::of(2);
    let _ann = net.enter(0, 1, "ann");
    net.pass(Duration::from_secs(3)).await;
    assert!(net.settled());
    net.nodes[1].linked = false;
    let _bob = net.enter(0, 2, "bob");
    net.pass(Duration::from_mins(1)).await;
    assert_eq!(net.here(1), "ann", "who is in stays in");
    assert!(!net.nodes[1].peers.is_settled(Instant::now()), "and it lets nobody join");
    net.nodes[1].linked = true;
    net.pass(TELL_INTERVAL).await;
    assert!(!net.nodes[1].peers.is_settled(Instant::now()));
    net.pass(Duration::from_secs(3)).await;
    assert_eq!(net.everywhere(), ["ann, bob"; 2]);
    assert!(net.settled());
}

#[tokio::test(start_paused = true)]
async fn a_word_that_is_lost_is_made_up_for_by_telling_everything() {
    let mut net = Net::of(2);
    let ann = net.enter(0, 1, "ann");
    net.pass(Duration::from_secs(3)).await;
    drop(ann);
    net.nodes[0].roster.leave(&room(), &id(1));
    let _bob = net.enter(0, 2, "bob");
    net.tick(|from, to| (from, to) == (0, 1));
    assert_eq!(net.everywhere(), ["bob", "ann"]);
    net.pass(BEAT_INTERVAL + TELL_INTERVAL * 3).await;
    assert_eq!(net.everywhere(), ["bob"; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_comes_late_is_told_everything_in_parts() {
    let mut net = Net::of(1);
    let guards: Vec<_> =
        (0..10_000).map(|n| net.enter(0, n, &format!("a name of {n:05}"))).collect();
    net.pass(Duration::from_secs(3)).await;
    let roster = Roster::new();
    let peers = Peers::new(2, roster.clone());
    net.nodes.push(Node { roster, peers, up: true, linked: true });
    let mut parts = 0;
    for _ in 0..30 {
        time::advance(TELL_INTERVAL).await;
        net.tick(|from, _| {
            parts += usize::from(from == 0);
            false
        });
    }
    assert_eq!(net.nodes[1].roster.people(&room()).count, 10_000);
    assert!(parts > 10, "{parts} messages in all to two");
    assert!(net.settled());
    drop(guards);
    net.pass(Duration::from_secs(6)).await;
    assert_eq!(net.everywhere(), [""; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_tab_that_moves_is_one_and_one_that_is_hidden_is_told_by_any_node() {
    let mut net = Net::of(2);
    let ann = net.enter(0, 1, "ann");
    net.pass(Duration::from_secs(1)).await;
    net.nodes[0].roster.hide(&room(), &id(1), &name("ann"), 0);
    drop(ann);
    net.pass(Duration::from_secs(6)).await;
    assert_eq!(net.everywhere(), ["ann (away)"; 2]);
    // Again and again, and by the other node, which does not have it.
    for _ in 0..5 {
        net.pass(Duration::from_secs(100)).await;
        assert_eq!(net.nodes[1].roster.presence(&room(), &id(1)), Presence::Gone);
        assert_eq!(net.nodes[1].peers.presence(&room(), &id(1)), Presence::Here);
        net.nodes[1].peers.tell(&room(), &id(1), Aside::Hidden, Instant::now());
    }
    assert_eq!(net.everywhere(), ["ann (away)"; 2]);
    // It is back, by a stream there; and when that ends, nothing is left of it here.
    let ann = net.enter(1, 1, "ann");
    net.pass(Duration::from_secs(1)).await;
    assert_eq!(net.everywhere(), ["ann"; 2]);
    net.pass(Duration::from_secs(6)).await;
    assert_eq!(net.nodes[0].roster.presence(&room(), &id(1)), Presence::Gone);
    assert_eq!(net.everywhere(), ["ann"; 2]);
    drop(ann);
    net.pass(Duration::from_secs(6)).await;
    assert_eq!(net.everywhere(), [""; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_browsers_own_tabs_elsewhere_are_known_and_others_stay_others() {
    let mut net = Net::of(2);
    let roster = net.nodes[0].roster.clone();
    roster.join(&room(), &id(1), &name("Ann"), Some("browser"), 0).unwrap();
    net.pass(Duration::from_secs(1)).await;
    let mark = |browser| browser_mark(Some(browser));
    let peers = &net.nodes[1].peers;
    assert_eq!(peers.of_browser(&room(), &name("ann"), mark("browser")), (1, vec![id(1)]));
    assert_eq!(peers.of_browser(&room(), &name("ann"), mark("other")), (0, vec![]));
    let join = |net: &Net, elsewhere| {
        let roster = &net.nodes[1].roster;
        roster.join(&room(), &id(2), &name("ann"), Some("browser"), elsewhere)
    };
    assert_eq!(join(&net, 0), Err(NameTaken { by_own: false }));
    assert_eq!(join(&net, 1), Err(NameTaken { by_own: true }));
    let _guard = net.enter(0, 1, "Ann");
    net.pass(Duration::from_secs(1)).await;
    let open = net.nodes[1].peers.of_browser(&room(), &name("ann"), mark("browser"));
    assert_eq!(open, (1, vec![]), "its stream is open");
}

#[tokio::test(start_paused = true)]
async fn a_tab_that_leaves_by_another_node_is_gone_there_at_once_and_its_node_is_told_again() {
    let mut net = Net::of(2);
    let ann = net.enter(0, 1, "ann");
    net.pass(Duration::from_secs(3)).await;
    let leave = |net: &mut Net| {
        net.nodes[1].peers.tell(&room(), &id(1), Aside::Left, Instant::now());
        assert_eq!(net.here(1), "");
        assert!(net.nodes[1].roster.check(&room(), &name("ann")).is_ok(), "free at once");
        assert_eq!(net.nodes[1].peers.presence(&room(), &id(1)), Presence::Gone);
    };
    leave(&mut net);
    net.tick(|from, to| (from, to) == (1, 0));
    net.pass(Duration::from_secs(6)).await;
    assert_eq!(net.everywhere(), [""; 2]);
    drop(ann);
    net.pass(Duration::from_secs(6)).await;
    assert_eq!(net.everywhere(), [""; 2]);
}

#[tokio::test(start_paused = true)]
async fn who_left_by_another_node_than_a_dead_one_is_not_brought_back() {
    let mut net = Net::of(3);
    let _ann = net.enter(0, 1, "ann");
    net.pass(Duration::from_secs(3)).await;
    net.nodes[0].up = false;
    net.nodes[1].peers.tell(&room(), &id(1), Aside::Left, Instant::now());
    net.pass(TELL_INTERVAL * 2).await;
    // Again under the same name, and then by the third node.
    let _ann = net.enter(1, 2, "ann");
    let left = Instant::now();
    while left.elapsed() < Duration::from_secs(20) {
        net.pass(TELL_INTERVAL).await;
        assert_eq!(&net.everywhere()[1..], ["ann"; 2], "after {:?}", left.elapsed());
        drop(net.enter(2, 2, "ann"));
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_node_that_stops_and_says_so_the_people_are_as_if_they_had_closed_their_tabs() {
    let mut net = Net::of(3);
    let _guards = (net.enter(0, 1, "ann"), net.enter(0, 2, "bob"), net.enter(1, 3, "eve"));
    net.nodes[0].roster.hide(&room(), &id(4), &name("ida"), 0);
    let watcher = net.nodes[0].roster.watch(&room());
    net.pass(Duration::from_secs(6)).await;
    assert_eq!(net.everywhere(), ["ann, bob, eve, ida (away)"; 3]);
    let messages = net.nodes[0].peers.bye(Instant::now(), true);
    for node in [1, 2] {
        for message in &messages {
            net.nodes[node].peers.hear(message, Instant::now());
        }
    }
    drop(watcher);
    assert!(net.nodes[0].peers.tick(Instant::now(), true).is_empty(), "it was its last word");
    net.nodes[0].up = false;
    let stopped = Instant::now();
    net.pass(Duration::from_secs(2)).await;
    let _ann = net.enter(1, 1, "ann");
    // Bob left by a node that is there, after his own had stopped.
    net.nodes[2].peers.tell(&room(), &id(2), Aside::Left, Instant::now());
    while stopped.elapsed() < Duration::from_millis(4800) {
        net.pass(TELL_INTERVAL).await;
        assert!(net.settled_but(0), "who has stopped has nothing more to say");
        for here in &net.everywhere()[1..] {
            assert!(here.contains("ann") && here.contains("ida"), "{here}");
        }
    }
    net.pass(Duration::from_millis(400)).await;
    assert_eq!(&net.everywhere()[1..], ["ann, eve, ida (away)"; 2]);
    assert_eq!(net.nodes[1].roster.people(&room()).watching, 0);
    // Ida is hidden: she says so to another node within a minute, and that one has her then.
    net.pass(Duration::from_secs(50)).await;
    assert_eq!(&net.everywhere()[1..], ["ann, eve, ida (away)"; 2]);
    assert_eq!(net.nodes[2].peers.presence(&room(), &id(4)), Presence::Gone);
    net.nodes[2].roster.hide(&room(), &id(4), &name("ida"), 1);
    net.pass(Duration::from_secs(80)).await;
    assert_eq!(&net.everywhere()[1..], ["ann, eve, ida (away)"; 2]);
    assert_eq!(net.nodes[1].peers.count(&room(), &id(4)), 1);
}

/// What is not understood changes nothing.
#[tokio::test(start_paused = true)]
async fn words_of_another_form_are_passed_over() {
    let mut net = Net::of(1);
    let now = Instant::now();
    for raw in ["", "{}", "[]", r#"{"v":2,"node":"07","n":1}"#, r#"{"v":1,"node":"x","n":1}"#] {
        assert_eq!(net.nodes[0].peers.hear(raw.as_bytes(), now), []);
    }
    let newer = r#"{"v":1,"node":"07","n":1,"new":7,"rooms":{"lobby":{"z":1,"t":[
        ["00000000000000000000000000000001","ann",9,0],["1","bob",1,0],
        ["00000000000000000000000000000002","eve",3,0],["00000000000000000000000000000003","ida",99,0]
    ]}}}"#;
    net.nodes[0].peers.hear(newer.as_bytes(), now);
    assert_eq!(net.here(0), "ann");
}
