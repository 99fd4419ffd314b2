//! The list of rooms: what it says of each, what it finds, and the one click that joins.

use reqwest::{Method, header};
use serde_json::Value;

use crate::{
    client::{Events, Tab, client, fields, post, send},
    support::{Server, TestApp, browser::Browser, host::open},
};

async fn rooms(app: &impl Server, query: &str) -> String {
    let answer = client().get(app.url(&format!("/rooms{query}"))).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{query}");
    answer.text().await.unwrap()
}

/// What the page has on the line of a room.
fn line<'a>(page: &'a str, room: &str) -> &'a str {
    let start = format!("<li><a href=\"/rooms/{room}\" translate=\"no\">#{room}</a> ");
    let rest = page.split_once(&start).unwrap_or_else(|| panic!("{room}: {page}")).1;
    rest.split_once("</li>").unwrap().0
}

#[tokio::test]
async fn the_list_has_rooms_with_people_or_messages_and_says_of_each_what_there_is() {
    let app = TestApp::start();
    assert!(rooms(&app, "").await.contains("No room has people or messages yet."));
    post(&app, "kitchen", &[("username", "ann"), ("text", "hi")]).await;
    let tab = Tab::join(&app, "hall", "bob").await;
    let _stream = Events::from(tab.get("/events")).await;
    let page = rooms(&app, "").await;
    assert_eq!(line(&page, "hall"), "<small>1 here</small>");
    let kitchen = line(&page, "kitchen");
    assert!(kitchen.starts_with("<small><time datetime=\"20"), "{kitchen}");
    assert!(kitchen.ends_with(" UTC\">just now</time></small>"), "{kitchen}");
    assert!(!page.contains("0 here") && !page.contains("joins you as"), "{page}");
    let form = page.find("<form").unwrap();
    assert!(form < page.find("#hall").unwrap(), "the form is on top");
    assert!(tab.page().await.contains("href=\"/rooms\""), "the page links to it");
}

#[tokio::test]
async fn a_room_is_opened_by_its_name_and_what_is_none_stays_in_the_form() {
    let app = TestApp::start();
    let open = |name: &'static str| client().post(app.url("/rooms")).form(&[("room", name)]).send();
    let answer = open("attic").await.unwrap();
    assert_eq!(answer.status(), 303);
    assert_eq!(answer.headers()[header::LOCATION], "/rooms/attic");
    let answer = open("No Room").await.unwrap();
    assert_eq!(answer.status(), 422);
    let page = answer.text().await.unwrap();
    assert!(page.contains("A room's name is 1 to 64 lowercase letters"));
    assert_eq!(fields(&page)["room"], "No Room");
}

#[tokio::test]
async fn rooms_are_found_by_a_part_of_their_names_on_the_page_and_by_programs() {
    let app = TestApp::start();
    open(&app, "tea-den").await;
    for room in ["tea-kitchen", "steam", "lobby"] {
        send(&app, room, "ann", "hi").await;
    }
    let tab = Tab::join(&app, "tea-garden", "bob").await;
    let _stream = Events::from(tab.get("/events")).await;
    for (q, expected) in [
        ("tea", &["tea-garden", "steam", "tea-kitchen"][..]),
        ("%20%23TEA%20", &["tea-garden", "steam", "tea-kitchen"]),
        ("tea%20k", &["tea-kitchen"]),
        ("kitchen", &["tea-kitchen"]),
        ("den", &["tea-garden"]),
        ("tea-den", &[]),
        ("%25", &[]),
        ("_", &[]),
        ("{", &[]),
        (&"x".repeat(3000), &[]),
        ("", &["tea-garden", "lobby", "steam", "tea-kitchen"]),
    ] {
        let found = rooms(&app, &format!("?format=json&q={q}")).await;
        let found: Vec<Value> = serde_json::from_str(&found).unwrap();
        let found: Vec<_> = found.iter().map(|room| room["room"].as_str().unwrap()).collect();
        assert_eq!(found, expected, "{q}");
        let page = rooms(&app, &format!("?q={q}")).await;
        let shown = page.matches("<li><a href=\"/rooms/").count();
        assert_eq!(shown, expected.len(), "{q}: {page}");
    }
    // What is looked for stays in its field, and is one click away where there is none.
    let page = rooms(&app, "?q=Tea+Room+%3Cb%3E").await;
    assert_eq!(fields(&page)["q"], "Tea Room <b>");
    assert!(page.contains("No room has “Tea Room &lt;b&gt;” in its name."), "{page}");
    assert!(!page.contains(">Open #"), "what no room can be called is not offered: {page}");
    for q in ["Tea+Room", "tea-room"] {
        let page = rooms(&app, &format!("?q={q}")).await;
        assert!(
            page.contains("href=\"/rooms/tea-room\" translate=\"no\">Open #tea-room</a>"),
            "{page}"
        );
    }
    let page = rooms(&app, "?q=tea-kitchen").await;
    assert!(!page.contains(">Open #") && page.contains(">All rooms</a>"), "{page}");
    let twice = client().get(app.url("/rooms?q=a&q=b")).send().await.unwrap();
    assert_eq!(twice.status(), 422);
}

#[tokio::test]
async fn who_has_joined_once_joins_other_rooms_by_one_click_and_the_mark_goes_along() {
    let app = TestApp::start();
    send(&app, "kitchen", "eve", "hi").await;
    let mut browser = Browser::of(&app);
    browser.get("/rooms/lobby").await;
    let secret = [("username", "ann. b~é"), ("secret", "s3cret")];
    let joined = browser.post("/rooms/lobby/join", &secret).await;
    let tab = joined.headers()[header::LOCATION].to_str().unwrap().to_owned();
    let mark = |page: &str| {
        let bearer = page.split_once("<main class=\"room\" ").unwrap().1;
        bearer
            .split_once("data-mark=\"")
            .map(|(_, rest)| rest.split('"').next().unwrap().to_owned())
    };
    let proven = mark(&browser.get(&tab).await.text().await.unwrap()).expect("a mark");

    let page = browser.get("/rooms").await.text().await.unwrap();
    assert!(page.contains("One click joins you as <strong"), "{page}");
    let kitchen = line(&page, "kitchen");
    assert!(kitchen.contains("<form method=\"post\" action=\"/rooms/kitchen/join\">"), "{kitchen}");
    assert!(kitchen.contains("aria-label=\"Join #kitchen as ann. b~é\""), "{kitchen}");
    let form = fields(kitchen);
    assert_eq!((form.len(), &*form["username"]), (1, "ann. b~é"));
    let form: Vec<_> = form.iter().map(|(name, value)| (&**name, &**value)).collect();
    let clicked = browser.post("/rooms/kitchen/join", &form).await;
    assert_eq!(clicked.status(), 303);
    let there = clicked.headers()[header::LOCATION].to_str().unwrap().to_owned();
    let page = browser.get(&there).await.text().await.unwrap();
    assert!(page.contains("Posting as <strong>ann. b~é</strong>"), "{page}");
    assert_eq!(mark(&page).as_ref(), Some(&proven));

    // Somebody else's name is their own, and what was forged is nobody's.
    let forged = client().get(app.url("/rooms")).header(header::COOKIE, "hubbub-tabs=.0~ann~");
    for stranger in [rooms(&app, "").await, forged.send().await.unwrap().text().await.unwrap()] {
        assert!(!stranger.contains("ann") && !stranger.contains("/join"), "{stranger}");
    }
    let other = browser.post("/rooms/hall/join", &[("username", "bob")]).await;
    let other = other.headers()[header::LOCATION].to_str().unwrap().to_owned();
    assert_eq!(mark(&browser.get(&other).await.text().await.unwrap()), None, "another name");

    // Who leaves takes the proof along, and the name stays.
    browser.post("/rooms/attic/join", &secret).await;
    browser.post(&format!("{there}/leave"), &[]).await;
    let page = browser.get("/rooms").await.text().await.unwrap();
    assert_eq!(fields(line(&page, "kitchen"))["username"], "ann. b~é");
    let again = browser.post("/rooms/kitchen/join", &form).await;
    let again = again.headers()[header::LOCATION].to_str().unwrap().to_owned();
    assert_eq!(mark(&browser.get(&again).await.text().await.unwrap()), None);
}

#[tokio::test]
async fn a_tab_that_is_open_is_offered_to_its_own_browser_and_to_no_other() {
    let app = TestApp::start();
    send(&app, "lobby", "eve", "hi").await;
    let mut browser = Browser::of(&app);
    let tab = browser.join("lobby", "ann").await;
    let joined = browser.get("/rooms").await.text().await.unwrap();
    assert!(!joined.contains("You are here"), "its page was never opened: {joined}");
    let _stream = Events::from(browser.request(Method::GET, &format!("{tab}/events"))).await;
    let own = format!(
        "<a class=\"own\" href=\"{tab}\">You are here as <span translate=\"no\">ann</span></a>"
    );
    for path in ["/rooms", "/rooms/lobby"] {
        let page = browser.get(path).await.text().await.unwrap();
        assert!(page.contains(&own), "{path}: {page}");
        let stranger = client().get(app.url(path)).send().await.unwrap().text().await.unwrap();
        assert!(!stranger.contains("You are here") && !stranger.contains(&tab), "{path}");
    }
    let page = browser.get("/rooms").await.text().await.unwrap();
    assert!(!line(&page, "lobby").contains("<form"), "{page}");
    browser.post(&format!("{tab}/leave"), &[]).await;
    let page = browser.get("/rooms").await.text().await.unwrap();
    assert!(!page.contains("You are here") && line(&page, "lobby").contains("<form"), "{page}");
}

#[tokio::test]
async fn whom_a_proxy_names_joins_by_one_click_from_the_list_at_once() {
    let app = TestApp::with(&["--user-header", "remote-user", "--trusted-proxies", "127.0.0.1"]);
    let by_proxy = |request: reqwest::RequestBuilder| {
        let request = request.header("remote-user", "Ann").header("sec-fetch-site", "same-origin");
        request.header("sec-fetch-mode", "navigate").header("x-forwarded-for", "192.0.2.1")
    };
    let sent = by_proxy(client().post(app.url("/rooms/kitchen/messages"))).form(&[("text", "hi")]);
    assert_eq!(sent.send().await.unwrap().status(), 201);
    let list = by_proxy(client().get(app.url("/rooms"))).send().await.unwrap();
    let cookie = list.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
    let page = list.text().await.unwrap();
    let form = fields(line(&page, "kitchen"));
    assert_eq!((form.len(), &*form["join"]), (1, "1"));
    let clicked = by_proxy(client().post(app.url("/rooms/kitchen/join"))).form(&form);
    let clicked = clicked.header(header::COOKIE, cookie.split(';').next().unwrap());
    assert_eq!(clicked.send().await.unwrap().status(), 303);
}
