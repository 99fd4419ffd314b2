//! The audit over several nodes that share a cluster of NATS servers: people, readers and senders move
//! between the nodes at random, each behind a network that breaks, while nodes and servers die and are
//! parted from each other. At the end the same books; and who is here is the same on every node.
//!
//! `just audit nodes=3 servers=3` runs a larger one.

mod gate;
mod person;
mod strikes;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rand::seq::SliceRandom as _;
use reqwest::StatusCode;
use serde::Deserialize;
use tokio::{sync::watch, task::block_in_place};

use super::{
    Drawn, END, Plan, number,
    people::{self, Errand, Reader, Sent},
    proxy::Proxy,
    reached, settle, taken_back,
};
use crate::{
    client::{Message, client, send},
    support::{App, nats::Nats, soon, until},
};
use gate::Gate;
use person::{Fate, Lived, Person};
use strikes::Strike;

/// The longest pause between two messages of one sender: the machines are to be busy, and not so busy
/// that elections are lost for that alone.
const PAUSE: Duration = Duration::from_millis(80);

/// How long a message is tried: strikes come one after another, and each is healed before the next.
const PATIENCE: Duration = Duration::from_mins(2);

/// Messages that are settled between two strikes.
const BETWEEN_STRIKES: usize = 60;

/// Nodes, servers, and all ways between them.
struct Cluster {
    nodes: Vec<App>,
    nats: Nats,
    /// From each node to each server.
    doors: Vec<Vec<Gate>>,
    /// From each server to each other: from where, to where.
    routes: Vec<(usize, usize, Gate)>,
    /// Messages that were refused, to be sent again: their texts, which are their keys.
    refused: Mutex<Vec<String>>,
    /// What was taken when it was tried whether anything is.
    probes: Mutex<Vec<Message>>,
}

impl Cluster {
    /// `None` where no nats-server is installed.
    fn start(nodes: usize, servers: usize) -> Option<Self> {
        let mut routes = Vec::new();
        let nats = Nats::routed(servers, "", |from, to, port| {
            let gate = Gate::to(port);
            let own = gate.port;
            routes.push((from, to, gate));
            own
        })?;
        let doors: Vec<Vec<Gate>> = (0..nodes)
            .map(|_| (0..servers).map(|server| Gate::to(nats.port(server))).collect())
            .collect();
        let nodes = doors.iter().enumerate().map(|(number, doors)| {
            let mut urls: Vec<_> =
                doors.iter().map(|door| format!("nats://127.0.0.1:{}", door.port)).collect();
            urls.rotate_left(number % servers);
            // Everything is kept, so a gap would be a lie.
            let log = "hubbub=warn,hubbub::rooms::join=debug";
            App::with(&["--nats", &urls.join(","), "--keep", "1000000", "--log", log])
        });
        let nodes = nodes.collect();
        Some(Self {
            nodes,
            nats,
            doors,
            routes,
            refused: Mutex::default(),
            probes: Mutex::default(),
        })
    }

    /// All ways from and to a server, but for those of nodes.
    fn routes_of(&self, server: usize) -> impl Iterator<Item = &Gate> {
        let own = self.routes.iter().filter(move |(from, to, _)| [*from, *to].contains(&server));
        own.map(|(_, _, gate)| gate)
    }
}

/// Where there is one for one node only.
fn is_asked_for_one_node() -> bool {
    number::<usize>("NODES").is_none() && number::<usize>("MESSAGES").is_some()
}

fn plan() -> Plan {
    Plan {
        readers: number("READERS").unwrap_or(6),
        senders: number("SENDERS").unwrap_or(4),
        messages: number("MESSAGES").unwrap_or(300),
        deaths: number("DEATHS").unwrap_or(2),
        pause: Some(u64::try_from(PAUSE.as_millis()).expect("it is short")),
        patience: PATIENCE,
        ..Plan::from_env()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_nodes_that_die_and_are_parted_nothing_is_lost_or_comes_twice_and_all_list_the_same() {
    if is_asked_for_one_node() {
        return;
    }
    let plan = plan();
    let (nodes, servers) = (number("NODES").unwrap_or(2), number("SERVERS").unwrap_or(3));
    let people_count = number("PEOPLE").unwrap_or(plan.readers);
    let Some(mut cluster) = block_in_place(|| Cluster::start(nodes, servers)) else { return };
    // Before all else: a run that hangs or panics must be repeatable too.
    println!("audit: {nodes} nodes, {servers} servers, seed {}", plan.seed);
    let begun = Instant::now();

    let mut proxies = Vec::new();
    for (number, node) in cluster.nodes.iter().enumerate() {
        let plan = Plan { seed: plan.seed.wrapping_add(number as u64), ..plan };
        proxies.push(Proxy::start(node.address().parse().expect("an address"), plan).await);
    }
    let urls = |path: &str| proxies.iter().map(|proxy| proxy.url(path)).collect::<Vec<_>>();
    let start = send(&cluster.nodes[0], "audit", "ann", "start").await;
    let events = format!("/rooms/audit/events?after={}", start.id);
    let mut readers: Vec<Reader> = (0..plan.readers)
        .map(|number| Reader::start(urls(&events), plan.dice(Drawn::Reader, number)))
        .collect();
    let (over, is_over) = watch::channel(false);
    let people: Vec<Person> = (0..people_count)
        .map(|number| {
            let dice = plan.dice(Drawn::Person, number);
            Person::start(number, urls(""), is_over.clone(), dice)
        })
        .collect();
    let (settled, progress) = watch::channel(0);
    let errand = Arc::new(Errand::new(plan, urls("/rooms/audit/messages"), settled).endless());
    let senders: Vec<_> =
        (0..plan.senders).map(|_| tokio::spawn(people::send_all(Arc::clone(&errand)))).collect();

    let mut dice = plan.dice(Drawn::Deaths, 0);
    for strike in Strike::draw(plan.deaths, servers, &mut dice) {
        let settled = *progress.borrow();
        reached(progress.clone(), settled + BETWEEN_STRIKES).await;
        println!("audit: {:5.1} s: {strike:?}", begun.elapsed().as_secs_f64());
        println!("audit: {}", strike.befall(&mut cluster, &mut dice).await);
    }
    errand.enough();
    reached(progress, plan.messages).await;
    let mut sent: Vec<Sent> = Vec::new();
    for sender in senders {
        sent.push(soon("a sender is done", sender).await.expect("no sender failed"));
    }
    for proxy in &proxies {
        proxy.clear_up();
    }
    over.send_replace(true);
    sent.push(again(&cluster, &mut dice).await);
    let acknowledged = std::mem::take(&mut *cluster.probes.lock().unwrap());
    sent.push(Sent { acknowledged, ..Sent::default() });
    let end = send(&cluster.nodes[0], "audit", "ann", END).await;
    // What each node has, and not by way of any other.
    readers.extend(cluster.nodes.iter().enumerate().map(|(number, node)| {
        let dice = plan.dice(Drawn::Reader, plan.readers + number);
        Reader::start(vec![node.url(&events)], dice)
    }));
    for proxy in &proxies {
        println!("audit: connections: {}", proxy.struck());
    }
    let mut left = Vec::new();
    // What is the servers' own is their raft log, which they compact by and by; see the README.
    let stores: Vec<_> =
        (0..servers).map(|server| cluster.nats.store(server).join("jetstream/$G")).collect();
    let nodes: Vec<_> = cluster.nodes.iter().map(App::home).collect();
    let nodes = nodes.iter().map(|home| (home.path(), 0));
    // A server notes first that a message is gone, and then overwrites it: what it was at when it was
    // killed stays.
    let stores = stores.iter().enumerate();
    let stores = stores.map(|(server, store)| (store.as_path(), cluster.nats.kills(server)));
    let homes: Vec<_> = nodes.chain(stores).collect();
    for (number, node) in cluster.nodes.iter().enumerate() {
        let faults = taken_back(node, &homes, &start.id).await;
        left.extend(faults.into_iter().map(|fault| format!("node {number}: {fault}")));
    }
    settle(plan, begun, (&sent, &end), readers, left).await;
    all_list_who_is_here(&cluster, people).await;
    println!("audit: took {:.1} s", begun.elapsed().as_secs_f64());
}

/// Sends what was refused again, which may have been stored all the same.
async fn again(cluster: &Cluster, dice: &mut rand::rngs::StdRng) -> Sent {
    let mut texts = std::mem::take(&mut *cluster.refused.lock().unwrap());
    texts.shuffle(dice);
    let mut sent = Sent::default();
    for (number, text) in texts.iter().enumerate() {
        let form = [("username", "ann"), ("text", text), ("key", text)];
        let mut acknowledged = None;
        for node in [number, number + 1].map(|number| number % cluster.nodes.len()) {
            let url = cluster.nodes[node].url("/rooms/audit/messages");
            let answer = client().post(url).form(&form).send().await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::CREATED, "what was refused is taken now");
            let message: Message = answer.json().await.expect("a message");
            let first = acknowledged.get_or_insert_with(|| message.clone());
            if *first != message {
                sent.twice.push((first.clone(), message));
            }
        }
        sent.acknowledged.extend(acknowledged);
    }
    // It is in no order: some were stored when they were refused.
    sent.acknowledged.sort_by_key(|message| message.seq);
    sent
}

#[derive(Deserialize)]
struct Presence {
    names: Vec<String>,
}

/// Waits until every node lists exactly who is here.
async fn all_list_who_is_here(cluster: &Cluster, people: Vec<Person>) {
    let mut here = BTreeSet::new();
    let mut all: Vec<Lived> = Vec::new();
    for person in people {
        let lived = soon("somebody is done", person.task).await.expect("nobody failed");
        assert_eq!(lived.lapsed, None, "{} was told to be joined no more", person.name);
        if person.fate == Fate::Stays {
            here.insert(person.name);
        }
        all.push(lived);
    }
    let streams: usize = all.iter().map(|lived| lived.streams).sum();
    let joins: usize = all.iter().map(|lived| lived.joins).sum();
    let over = Instant::now();
    for (number, node) in cluster.nodes.iter().enumerate() {
        let what = format!("node {number} lists {here:?}");
        until(&what, async || {
            let asking = client().get(node.url("/rooms/audit/presence?format=json")).send().await;
            let listed: Presence = asking.ok()?.json().await.ok()?;
            (listed.names.into_iter().collect::<BTreeSet<_>>() == here).then_some(())
        })
        .await;
    }
    println!(
        "audit: {} people joined {joins} times and opened {streams} streams; every node lists the {} \
         who are here, {:.1} s after",
        all.len(),
        here.len(),
        over.elapsed().as_secs_f64()
    );
}
