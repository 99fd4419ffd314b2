//! Several nodes that share NATS, as their clients see them.

mod limits;
mod login;
mod marks;
mod operator;
mod refused;
mod rules;
mod search;

use std::time::{Duration, Instant};

use reqwest::{StatusCode, header};

use crate::{
    client::{Events, Message, Tab, client, fields, post, send},
    removal::files_with,
    support::{
        App, Server, TestApp,
        nats::Nats,
        process::{
            app::{hubbub, run_to_end},
            directory,
        },
        until,
    },
};

/// A node in this process.
fn node(nats: &Nats) -> TestApp {
    TestApp::with(&["--nats", &nats.urls()])
}

async fn status(app: &impl Server, path: &str) -> StatusCode {
    client().get(app.url(path)).send().await.unwrap().status()
}

async fn becomes(app: &impl Server, path: &str, wanted: StatusCode) {
    until(path, async || {
        // A node that begins anew closes what it has open.
        let answer = client().get(app.url(path)).send().await.ok()?;
        (answer.status() == wanted).then_some(())
    })
    .await;
}

/// Every message that a node has of a room, by its ids.
async fn history(app: &impl Server, room: &str) -> Vec<String> {
    let url = app.url(&format!("/rooms/{room}/messages?limit=200&format=json"));
    let messages: Vec<Message> = client().get(url).send().await.unwrap().json().await.unwrap();
    messages.into_iter().map(|message| message.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_to_one_node_is_live_on_the_other_under_the_same_id() {
    let Some(nats) = Nats::single() else { return };
    let (one, other) = (node(&nats), node(&nats));
    let mut here = Events::open(&one, "/rooms/lobby/events", None).await;
    let mut there = Events::open(&other, "/rooms/lobby/events", None).await;
    let first = send(&one, "lobby", "ann", "from one").await;
    let second = send(&other, "lobby", "bob", "from the other").await;
    for events in [&mut here, &mut there] {
        assert_eq!(events.message().await, (first.id.clone(), "from one".into()));
        assert_eq!(events.message().await, (second.id.clone(), "from the other".into()));
    }
    // A reader that a balancer moves goes on where it was.
    let mut moved = Events::open(&other, "/rooms/lobby/events", Some(&first.id)).await;
    assert_eq!(moved.message().await.0, second.id);
    assert_eq!(history(&one, "lobby").await, history(&other, "lobby").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tab_is_joined_on_every_node_and_its_redirect_shows_what_it_sent() {
    let Some(nats) = Nats::single() else { return };
    let (one, other) = (node(&nats), node(&nats));
    let tab = Tab::join(&one, "lobby", "ann").await;
    let elsewhere = tab.at(&other);
    for number in 0..20 {
        let form = fields(&tab.page().await);
        let text = format!("text {number}");
        let sent = tab.post("/send", &[("text", &text), ("key", &form["key"])]).send().await;
        let sent = sent.unwrap();
        assert_eq!(sent.status(), 303);
        let cookie = sent.headers()[header::SET_COOKIE].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap();
        let page = elsewhere.get("").header(header::COOKIE, cookie).send().await.unwrap();
        assert!(page.text().await.unwrap().contains(&text), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_that_is_tried_again_on_another_node_is_stored_once() {
    let Some(nats) = Nats::single() else { return };
    let (one, other) = (node(&nats), node(&nats));
    let form = [("username", "ann"), ("text", "hi"), ("key", "order:17")];
    let first: Message = post(&one, "lobby", &form).await.json().await.unwrap();
    let again: Message = post(&other, "lobby", &form).await.json().await.unwrap();
    assert_eq!(first, again);
    let another = [("username", "ann"), ("text", "ho"), ("key", "order:17")];
    assert_eq!(post(&other, "lobby", &another).await.status(), 409);
    assert_eq!(history(&one, "lobby").await, [first.id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nats_gone_one_reads_on_and_keeps_ones_draft_and_all_of_it_heals() {
    let Some(mut nats) = Nats::single() else { return };
    let app = node(&nats);
    let tab = Tab::join(&app, "lobby", "ann").await;
    let first = send(&app, "lobby", "bob", "before").await;
    let mut events = Events::open(&app, "/rooms/lobby/events", None).await;
    becomes(&app, "/readyz/sends", StatusCode::OK).await;
    nats.kill(0);
    becomes(&app, "/readyz/sends", StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(status(&app, "/readyz").await, 200, "or a balancer would take it away");
    assert_eq!(history(&app, "lobby").await, std::slice::from_ref(&first.id));
    let refused = tab.post("/send", &[("text", "my draft"), ("key", "k")]).send().await.unwrap();
    assert_eq!(refused.status(), 503);
    let page = refused.text().await.unwrap();
    assert!(page.contains("my draft") && page.contains("stored once"), "{page}");

    nats.start_again(0);
    becomes(&app, "/readyz/sends", StatusCode::OK).await;
    let sent = tab.post("/send", &[("text", "my draft"), ("key", "k")]).send().await.unwrap();
    assert_eq!(sent.status(), 303);
    let (id, text) = events.message().await;
    assert_eq!(text, "my draft");
    assert_eq!(history(&app, "lobby").await, [first.id, id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_from_a_node_that_is_ahead_waits_and_is_told_of_no_gap() {
    let Some(nats) = Nats::single() else { return };
    let ahead = node(&nats);
    let behind = App::with(&["--nats", &nats.urls()]);
    behind.signal("STOP");
    let mut last = None;
    for number in 0..50 {
        last = Some(send(&ahead, "lobby", "ann", &number.to_string()).await);
    }
    let cursor = last.unwrap().id;
    let opening = tokio::spawn({
        let url = behind.url("/rooms/lobby/events");
        let request = client().get(url).header("last-event-id", cursor);
        async move { Events::from(request).await }
    });
    behind.signal("CONT");
    let mut events = opening.await.unwrap();
    let next = send(&ahead, "lobby", "ann", "next").await;
    assert_eq!(events.next().await.unwrap().id, Some(next.id), "no gap, and nothing twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_deleted_is_a_new_epoch_and_readers_are_told_of_the_gap() {
    let Some(nats) = Nats::single() else { return };
    let app = node(&nats);
    let tab = Tab::join(&app, "lobby", "ann").await;
    let before = send(&app, "lobby", "bob", "before").await;
    let mut events = Events::open(&app, "/rooms/lobby/events", Some(&before.id)).await;
    let client = async_nats::connect(nats.url(0)).await.unwrap();
    async_nats::jetstream::new(client).delete_stream("hubbub").await.unwrap();
    while events.next().await.is_some() {}
    becomes(&app, "/readyz/sends", StatusCode::OK).await;
    let after = send(&app, "lobby", "bob", "after").await;
    let epoch = |id: &str| id.split_once('-').unwrap().0.to_owned();
    assert_ne!(epoch(&after.id), epoch(&before.id));
    let mut events = Events::open(&app, "/rooms/lobby/events", Some(&before.id)).await;
    assert_eq!(events.next().await.unwrap().event.as_deref(), Some("Gap"));
    assert_eq!(events.message().await, (after.id, "after".into()));
    assert!(tab.page().await.contains("Posting as"), "its cookie is good as before");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_die_one_after_another_and_nothing_that_was_acknowledged_is_lost() {
    let Some(mut nats) = Nats::cluster(3) else { return };
    let (one, other) = (node(&nats), node(&nats));
    let mut sent = Vec::new();
    for round in 0..3 {
        let sending = async {
            let mut acknowledged = Vec::new();
            for number in 0..20 {
                let text = format!("{round}-{number}");
                let form = [("username", "ann"), ("text", &*text), ("key", &*text)];
                let message = until("it is taken", async || {
                    let url = [&one, &other][number % 2].url("/rooms/lobby/messages");
                    let answer = client().post(url).form(&form).send().await;
                    let answer = answer.ok().filter(|answer| answer.status() == 201)?;
                    answer.json::<Message>().await.ok()
                });
                acknowledged.push(message.await.id);
            }
            acknowledged
        };
        let (acknowledged, ()) = tokio::join!(sending, async {
            until("some are sent", async || {
                (history(&one, "lobby").await.len() > 20 * round + 3).then_some(())
            })
            .await;
            nats.kill(round);
        });
        sent.extend(acknowledged);
        nats.start_again(round);
        becomes(&one, "/readyz/sends", StatusCode::OK).await;
    }
    let seq = |id: &String| id.split_once('-').unwrap().1.parse::<u64>().unwrap();
    sent.sort_by_key(seq);
    for app in [&one, &other] {
        until("all of it", async || (history(app, "lobby").await == sent).then_some(())).await;
    }
}

/// The names that a node lists.
async fn names(app: &impl Server) -> Vec<String> {
    let asking = client().get(app.url("/rooms/lobby/presence?format=json")).send().await.unwrap();
    let listed: serde_json::Value = asking.json().await.unwrap();
    let names = listed["names"].as_array().unwrap().iter();
    names.map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_node_that_is_stopped_who_comes_back_elsewhere_never_went_and_others_go_in_a_grace() {
    let Some(nats) = Nats::single() else { return };
    let mut stopped = App::with(&["--nats", &nats.urls()]);
    let other = node(&nats);
    let (ann, bob) =
        (Tab::join(&stopped, "lobby", "ann").await, Tab::join(&stopped, "lobby", "bob").await);
    let _streams = (Events::from(ann.get("/events")).await, Events::from(bob.get("/events")).await);
    until("both are listed", async || (names(&other).await == ["ann", "bob"]).then_some(())).await;
    let eve = Tab::join(&other, "lobby", "eve").await;
    let mut told = Events::from(eve.get("/events")).await;
    let begun = Instant::now();
    assert!(tokio::task::block_in_place(|| stopped.stop()).success());
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(2), "a stop takes no longer for it: {took:?}");
    let _stream = Events::from(ann.at(&other).get("/events")).await;
    let gone = loop {
        let listed = names(&other).await;
        assert!(listed.contains(&"ann".to_owned()), "ann went after {:?}", begun.elapsed());
        if !listed.contains(&"bob".to_owned()) {
            break begun.elapsed();
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "bob never goes");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    println!("bob went {gone:?} after the stop began");
    let seconds = gone.as_secs_f64();
    assert!((4.9..9.0).contains(&seconds), "after the grace, and not after the silence: {gone:?}");
    // Nor was it announced.
    loop {
        let said = told.event("PresenceChanged").await.data.unwrap();
        assert!(said.contains("ann") || !said.contains("eve"), "{said}");
        if said.contains("ann") && !said.contains("bob") {
            break;
        }
    }
}

/// What the README says is the least that a node's user must be allowed.
fn permissions() -> String {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let (_, rest) = readme.split_once("\n    permissions {\n").expect("the block");
    let (block, _) = rest.split_once("\n    }\n").expect("its end");
    format!("permissions {{ {block} }}")
}

#[tokio::test(flavor = "multi_thread")]
async fn with_no_more_permissions_than_the_readme_says_a_node_does_all_of_it() {
    let users =
        format!("authorization {{ users: [{{ user: ann, password: pw, {} }}] }}", permissions());
    let Some(nats) = Nats::start(1, &users) else { return };
    let url = nats.url(0).replace("nats://", "nats://ann:pw@");
    let (one, other) = (TestApp::with(&["--nats", &url]), TestApp::with(&["--nats", &url]));
    let mut events = Events::open(&other, "/rooms/lobby/events", None).await;
    let sent = send(&one, "lobby", "ann", "hi").await;
    assert_eq!(events.message().await, (sent.id, "hi".into()));
    let (key, words) = ("a-key-of-16-chars", "quicksilver-and-saltpetre");
    let form = [("username", "ann"), ("text", words), ("key", key)];
    let sent: Message = post(&one, "lobby", &form).await.json().await.unwrap();
    let url = other.url(&format!("/rooms/lobby/messages/{}", sent.id));
    let removed = client().delete(url).form(&[("key", key)]).send().await.unwrap();
    assert_eq!(removed.status(), 200);
    until("it is erased from the stream", async || {
        files_with(&nats.store(0), words).is_empty().then_some(())
    })
    .await;
    for (app, name) in [(&one, "eve"), (&other, "ida")] {
        Tab::join(app, "lobby", name).await;
        becomes(app, "/readyz/sends", StatusCode::OK).await;
        assert!(!app.log().contains("ermissions"), "{}", app.log());
    }
}

#[test]
fn a_start_that_nats_refuses_is_one_line_without_the_password() {
    let accounts = "authorization { user: ann, password: right }";
    let Some(nats) = Nats::start(1, accounts) else { return };
    let home = directory();
    for (login, word) in [("ann:hunter2@", "authorization violation"), ("", "authorization")] {
        let url = nats.url(0).replace("nats://", &format!("nats://{login}"));
        let mut start = hubbub(home.path(), "127.0.0.1:0");
        let (status, said) = run_to_end(start.args(["--nats", &url]));
        assert_eq!(status.code(), Some(2), "{said}");
        let line = said.lines().last().unwrap();
        assert!(line.starts_with("hubbub: --nats") && line.contains(word), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    let url = nats.url(0).replace("nats://", "nats://ann:right@");
    let app = App::with(&["--nats", &url]);
    assert!(!app.log().contains("right"), "{}", app.log());
}
