//! Nodes over a real nats-server, each with a connection of its own.

use std::path::Path;

use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;
use crate::{
    delivery::model::Tasks,
    nats::{Options, Replicas, Servers, servers},
    rooms::{Caller, Refusal, Rooms, model},
};

struct Live {
    rooms: Rooms,
    roster: Roster,
    run: JoinHandle<()>,
    _home: TempDir,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.run.abort();
    }
}

fn options(servers: &servers::Nats, stream: &str) -> Options {
    Options {
        servers: Servers::new(&servers.urls()),
        stream: stream.into(),
        replicas: Replicas::Auto,
        creds: None,
        nkey: None,
        ca: None,
        identity: None,
        domain: None,
    }
}

async fn live(servers: &servers::Nats) -> Live {
    let home = tempfile::tempdir().unwrap();
    let link = Link::open(&options(servers, "hubbub")).await.unwrap();
    let roster = Roster::new();
    let nodes = Nodes::new(link, roster.clone());
    let rooms = rooms(home.path(), roster.clone(), nodes);
    let run = tokio::spawn(rooms.meet_nodes().unwrap());
    Live { rooms, roster, run, _home: home }
}

fn rooms(home: &Path, roster: Roster, nodes: Nodes) -> Rooms {
    model::among(home, &Tasks::default(), roster, Some(nodes))
}

async fn soon(what: &str, mut probe: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !probe() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}: not in time");
        time::sleep(Duration::from_millis(5)).await;
    }
}

impl Live {
    async fn join(&self, who: &str) -> Result<Tab, Refusal> {
        self.rooms.join(&Caller::default(), room(), name(who), None, None).await
    }

    fn enter(&self, tab: &Tab) -> Guard {
        self.roster.enter(&tab.room, &tab.id, &tab.name, self.rooms.elsewhere(tab)).unwrap()
    }

    fn here(&self) -> String {
        said(&self.roster.people(&room()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_join_under_one_name_on_two_nodes_at_once_one_does_a_hundred_times() {
    let Some(servers) = servers::Nats::single() else { return };
    let (one, other) = (live(&servers).await, live(&servers).await);
    let (mut first, mut guards) = (0, Vec::new());
    for number in 0..100 {
        let who = format!("name {number}");
        let upper = who.to_uppercase();
        let (a, b) = tokio::join!(one.join(&who), other.join(&upper));
        match (a, b) {
            (Ok(tab), Err(Refusal::NameTaken(_))) => {
                first += 1;
                guards.push(one.enter(&tab));
            }
            (Err(Refusal::NameTaken(_)), Ok(tab)) => guards.push(other.enter(&tab)),
            outcome => panic!("{who}: {outcome:?}"),
        }
    }
    println!("the first node was first in {first} of 100 races");
    soon("both list all", || [&one, &other].iter().all(|node| node.roster.count(&room()) == 100))
        .await;
    for (node, number) in [(&one, 0), (&other, 99)] {
        assert!(matches!(node.join(&format!("name {number}")).await, Err(Refusal::NameTaken(_))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_free_at_once_when_its_tab_left_and_ten_seconds_after_one_that_never_came() {
    let Some(servers) = servers::Nats::single() else { return };
    let (one, other) = (live(&servers).await, live(&servers).await);
    let ann = one.join("ann").await.unwrap();
    let guard = one.enter(&ann);
    soon("it is known there", || other.here() == "ann").await;
    assert!(matches!(other.join("ann").await, Err(Refusal::NameTaken(_))));
    other.rooms.leave(&ann);
    soon("it is gone there", || one.here().is_empty()).await;
    drop(guard);
    let tab = other.join("Ann").await.expect("it is free, though its claim is young");
    other.rooms.leave(&tab);
    one.join("bob").await.unwrap();
    let begun = Instant::now();
    let bob = loop {
        one.roster.sweep_now();
        match other.join("bob").await {
            Ok(tab) => break tab,
            Err(Refusal::NameTaken(_)) => time::sleep(Duration::from_millis(100)).await,
            Err(why) => panic!("{why}"),
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "never free");
    };
    assert_eq!(bob.name.as_str(), "bob");
    println!("who never came keeps a name for {:?}", begun.elapsed());
    assert!(begun.elapsed() > Duration::from_secs(5), "not before its grace");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nats_gone_nobody_joins_and_all_stay_and_it_heals_by_itself() {
    let Some(mut servers) = servers::Nats::single() else { return };
    let (one, other) = (live(&servers).await, live(&servers).await);
    let _ann = one.enter(&one.join("ann").await.unwrap());
    soon("it is known there", || other.here() == "ann").await;
    servers.kill(0);
    soon("it is noticed", || !other.rooms.0.nodes.as_ref().unwrap().0.link.is_connected()).await;
    let begun = Instant::now();
    assert!(matches!(other.join("bob").await, Err(Refusal::Apart(_))));
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    assert!(matches!(other.join("ann").await, Err(Refusal::NameTaken(_) | Refusal::Apart(_))));
    let died = Instant::now();
    while died.elapsed() < Duration::from_secs(13) {
        assert_eq!(other.here(), "ann", "who is in stays in");
        time::sleep(Duration::from_millis(100)).await;
    }
    servers.start_again(0);
    let begun = Instant::now();
    let bob = loop {
        match other.join("bob").await {
            Ok(tab) => break tab,
            Err(Refusal::Apart(_)) => time::sleep(Duration::from_millis(100)).await,
            Err(why) => panic!("{why}"),
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "it does not heal");
    };
    println!("joins again {:?} after the server", begun.elapsed());
    let _bob = other.enter(&bob);
    soon("both list both", || [&one, &other].iter().all(|node| node.here() == "ann, bob")).await;
}

/// As many as the goal names, where the build is one that serves.
const CROWD: usize = if cfg!(debug_assertions) { 5_000 } else { 100_000 };

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_is_known_everywhere_and_to_a_node_that_comes_later_and_goes_with_its_node() {
    let Some(servers) = servers::Nats::single() else { return };
    let (one, other) = (live(&servers).await, live(&servers).await);
    for node in [&one, &other] {
        node.rooms.0.nodes.as_ref().unwrap().settle().await.unwrap();
    }
    let crowd = (0..CROWD).map(|number| {
        let room = RoomName::parse(&format!("room-{}", number % 100)).unwrap();
        Tab { room, id: id(number), name: name(&format!("name {number}")) }
    });
    let crowd: Vec<_> = crowd.collect();
    let last = crowd.last().unwrap().room.clone();
    let all = |node: &Live| {
        let known: usize = node.roster.occupied("", 1000).iter().map(|(_, count)| count).sum();
        known == CROWD
    };
    let begun = Instant::now();
    for tab in &crowd {
        one.rooms.set_hidden(&Caller::default(), tab, true).unwrap();
    }
    let came = begun.elapsed();
    soon("they are known", || all(&other)).await;
    let known = begun.elapsed();
    let begun = Instant::now();
    let later = live(&servers).await;
    soon("it knows them", || all(&later)).await;
    println!(
        "{CROWD} tabs came in {came:?}, were known on the other node {known:?} after the first,"
    );
    println!("and to a node {:?} after its start", begun.elapsed());
    drop(one);
    let died = Instant::now();
    soon("they are gone", || other.roster.count(&last) == 0 && later.roster.count(&last) == 0)
        .await;
    let gone = died.elapsed().as_secs();
    assert!((9..25).contains(&gone), "{gone}");
}
