//! An operator takes out of NATS by hand what the nodes need there.

use async_nats::jetstream::{self, stream::Stream};

use super::{becomes, history, node};
use crate::{
    client::{Events, Tab, client, send},
    support::{App, Server, TestApp, nats::Nats, until},
};

async fn context(nats: &Nats) -> jetstream::Context {
    jetstream::new(async_nats::connect(nats.url(0)).await.unwrap())
}

async fn stream(nats: &Nats) -> Stream {
    context(nats).await.get_stream("hubbub").await.unwrap()
}

fn epoch(id: &str) -> String {
    id.split_once('-').unwrap().0.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_purge_of_all_there_is_nodes_that_run_and_one_that_starts_have_one_new_epoch() {
    let Some(nats) = Nats::single() else { return };
    let running = [node(&nats), node(&nats)];
    let before = send(&running[0], "lobby", "ann", "before").await;
    let mut streams = Vec::new();
    for app in &running {
        streams.push(Events::open(app, "/rooms/lobby/events", Some(&before.id)).await);
    }
    stream(&nats).await.purge().await.unwrap();
    for events in &mut streams {
        while events.next().await.is_some() {}
    }
    let started = node(&nats);
    for app in running.iter().chain([&started]) {
        becomes(app, "/readyz/sends", reqwest::StatusCode::OK).await;
    }
    let mut sent = Vec::new();
    for app in running.iter().chain([&started]) {
        sent.push(send(app, "lobby", "ann", "after").await.id);
    }
    assert_ne!(epoch(&sent[0]), epoch(&before.id));
    for app in running.iter().chain([&started]) {
        until("each has all of it", async || (history(app, "lobby").await == sent).then_some(()))
            .await;
        let mut events = Events::open(app, "/rooms/lobby/events", Some(&before.id)).await;
        assert_eq!(events.next().await.unwrap().event.as_deref(), Some("Gap"));
        assert_eq!(events.message().await.0, sent[0]);
    }
}

/// The one that starts is the first to see it.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_starts_right_after_a_purge_does_not_part_those_that_run() {
    let Some(nats) = Nats::single() else { return };
    let running = node(&nats);
    let before = send(&running, "lobby", "ann", "before").await;
    let mut events = Events::open(&running, "/rooms/lobby/events", Some(&before.id)).await;
    let stream = stream(&nats).await;
    stream.delete_message(1).await.unwrap(); // Where the epoch stands.
    let started = node(&nats);
    while events.next().await.is_some() {}
    becomes(&running, "/readyz/sends", reqwest::StatusCode::OK).await;
    let after = send(&started, "lobby", "ann", "after").await;
    assert_ne!(epoch(&after.id), epoch(&before.id));
    until("both have one", async || {
        let (one, other) = (history(&running, "lobby").await, history(&started, "lobby").await);
        (one == other && one.last() == Some(&after.id)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_was_deleted_is_put_back_by_a_node_that_has_it() {
    let Some(nats) = Nats::single() else { return };
    let running = App::with(&["--nats", &nats.urls()]);
    let tab = Tab::join(&running, "lobby", "ann").await;
    let context = context(&nats).await;
    for whole in [false, true] {
        if whole {
            context.delete_stream("hubbub-secret").await.unwrap();
        } else {
            context.get_stream("hubbub-secret").await.unwrap().purge().await.unwrap();
        }
        let lines = || running.log().matches("shared secret was deleted").count();
        until("it is put back", async || (lines() == 1 + usize::from(whole)).then_some(())).await;
        let started = TestApp::with(&["--nats", &nats.urls()]);
        let page = tab.at(&started).page().await;
        assert!(page.contains("Posting as"), "its cookie is good there");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_begins_tells_of_a_gap_where_less_is_left_of_a_room_than_a_reader_missed() {
    let Some(nats) = Nats::single() else { return };
    let first = node(&nats);
    let (mut lobby, mut other) = (Vec::new(), Vec::new());
    for number in 0..20 {
        lobby.push(send(&first, "lobby", "ann", &number.to_string()).await.id);
        other.push(send(&first, "other", "ann", &number.to_string()).await.id);
    }
    let mut stream = stream(&nats).await;
    let mut config = stream.info().await.unwrap().config.clone();
    config.max_messages_per_subject = 5;
    context(&nats).await.update_stream(config).await.unwrap();
    let begun = node(&nats);
    for (room, ids) in [("lobby", &lobby), ("other", &other)] {
        assert_eq!(history(&begun, room).await, ids[15..]);
        let path = format!("/rooms/{room}/events");
        let mut events = Events::open(&begun, &path, Some(&ids[3])).await;
        assert_eq!(events.next().await.unwrap().event.as_deref(), Some("Gap"), "{room}");
        assert_eq!(events.message().await.0, ids[15]);
        let mut events = Events::open(&begun, &path, Some(&ids[17])).await;
        assert_eq!(events.message().await.0, ids[18], "and nobody else");
    }
    // A room of which nothing is left, also where it was the newest.
    stream.purge().filter("hubbub.m.other").await.unwrap();
    let begun = node(&nats);
    for app in [&begun] {
        let url = app.url("/rooms/other/events");
        let request = client().get(url).header("last-event-id", &other[17]);
        let mut events = Events::from(request).await;
        assert_eq!(events.next().await.unwrap().event.as_deref(), Some("Gap"));
    }
}
