//! What was said is found again: by whom, how it is shown, and what becomes of the index.

mod file;
mod listed;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    client::{Message, client, fields, ids_on, post, send, unescape},
    removal::files_with,
    support::{
        App, Server, TestApp,
        browser::Browser,
        host::{ask, give, open, operator, rule},
        until,
    },
};

/// What a script is told.
#[derive(Debug, Deserialize)]
pub struct Found {
    pub messages: Vec<Hit>,
    pub older: Option<String>,
    pub complete: bool,
}

#[derive(Debug, Deserialize)]
pub struct Hit {
    pub id: String,
    pub room: String,
    pub text: String,
    pub marks: Vec<(usize, usize)>,
}

impl Hit {
    /// What is marked in it.
    fn marked(&self) -> Vec<String> {
        let text: Vec<char> = self.text.chars().collect();
        self.marks.iter().map(|(start, end)| text[*start..*end].iter().collect()).collect()
    }
}

/// An address with a query.
fn with(path: &str, query: &[(&str, &str)]) -> String {
    let encoded = query
        .iter()
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
    let query = encoded.collect::<Vec<_>>().join("&");
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

async fn answer(app: &impl Server, path: &str, query: &[(&str, &str)]) -> Response {
    client().get(app.url(&with(path, query))).send().await.unwrap()
}

/// What is found under `path` by these words, now.
pub async fn ask_at(app: &impl Server, path: &str, words: &str) -> Found {
    let found = answer(app, path, &[("q", words), ("format", "json")]).await;
    assert_eq!(found.status(), 200, "{words}");
    found.json().await.unwrap()
}

/// The same, when all can be found: usually that is at once.
pub async fn find_at(app: &impl Server, path: &str, words: &str) -> Found {
    until("all can be found", async || {
        Some(ask_at(app, path, words).await).filter(|found| found.complete)
    })
    .await
}

/// The texts that are found in the lobby, the newest first.
pub async fn find(app: &impl Server, words: &str) -> Vec<String> {
    let found = find_at(app, "/rooms/lobby/search", words).await;
    found.messages.into_iter().map(|hit| hit.text).collect()
}

async fn page(app: &impl Server, path: &str, query: &[(&str, &str)]) -> String {
    let page = answer(app, path, query).await;
    assert_eq!(page.status(), 200, "{path}");
    page.text().await.unwrap()
}

#[tokio::test]
async fn what_was_said_is_found_marked_and_leads_to_its_place_among_what_was_said_around_it() {
    let app = TestApp::start();
    let mut sent = Vec::new();
    for number in 0..60 {
        sent.push(send(&app, "lobby", "ann", &format!("message {number}")).await.id);
    }
    let boat = send(&app, "lobby", "bob", "The <b>Boat</b> & the boats").await.id;
    for number in 60..120 {
        sent.push(send(&app, "lobby", "ann", &format!("message {number}")).await.id);
    }
    find(&app, "boat").await;
    let found = page(&app, "/rooms/lobby/search", &[("q", "boat")]).await;
    let shown = "The &lt;b&gt;<mark>Boat</mark>&lt;/b&gt; &amp; the <mark>boats</mark>";
    assert!(found.contains(shown), "{found}");
    assert_eq!(found.matches("<li>").count(), 1);
    let place = format!("/rooms/lobby/messages/{boat}");
    assert!(found.contains(&format!("href=\"{place}#m61\"")), "{found}");
    // Whole words count where a space follows.
    assert_eq!(find(&app, "boat").await.len(), 1);
    assert_eq!(find(&app, "bo").await.len(), 1);
    assert_eq!(find(&app, "bo ").await, [""; 0]);

    let context = page(&app, &place, &[]).await;
    let around: Vec<&String> = sent[40..60].iter().chain([&boat]).chain(&sent[60..80]).collect();
    assert_eq!(ids_on(&context).iter().collect::<Vec<_>>(), around);
    let (before, rest) = context.split_once("aria-current=\"true\"").expect("it is told apart");
    assert_eq!((ids_on(before).len(), &ids_on(rest)[0]), (20, &boat));
    assert!(context.contains("href=\"/rooms/lobby\""), "{context}");
    let ends = |page: &str| -> Vec<String> {
        let links = page.split("class=\"older\"><a href=\"").skip(1);
        links.map(|rest| rest.split(['#', '"']).next().unwrap().to_owned()).collect()
    };
    let places = [&sent[40], &sent[79]].map(|id| format!("/rooms/lobby/messages/{id}"));
    assert_eq!(ends(&context), places, "and goes on to either side");
    let first = page(&app, &format!("/rooms/lobby/messages/{}", sent[0]), &[]).await;
    assert_eq!(ends(&first), [format!("/rooms/lobby/messages/{}", sent[20])]);
    let json = page(&app, &place, &[("format", "json")]).await;
    let json: Message = serde_json::from_str(&json).unwrap();
    assert_eq!((json.id, json.text.as_str()), (boat, "The <b>Boat</b> & the boats"));
}

#[tokio::test]
async fn hits_come_fifty_at_a_time_the_newest_first_and_all_of_them_once() {
    let app = TestApp::with(&["--address-sends", "0"]);
    let mut sent = Vec::new();
    for number in 0..120 {
        sent.push(send(&app, "lobby", "ann", &format!("needle {number}")).await.id);
        send(&app, "attic", "ann", "needle elsewhere").await;
    }
    sent.reverse();
    let mut found = Vec::new();
    find(&app, "needle").await;
    let mut before = None;
    for (count, more) in [(50, true), (50, true), (20, false)] {
        let mut query = vec![("q", "needle"), ("format", "json")];
        query.extend(before.as_deref().map(|id| ("before", id)));
        let page: Found = answer(&app, "/rooms/lobby/search", &query).await.json().await.unwrap();
        assert!(page.complete);
        assert_eq!((page.messages.len(), page.older.is_some()), (count, more));
        assert!(page.messages.iter().all(|hit| hit.marked() == ["needle"]));
        found.extend(page.messages.into_iter().map(|hit| hit.id));
        before = page.older;
    }
    assert_eq!(found, sent);
    // The same by hand.
    let mut path = "/rooms/lobby/search?q=needle".to_owned();
    let mut pages = Vec::new();
    loop {
        let page = page(&app, &path, &[]).await;
        pages.push(page.matches("<li>").count());
        let Some((_, rest)) = page.split_once("class=\"older\"><a href=\"") else { break };
        path = unescape(rest.split('"').next().unwrap());
    }
    assert_eq!(pages, [50, 50, 20]);
    let all = find_at(&app, "/search", "needle").await;
    assert_eq!((all.messages.len(), all.messages[0].room.as_str()), (50, "attic"));
}

#[tokio::test]
async fn a_private_rooms_messages_are_found_by_who_may_read_it_and_by_nobody_else() {
    let app = TestApp::start();
    let host = open(&app, "den").await;
    let (token, _) = give(&app, "den", &host, "read").await;
    send(&app, "lobby", "ann", "an open secret").await;
    let sent = ask(&app, "POST", "/rooms/den/messages", &host);
    let sent = sent.form(&[("username", "bob"), ("text", "a closed secret")]).send().await.unwrap();
    assert_eq!(sent.status(), 201);
    let rooms = async |path: &str, token: &str| -> Vec<String> {
        let path = with(path, &[("q", "secret"), ("format", "json")]);
        let found: Found =
            ask(&app, "GET", &path, token).send().await.unwrap().json().await.unwrap();
        found.messages.into_iter().map(|hit| hit.room).collect()
    };
    find_at(&app, "/search", "secret").await;
    assert_eq!(rooms("/search", "").await, ["lobby"]);
    assert_eq!(rooms("/search", &token).await, ["den", "lobby"]);
    assert_eq!(rooms("/rooms/den/search", &token).await, ["den"]);
    let mut browser = Browser::of(&app);
    browser.enter("den", &token).await;
    let by_cookie = browser.get("/rooms/den/search?q=closed").await;
    assert!(by_cookie.text().await.unwrap().contains("<mark>closed</mark>"));
    let hidden = answer(&app, "/rooms/den/search", &[("q", "secret")]).await;
    assert_eq!(hidden.status(), 404);
    // From one moment to the next.
    rule(&app, "den", &operator(&app.data()), &[("private", "no")]).await;
    assert_eq!(rooms("/search", "").await, ["den", "lobby"]);
}

#[tokio::test]
async fn what_somebody_types_is_words_and_never_syntax() {
    let app = TestApp::start();
    for text in [
        "Über den Café-Tisch",
        "in 東京都 by train",
        "NOT an AND or OR near",
        "text:c room:r1 a*b -x",
        "Ёлка и мёд",
        "snake_case and camelCase",
    ] {
        send(&app, "lobby", "ann", text).await;
    }
    for (words, found) in [
        ("uber CAFE", "Über den Café-Tisch"),
        ("\"cafe tisch\"", "Über den Café-Tisch"),
        ("東京", "in 東京都 by train"),
        ("京都", "in 東京都 by train"),
        ("都", "in 東京都 by train"),
        ("NOT", "NOT an AND or OR near"),
        ("AND OR", "NOT an AND or OR near"),
        ("NEAR (or near)", "NOT an AND or OR near"),
        ("text:c", "text:c room:r1 a*b -x"),
        ("room : r1", "text:c room:r1 a*b -x"),
        ("-x", "text:c room:r1 a*b -x"),
        ("елка", "Ёлка и мёд"),
        ("snake_ca", "snake_case and camelCase"),
        ("case AND snake", "snake_case and camelCase"),
    ] {
        assert_eq!(find(&app, words).await, [found], "{words}");
    }
    for words in ["cafe xylophone", "\"tisch cafe\"", "東都", "r1 OR zzz", "te*t"] {
        assert_eq!(find(&app, words).await, [""; 0], "{words}");
    }
}

#[tokio::test]
async fn without_script_it_is_a_plain_form_and_what_cannot_be_looked_for_comes_back_in_it() {
    let app = TestApp::start();
    send(&app, "lobby", "ann", "hello").await;
    for path in ["/search", "/rooms/lobby/search"] {
        let form = page(&app, path, &[]).await;
        assert!(form.contains(&format!("method=\"get\" action=\"{path}\"")), "{form}");
        assert!(form.contains("role=\"search\"") && !form.contains("<script"), "{form}");
        assert_eq!(fields(&form)["q"], "");
        assert!(!page(&app, path, &[("q", "  ")]).await.contains("role=\"alert\""));
        let nothing = page(&app, path, &[("q", "<xylophone>")]).await;
        assert!(nothing.contains("No message has these words."), "{nothing}");
        assert_eq!(fields(&nothing)["q"], "<xylophone>");
        let long = "x".repeat(201);
        let many = "a ".repeat(17);
        for (words, sentence) in [
            (long.as_str(), "A search takes at most 200 characters."),
            (&many, "A search takes at most 16 words."),
            ("?!", "A search takes words: something with letters or digits in it."),
        ] {
            let refused = answer(&app, path, &[("q", words)]).await;
            assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
            let refused = refused.text().await.unwrap();
            assert!(refused.contains(&format!("role=\"alert\">{sentence}")), "{refused}");
            assert_eq!(fields(&refused)["q"], words);
            let refused = answer(&app, path, &[("q", words), ("format", "json")]).await;
            assert_eq!(refused.status(), 422);
            assert_eq!(refused.json::<Value>().await.unwrap()["error"], sentence);
        }
        let blank = answer(&app, path, &[("format", "json")]).await;
        assert_eq!(blank.status(), 422, "a program has forgotten something");
        let before = answer(&app, path, &[("q", "a"), ("before", "k3v9x2mq-1")]).await;
        assert_eq!(before.status(), 422);
    }
}

/// What is said and is to be nowhere: no other word begins like it, so that the index has it whole.
const SECRET: &str = "quicksilverandsaltpetre";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_or_edited_is_found_no_more_and_its_words_are_in_no_file() {
    let key = "0123456789abcdef";
    let app = TestApp::start();
    let home = app.data().parent().unwrap().to_owned();
    let say = async |text: &str, key: &str| -> String {
        let answer =
            post(&app, "lobby", &[("username", "ann"), ("text", text), ("key", key)]).await;
        answer.json::<Message>().await.unwrap().id
    };
    send(&app, "lobby", "bob", "stays here").await;
    let removed = say(&format!("one {SECRET}"), key).await;
    let edited = say(&format!("two {SECRET} too"), "fedcba9876543210").await;
    assert_eq!(find(&app, SECRET).await.len(), 2);
    let in_index = || files_with(&home, SECRET).iter().any(|file| file.contains(".search"));
    assert!(in_index(), "it is there");
    let url = |id: &str| app.url(&format!("/rooms/lobby/messages/{id}"));
    let gone = client().delete(url(&removed)).form(&[("key", key)]).send().await.unwrap();
    assert_eq!(gone.status(), 200);
    assert_eq!(find(&app, SECRET).await, [format!("two {SECRET} too")]);
    let form = [("key", "fedcba9876543210"), ("text", "two and other words")];
    let changed = client().patch(url(&edited)).form(&form).send().await.unwrap();
    assert_eq!(changed.status(), 200);
    assert_eq!(find(&app, SECRET).await, [""; 0]);
    assert_eq!(find(&app, "two too").await, [""; 0]);
    assert_eq!(find(&app, "other words").await, ["two and other words"]);
    until("nothing of it is left on the disk", async || {
        files_with(&home, &SECRET[3..]).is_empty().then_some(())
    })
    .await;
    assert_eq!(find(&app, "stays").await, ["stays here"]);
    assert_eq!(find(&app, "two other").await, ["two and other words"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_longer_kept_is_found_no_more_and_its_words_leave_the_index() {
    let app = TestApp::with(&["--keep", "3"]);
    let home = app.data().parent().unwrap().to_owned();
    send(&app, "lobby", "ann", &format!("first {SECRET}")).await;
    assert_eq!(find(&app, SECRET).await.len(), 1);
    send(&app, "attic", "ann", "attic words stay").await;
    for number in 0..3 {
        send(&app, "lobby", "ann", &format!("later {number}")).await;
    }
    assert_eq!(find(&app, SECRET).await, [""; 0]);
    until("its words are gone from the index", async || {
        let files = files_with(&home, &SECRET[3..]);
        (!files.iter().any(|file| file.contains(".search"))).then_some(())
    })
    .await;
    assert_eq!(find(&app, "later").await, ["later 2", "later 1", "later 0"]);
    assert_eq!(find_at(&app, "/search", "attic").await.messages.len(), 1);
}

#[tokio::test]
async fn what_private_rooms_say_takes_nothing_of_what_everybody_may_find() {
    // More of them than a search leaves out by itself.
    let app = App::with(&["--address-rooms", "1000"]);
    send(&app, "lobby", "ann", "merger in the open").await;
    // Of some 20 KB as it is shown: of so many, a page has thirteen.
    let long = format!("merger {}", "&".repeat(3990));
    for number in 0..66 {
        let room = format!("den-{number}");
        let host = open(&app, &room).await;
        for key in 0..8 {
            let form = [("username", "host"), ("text", &*long), ("key", &*format!("k{key}"))];
            let sent = ask(&app, "POST", &format!("/rooms/{room}/messages"), &host).form(&form);
            assert_eq!(sent.send().await.unwrap().status(), 201);
        }
    }
    let found = until("all is found", async || {
        let found = client().get(app.url("/search?q=merger&format=json")).send().await.unwrap();
        let found: Found = found.json().await.unwrap();
        found.complete.then_some(found)
    })
    .await;
    let texts: Vec<_> = found.messages.iter().map(|hit| &*hit.text).collect();
    assert_eq!((texts, found.older), (vec!["merger in the open"], None));
}
