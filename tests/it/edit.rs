//! What was said is said better: who may, for how long, and what everybody then sees.

use reqwest::{Response, header};
use serde_json::{Value, json};

use crate::{
    client::{Events, Message, Raw, Tab, client, fields, ids_on, post, send, text_of},
    support::{
        Server, TestApp,
        host::{operator, rule},
        nats::Nats,
        until,
    },
};

const KEY: &str = "0123456789abcdef";

async fn send_under(app: &impl Server, text: &str) -> Message {
    let answer = post(app, "lobby", &[("username", "ann"), ("text", text), ("key", KEY)]).await;
    assert_eq!(answer.status(), 201);
    answer.json().await.unwrap()
}

async fn edit(app: &impl Server, id: &str, text: &str) -> Response {
    let url = app.url(&format!("/rooms/lobby/messages/{id}"));
    client().patch(url).form(&[("key", KEY), ("text", text)]).send().await.unwrap()
}

async fn text_at(app: &impl Server, path: &str) -> String {
    client().get(app.url(path)).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn an_edited_message_has_its_new_text_and_says_so_in_every_representation() {
    let app = TestApp::start();
    let first = send(&app, "lobby", "bob", "before").await;
    let mut reader = Events::open(&app, "/rooms/lobby/events", None).await;
    let sent = send_under(&app, "helo").await;
    reader.message().await;
    let answer = edit(&app, &sent.id, "hello\r\nyou <b>").await;
    assert_eq!(answer.status(), 200);
    let edited: Value = answer.json().await.unwrap();
    assert_eq!(edited["text"], "hello\nyou <b>");
    assert_eq!((&edited["edited"], &edited["id"]), (&true.into(), &sent.id.as_str().into()));
    let event = reader.event("MessageEdited").await;
    let fragment = event.data.unwrap();
    assert!(fragment.starts_with(&format!("<p id=\"m{}\" data-key=\"{}\"", sent.seq, sent.id)));
    assert_eq!(text_of(&fragment), "hello\nyou <b>");
    assert!(fragment.contains("edited</small>"));

    send(&app, "lobby", "bob", "after").await;
    for (format, new, said) in [
        ("sse", "you &lt;b&gt;", "edited</small>"),
        ("sse-json", "hello\\nyou <b>", "\"edited\":true"),
        ("ndjson", "hello\\nyou <b>", "\"edited\":true"),
        ("text", "ann: hello\n    you <b> (edited)\n", "--- edited: 2"),
        ("html", "you &lt;b&gt;", "edited</small>"),
    ] {
        let path = format!("/rooms/lobby/events?format={format}&after={}", first.id);
        let mut raw = Raw::open(&app, &path).await;
        let all = raw.until(format, |all| all.contains("after") && all.contains("bob")).await;
        assert!(
            all.contains(new) && all.contains(said) && !all.contains("helo"),
            "{format}: {all}"
        );
    }
    let path = format!("/rooms/lobby/events?format=ndjson&after={}", sent.id);
    let mut raw = Raw::open(&app, &path).await;
    let told = raw.until("the edit", |all| all.contains('\n')).await;
    let told: Value = serde_json::from_str(told.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&told["edited"], &told["text"]),
        (&sent.id.as_str().into(), &"hello\nyou <b>".into())
    );
    assert_eq!(told["id"], event.id.unwrap().as_str());

    let page = text_at(&app, "/rooms/lobby/messages").await;
    assert!(page.contains("edited</small>") && !page.contains("helo"), "{page}");
    let again = post(&app, "lobby", &[("username", "ann"), ("text", "helo"), ("key", KEY)]).await;
    assert_eq!(again.status(), 201);
    let again: Value = again.json().await.unwrap();
    assert_eq!((&again["id"], &again["text"]), (&edited["id"], &edited["text"]));
}

#[tokio::test]
async fn a_text_that_cannot_be_sent_cannot_be_edited_in_either() {
    let app = TestApp::start();
    let sent = send_under(&app, "hi").await;
    let long = "x".repeat(4001);
    for (text, sentence) in [
        ("", "Please enter a message."),
        (&*long, "A message is at most 4000 characters."),
        ("a\0b", "A message cannot contain the control character U+0000."),
    ] {
        let answer = edit(&app, &sent.id, text).await;
        assert_eq!(answer.status(), 422);
        assert_eq!(answer.json::<Value>().await.unwrap()["error"], sentence);
    }
    let url = app.url(&format!("/rooms/lobby/messages/{}", sent.id));
    let missing = client().patch(&url).form(&[("key", KEY)]).send().await.unwrap();
    assert_eq!(missing.json::<Value>().await.unwrap()["error"], "The field text is missing.");
    let nobody = client().patch(&url).form(&[("text", "ho")]).send().await.unwrap();
    assert_eq!(nobody.status(), 403);
    let by_json = client().patch(&url).json(&json!({ "text": "ho", "key": KEY }));
    assert_eq!(by_json.send().await.unwrap().status(), 200);
    let body = text_at(&app, "/rooms/lobby/messages?format=json").await;
    assert!(body.contains("\"text\":\"ho\""), "{body}");
}

#[tokio::test]
async fn what_was_removed_cannot_be_edited() {
    let app = TestApp::start();
    let sent = send_under(&app, "hi").await;
    let url = app.url(&format!("/rooms/lobby/messages/{}", sent.id));
    client().delete(&url).form(&[("key", KEY)]).send().await.unwrap();
    let answer = edit(&app, &sent.id, "ho").await;
    assert_eq!(answer.status(), 410);
    assert!(answer.text().await.unwrap().contains("was removed"));
    assert!(!text_at(&app, "/rooms/lobby/messages").await.contains("ho<"));
}

#[tokio::test]
async fn a_tab_edits_by_a_plain_form_that_keeps_what_cannot_be_taken() {
    let app = TestApp::start();
    let (ann, bob) = (Tab::join(&app, "lobby", "ann").await, Tab::join(&app, "lobby", "bob").await);
    ann.post("/send", &[("text", "helo & you")]).send().await.unwrap();
    let own = ann.get("/messages").send().await.unwrap().text().await.unwrap();
    assert_eq!(fields(&own)["text"], "helo & you", "what was said is in the field");
    let action = own.split("action=\"").find(|rest| rest.contains("/edit\"")).expect("a form");
    let action = action.split('"').next().unwrap();
    let press = async |tab: &Tab, text: &str| {
        let request = client().post(app.url(action)).header(header::COOKIE, &tab.cookie);
        request.form(&[("text", text)]).send().await.unwrap()
    };
    assert_eq!(press(&bob, "mine").await.status(), 403);
    let long = "y".repeat(4001);
    let refused = press(&ann, &long).await;
    assert_eq!(refused.status(), 422);
    let page = refused.text().await.unwrap();
    assert!(page.contains("A message is at most 4000 characters."));
    assert_eq!(fields(&page)["text"], long, "the draft is kept");
    let done = press(&ann, "hello & you").await;
    assert_eq!(done.status(), 303);
    assert_eq!(done.headers()[header::LOCATION], ann.path.as_str());
    let page = bob.page().await;
    assert!(page.contains("<span>hello &amp; you</span>") && page.contains("edited</small>"));
}

#[tokio::test]
async fn an_edit_that_is_refused_comes_back_among_what_was_said_around_it() {
    let app = TestApp::start();
    let ann = Tab::join(&app, "lobby", "ann").await;
    send(&app, "lobby", "bob", "before").await;
    ann.post("/send", &[("text", "helo")]).send().await.unwrap();
    send(&app, "lobby", "bob", "after").await;
    let messages = text_at(&app, "/rooms/lobby/messages").await;
    let ids = ids_on(&messages);
    let path = format!("/rooms/lobby/messages/{}", ids[1]);
    let press = async |text: &str| {
        let request = client().post(app.url(&format!("{path}/edit")));
        let request = request.header(header::COOKIE, &ann.cookie).form(&[("text", text)]);
        let refused = request.send().await.unwrap();
        (refused.status().as_u16(), refused.text().await.unwrap())
    };
    let long = "y".repeat(4001);
    let operator = operator(&app.data());
    for (locked, text, status, sentence) in [
        ("no", "  ", 422, "Please enter a message."),
        ("no", &*long, 422, "A message is at most 4000 characters."),
        ("yes", "hello", 403, "Only moderators can send here right now."),
    ] {
        rule(&app, "lobby", &operator, &[("locked", locked)]).await;
        let (its, page) = press(text).await;
        assert_eq!(its, status, "{page}");
        assert_eq!(ids_on(&page), ids, "it stands where it stood");
        let (_, form) = page.split_once("aria-current=\"true\"").expect("it is told apart");
        assert!(form.contains(sentence), "{form}");
        assert_eq!(fields(&page)["text"], text, "what was typed is kept");
    }
    // What has no form any more comes back in none.
    let remove = client().post(app.url(&format!("{path}/remove")));
    let remove = remove.header(header::COOKIE, &ann.cookie).form(&[("remove", "1")]);
    assert_eq!(remove.send().await.unwrap().status(), 303);
    let (status, page) = press("hello").await;
    assert_eq!((status, ids_on(&page).len()), (410, 0), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_edited_on_one_node_is_so_on_the_other_and_of_two_edits_all_have_the_same() {
    let Some(nats) = Nats::single() else { return };
    let node = || TestApp::with(&["--nats", &nats.urls()]);
    let (one, other) = (node(), node());
    let mut there = Events::open(&other, "/rooms/lobby/events", None).await;
    let sent = send_under(&one, "first").await;
    there.message().await;
    assert_eq!(edit(&one, &sent.id, "second").await.status(), 200);
    let told = there.event("MessageEdited").await;
    assert_eq!(text_of(&told.data.unwrap()), "second");
    let (here, elsewhere) =
        tokio::join!(edit(&one, &sent.id, "third"), edit(&other, &sent.id, "fourth"));
    assert_eq!((here.status().as_u16(), elsewhere.status().as_u16()), (200, 200));
    let json = "/rooms/lobby/messages?format=json";
    until("both have the same", async || {
        let (here, there) = (text_at(&one, json).await, text_at(&other, json).await);
        let settled = here.contains("third") || here.contains("fourth");
        (here == there && settled).then_some(())
    })
    .await;
    let third = node();
    let there = text_at(&other, json).await;
    until("a third as well", async || (text_at(&third, json).await == there).then_some(())).await;
}
