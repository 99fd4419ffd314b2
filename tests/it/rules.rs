//! What holds in a room: slow mode, a lock, newcomers, retention of its own; and who may open one.

use reqwest::{Response, header};
use serde_json::Value;

use crate::{
    client::{Events, Message, Tab, client, post, send},
    clock::wrong_by,
    support::{
        Server, TestApp,
        browser::Browser,
        host::{ask, done, give, open, operator, put, rule},
        process::app::Launch,
        until,
    },
};

/// What somebody is told who may not: the status, the seconds to wait where it says some, and the
/// sentence.
async fn told(answer: Response) -> (u16, Option<u64>, String) {
    let status = answer.status().as_u16();
    let wait = answer.headers().get(header::RETRY_AFTER);
    let wait = wait.map(|wait| wait.to_str().unwrap().parse().unwrap());
    (status, wait, answer.text().await.unwrap())
}

/// What is said where the form stands, and where one joins.
async fn said_on_pages(app: &impl Server, tab: &Tab, sentence: &str) {
    let door = client().get(app.url("/rooms/lobby")).send().await.unwrap().text().await.unwrap();
    for page in [door, tab.page().await] {
        assert!(page.contains("class=\"rules\"") && page.contains(sentence), "{sentence}: {page}");
    }
}

#[tokio::test]
async fn in_slow_mode_each_sender_waits_a_retry_is_answered_and_who_moderates_does_not_wait() {
    let app = TestApp::start();
    let token = operator(&app.data());
    let (ann, bob) = (Tab::join(&app, "lobby", "ann").await, Tab::join(&app, "lobby", "bob").await);
    rule(&app, "lobby", &token, &[("slow", "3")]).await;
    said_on_pages(&app, &ann, "Slow mode: one message in 3 s.").await;

    let by_form = |tab: &Tab, text: &str, key: &str| {
        tab.post("/send", &[("text", text), ("key", key)]).send()
    };
    assert_eq!(by_form(&ann, "one", "key-1").await.unwrap().status(), 303);
    let (status, wait, page) = told(by_form(&ann, "two", "key-2").await.unwrap()).await;
    assert_eq!(status, 429);
    assert!((1..=3).contains(&wait.unwrap()), "{wait:?}");
    assert!(page.contains("Slow mode: one message in 3 s. You can send again in"), "{page}");
    assert!(page.contains(">two</textarea>") || page.contains("two"), "its draft stays: {page}");
    // Its answer was lost: the first message is the answer.
    assert_eq!(by_form(&ann, "one", "key-1").await.unwrap().status(), 303);
    let (status, ..) = told(by_form(&ann, "another", "key-1").await.unwrap()).await;
    assert_eq!(status, 429, "under its key, but another text");
    assert_eq!(by_form(&bob, "three", "key-3").await.unwrap().status(), 303, "each for itself");

    let form = |text, key| [("username", "bot"), ("text", text), ("key", key)];
    let first: Message = post(&app, "lobby", &form("four", "k")).await.json().await.unwrap();
    let (status, wait, said) = told(post(&app, "lobby", &form("five", "l")).await).await;
    assert_eq!((status, wait.is_some()), (429, true), "{said}");
    let again = post(&app, "lobby", &form("four", "k")).await;
    assert_eq!(again.status(), 201);
    assert_eq!(again.json::<Message>().await.unwrap(), first);
    for text in ["six", "seven"] {
        let sent = ask(&app, "POST", "/rooms/lobby/messages", &token);
        let sent = sent.form(&[("username", "mod"), ("text", text)]).send().await.unwrap();
        assert_eq!(sent.status(), 201);
    }
    until("it may send again", async || {
        (post(&app, "lobby", &form("five", "l")).await.status() == 201).then_some(())
    })
    .await;
    let kept = client().get(app.url("/rooms/lobby/messages?format=json")).send().await.unwrap();
    let kept: Vec<Message> = kept.json().await.unwrap();
    let texts: Vec<_> = kept.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(texts, ["one", "three", "four", "six", "seven", "five"]);
}

#[tokio::test]
async fn what_was_not_stored_or_was_before_is_no_reason_to_wait() {
    let app = TestApp::start();
    let token = operator(&app.data());
    let early = [("username", "early bird"), ("text", "early"), ("key", "e")];
    assert_eq!(post(&app, "lobby", &early).await.status(), 201);
    rule(&app, "lobby", &token, &[("slow", "3600")]).await;
    let form = |text, key| [("username", "bot"), ("text", text), ("key", key)];
    let elsewhere = post(&app, "attic", &form("one", "k")).await;
    assert_eq!(elsewhere.status(), 201);
    assert_eq!(post(&app, "lobby", &form("", "k")).await.status(), 422);
    assert_eq!(post(&app, "lobby", &form("one", "k")).await.status(), 201);
    let (status, wait, _) = told(post(&app, "lobby", &form("two", "l")).await).await;
    assert_eq!(status, 429);
    assert!(wait.is_some_and(|wait| (3590..=3600).contains(&wait)), "{wait:?}");
    for form in [early, [early[0], ("text", "late"), ("key", "f")]] {
        assert_eq!(post(&app, "lobby", &form).await.status(), 201, "{form:?}");
    }
    // With another rule it is another wait.
    rule(&app, "lobby", &token, &[("slow", "0")]).await;
    assert_eq!(post(&app, "lobby", &form("two", "l")).await.status(), 201);
}

#[tokio::test]
async fn in_a_locked_room_only_who_moderates_sends_and_all_read_on() {
    let app = TestApp::start();
    let token = operator(&app.data());
    let ann = Tab::join(&app, "lobby", "ann").await;
    let mut reader = Events::from(ann.get("/events")).await;
    let sent = post(&app, "lobby", &[("username", "bot"), ("text", "before"), ("key", "k")]).await;
    assert_eq!(sent.status(), 201);
    assert_eq!(reader.message().await.1, "before");
    rule(&app, "lobby", &token, &[("locked", "yes")]).await;
    said_on_pages(&app, &ann, "Locked: only moderators can send.").await;
    let (status, wait, page) =
        told(ann.post("/send", &[("text", "mine")]).send().await.unwrap()).await;
    assert_eq!((status, wait), (403, None));
    assert!(page.contains("Only moderators can send here right now.") && page.contains("mine"));
    let (status, wait, said) =
        told(post(&app, "lobby", &[("username", "bot"), ("text", "hi")]).await).await;
    assert_eq!((status, wait), (403, None));
    assert_eq!(said, "{\"error\":\"Only moderators can send here right now.\"}\n");
    let again = post(&app, "lobby", &[("username", "bot"), ("text", "before"), ("key", "k")]).await;
    assert_eq!(again.status(), 201, "what was sent before is no new message");
    let (moderator, _) = give(&app, "lobby", &token, "moderate").await;
    let (writer, _) = give(&app, "lobby", &token, "write").await;
    let say = async |token: &str| {
        let request = ask(&app, "POST", "/rooms/lobby/messages", token);
        request.form(&[("username", "mod"), ("text", "by a moderator")]).send().await.unwrap()
    };
    assert_eq!(say(&writer).await.status(), 403);
    assert_eq!(say(&moderator).await.status(), 201);
    assert_eq!(reader.message().await.1, "by a moderator", "its stream goes on");
    Tab::join(&app, "lobby", "bob").await;
    rule(&app, "lobby", &moderator, &[("locked", "no")]).await;
    assert_eq!(ann.post("/send", &[("text", "mine")]).send().await.unwrap().status(), 303);
}

#[tokio::test]
async fn newcomers_wait_and_who_moderates_does_not() {
    let app = TestApp::start();
    let token = operator(&app.data());
    let before = Tab::join(&app, "lobby", "ann").await;
    rule(&app, "lobby", &token, &[("wait", "2")]).await;
    said_on_pages(&app, &before, "Newcomers can send 2 min after joining.").await;
    let (status, wait, page) =
        told(before.post("/send", &[("text", "hi")]).send().await.unwrap()).await;
    assert_eq!(status, 429);
    assert!(wait.is_some_and(|wait| (100..=121).contains(&wait)), "{wait:?}");
    assert!(page.contains("Newcomers can send 2 min after joining: you in 2 min."), "{page}");
    let (status, wait, said) =
        told(post(&app, "lobby", &[("username", "bot"), ("text", "hi")]).await).await;
    assert_eq!((status, wait), (403, None), "no waiting helps: {said}");
    let sent = ask(&app, "POST", "/rooms/lobby/messages", &token);
    let sent = sent.form(&[("username", "mod"), ("text", "hi")]).send().await.unwrap();
    assert_eq!(sent.status(), 201);
    for wrong in [("slow", "3601"), ("wait", "-1"), ("keep", "x"), ("locked", "perhaps")] {
        let refused = put(&app, "/rooms/lobby/rules", &token, &[wrong]).await;
        assert_eq!(refused.status(), 422, "{wrong:?}");
    }
    let rules = ask(&app, "GET", "/rooms/lobby/moderate", &token).send().await.unwrap();
    let rules: Value = rules.json().await.unwrap();
    let wanted = r#"{"private":false,"locked":false,"slow":0,"wait":2,"keep":0}"#;
    assert_eq!(rules["rules"], serde_json::from_str::<Value>(wanted).unwrap());
}

#[tokio::test]
async fn where_a_room_keeps_messages_for_less_long_they_go_and_those_of_others_stay() {
    let launch = Launch::new(&[]);
    let mut app = launch.clone().start();
    let token = operator(&app.data());
    for room in ["lobby", "attic"] {
        send(&app, room, "ann", "an hour ago").await;
    }
    rule(&app, "lobby", &token, &[("keep", "1")]).await;
    let tab = Tab::join(&app, "lobby", "ann").await;
    said_on_pages(&app, &tab, "Messages are kept for 1 h.").await;
    assert!(app.stop().success());
    let Some(mut app) = wrong_by(&launch, "+61m") else { return };
    let texts = async |room: &str| {
        let url = app.url(&format!("/rooms/{room}/messages?format=json"));
        let kept: Vec<Message> = client().get(url).send().await.unwrap().json().await.unwrap();
        kept.into_iter().map(|message| message.text).collect::<Vec<_>>()
    };
    send(&app, "lobby", "ann", "now").await;
    until("what is too old is gone", async || (texts("lobby").await == ["now"]).then_some(()))
        .await;
    assert_eq!(texts("attic").await, ["an hour ago"]);
    assert!(app.stop().success());
}

#[tokio::test]
async fn where_only_the_operator_opens_rooms_nobody_else_does_by_whatever_way() {
    let mut app = crate::support::App::start();
    send(&app, "attic", "ann", "before").await;
    let host = open(&app, "den").await;
    assert!(app.stop().success());
    let app = crate::support::App::over(app.home(), &["--rooms", "operator"]);
    let token = operator(&app.data());
    let form = [("username", "bot"), ("text", "hi")];
    let paths = ["", "/messages", "/events", "/presence", "/tabs/x", "/tabs/x/events", "/moderate"];
    for path in paths {
        let answer = client().get(app.url(&format!("/rooms/hall{path}"))).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
    assert_eq!(post(&app, "hall", &form).await.status(), 404);
    assert_eq!(Browser::of(&app).try_join("hall", "ann").await.status(), 404);
    let opened = put(&app, "/rooms", "", &[("private", "yes"), ("room", "hall")]).await;
    assert_eq!(opened.status(), 404);
    assert_eq!(put(&app, "/operator/rooms", "", &[("room", "hall")]).await.status(), 403);
    assert_eq!(put(&app, "/operator/rooms", &host, &[("room", "hall")]).await.status(), 403);

    // What had messages, or rules, stays open.
    assert_eq!(post(&app, "attic", &form).await.status(), 201);
    Browser::of(&app).join("attic", "ann").await;
    let inside = ask(&app, "GET", "/rooms/den/messages", &host).send().await.unwrap();
    assert_eq!(inside.status(), 200);

    done(&app, "/operator/rooms", &token, &[("room", "hall")]).await;
    assert_eq!(post(&app, "hall", &form).await.status(), 201);
    let opened = done(&app, "/rooms", &token, &[("private", "yes"), ("room", "cellar")]).await;
    let cellar = opened["token"].as_str().unwrap();
    let inside = ask(&app, "GET", "/rooms/cellar/messages", cellar).send().await.unwrap();
    assert_eq!(inside.status(), 200);
}
