//! What was said is taken back: who may, and where nothing of it is left.

use std::path::Path;

use reqwest::{Response, StatusCode, header};
use serde_json::Value;

use crate::{
    client::{Events, Message, Raw, Tab, client, post, send},
    support::{App, Server, TestApp, nats::Nats, soon, until},
};

/// A key that proves who sent a message.
const KEY: &str = "0123456789abcdef";

/// What was said and is to be nowhere.
const SECRET: &str = "quicksilver-and-saltpetre";

/// Sends as a script that can take it back.
async fn send_under(app: &impl Server, key: &str, text: &str) -> Message {
    let answer = post(app, "lobby", &[("username", "ann"), ("text", text), ("key", key)]).await;
    assert_eq!(answer.status(), 201);
    answer.json().await.unwrap()
}

async fn delete(app: &impl Server, id: &str, key: &str) -> Response {
    let url = app.url(&format!("/rooms/lobby/messages/{id}"));
    client().delete(url).form(&[("key", key)]).send().await.unwrap()
}

async fn text_at(app: &impl Server, path: &str) -> String {
    let answer = client().get(app.url(path)).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().await.unwrap()
}

/// The files below a directory that hold some words.
pub fn files_with(home: &Path, words: &str) -> Vec<String> {
    places_of(home, words).into_iter().map(|(file, _)| file).collect()
}

/// The same, each with how often it holds them.
pub fn places_of(home: &Path, words: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(home).unwrap().flatten() {
        let path = file.path();
        if path.is_dir() {
            found.extend(places_of(&path, words));
        } else {
            let bytes = std::fs::read(&path).unwrap_or_default();
            let parts = bytes.windows(words.len());
            let count = parts.filter(|part| *part == words.as_bytes()).count();
            if count > 0 {
                found.push((path.display().to_string(), count));
            }
        }
    }
    found
}

/// Waits until no file below a directory holds what was said.
async fn gone_from(home: &Path) {
    until("nothing of it is left on the disk", async || {
        files_with(home, SECRET).is_empty().then_some(())
    })
    .await;
}

/// What a stream begins with, up to a line that has some words.
async fn stream(app: &impl Server, query: &str, last: &str) -> String {
    let mut raw = Raw::open(app, &format!("/rooms/lobby/events?{query}")).await;
    raw.until(query, |all| all.contains(last)).await.to_owned()
}

#[tokio::test]
async fn what_its_key_removes_is_gone_from_every_representation() {
    let app = TestApp::start();
    let first = send(&app, "lobby", "bob", "before").await;
    let mut reader = Events::open(&app, "/rooms/lobby/events", None).await;
    let sent = send_under(&app, KEY, SECRET).await;
    reader.message().await;
    let answer = delete(&app, &sent.id, KEY).await;
    assert_eq!(answer.status(), 200);
    let left: Value = answer.json().await.unwrap();
    assert_eq!((&left["id"], &left["text"]), (&sent.id.as_str().into(), &"".into()));
    assert_eq!(left["removed"], true);

    let event = reader.event("MessageRemoved").await;
    let (fragment, change) = (event.data.unwrap(), event.id.unwrap());
    let start = format!("<p id=\"m{}\" data-key=\"{}\" class=\"message\"", sent.seq, sent.id);
    assert!(fragment.starts_with(&start) && fragment.ends_with("</p>"), "{fragment}");
    assert!(fragment.contains("<strong>ann:</strong> <span>Message removed</span> <time"));
    assert_ne!(change, sent.id);

    send(&app, "lobby", "bob", "after").await;
    for (query, last) in [
        ("", "after"),
        ("format=sse-json&", "after"),
        ("format=ndjson&", "after"),
        ("format=text&", "after"),
        ("format=html&", "after"),
    ] {
        let query = format!("{query}after={}", first.id);
        let all = stream(&app, &query, last).await;
        assert!(!all.contains(SECRET), "{query}: {all}");
        assert!(all.contains("Message removed") || all.contains("\"removed\":true"), "{all}");
    }
    let told = stream(&app, &format!("format=ndjson&after={}", sent.id), "after").await;
    let told: Value = serde_json::from_str(told.lines().next().unwrap()).unwrap();
    assert_eq!(told["removed"], sent.id.as_str());
    assert_eq!(told["id"], change.as_str());
    let told = stream(&app, &format!("format=text&after={}", sent.id), "after").await;
    assert!(told.starts_with("--- removed: 2"), "{told}");
    let told = stream(&app, &format!("format=sse-json&after={}", sent.id), "after").await;
    assert!(told.contains("event: MessageRemoved\ndata: {\"removed\":\""), "{told}");

    let tab = Tab::join(&app, "lobby", "cleo").await;
    let json = "/rooms/lobby/messages?format=json";
    for page in
        [tab.page().await, text_at(&app, "/rooms/lobby/messages").await, text_at(&app, json).await]
    {
        assert!(!page.contains(SECRET) && page.contains("emoved"), "{page}");
    }
    let one = text_at(&app, &format!("/rooms/lobby/messages/{}?format=json", sent.id)).await;
    assert!(one.contains("\"removed\":true") && !one.contains(SECRET), "{one}");
}

#[tokio::test]
async fn the_tab_that_sent_it_removes_it_by_a_plain_form_and_another_tab_does_not() {
    let app = TestApp::start();
    let (ann, bob) = (Tab::join(&app, "lobby", "ann").await, Tab::join(&app, "lobby", "bob").await);
    let sent = ann.post("/send", &[("text", SECRET), ("key", "")]).send().await.unwrap();
    assert_eq!(sent.status(), 303);
    let own = ann.get("/messages").send().await.unwrap().text().await.unwrap();
    let action = own.split("action=\"").find(|rest| rest.contains("/remove\"")).expect("a form");
    let action = action.split('"').next().unwrap();
    assert!(own.contains("<details") && own.contains(SECRET), "{own}");
    let others = bob.get("/messages").send().await.unwrap().text().await.unwrap();
    assert!(!others.contains(SECRET) && !others.contains("<form"), "{others}");

    let press = async |cookie: &str| {
        let request = client().post(app.url(action)).header(header::COOKIE, cookie);
        request.form(&[("remove", "1")]).send().await.unwrap()
    };
    for cookie in [bob.cookie.as_str(), "hubbub=forged", ""] {
        let refused = press(cookie).await;
        assert_eq!(refused.status(), 403, "{cookie}");
        assert!(refused.text().await.unwrap().contains("Only the tab that sent a message"));
    }
    assert!(bob.page().await.contains(SECRET));
    for _ in 0..2 {
        let done = press(&ann.cookie).await;
        assert_eq!(done.status(), 303, "also where it was removed before");
        assert_eq!(done.headers()[header::LOCATION], ann.path.as_str());
    }
    assert!(!bob.page().await.contains(SECRET));
    // A tab that left has nothing to prove itself by; a page that is reloaded is the page.
    let reloaded = client().get(app.url(action)).send().await.unwrap();
    assert_eq!(reloaded.status(), 303);
}

#[tokio::test]
async fn the_browser_that_a_tab_is_in_proves_it_where_the_tabs_own_cookie_is_not_sent() {
    let app = TestApp::start();
    let door = client().get(app.url("/rooms/lobby")).send().await.unwrap();
    let known = door.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap();
    let joined = client()
        .post(app.url("/rooms/lobby/join"))
        .header(header::COOKIE, known)
        .form(&[("username", "ann")])
        .send()
        .await
        .unwrap();
    let cookies: Vec<String> = joined
        .headers()
        .get_all(header::SET_COOKIE)
        .iter()
        .map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap().to_owned())
        .collect();
    let path = joined.headers()[header::LOCATION].to_str().unwrap().to_owned();
    let of = |name: &str| cookies.iter().find(|cookie| cookie.starts_with(name)).unwrap().clone();
    let sent = client()
        .post(app.url(&format!("{path}/send")))
        .header(header::COOKIE, of("hubbub="))
        .form(&[("text", SECRET)])
        .send();
    assert_eq!(sent.await.unwrap().status(), 303);
    let history = text_at(&app, "/rooms/lobby/messages?format=json").await;
    let id = serde_json::from_str::<Vec<Message>>(&history).unwrap()[0].id.clone();
    let url = app.url(&format!("/rooms/lobby/messages/{id}"));
    let page = client().get(&url).header(header::COOKIE, of("hubbub-tabs=")).send().await.unwrap();
    assert!(page.text().await.unwrap().contains("/remove\""));
    let page = client().get(&url).send().await.unwrap().text().await.unwrap();
    assert!(page.contains(SECRET) && !page.contains("<form"), "{page}");
    let done = client()
        .post(format!("{url}/remove"))
        .header(header::COOKIE, of("hubbub-tabs="))
        .form(&[("remove", "1")])
        .send()
        .await
        .unwrap();
    assert_eq!(done.status(), 303);
    assert_eq!(done.headers()[header::LOCATION], path.as_str());
}

#[tokio::test]
async fn who_cannot_prove_it_and_what_is_not_there_is_refused_in_a_sentence() {
    let app = TestApp::start();
    let sent = send_under(&app, KEY, "hi").await;
    let short = send_under(&app, "fifteen-chars-k", "short").await;
    let elsewhere = send(&app, "hall", "ann", "elsewhere").await;
    for (id, key, status, word) in [
        (&sent.id, "0123456789abcdee", 403, "Only the tab"),
        (&short.id, "fifteen-chars-k", 403, "16 characters"),
        (&elsewhere.id, KEY, 404, "no message with this id"),
        (&"k3v9x2mq-1".to_owned(), KEY, 404, "no message with this id"),
        (&format!("{}9", sent.id), KEY, 404, "no message with this id"),
        (&"what".to_owned(), KEY, 404, "no message with this id"),
        (&sent.id, "a key", 422, "visible ASCII"),
    ] {
        let answer = delete(&app, id, key).await;
        assert_eq!(answer.status(), status, "{id} {key}");
        let sentence: Value = answer.json().await.unwrap();
        assert!(sentence["error"].as_str().unwrap().contains(word), "{sentence}");
    }
    let url = app.url(&format!("/rooms/lobby/messages/{}", sent.id));
    assert_eq!(client().delete(&url).send().await.unwrap().status(), 403);
    let foreign = client().delete(&url).header("origin", "https://evil.example");
    assert_eq!(foreign.form(&[("key", KEY)]).send().await.unwrap().status(), 403);
    let query = client().delete(format!("{url}?key={KEY}")).send().await.unwrap();
    assert_eq!(query.status(), 422, "a key in an address stands in logs");
    let other = client().delete(&url).form(&[("key", KEY), ("why", "x")]).send().await.unwrap();
    assert_eq!(other.status(), 422);
    let json = client().delete(&url).json(&serde_json::json!({ "key": KEY })).send().await.unwrap();
    assert_eq!(json.status(), 200);
    let again = client().delete(&url).header("idempotency-key", KEY).send().await.unwrap();
    assert_eq!(again.status(), 200, "to remove what is removed is no error");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_and_a_retry_of_its_send_in_flight_at_the_same_time_leave_one_tombstone() {
    let app = TestApp::start();
    for number in 0..10 {
        let key = format!("{KEY}-{number}");
        let form = [("username", "ann"), ("text", SECRET), ("key", &*key)];
        let sent = send_under(&app, &key, SECRET).await;
        let (removed, again, twice) = tokio::join!(
            delete(&app, &sent.id, &key),
            post(&app, "lobby", &form),
            delete(&app, &sent.id, &key)
        );
        assert_eq!((removed.status(), twice.status()), (StatusCode::OK, StatusCode::OK));
        assert_eq!(again.status(), 201);
        assert_eq!(again.json::<Message>().await.unwrap().id, sent.id);
        let late: Value = post(&app, "lobby", &form).await.json().await.unwrap();
        assert_eq!((&late["id"], &late["removed"]), (&sent.id.as_str().into(), &true.into()));
        assert_eq!(late["text"], "");
        let other = [("username", "ann"), ("text", "else"), ("key", &*key)];
        // The key stays its own, whatever is said under it: nobody finds out by trying what it was.
        let other: Value = post(&app, "lobby", &other).await.json().await.unwrap();
        assert_eq!((&other["id"], &other["removed"]), (&sent.id.as_str().into(), &true.into()));
    }
    let history = text_at(&app, "/rooms/lobby/messages?format=json").await;
    let history: Vec<Value> = serde_json::from_str(&history).unwrap();
    assert_eq!(history.len(), 10);
    assert!(history.iter().all(|message| message["removed"] == true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_behind_by_more_than_the_ring_is_told_and_never_sees_the_text() {
    let app = TestApp::with(&["--address-sends", "0"]);
    let start = send(&app, "lobby", "ann", "start").await;
    let sent = send_under(&app, KEY, SECRET).await;
    for number in 0..300 {
        send(&app, "lobby", "bob", &number.to_string()).await;
    }
    assert_eq!(delete(&app, &sent.id, KEY).await.status(), 200);
    for number in 300..600 {
        send(&app, "lobby", "bob", &number.to_string()).await;
    }
    let all = stream(&app, &format!("format=ndjson&after={}", start.id), "\"599\"").await;
    assert!(!all.contains(SECRET));
    let lines: Vec<Value> = all.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 602);
    assert_eq!(lines[0]["removed"], true);
    let told: Vec<_> = lines.iter().filter(|line| line["removed"] == sent.id.as_str()).collect();
    assert_eq!(told.len(), 1);
    let seqs: Vec<_> = lines.iter().map(|line| line["seq"].as_u64().unwrap()).collect();
    assert!(seqs.is_sorted());
    // One that was there, and comes back from between the message and its removal.
    let all = stream(&app, &format!("format=ndjson&after={}", sent.id), "\"599\"").await;
    assert!(all.contains(&format!("{{\"removed\":\"{}\"", sent.id)) && !all.contains(SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_document_goes_on_with_one_that_is_without_the_text() {
    let app = TestApp::start();
    let sent = send_under(&app, KEY, SECRET).await;
    let mut document = Raw::open(&app, "/rooms/lobby/events?format=html&last=50").await;
    document.until("it shows the message", |all| all.contains(SECRET)).await;
    assert_eq!(delete(&app, &sent.id, KEY).await.status(), 200);
    let refresh = "http-equiv=\"refresh\" content=\"";
    let all = document.until("it goes on", |all| all.contains(refresh)).await.to_owned();
    let next = all.rsplit_once(";url=").unwrap().1.split('"').next().unwrap().replace("&amp;", "&");
    let rest = soon("it ends", document.answer.chunk()).await;
    assert!(rest.unwrap().is_none(), "it has ended, and as a whole");
    let mut next = Raw::open(&app, &format!("/rooms/lobby/events{next}")).await;
    let all = next.until("the next one", |all| all.contains("</p>")).await;
    assert!(all.contains("Message removed") && !all.contains(SECRET), "{all}");
    // A change of what it never showed leaves it as it is.
    let old = send_under(&app, "another-key-of-16", "old").await;
    let mut newer = Raw::open(&app, "/rooms/lobby/events?format=html").await;
    assert_eq!(delete(&app, &old.id, "another-key-of-16").await.status(), 200);
    send(&app, "lobby", "bob", "new").await;
    let all = newer.until("it goes on as it is", |all| all.contains(">new<")).await;
    assert!(!all.contains(refresh), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_sigkill_a_removal_stays_and_no_byte_of_the_text_is_left() {
    let mut app = App::start();
    let start = send(&app, "lobby", "bob", "start").await;
    let sent = send_under(&app, KEY, SECRET).await;
    let home = app.home();
    assert!(!files_with(home.path(), SECRET).is_empty(), "it is there");
    assert_eq!(delete(&app, &sent.id, KEY).await.status(), 200);
    tokio::task::block_in_place(|| {
        app.kill();
        app.start_again();
    });
    let all = stream(&app, &format!("format=ndjson&after={}", start.id), "\"at\":").await;
    assert!(!all.contains(SECRET) && all.contains("\"removed\":true"), "{all}");
    gone_from(home.path()).await;
    let form = [("username", "ann"), ("text", SECRET), ("key", KEY)];
    let again: Value = post(&app, "lobby", &form).await.json().await.unwrap();
    assert_eq!((&again["id"], &again["removed"]), (&sent.id.as_str().into(), &true.into()));
    assert!(files_with(home.path(), SECRET).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_removes_is_gone_from_the_other_and_from_the_stream() {
    let Some(nats) = Nats::single() else { return };
    let node = || TestApp::with(&["--nats", &nats.urls()]);
    let (one, other) = (node(), node());
    let mut there = Events::open(&other, "/rooms/lobby/events", None).await;
    let sent = send_under(&one, KEY, SECRET).await;
    assert_eq!(there.message().await, (sent.id.clone(), SECRET.into()));
    assert!(!files_with(&nats.store(0), SECRET).is_empty(), "the stream has it");
    // The other one knows who sent it: what proves it went with it.
    let (removed, twice) = tokio::join!(delete(&other, &sent.id, KEY), delete(&one, &sent.id, KEY));
    assert_eq!((removed.status(), twice.status()), (StatusCode::OK, StatusCode::OK));
    let told = there.event("MessageRemoved").await;
    assert!(told.data.unwrap().contains("Message removed"));
    for home in
        [nats.store(0).as_path(), one.data().parent().unwrap(), other.data().parent().unwrap()]
    {
        gone_from(home).await;
    }
    // One that begins now never had it, and says the same.
    let third = node();
    let json = "/rooms/lobby/messages?format=json";
    let there: Value = serde_json::from_str(&text_at(&other, json).await).unwrap();
    until("the third has it", async || {
        let here: Value = serde_json::from_str(&text_at(&third, json).await).unwrap();
        (here == there).then_some(())
    })
    .await;
    let form = [("username", "ann"), ("text", SECRET), ("key", KEY)];
    let again: Value = post(&third, "lobby", &form).await.json().await.unwrap();
    assert_eq!((&again["id"], &again["removed"]), (&sent.id.as_str().into(), &true.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tab_removes_on_one_node_what_it_sent_on_another() {
    let Some(nats) = Nats::single() else { return };
    let node = || TestApp::with(&["--nats", &nats.urls()]);
    let (one, other) = (node(), node());
    let tab = Tab::join(&one, "lobby", "ann").await;
    tab.post("/send", &[("text", SECRET)]).send().await.unwrap();
    let there = tab.at(&other);
    let own = until("the other has it", async || {
        let own = there.get("/messages").send().await.unwrap().text().await.unwrap();
        own.contains(SECRET).then_some(own)
    })
    .await;
    let action = own.split("action=\"").find(|rest| rest.contains("/remove\"")).unwrap();
    let action = action.split('"').next().unwrap();
    let pressed = client().post(other.url(action)).header(header::COOKIE, &tab.cookie);
    assert_eq!(pressed.form(&[("remove", "1")]).send().await.unwrap().status(), 303);
    until("it is gone here", async || (!tab.page().await.contains(SECRET)).then_some(())).await;
}
