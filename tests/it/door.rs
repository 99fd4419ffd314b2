//! The page where one joins: what is to be seen from there, and of a private room nothing.

use reqwest::Method;

use crate::{
    client::{Events, Tab, client, fields, ids_on, send},
    support::{
        Server, TestApp,
        browser::Browser,
        host::{ask, give, open},
    },
};

async fn door(app: &impl Server, room: &str) -> String {
    let answer = client().get(app.url(&format!("/rooms/{room}"))).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

#[tokio::test]
async fn one_sees_who_is_there_what_was_said_last_and_where_else_one_could_go() {
    let app = TestApp::start();
    let page = door(&app, "lobby").await;
    assert!(page.contains("Nobody is here right now") && page.contains("Nothing was said yet"));
    assert!(!page.contains("Other rooms"), "{page}");

    let mut sent = Vec::new();
    for (name, text) in [
        ("bob", "one"),
        ("bob", "two"),
        ("eve", "<three>"),
        ("eve", "four"),
        ("bob", "five"),
        ("bob", "six"),
    ] {
        sent.push(send(&app, "lobby", name, text).await.id);
    }
    send(&app, "kitchen", "bob", "elsewhere").await;
    let ann = Tab::join(&app, "lobby", "ann").await;
    let _stream = Events::from(ann.get("/events")).await;
    let page = door(&app, "lobby").await;
    assert_eq!(ids_on(&page), sent[1..], "the last five, oldest first: {page}");
    assert!(page.contains("&lt;three&gt;") && !page.contains("elsewhere"), "{page}");
    assert_eq!(page.matches("<time ").count(), 5 + 1, "and one of another room");
    assert!(
        page.contains(">just now</a></time>") && page.contains(" UTC\">just now</time>"),
        "{page}"
    );
    assert!(page.contains("<h2>1 here</h2>"), "{page}");
    assert!(page.contains("data-hue=\"1\" data-initial=\"A\"><bdi>ann</bdi>"), "{page}");
    let others = page.split_once("Other rooms").unwrap().1;
    assert!(others.contains("href=\"/rooms/kitchen\"") && !others.contains("#lobby"), "{page}");
    let form = page.find("id=\"join\"").unwrap();
    assert!(form < page.find("1 here").unwrap() && form < page.find("Said last").unwrap());
}

#[tokio::test]
async fn what_was_removed_is_not_among_what_was_said_last() {
    let app = TestApp::start();
    let mut browser = Browser::of(&app);
    let tab = browser.join("lobby", "ann").await;
    for text in ["stays", "goes"] {
        let sent = browser.post(&format!("{tab}/send"), &[("text", text)]).await;
        assert_eq!(sent.status(), 303);
    }
    let own = browser.get(&format!("{tab}/messages")).await.text().await.unwrap();
    let goes = ids_on(&own).into_iter().find(|id| id.ends_with("-2")).expect("the second");
    let path = format!("/rooms/lobby/messages/{goes}/remove");
    assert_eq!(browser.post(&path, &[("remove", "1")]).await.status(), 303);
    let page = door(&app, "lobby").await;
    assert_eq!(ids_on(&page).len(), 1, "{page}");
    assert!(page.contains("<span>stays</span>") && !page.contains("Message removed"), "{page}");
}

#[tokio::test]
async fn a_private_room_shows_nothing_of_itself_where_one_joins_and_is_offered_nowhere() {
    let app = TestApp::start();
    let host = open(&app, "den").await;
    let (token, _) = give(&app, "den", &host, "write").await;
    let sent = ask(&app, "POST", "/rooms/den/messages", &host);
    let sent = sent.form(&[("username", "zoe"), ("text", "only us")]).send().await.unwrap();
    assert_eq!(sent.status(), 201);
    let mut browser = Browser::of(&app);
    browser.enter("den", &token).await;
    let tab = browser.join("den", "ann").await;
    let _stream = Events::from(browser.request(Method::GET, &format!("{tab}/events"))).await;
    let page = browser.get("/rooms/den").await.text().await.unwrap();
    for word in ["only us", "zoe", "1 here", "Said last", "Other rooms"] {
        assert!(!page.contains(word), "{word}: {page}");
    }
    assert!(page.contains("You are here as") && page.contains("id=\"join\""), "{page}");
    for path in ["/rooms/lobby", "/rooms"] {
        let page = client().get(app.url(path)).send().await.unwrap().text().await.unwrap();
        assert!(!page.contains("den\""), "{path}: {page}");
    }
}

#[tokio::test]
async fn the_last_name_is_filled_in_and_what_is_refused_is_shown_with_all_that_is_to_be_seen() {
    let app = TestApp::start();
    send(&app, "kitchen", "bob", "what was said").await;
    let mut browser = Browser::of(&app);
    browser.join("lobby", "ann").await;
    let page = browser.get("/rooms/kitchen").await.text().await.unwrap();
    assert_eq!(fields(page.split("Other rooms").next().unwrap())["username"], "ann");
    assert!(page.contains("data-remembered"), "the script may take it away again: {page}");
    assert_eq!(fields(&door(&app, "kitchen").await)["username"], "", "to nobody else");
    let refused = browser.post("/rooms/kitchen/join", &[("username", "x\u{7}")]).await;
    assert_eq!(refused.status(), 422);
    let page = refused.text().await.unwrap();
    assert_eq!(fields(page.split("Other rooms").next().unwrap())["username"], "x\u{7}");
    assert!(page.contains("what was said") && !page.contains("data-remembered"), "{page}");
    browser.post("/rooms/hall/join", &[("username", "bea")]).await;
    let page = browser.get("/rooms/kitchen").await.text().await.unwrap();
    assert_eq!(
        fields(page.split("Other rooms").next().unwrap())["username"],
        "bea",
        "the last one"
    );
}
