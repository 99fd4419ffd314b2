//! Sending, plainly, by htmx and by script.

use std::collections::BTreeSet;

use reqwest::header;

use crate::{
    client::{Events, Message, Tab, client, fields, ids_on, post, send},
    support::{Server, TestApp},
};

#[tokio::test]
async fn a_plain_form_leads_back_to_the_page_with_the_message_on_it() {
    let app = TestApp::start();
    let tab = Tab::join(&app, "lobby", "ann").await;
    let key = fields(&tab.page().await)["key"].clone();
    let answer = tab.post("/send", &[("text", "hi there"), ("key", &key)]).send().await.unwrap();
    assert_eq!(answer.status(), 303);
    assert_eq!(answer.headers()[header::LOCATION], tab.path.as_str());
    let page = tab.page().await;
    assert!(page.contains("<strong>ann:</strong> <span>hi there</span>"));
    assert_ne!(fields(&page)["key"], key, "the next message has a key of its own");
}

#[tokio::test]
async fn htmx_gets_an_empty_form_and_the_message_for_the_outbox() {
    let app = TestApp::start();
    let tab = Tab::join(&app, "lobby", "ann").await;
    let request = tab.post("/send", &[("text", "hi"), ("key", "k1")]).header("hx-request", "true");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let body = answer.text().await.unwrap();
    assert!(body.starts_with("<form id=\"send\""), "{body}");
    let fields = fields(&body);
    assert_eq!(fields["text"], "");
    assert!(!fields["key"].is_empty() && fields["key"] != "k1");
    assert_eq!(ids_on(&body).len(), 1);
}

#[tokio::test]
async fn a_script_gets_the_message_as_json_and_where_it_is() {
    let app = TestApp::start();
    let answer = post(&app, "lobby", &[("username", "ann"), ("text", " hi\r\nyou ")]).await;
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/json");
    let place = answer.headers()[header::LOCATION].to_str().unwrap().to_owned();
    let message: Message = answer.json().await.unwrap();
    assert_eq!(place, format!("/rooms/lobby#m{}", message.seq));
    assert_eq!((message.name.as_str(), message.text.as_str()), ("ann", " hi\nyou"));
    assert_eq!(message.room, "lobby");
    assert!(message.id.ends_with(&format!("-{}", message.seq)));
    assert!(message.sent_at.ends_with('Z') && message.sent_at.contains('T'));
}

#[tokio::test]
async fn fifty_senders_at_once_are_seen_in_one_order_by_everybody() {
    let app = TestApp::start();
    let mut readers = Vec::new();
    for _ in 0..3 {
        readers.push(Events::open(&app, "/rooms/lobby/events", None).await);
    }
    let mut sent = BTreeSet::new();
    let senders = (0..50).map(|sender| {
        let url = app.url("/rooms/lobby/messages");
        tokio::spawn(async move {
            let client = client();
            let mut ids = Vec::new();
            for number in 0..10 {
                let (name, text) = (format!("s{sender}"), format!("{sender}/{number}"));
                let form = [("username", &name), ("text", &text)];
                let answer = client.post(&url).form(&form).send().await.unwrap();
                let message: Message = answer.json().await.unwrap();
                ids.push((message.seq, message.id));
            }
            assert!(ids.is_sorted(), "one sender's messages stay in its order");
            ids
        })
    });
    for sender in senders.collect::<Vec<_>>() {
        sent.extend(sender.await.unwrap());
    }
    let sent: Vec<String> = sent.into_iter().map(|(_, id)| id).collect();
    assert_eq!(sent.len(), 500);
    for reader in &mut readers {
        assert_eq!(reader.ids(500).await, sent);
    }
}

#[tokio::test]
async fn a_text_that_cannot_be_taken_comes_back_in_the_form_under_its_key() {
    let app = TestApp::start();
    let tab = Tab::join(&app, "lobby", "ann").await;
    let long = "x".repeat(4001);
    for (text, sentence) in [
        ("", "Please enter a message."),
        (" \r\n\u{3000}", "Please enter a message."),
        (&*long, "A message is at most 4000 characters."),
        ("\"a\0b", "A message cannot contain the control character U+0000."),
    ] {
        for htmx in [false, true] {
            let mut request = tab.post("/send", &[("text", text), ("key", "mine")]);
            if htmx {
                request = request.header("hx-request", "true");
            }
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 422);
            let page = answer.text().await.unwrap();
            assert!(page.contains(sentence), "{page}");
            assert_eq!(page.starts_with("<form"), htmx);
            let fields = fields(&page);
            assert_eq!(fields["text"], text, "the draft is kept");
            assert_eq!(fields["key"], "mine");
        }
        let answer = post(&app, "lobby", &[("username", "ann"), ("text", text)]).await;
        assert_eq!(answer.status(), 422);
        assert_eq!(answer.text().await.unwrap(), format!("{{\"error\":\"{sentence}\"}}\n"));
    }
    assert!(ids_on(&tab.page().await).is_empty(), "nothing was stored");
}

#[tokio::test]
async fn the_longest_text_of_the_longest_characters_fits() {
    let app = TestApp::start();
    let tab = Tab::join(&app, "lobby", "ann").await;
    let text = "😀".repeat(4000);
    let answer = tab.post("/send", &[("text", &text), ("key", "k")]).send().await.unwrap();
    assert_eq!(answer.status(), 303);
    assert!(tab.page().await.contains(&text));
}

#[tokio::test]
async fn a_body_beyond_every_message_is_refused() {
    let app = TestApp::start();
    let huge = "x".repeat(200_000);
    let answer = post(&app, "lobby", &[("username", "ann"), ("text", &huge)]).await;
    assert_eq!(answer.status(), 413);
    assert!(answer.text().await.unwrap().starts_with("{\"error\":"));
    let tab = Tab::join(&app, "lobby", "ann").await;
    let answer = tab.post("/send", &[("text", &huge)]).send().await.unwrap();
    assert_eq!(answer.status(), 413);
    assert!(answer.text().await.unwrap().starts_with("<!DOCTYPE html>"));
}

#[tokio::test]
async fn a_key_sent_twice_is_one_message() {
    let app = TestApp::start();
    let tab = Tab::join(&app, "lobby", "ann").await;
    let form = [("text", "once"), ("key", "double-click")];
    let (one, other) =
        tokio::join!(tab.post("/send", &form).send(), tab.post("/send", &form).send());
    assert_eq!(
        (one.unwrap().status(), other.unwrap().status()),
        (303.try_into().unwrap(), 303.try_into().unwrap())
    );
    assert_eq!(ids_on(&tab.page().await).len(), 1);

    let form = [("username", "bot"), ("text", "retry"), ("key", "r1")];
    let first: Message = post(&app, "lobby", &form).await.json().await.unwrap();
    let again = post(&app, "lobby", &form).await;
    assert_eq!(again.status(), 201);
    assert_eq!(again.json::<Message>().await.unwrap(), first);
    // A key is a room's: another room does not know it.
    let elsewhere: Message = post(&app, "kitchen", &form).await.json().await.unwrap();
    assert_ne!(elsewhere.id, first.id);
}

#[tokio::test]
async fn a_key_that_comes_back_with_another_text_is_a_conflict_that_keeps_the_draft() {
    let app = TestApp::start();
    let tab = Tab::join(&app, "lobby", "ann").await;
    let first = tab.post("/send", &[("text", "one"), ("key", "k")]).send().await.unwrap();
    assert_eq!(first.status(), 303);
    let second = tab.post("/send", &[("text", "two"), ("key", "k")]).send().await.unwrap();
    assert_eq!(second.status(), 409);
    let fields = fields(&second.text().await.unwrap());
    assert_eq!(fields["text"], "two");
    assert_ne!(fields["key"], "k", "so that sending it again works");
    let form = [("username", "ann"), ("text", "two"), ("key", "k")];
    assert_eq!(post(&app, "lobby", &form).await.status(), 409);
}

#[tokio::test]
async fn a_post_from_a_foreign_page_is_refused() {
    let app = TestApp::start();
    let tab = Tab::join(&app, "lobby", "ann").await;
    for (header, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let answer =
            tab.post("/send", &[("text", "hi")]).header(header, value).send().await.unwrap();
        assert_eq!(answer.status(), 403, "{header}: {value}");
        let join = client()
            .post(app.url("/rooms/lobby/join"))
            .header(header, value)
            .form(&[("username", "x")]);
        assert_eq!(join.send().await.unwrap().status(), 403);
        let script = client()
            .post(app.url("/rooms/lobby/messages"))
            .header(header, value)
            .form(&[("username", "x"), ("text", "x")]);
        let answer = script.send().await.unwrap();
        assert_eq!(answer.status(), 403);
        assert!(answer.text().await.unwrap().starts_with("{\"error\":"));
    }
    let own = format!("http://{}", app.address());
    let answer = tab.post("/send", &[("text", "hi")]).header("origin", own).send().await.unwrap();
    assert_eq!(answer.status(), 303, "our own page may");
    assert_eq!(ids_on(&tab.page().await).len(), 1);
}

#[tokio::test]
async fn rooms_are_apart() {
    let app = TestApp::start();
    let mut kitchen = Events::open(&app, "/rooms/kitchen/events", None).await;
    send(&app, "lobby", "ann", "for the lobby").await;
    let message = send(&app, "kitchen", "ann", "for the kitchen").await;
    assert_eq!(kitchen.message().await, (message.id, "for the kitchen".into()));
}
