//! Taking back much at once: all of a tab, all under a name, all of a room; and what is left of it.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::{
    client::{Events, Message, Raw, Tab, client, post, send},
    removal::files_with,
    support::{
        App, Server, TestApp,
        browser::Browser,
        host::{ask, done, give, open, operator, put},
        until,
    },
};

async fn history(app: &impl Server, token: &str, room: &str) -> Vec<(String, String)> {
    let path = format!("/rooms/{room}/messages?format=json&limit=200");
    let answer = ask(app, "GET", &path, token).send().await.unwrap();
    let messages: Vec<Message> = answer.json().await.unwrap();
    messages.into_iter().map(|message| (message.name, message.text)).collect()
}

#[tokio::test]
async fn all_from_a_tab_is_removed_at_once_and_nothing_of_others() {
    let app = TestApp::start();
    let token = operator(&app.data());
    let mut eve = Browser::of(&app);
    let (tab, other) = (eve.join("lobby", "eve").await, eve.join("lobby", "eva").await);
    let elsewhere = eve.join("attic", "eve").await;
    send(&app, "lobby", "ann", "stays").await;
    let mut reader = Events::open(&app, "/rooms/lobby/events", None).await;
    // More than are looked up at a time.
    for number in 0..3 {
        let sent = eve.post(&format!("{tab}/send"), &[("text", &format!("noise {number}"))]).await;
        assert_eq!(sent.status(), 303);
    }
    for path in [&other, &elsewhere] {
        let sent = eve.post(&format!("{path}/send"), &[("text", "of another tab")]).await;
        assert_eq!(sent.status(), 303);
    }
    let id = reader.message().await.0;
    let path = format!("/rooms/lobby/messages/{id}/remove-all");
    let refused = put(&app, &path, "", &[]).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert_eq!(done(&app, &path, &token, &[]).await["removed"], 3);
    for _ in 0..3 {
        reader.event("MessageRemoved").await;
    }
    let texts: Vec<_> =
        history(&app, "", "lobby").await.into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["stays", "", "", "", "of another tab"]);
    assert_eq!(history(&app, "", "attic").await[0].1, "of another tab");
    assert_eq!(done(&app, &path, &token, &[]).await["removed"], 0, "a second time nothing is left");
    let by_program = send(&app, "lobby", "bot", "hi").await.id;
    let path = format!("/rooms/lobby/messages/{by_program}/remove-all");
    assert_eq!(put(&app, &path, &token, &[]).await.status(), 409);
    assert_eq!(put(&app, "/rooms/lobby/messages/x-9/remove-all", &token, &[]).await.status(), 404);
}

#[tokio::test]
async fn two_who_remove_one_message_an_edit_and_a_retry_at_once_leave_one_tombstone() {
    let app = TestApp::start();
    let token = operator(&app.data());
    let (moderator, _) = give(&app, "lobby", &token, "moderate").await;
    let mut reader = Events::open(&app, "/rooms/lobby/events", None).await;
    let form = [("username", "eve"), ("text", "noise"), ("key", "a-key-of-16-chars")];
    for round in 0..10 {
        let key = format!("a-key-of-16-chars-{round}");
        let form = [form[0], form[1], ("key", &*key)];
        let sent: Message = post(&app, "lobby", &form).await.json().await.unwrap();
        let path = format!("/rooms/lobby/messages/{}", sent.id);
        let edit = || {
            let form = [("text", "better"), ("key", &*key)];
            ask(&app, "PATCH", &path, "").form(&form).send()
        };
        let (one, other, edited, again) = tokio::join!(
            ask(&app, "DELETE", &path, &token).send(),
            ask(&app, "DELETE", &path, &moderator).send(),
            edit(),
            post(&app, "lobby", &form),
        );
        assert_eq!(
            (one.unwrap().status(), other.unwrap().status()),
            (200.try_into().unwrap(), StatusCode::OK)
        );
        assert!([200, 410].contains(&edited.unwrap().status().as_u16()));
        let again: Message = again.json().await.unwrap();
        assert_eq!(again.id, sent.id, "it is the same message");
        let late = edit().await.unwrap();
        assert_eq!(late.status(), 410, "an edit after the removal");
        assert!(["noise", "better", ""].contains(&&*again.text));
        reader.message().await;
        reader.event("MessageRemoved").await;
        assert_eq!(history(&app, "", "lobby").await.len(), round + 1);
    }
    assert!(history(&app, "", "lobby").await.iter().all(|(_, text)| text.is_empty()));
}

#[tokio::test]
async fn a_reader_that_is_behind_by_more_than_the_ring_never_sees_what_was_removed_with_a_tab() {
    let app = TestApp::start();
    let token = operator(&app.data());
    let before = send(&app, "lobby", "ann", "before").await;
    let eve = Tab::join(&app, "lobby", "eve").await;
    for number in 0..5 {
        let sent = eve.post("/send", &[("text", &format!("saltpetre {number}"))]).send().await;
        assert_eq!(sent.unwrap().status(), 303);
    }
    let path = "/rooms/lobby/messages?format=json";
    let kept: Vec<Message> =
        client().get(app.url(path)).send().await.unwrap().json().await.unwrap();
    for number in 0..400 {
        send(&app, "lobby", "ann", &number.to_string()).await;
    }
    let remove = format!("/rooms/lobby/messages/{}/remove-all", kept[1].id);
    assert_eq!(done(&app, &remove, &token, &[]).await["removed"], 5);
    let last = send(&app, "lobby", "ann", "last").await;
    for format in ["sse", "sse-json", "ndjson", "text", "html"] {
        let path = format!("/rooms/lobby/events?format={format}&after={}", before.id);
        let mut raw = Raw::open(&app, &path).await;
        let all = raw.until(format, |all| all.contains(&last.text)).await;
        assert!(!all.contains("saltpetre"), "{format}");
    }
}

/// What is to be nowhere.
const SECRETS: [&str; 2] = ["quicksilver", "Evelina"];

/// What anybody can read of a room.
async fn representations(app: &impl Server, token: &str, room: &str) -> String {
    let mut all = String::new();
    for below in ["messages", "messages?format=json", "presence", "moderate", ""] {
        let path = format!("/rooms/{room}/{below}");
        let answer = ask(app, "GET", path.trim_end_matches('/'), token).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        all += &answer.text().await.unwrap();
    }
    let last = ask(app, "POST", &format!("/rooms/{room}/messages"), token);
    let last = last.form(&[("username", "ann"), ("text", "the last")]).send().await.unwrap();
    assert_eq!(last.status(), 201);
    for format in ["sse", "sse-json", "ndjson", "text", "html"] {
        let path = format!("/rooms/{room}/events?format={format}&last=100");
        let mut raw = Raw::from(ask(app, "GET", &path, token)).await;
        all += raw.until(format, |all| all.contains("the last")).await;
    }
    all
}

fn is_nowhere(said: &str) -> bool {
    SECRETS.iter().all(|secret| !said.contains(secret))
}

/// Says something under the name, and removes one, edits one: each of them is a place of its own.
async fn speak(app: &impl Server, token: &str, room: &str) {
    let path = format!("/rooms/{room}/messages");
    let mut ids = Vec::new();
    for number in 0..4 {
        let (text, key) = (format!("quicksilver {number}"), format!("a-key-of-16-chars-{number}"));
        let form = [("username", "Evelina"), ("text", &*text), ("key", &*key)];
        let sent = ask(app, "POST", &path, token).form(&form).send().await.unwrap();
        ids.push((sent.json::<Message>().await.unwrap().id, key));
    }
    for (method, (id, key), text) in
        [("DELETE", &ids[1], None), ("PATCH", &ids[2], Some("quicksilver!"))]
    {
        let form: Vec<_> =
            [("key", &**key)].into_iter().chain(text.map(|text| ("text", text))).collect();
        let changed = ask(app, method, &format!("{path}/{id}"), token).form(&form).send().await;
        assert_eq!(changed.unwrap().status(), 200);
    }
    let other = [("username", "Evelyn"), ("text", "stays")];
    let sent = ask(app, "POST", &path, token).form(&other).send().await.unwrap();
    assert_eq!(sent.status(), 201);
}

/// Waits until no file of a server that goes on holds any of it, and looks again once it is stopped.
async fn gone_from_files(app: &mut App) {
    let home = app.home();
    let left =
        || SECRETS.iter().flat_map(|secret| files_with(home.path(), secret)).collect::<Vec<_>>();
    until("nothing of it is on the disk", async || left().is_empty().then_some(())).await;
    assert!(app.stop().success());
    assert_eq!(left(), Vec::<String>::new());
}

#[tokio::test]
async fn what_was_said_under_a_name_is_erased_in_a_room_or_in_all_and_the_name_with_it() {
    let mut app = App::start();
    let token = operator(&app.data());
    let host = open(&app, "den").await;
    for room in ["den", "lobby", "attic"] {
        speak(&app, &token, room).await;
    }
    let form = [("username", "Evelina")];
    for (path, token) in [("/rooms/lobby/erase", &*host), ("/operator/erase", &host)] {
        assert_eq!(put(&app, path, token, &form).await.status(), 403, "{path}");
    }
    assert_eq!(done(&app, "/rooms/den/erase", &host, &form).await["erased"], 4);
    assert!(is_nowhere(&representations(&app, &host, "den").await));
    assert!(!is_nowhere(&representations(&app, &token, "lobby").await), "another room's stay");
    let names: Vec<_> =
        history(&app, &host, "den").await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names[4], "Evelyn", "another name stays");

    assert_eq!(done(&app, "/operator/erase", &token, &form).await["erased"], 8);
    for room in ["lobby", "attic"] {
        assert!(is_nowhere(&representations(&app, &token, room).await), "{room}");
    }
    assert_eq!(done(&app, "/operator/erase", &token, &form).await["erased"], 0);
    gone_from_files(&mut app).await;
}

#[tokio::test]
async fn an_erased_room_is_empty_in_every_representation_and_on_the_disk() {
    let mut app = App::start();
    let host = open(&app, "den").await;
    speak(&app, &host, "den").await;
    let mut reader = Events::from(ask(&app, "GET", "/rooms/den/events", &host)).await;
    let unsure = put(&app, "/rooms/den/erase", &host, &[("confirm", "dem")]).await;
    assert_eq!(unsure.status(), 422);
    let (moderator, _) = give(&app, "den", &host, "moderate").await;
    let refused = put(&app, "/rooms/den/erase", &moderator, &[("confirm", "den")]).await;
    assert_eq!(refused.status(), 403);
    let erased = done(&app, "/rooms/den/erase", &host, &[("confirm", "den")]).await;
    assert_eq!(erased["erased"], Value::from(5));
    for _ in 0..5 {
        reader.event("MessageRemoved").await;
    }
    until("it is empty", async || history(&app, &host, "den").await.is_empty().then_some(())).await;
    let all = representations(&app, &host, "den").await;
    assert!(is_nowhere(&all) && !all.contains("Evelyn"), "{all}");
    let texts = history(&app, &host, "den").await;
    assert_eq!(texts, [("ann".to_owned(), "the last".to_owned())], "it goes on");
    gone_from_files(&mut app).await;
    assert!(files_with(app.home().path(), "Evelyn").is_empty());
    app.start_again();
    assert_eq!(history(&app, &host, "den").await.len(), 1);
    let browser = Browser::of(&app);
    let outside = browser.request(Method::GET, "/rooms/den").send().await.unwrap();
    assert_eq!(outside.status(), 404, "its rules stay");
}
