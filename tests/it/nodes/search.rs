//! What was said on one node is found on each: every node has an index of its own.

use reqwest::StatusCode;

use super::{becomes, node};
use crate::{
    client::{Events, Message, client, post},
    removal::files_with,
    search::find_at,
    support::{App, Server, nats::Nats, until},
};

/// A key that proves who sent something.
fn key(number: usize) -> String {
    format!("key-of-somebody-{number}")
}

/// Sends under a key: the message's address.
async fn say(app: &impl Server, number: usize, text: &str) -> String {
    let form = [("username", "ann"), ("text", text), ("key", &*key(number))];
    let sent: Message = post(app, "lobby", &form).await.json().await.unwrap();
    format!("/rooms/lobby/messages/{}", sent.id)
}

async fn remove(app: &impl Server, number: usize, message: &str) {
    let removed = client().delete(app.url(message)).form(&[("key", &*key(number))]);
    assert_eq!(removed.send().await.unwrap().status(), 200);
}

async fn edit(app: &impl Server, number: usize, message: &str, text: &str) {
    let edited = client().patch(app.url(message)).form(&[("key", &*key(number)), ("text", text)]);
    assert_eq!(edited.send().await.unwrap().status(), 200);
}

/// Waits until exactly these texts are found in the lobby and in all rooms, the newest first: what
/// comes from another node takes a moment.
async fn finds(app: &impl Server, words: &str, texts: &[&str]) {
    for path in ["/rooms/lobby/search", "/search"] {
        until(&format!("{words} in {path}"), async || {
            let found = find_at(app, path, words).await.messages;
            found.iter().map(|hit| &*hit.text).eq(texts.iter().copied()).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_edited_or_removed_on_one_node_is_so_in_what_the_other_finds() {
    let Some(nats) = Nats::single() else { return };
    let (one, other) = (node(&nats), node(&nats));
    let removed = say(&one, 1, "needle quicksilverandsaltpetre").await;
    let edited = say(&other, 2, "needle hydrargyrumandnitre").await;
    say(&one, 3, "needle stays").await;
    for app in [&one, &other] {
        let all = ["needle stays", "needle hydrargyrumandnitre", "needle quicksilverandsaltpetre"];
        finds(app, "needle", &all).await;
    }
    remove(&other, 1, &removed).await;
    edit(&one, 2, &edited, "needle in other words").await;
    for app in [&one, &other] {
        finds(app, "needle", &["needle stays", "needle in other words"]).await;
        finds(app, "quicksilverandsaltpetre", &[]).await;
        let home = app.data().parent().unwrap().to_owned();
        for word in ["quicksilver", "hydrargyrum"] {
            // The index may have the beginning of a word with the one before it.
            until(&format!("{word} is in no file"), async || {
                files_with(&home, &word[3..]).is_empty().then_some(())
            })
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_starts_with_an_old_index_goes_on_from_there() {
    let Some(nats) = Nats::single() else { return };
    let mut stopped = App::with(&["--nats", &nats.urls()]);
    let other = node(&nats);
    say(&other, 1, "old needle").await;
    let removed = say(&stopped, 2, "removed needle").await;
    let edited = say(&stopped, 3, "edited needle").await;
    finds(&stopped, "needle", &["edited needle", "removed needle", "old needle"]).await;
    assert!(tokio::task::block_in_place(|| stopped.stop()).success());

    remove(&other, 2, &removed).await;
    edit(&other, 3, &edited, "edited hay").await;
    say(&other, 4, "new needle").await;
    tokio::task::block_in_place(|| stopped.start_again());
    finds(&stopped, "needle", &["new needle", "old needle"]).await;
    finds(&stopped, "hay", &["edited hay"]).await;
    assert!(!stopped.log().contains("made anew"), "{}", stopped.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_stream_is_another_one_nothing_of_the_old_is_found() {
    let Some(nats) = Nats::single() else { return };
    let app = node(&nats);
    say(&app, 1, "old needle").await;
    finds(&app, "needle", &["old needle"]).await;
    let mut events = Events::open(&app, "/rooms/lobby/events", None).await;
    let client = async_nats::connect(nats.url(0)).await.unwrap();
    async_nats::jetstream::new(client).delete_stream("hubbub").await.unwrap();
    while events.next().await.is_some() {}
    becomes(&app, "/readyz/sends", StatusCode::OK).await;
    say(&app, 2, "new needle").await;
    finds(&app, "needle", &["new needle"]).await;
}
