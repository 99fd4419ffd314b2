//! A part that fails ends the whole: what is left would acknowledge what nobody receives.

use std::time::{Duration, Instant};

use reqwest::StatusCode;

use crate::{
    client::{Events, client, post},
    support::{TestApp, process::app::Launch, soon},
};

/// Runs a hubbub in which `part` fails with its third batch, and looks at what comes of it.
async fn fails(part: &str, named: &str) {
    let fault = format!("HUBBUB_FAULT={part}:3");
    let mut app = Launch::new(&["--log-format", "json"]).behind(&["env", &fault]).start();
    let mut reader = Events::open(&app, "/rooms/lobby/events", None).await;
    let probes = tokio::spawn(probe(app.url("/readyz")));

    let (mut acknowledged, mut had) = (Vec::new(), Vec::new());
    for number in 0..3 {
        // Each a batch of its own for the journal, and, since it was had, for the feed.
        let form = [("username", "ann"), ("text", "hi"), ("key", &*format!("k{number}"))];
        let url = app.url("/rooms/lobby/messages");
        let Ok(answer) = client().post(url).form(&form).send().await else { break };
        if answer.status() != StatusCode::CREATED {
            break;
        }
        let message: serde_json::Value = answer.json().await.unwrap();
        acknowledged.push(message["id"].as_str().unwrap().to_owned());
        match reader.try_message().await {
            Some((id, _)) => had.push(id),
            None => break,
        }
    }
    let (statuses, unready_at) = soon("the end of the probes", probes).await.unwrap();
    let status = app.wait();
    assert_eq!(status.code(), Some(1), "a failure");
    assert!(unready_at.elapsed() < Duration::from_secs(2), "{:?}", unready_at.elapsed());
    assert_eq!(statuses.first(), Some(&200), "{statuses:?}");
    assert_eq!(statuses.last(), Some(&503), "{statuses:?}");
    let log = app.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("shutting down")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains(&format!("\"task\":\"{named}\"")), "{log}");

    // A service manager starts it again. Without the fault, nothing is amiss.
    let app = Launch::new(&[]).over(app.home()).start();
    let mut back = Events::open(&app, "/rooms/lobby/events", had.last().map(String::as_str)).await;
    for id in &acknowledged[had.len()..] {
        assert_eq!(back.message().await.0, *id, "what was acknowledged and not had");
    }
    let next = post(&app, "lobby", &[("username", "ann"), ("text", "next")]).await;
    assert_eq!(next.status(), StatusCode::CREATED);
    let (id, text) = back.message().await;
    // What was committed and not acknowledged may come before it.
    assert!(text == "next" || !acknowledged.contains(&id), "{id} {text}");
}

/// Asks until nobody answers: the statuses that followed each other, and when the last began.
async fn probe(url: String) -> (Vec<u16>, Instant) {
    let (mut statuses, mut since) = (Vec::new(), Instant::now());
    while let Ok(answer) = client().get(&url).send().await {
        let status = answer.status().as_u16();
        if statuses.last() != Some(&status) {
            statuses.push(status);
            since = Instant::now();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    (statuses, since)
}

#[tokio::test]
async fn when_the_feed_panics_the_process_ends_with_a_failure_and_readers_miss_nothing() {
    fails("feed", "feed").await;
}

#[tokio::test]
async fn when_the_journals_thread_ends_the_process_ends_with_a_failure_and_readers_miss_nothing() {
    fails("journal", "journal").await;
}

#[tokio::test]
async fn a_disk_that_hangs_holds_up_no_shutdown() {
    let mut app = Launch::new(&[]).behind(&["env", "HUBBUB_FAULT=hang:2"]).start();
    let form = [("username", "ann"), ("text", "hi")];
    assert_eq!(post(&app, "lobby", &form).await.status(), StatusCode::CREATED);
    let url = app.url("/rooms/lobby/messages");
    let waiting = tokio::spawn(async move { client().post(url).form(&form).send().await });
    crate::support::until("it is being stored", async || {
        let page = client().get(app.url("/rooms/lobby/messages?format=json")).send().await.unwrap();
        (page.text().await.unwrap().matches("\"hi\"").count() == 2).then_some(())
    })
    .await;
    let begun = Instant::now();
    app.signal("TERM");
    assert!(app.wait().success());
    assert!(app.log().contains("could not be closed in time"), "{}", app.log());
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    let told = waiting.await.unwrap().expect("an answer");
    assert_eq!(told.status(), StatusCode::SERVICE_UNAVAILABLE);
    let told = told.text().await.unwrap();
    assert!(told.contains("The message may be stored, or not."), "{told}");
}

#[tokio::test]
async fn who_leaves_ends_the_streams_of_that_tab_and_of_no_other() {
    let app = TestApp::start();
    let (ann, bob) = (
        crate::client::Tab::join(&app, "lobby", "ann").await,
        crate::client::Tab::join(&app, "lobby", "bob").await,
    );
    let mut streams = Vec::new();
    for tab in [&ann, &ann, &bob] {
        streams.push(Events::from(tab.get("/events")).await);
    }
    ann.post("/leave", &[]).send().await.unwrap();
    let sent = bob.post("/send", &[("text", "still here")]).send().await.unwrap();
    assert_eq!(sent.status(), StatusCode::SEE_OTHER);
    assert_eq!(streams[2].message().await.1, "still here");
    for stream in &mut streams[..2] {
        assert_eq!(stream.try_message().await, None, "it has ended");
    }
    // A twin that comes back before its browser heard that the cookie is taken away.
    let again = ann.get("/events").send().await.unwrap();
    assert_eq!(again.status(), StatusCode::FORBIDDEN);
    assert_eq!(again.headers()["hubbub"], "not_joined");
}
