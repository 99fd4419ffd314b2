//! Who is here, where there are several nodes.

use std::time::{Duration, Instant};

use reqwest::{StatusCode, header, redirect};
use serde::Deserialize;

use crate::{
    client::{Events, Tab, client, post},
    support::{App, PATIENCE, Server, TestApp, nats::Nats, until},
};

#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
struct People {
    count: usize,
    names: Vec<String>,
    away: Vec<String>,
    watching: usize,
}

fn node(nats: &Nats) -> TestApp {
    TestApp::with(&["--nats", &nats.urls(), "--address-joins", "0"])
}

async fn people(app: &impl Server) -> People {
    let request = client().get(app.url("/rooms/lobby/presence"));
    let request = request.header(header::ACCEPT, "application/json");
    request.send().await.unwrap().json().await.unwrap()
}

/// Waits until these are here, and says how long that took.
async fn are_here(app: &impl Server, expected: &[&str]) -> Duration {
    let begun = Instant::now();
    until(&format!("{expected:?} are here"), async || {
        (people(app).await.names == expected).then_some(())
    })
    .await;
    begun.elapsed()
}

async fn try_to_join(app: &impl Server, name: &str) -> (StatusCode, String) {
    let client = reqwest::Client::builder().redirect(redirect::Policy::none()).build().unwrap();
    let join = client.post(app.url("/rooms/lobby/join")).form(&[("username", name)]);
    let answer = join.send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_joins_on_one_node_is_here_on_the_other_and_bears_the_name_there() {
    let Some(nats) = Nats::single() else { return };
    let (one, other) = (node(&nats), node(&nats));
    let bob = Tab::join(&other, "lobby", "bob").await;
    let mut told = Events::from(bob.get("/events")).await;
    let ann = Tab::join(&one, "lobby", "ann").await;
    let stream = Events::from(ann.get("/events")).await;
    let took = are_here(&other, &["ann", "bob"]).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    while !told.event("PresenceChanged").await.data.unwrap().contains("<bdi>ann</bdi>") {}
    let (status, page) = try_to_join(&other, "Ann").await;
    assert_eq!(status, 422);
    assert!(page.contains("Somebody here has this name"), "{page}");
    let spoken = post(&other, "lobby", &[("username", "ANN"), ("text", "hi")]).await;
    assert_eq!(spoken.status(), 409);
    let _watcher = Events::open(&one, "/rooms/lobby/events", None).await;
    until("who watches is counted", async || (people(&other).await.watching == 1).then_some(()))
        .await;
    // It says on the other node that it is hidden, and leaves there.
    ann.at(&other).post("/presence", &[("hidden", "true")]).send().await.unwrap();
    drop(stream);
    for app in [&one, &other] {
        until("ann is away", async || (people(app).await.away == ["ann"]).then_some(())).await;
    }
    let mut stream = Events::from(ann.get("/events")).await;
    let left = ann.at(&other).post("/leave", &[]).send().await.unwrap();
    assert_eq!(left.status(), 303);
    assert_eq!(try_to_join(&other, "ann").await.0, 303, "the name is free at once");
    while stream.next().await.is_some() {}
    are_here(&one, &["bob"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_node_that_is_killed_the_people_are_gone_in_time_and_who_came_back_never_went() {
    let Some(nats) = Nats::single() else { return };
    let mut doomed = App::with(&["--nats", &nats.urls()]);
    let lives = node(&nats);
    let eve = Tab::join(&lives, "lobby", "eve").await;
    let mut told = Events::from(eve.get("/events")).await;
    let (ann, bob) =
        (Tab::join(&doomed, "lobby", "ann").await, Tab::join(&doomed, "lobby", "bob").await);
    let streams = (Events::from(ann.get("/events")).await, Events::from(bob.get("/events")).await);
    are_here(&lives, &["ann", "bob", "eve"]).await;
    while !told.event("PresenceChanged").await.data.unwrap().contains("bob") {}
    doomed.kill();
    let died = Instant::now();
    drop(streams);
    let _ann = Events::from(ann.at(&lives).get("/events")).await;
    assert!(died.elapsed() < Duration::from_secs(3), "it lives elsewhere");
    // The first word since is that bob is gone, and ann is not.
    let changed = told.event("PresenceChanged").await.data.unwrap();
    let gone = died.elapsed();
    assert!(changed.contains("<bdi>ann</bdi>, <bdi>eve</bdi>"), "{changed}");
    assert!((Duration::from_secs(5)..Duration::from_secs(25)).contains(&gone), "{gone:?}");
    println!("gone after {gone:?}");
    assert_eq!(people(&lives).await.names, ["ann", "eve"]);
    assert_eq!(try_to_join(&lives, "bob").await.0, 303, "the name is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_raced_on_two_nodes_a_hundred_times_is_never_both_tabs() {
    let Some(nats) = Nats::single() else { return };
    let (one, other) = (node(&nats), node(&nats));
    let mut first = 0;
    for number in 0..100 {
        let name = format!("name {number}");
        let (a, b) = tokio::join!(try_to_join(&one, &name), try_to_join(&other, &name));
        let mut both = [a.0.as_u16(), b.0.as_u16()];
        first += usize::from(both[0] == 303);
        both.sort_unstable();
        assert_eq!(both, [303, 422], "{name}");
    }
    println!("the first node was first in {first} of 100 races");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nats_gone_nobody_joins_and_is_told_why_and_who_is_in_stays_in() {
    let Some(mut nats) = Nats::cluster(3) else { return };
    let (one, other) = (node(&nats), node(&nats));
    let ann = Tab::join(&one, "lobby", "ann").await;
    let _stream = Events::from(ann.get("/events")).await;
    are_here(&other, &["ann"]).await;
    for server in 0..3 {
        nats.kill(server);
    }
    until("a join is refused", async || {
        let (status, page) = try_to_join(&other, "bob").await;
        let told = page.contains("Nobody can join right now") && page.contains("value=\"bob\"");
        (status == 503 && told).then_some(())
    })
    .await;
    let died = Instant::now();
    while died.elapsed() < Duration::from_secs(13) {
        assert_eq!(people(&other).await.names, ["ann"]);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for server in 0..3 {
        nats.start_again(server);
    }
    let begun = Instant::now();
    until("one can join", async || (try_to_join(&other, "bob").await.0 == 303).then_some(())).await;
    assert!(begun.elapsed() < PATIENCE);
    assert_eq!(try_to_join(&other, "ann").await.0, 422);
}
