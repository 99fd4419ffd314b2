//! Private rooms: to who has no link there is none, and what each link lets somebody do.

mod links;
mod tokens;

use std::collections::BTreeMap;

use reqwest::{Method, RequestBuilder, StatusCode, header};
use serde_json::Value;

use crate::{
    client::{Events, Message, Raw, client, fields},
    support::{
        App, Server, TestApp,
        browser::Browser,
        host::{ask, ban, done, give, open, operator, put},
    },
};

/// An answer but for what is another each time.
type Answer = (StatusCode, BTreeMap<String, String>, String);

async fn answer(request: RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    let headers = answer.headers().iter().filter(|(name, _)| *name != "date");
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()));
    (answer.status(), headers.collect(), answer.text().await.unwrap())
}

/// Every address below a room, and how each is asked for.
fn addresses(tab: &str, id: &str) -> Vec<(&'static str, String, &'static str)> {
    let tab = |below: &str| format!("/tabs/{tab}{below}");
    let message = |below: &str| format!("/messages/{id}{below}");
    let mut all = Vec::new();
    for below in [
        String::new(),
        "/moderate".into(),
        tab(""),
        tab("?before=x"),
        tab("/live"),
        tab("/live?still=1"),
        tab("/messages"),
        message(""),
        message("?format=json"),
        "/messages".into(),
        "/messages?format=json".into(),
        "/messages?limit=x".into(),
        "/search".into(),
        "/search?q=us".into(),
        "/search?q=us&format=json".into(),
        "/search?q=%3F".into(),
        "/presence".into(),
        "/presence?format=json".into(),
    ] {
        for accept in ["text/html", "application/json"] {
            all.push(("GET", below.clone(), accept));
            all.push(("HEAD", below.clone(), accept));
        }
    }
    for below in ["/events".to_owned(), tab("/events")] {
        for format in ["", "?format=sse-json", "?format=ndjson", "?format=text", "?format=html"] {
            all.push(("GET", format!("{below}{format}"), "*/*"));
            all.push(("HEAD", format!("{below}{format}"), "*/*"));
        }
        all.push(("GET", below.clone(), "text/plain"));
        all.push(("GET", below, "image/png"));
    }
    for form in [
        "/enter".to_owned(),
        "/join".into(),
        "/rules".into(),
        "/links".into(),
        "/links/1/revoke".into(),
        "/bans".into(),
        "/bans/1/lift".into(),
        "/erase".into(),
        message("/remove"),
        message("/edit"),
        message("/remove-all"),
        tab("/send"),
        tab("/send?frame=1"),
        tab("/leave"),
        tab("/rooms"),
    ] {
        for accept in ["text/html", "application/json"] {
            all.push(("GET", form.clone(), accept));
            all.push(("POST", form.clone(), accept));
        }
    }
    all.push(("POST", "/messages".into(), "*/*"));
    all.push(("POST", tab("/presence"), "*/*"));
    all.push(("POST", tab("/seen"), "*/*"));
    all.push(("PATCH", message(""), "*/*"));
    all.push(("DELETE", message(""), "*/*"));
    // What is no method of an address, and no address.
    all.push(("PUT", "/messages".into(), "*/*"));
    all.push(("POST", String::new(), "*/*"));
    all.push(("GET", "/else".into(), "*/*"));
    all.push(("GET", "/presence?what=1".into(), "*/*"));
    all
}

#[tokio::test]
async fn to_who_has_no_link_each_address_of_a_private_room_is_one_that_cannot_exist() {
    let app = TestApp::start();
    let host = open(&app, "den").await;
    let mut inside = Browser::of(&app);
    inside.enter("den", &host).await;
    let tab = inside.join("den", "ann").await;
    let sent = ask(&app, "POST", "/rooms/den/messages", &host);
    let sent = sent.form(&[("username", "bob"), ("text", "only us")]).send().await.unwrap();
    let id = sent.json::<Message>().await.unwrap().id;
    let id_of_tab = tab.rsplit('/').next().unwrap();
    // The tab's own cookie is no link.
    let outside = inside.clone().without("hubbub-key");
    for (method, below, accept) in addresses(id_of_tab, &id) {
        let what = format!("{method} {below} {accept}");
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let asked = |room: &str| {
            let path = format!("/rooms/{room}{below}");
            let request = outside.request(method.clone(), &path).header("accept", accept);
            let form = [("username", "eve"), ("text", "hi"), ("key", "x"), ("hidden", "true")];
            if method == "POST" || method == "PATCH" { request.form(&form) } else { request }
        };
        let (private, none) = (answer(asked("den")).await, answer(asked("-en")).await);
        assert_eq!(private, none, "{what}");
        assert!(
            matches!(private.0.as_u16(), 404 | 405 | 422),
            "{what}: {} {}",
            private.0,
            private.2
        );
        assert!(!private.1.contains_key("set-cookie"), "{what}");
    }
    let listed = client().get(app.url("/rooms?format=json")).send().await.unwrap();
    assert_eq!(listed.text().await.unwrap(), "[]\n");
    let listed = client().get(app.url("/rooms")).send().await.unwrap().text().await.unwrap();
    assert!(!listed.contains("den\""), "{listed}");
    let taken = put(&app, "/rooms", "", &[("private", "yes"), ("room", "den")]).await;
    assert_eq!(taken.status(), 409, "nobody else opens it");
}

#[tokio::test]
async fn with_a_link_all_of_a_private_room_works() {
    let app = TestApp::start();
    let host = open(&app, "den").await;
    let (token, _) = give(&app, "den", &host, "write").await;
    let mut browser = Browser::of(&app);
    browser.enter("den", &token).await;
    let door = browser.get("/rooms/den").await;
    assert_eq!(door.status(), 200);
    assert!(door.text().await.unwrap().contains("Private: only who has a link sees this room."));
    let tab = browser.join("den", "ann").await;
    let page = browser.get(&tab).await.text().await.unwrap();
    assert!(page.contains("Posting as"), "{page}");
    let mut events = Events::from(browser.request(Method::GET, &format!("{tab}/events"))).await;
    let form = fields(&page);
    let sent = [("text", "by a form"), ("key", form["key"].as_str())];
    assert_eq!(browser.post(&format!("{tab}/send"), &sent).await.status(), 303);
    let (id, text) = events.message().await;
    assert_eq!(text, "by a form");
    let sent = ask(&app, "POST", "/rooms/den/messages", &token);
    let sent = sent.form(&[("username", "bot"), ("text", "by a program")]).send().await.unwrap();
    assert_eq!(sent.status(), 201);
    assert_eq!(events.message().await.1, "by a program");
    for format in ["sse", "sse-json", "ndjson", "text", "html"] {
        let path = format!("/rooms/den/events?last=9&format={format}");
        let mut raw = Raw::from(ask(&app, "GET", &path, &token)).await;
        raw.until(format, |all| all.contains("by a form") && all.contains("by a program")).await;
    }
    for (below, word) in [
        ("messages", "by a form"),
        ("messages?format=json", "by a program"),
        (&format!("messages/{id}"), "by a form"),
        ("presence?format=json", "ann"),
    ] {
        let path = format!("/rooms/den/{below}");
        let said = browser.get(&path).await;
        assert_eq!(said.status(), 200, "{below}");
        assert!(said.text().await.unwrap().contains(word), "{below}");
        // As the password of nobody, as curl has it.
        let by_curl = client().get(app.url(&path)).basic_auth("", Some(&token));
        assert_eq!(by_curl.send().await.unwrap().status(), 200, "{below}");
    }
    let listed = ask(&app, "GET", "/rooms?format=json", &token).send().await.unwrap();
    assert!(listed.text().await.unwrap().contains("\"den\""));
    let path = format!("/rooms/den/messages/{id}/remove");
    let removed = browser.post(&path, &[("remove", "1")]).await;
    assert_eq!(removed.headers()[header::LOCATION], tab.as_str());
    assert_eq!(browser.post(&format!("{tab}/leave"), &[("leave", "1")]).await.status(), 303);
}

/// What a request comes to.
async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn each_role_may_do_what_it_says_and_no_more() {
    let app = TestApp::start();
    let host = open(&app, "den").await;
    let mut tokens = Vec::new();
    for role in ["read", "write", "moderate", "host"] {
        tokens.push(give(&app, "den", &host, role).await.0);
    }
    let say = |token: &str, text: &str| {
        let request = ask(&app, "POST", "/rooms/den/messages", token);
        request.form(&[("username", "eve"), ("text", text)])
    };
    let mut ids = Vec::new();
    for number in 0..8 {
        let sent = say(&host, &number.to_string()).send().await.unwrap();
        ids.push(sent.json::<Message>().await.unwrap().id);
    }
    // For each, what it takes: 1 to read, 2 to write, 3 to moderate, 4 to be a host.
    for (role, token) in (1..).zip(&tokens) {
        let post = |below: &str, form: &[(&str, &str)]| {
            ask(&app, "POST", &format!("/rooms/den/{below}"), token).form(form)
        };
        let id = &ids[role];
        let all = [
            ("read", 1, ask(&app, "GET", "/rooms/den/messages", token), 200),
            ("join page", 1, ask(&app, "GET", "/rooms/den", token), 200),
            ("listen", 1, ask(&app, "GET", "/rooms/den/events", token), 200),
            ("send", 2, say(token, "hi"), 201),
            ("join", 2, post("join", &[("username", &format!("n{role}"))]), 303),
            ("moderate", 3, ask(&app, "GET", "/rooms/den/moderate", token), 200),
            ("rules", 3, post("rules", &[("slow", "0")]), 200),
            ("remove", 3, ask(&app, "DELETE", &format!("/rooms/den/messages/{id}"), token), 200),
            ("remove all", 3, post(&format!("messages/{id}/remove-all"), &[]), 409),
            ("ban", 3, post("bans", &[("by", "address"), ("address", "192.0.2.1")]), 200),
            ("privacy", 4, post("rules", &[("private", "yes"), ("keep", "9")]), 200),
            ("retention", 4, post("rules", &[("keep", &format!("{role}"))]), 200),
            ("links", 4, post("links", &[("role", "read")]), 200),
            ("revoke", 4, post("links/1/revoke", &[]), 404),
            ("erase", 4, post("erase", &[("username", "nobody")]), 200),
            (
                "everywhere",
                5,
                post("bans", &[("by", "address"), ("address", "192.0.2.1"), ("everywhere", "yes")]),
                200,
            ),
            ("operator's bans", 5, ask(&app, "GET", "/operator/bans", token), 200),
            ("operator's log", 5, ask(&app, "GET", "/operator/log", token), 200),
            (
                "operator's rooms",
                5,
                ask(&app, "POST", "/operator/rooms", token).form(&[("room", "a")]),
                200,
            ),
        ];
        for (what, takes, request, done) in all {
            let wanted = if role >= takes { done } else { 403 };
            assert_eq!(status(request).await, wanted, "{what} by {role}");
        }
    }
    let edit = |token: &str| {
        ask(&app, "PATCH", &format!("/rooms/den/messages/{}", ids[0]), token).form(&[("text", "x")])
    };
    assert_eq!(status(edit(&host)).await, 403, "nobody puts words into another's mouth");
    // Who moderates sees no links, and is no judge of what only a host may.
    let seen = ask(&app, "GET", "/rooms/den/moderate", &tokens[2]).send().await.unwrap();
    let seen: Value = seen.json().await.unwrap();
    assert_eq!((&seen["links"], &seen["rules"]["private"]), (&Value::Array(vec![]), &true.into()));
    let refused = put(&app, "/rooms/den/rules", &tokens[2], &[("private", "no")]).await;
    assert_eq!(refused.status(), 403);
    let said: Value = refused.json().await.unwrap();
    assert_eq!(said["error"], "Only a host of this room may do that.");
}

#[tokio::test]
async fn a_room_that_becomes_private_puts_out_who_has_no_link() {
    let app = TestApp::start();
    let token = operator(&app.data());
    let mut ann = Browser::of(&app);
    let tab = ann.join("lobby", "ann").await;
    let mut stream = Events::from(ann.request(Method::GET, &format!("{tab}/events"))).await;
    let mut watching = Events::open(&app, "/rooms/lobby/events", None).await;
    let mut by_operator = Events::from(ask(&app, "GET", "/rooms/lobby/events", &token)).await;
    done(&app, "/rooms/lobby/rules", &token, &[("private", "yes")]).await;
    stream.end().await;
    watching.end().await;
    assert_eq!(ann.get(&tab).await.status(), 404);
    let sent = ask(&app, "POST", "/rooms/lobby/messages", &token);
    let sent = sent.form(&[("username", "root"), ("text", "alone")]).send().await.unwrap();
    assert_eq!(sent.status(), 201);
    assert_eq!(by_operator.message().await.1, "alone");
}
