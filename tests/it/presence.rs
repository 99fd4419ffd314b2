//! Who is here.

use std::time::Instant;

use reqwest::header;
use serde::Deserialize;

use crate::{
    client::{Events, Tab, client, fields, post},
    support::{PATIENCE, Server, TestApp, until},
};

#[derive(Debug, Deserialize, PartialEq, Eq)]
struct People {
    count: usize,
    names: Vec<String>,
    #[serde(default)]
    away: Vec<String>,
    #[serde(default)]
    watching: usize,
}

async fn people(app: &impl Server) -> People {
    let request = client().get(app.url("/rooms/lobby/presence"));
    let request = request.header(header::ACCEPT, "application/json");
    request.send().await.unwrap().json().await.unwrap()
}

async fn names(app: &impl Server, expected: &[&str]) {
    until(&format!("{expected:?} are here"), async || {
        let people = people(app).await;
        (people.count == expected.len() && people.names == expected).then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_is_here_is_told_as_json_and_as_the_fragment_that_pages_show() {
    let app = TestApp::start();
    let request = client().get(app.url("/rooms/lobby/presence"));
    let request = request.header(header::ACCEPT, "application/json");
    assert_eq!(request.send().await.unwrap().text().await.unwrap(), "{\"count\":0,\"names\":[]}\n");

    let (bob, ann) =
        (Tab::join(&app, "lobby", "bob").await, Tab::join(&app, "lobby", "<ann>").await);
    assert_eq!(people(&app).await.count, 0, "a tab is here when its stream is open");
    let _bob = Events::from(bob.get("/events")).await;
    let _ann = Events::from(ann.get("/events")).await;
    assert_eq!(
        people(&app).await,
        People { count: 2, names: vec!["<ann>".into(), "bob".into()], away: vec![], watching: 0 }
    );
    let fragment = client().get(app.url("/rooms/lobby/presence")).send().await.unwrap();
    let fragment = fragment.text().await.unwrap();
    assert!(fragment.contains("2 here: <bdi>&lt;ann&gt;</bdi>, <bdi>bob</bdi>"), "{fragment}");
    assert!(ann.page().await.contains(&fragment), "the same on the page");

    let _watcher = Events::open(&app, "/rooms/lobby/events", None).await;
    let _terminal = client().get(app.url("/rooms/lobby/events?format=text")).send().await.unwrap();
    assert_eq!(people(&app).await.watching, 2, "who reads along without a name is counted");
    assert_eq!(people(&app).await.count, 2);
}

#[tokio::test]
async fn tabs_are_told_of_changes_and_other_readers_are_not() {
    let app = TestApp::start();
    let ann = Tab::join(&app, "lobby", "ann").await;
    let mut events = Events::from(ann.get("/events")).await;
    let mut watcher = Events::open(&app, "/rooms/lobby/events", None).await;
    let bob = Tab::join(&app, "lobby", "bob").await;
    let stream = Events::from(bob.get("/events")).await;
    loop {
        let changed = events.event("PresenceChanged").await;
        assert_eq!(changed.id, None, "it moves no cursor");
        let list = changed.data.unwrap();
        assert!(list.starts_with("<p id=\"presence\""), "{list}");
        if list.contains("<bdi>ann</bdi>, <bdi>bob</bdi>") {
            break;
        }
    }
    let left = bob.post("/leave", &[]).send().await.unwrap();
    assert_eq!(left.status(), 303);
    names(&app, &["ann"]).await;
    while events.event("PresenceChanged").await.data.unwrap().contains("bob") {}
    drop(stream);
    let sent = post(&app, "lobby", &[("username", "eve"), ("text", "hi")]).await;
    assert_eq!(sent.status(), 201);
    let first = watcher.next().await.unwrap();
    assert_eq!(first.event.as_deref(), Some("NewMessage"), "the watcher had no other event");
}

#[tokio::test]
async fn a_tab_that_reconnects_neither_leaves_nor_joins_and_one_that_stays_away_leaves() {
    let app = TestApp::start();
    let (ann, bob) = (Tab::join(&app, "lobby", "ann").await, Tab::join(&app, "lobby", "bob").await);
    let mut events = Events::from(ann.get("/events")).await;
    let stream = Events::from(bob.get("/events")).await;
    while !events.event("PresenceChanged").await.data.unwrap().contains("bob") {}
    drop(stream);
    let again = Events::from(bob.get("/events")).await;
    let second = Events::from(bob.get("/events")).await;
    assert_eq!(people(&app).await.count, 2, "two streams of one tab are one person");
    drop(again);
    drop(second);
    let gone = Instant::now();
    let changed = events.event("PresenceChanged").await;
    assert!(!changed.data.unwrap().contains("bob"), "the first word since is that bob is gone");
    assert!(gone.elapsed().as_secs_f32() > 4.5, "not before the grace is over");
    names(&app, &["ann"]).await;
}

#[tokio::test]
async fn a_tab_that_says_it_is_hidden_lets_go_of_its_stream_and_is_away() {
    let app = TestApp::start();
    let (ann, bob) = (Tab::join(&app, "lobby", "ann").await, Tab::join(&app, "lobby", "bob").await);
    let mut events = Events::from(ann.get("/events")).await;
    let stream = Events::from(bob.get("/events")).await;
    while !events.event("PresenceChanged").await.data.unwrap().contains("bob") {}
    let told = async |hidden: &str| {
        bob.post("/presence", &[("hidden", hidden)]).send().await.unwrap().status()
    };
    assert_eq!(told("true").await, 204);
    drop(stream);
    let changed = events.event("PresenceChanged").await.data.unwrap();
    assert!(
        changed.contains("2 here: <bdi>ann</bdi>, <bdi>bob</bdi> <small>(away)</small>"),
        "{changed}"
    );
    let away = people(&app).await;
    assert_eq!((away.names, away.away), (vec!["ann".into(), "bob".into()], vec!["bob".into()]));
    let stream = Events::from(bob.get("/events")).await;
    let changed = events.event("PresenceChanged").await.data.unwrap();
    assert!(changed.contains("2 here: <bdi>ann</bdi>, <bdi>bob</bdi></p>"), "{changed}");

    assert_eq!(told("true").await, 204);
    drop(stream);
    assert_eq!(told("false").await, 204, "closed while hidden");
    names(&app, &["ann"]).await;
    assert_eq!(told("perhaps").await, 422);
    assert_eq!(told("").await, 422);
    assert_eq!(bob.post("/presence", &[]).send().await.unwrap().status(), 422);
    let stranger = client().post(app.url(&format!("{}x/presence", bob.path)));
    assert_eq!(stranger.form(&[("hidden", "true")]).send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn the_endless_document_of_a_tab_counts_as_being_here() {
    let app = TestApp::start();
    let tab = Tab::join(&app, "lobby", "ann").await;
    let stream = tab.get("/events?format=html&last=5").send().await.unwrap();
    names(&app, &["ann"]).await;
    drop(stream);
    until("ann is gone", async || (people(&app).await.count == 0).then_some(())).await;
}

#[tokio::test]
async fn a_name_that_somebody_here_bears_is_refused_with_a_sentence_and_free_when_they_left() {
    let app = TestApp::start();
    let ann = Tab::join(&app, "lobby", "Ann").await;
    let _stream = Events::from(ann.get("/events")).await;
    for alike in ["Ann", "ann", "ＡＮＮ", "Аnn"] {
        let request = client().post(app.url("/rooms/lobby/join")).form(&[("username", alike)]);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 422, "{alike}");
        let page = answer.text().await.unwrap();
        assert!(page.contains("Somebody here has this name, or one that looks like it."));
        assert_eq!(fields(&page)["username"], alike);
        let answer = post(&app, "lobby", &[("username", alike), ("text", "it was me")]).await;
        assert_eq!(answer.status(), 409, "{alike}");
        assert!(
            answer.text().await.unwrap().starts_with("{\"error\":\"Somebody here has this name")
        );
    }
    let own = ann.post("/send", &[("text", "it was me")]).send().await.unwrap();
    assert_eq!(own.status(), 303, "the bearer speaks");
    let elsewhere = post(&app, "kitchen", &[("username", "ann"), ("text", "hi")]).await;
    assert_eq!(elsewhere.status(), 201, "in another room nobody bears it");
    ann.post("/leave", &[]).send().await.unwrap();
    let answer = post(&app, "lobby", &[("username", "ann"), ("text", "hi")]).await;
    assert_eq!(answer.status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_joins_cost_a_reader_two_events_a_second_at_most() {
    let app = TestApp::start();
    let watcher = Tab::join(&app, "lobby", "watcher").await;
    let mut events = Events::from(watcher.get("/events")).await;
    let begun = Instant::now();
    let mut streams = Vec::new();
    for number in 0..300 {
        let tab = Tab::join(&app, "lobby", &format!("n{number:03}")).await;
        streams.push(Events::from(tab.get("/events")).await);
    }
    let mut count = 0;
    loop {
        let list = events.event("PresenceChanged").await.data.unwrap();
        count += 1;
        if list.contains("301 here") {
            assert_eq!(list.matches("<bdi>").count(), 50);
            assert!(list.contains(">and 251 more<"), "{list}");
            break;
        }
        assert!(begun.elapsed() < PATIENCE);
    }
    let halves = begun.elapsed().as_millis() / 500;
    assert!(count <= halves + 1, "{count} events in {halves} half seconds");
}
