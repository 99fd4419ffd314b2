//! Rooms with what is unread in them: on the page, on the stream, and up to where a browser has read.

mod read;

use reqwest::{Method, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::{
    client::{Events, Raw, Tab, client, send},
    support::{
        Server, TestApp,
        browser::Browser,
        host::{ask, give, open, revoke},
    },
};

/// What a stream says next of another room.
async fn unread(events: &mut Events) -> Value {
    let event = events.event("Unread").await;
    assert_eq!(event.id, None, "it moves no cursor");
    serde_json::from_str(&event.data.unwrap()).unwrap()
}

/// Reads until all of these were the last that was said of their rooms: what is acknowledged is published
/// moments later.
async fn tells<const N: usize>(events: &mut Events, due: [Value; N]) {
    let mut last = Vec::new();
    while due.iter().any(|due| !last.contains(due)) {
        let said = unread(events).await;
        last.retain(|before: &Value| before["room"] != said["room"]);
        last.push(said);
    }
}

fn of(room: &str, unread: u64) -> Value {
    json!({ "room": room, "unread": unread })
}

/// The same, where so many of them mention the one who is told.
fn naming(room: &str, unread: u64, mentions: u64) -> Value {
    json!({ "room": room, "unread": unread, "mentions": mentions })
}

/// What stands in the list of rooms: each room, and what is said of it.
fn list(page: &str) -> Vec<(String, String)> {
    let items = page.split("<li data-room=\"").skip(1);
    let item = |item: &str| {
        let room = item.split('"').next().unwrap();
        let words = item.split("<small").nth(1).unwrap().split("</small>").next().unwrap();
        let words = words.split_once('>').unwrap().1;
        (room.to_owned(), words.replace("<span>", "").replace("</span>", ""))
    };
    items.map(item).collect()
}

fn listed(rooms: &[(&str, &str)]) -> Vec<(String, String)> {
    rooms.iter().map(|(room, words)| ((*room).to_owned(), (*words).to_owned())).collect()
}

async fn page(browser: &mut Browser, path: &str) -> String {
    let answer = browser.get(path).await;
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().await.unwrap()
}

/// Opens the stream that a page names.
async fn stream(browser: &Browser, page: &str) -> Events {
    let url = page.split("hx-sse:connect=\"").nth(1).unwrap().split('"').next().unwrap();
    Events::from(browser.request(Method::GET, &url.replace("&amp;", "&"))).await
}

#[tokio::test]
async fn a_stream_of_several_rooms_has_the_firsts_messages_and_of_the_others_how_much_is_unread() {
    let app = TestApp::start();
    let first = send(&app, "lobby", "ann", "one").await;
    send(&app, "attic", "ann", "two").await;
    send(&app, "attic", "ann", "three").await;
    let path = format!("/events?room=lobby&room=attic&room=cellar&after={}", first.id);
    let mut events = Events::open(&app, &path, None).await;
    tells(&mut events, [of("attic", 2), of("cellar", 0)]).await;
    send(&app, "cellar", "ann", "four").await;
    assert_eq!(unread(&mut events).await, of("cellar", 1));
    let fifth = send(&app, "lobby", "ann", "five").await;
    assert_eq!(events.message().await, (fifth.id.clone(), "five".into()));

    // One cursor resumes all of them.
    let sixth = send(&app, "attic", "ann", "six").await;
    let path = "/events?room=lobby&room=attic&room=cellar";
    let mut events = Events::open(&app, path, Some(&fifth.id)).await;
    tells(&mut events, [of("attic", 1), of("cellar", 0)]).await;
    let mut events = Events::open(&app, path, Some(&sixth.id)).await;
    assert_eq!(unread(&mut events).await, of("attic", 0));

    // What is removed was sent all the same, and a removal is no message.
    let mut events = Events::open(&app, "/events?room=lobby&room=attic", Some(&first.id)).await;
    tells(&mut events, [of("attic", 3)]).await;
    let removed = client().delete(app.url(&format!("/rooms/attic/messages/{}", sixth.id)));
    let operator = crate::support::host::operator(&app.data());
    assert!(removed.bearer_auth(operator).send().await.unwrap().status().is_success());
    send(&app, "attic", "ann", "seven").await;
    assert_eq!(unread(&mut events).await, of("attic", 4));
}

#[tokio::test]
async fn what_is_unread_is_said_in_each_representation_that_can_say_it() {
    let app = TestApp::start();
    for (format, due) in [
        ("sse-json", "event: Unread\ndata: {\"room\":\"attic\",\"unread\":0}\n\n"),
        ("ndjson", "{\"room\":\"attic\",\"unread\":0}\n"),
        ("text", "--- 0 unread in #attic\n"),
    ] {
        let path = format!("/events?room=lobby&room=attic&format={format}");
        let mut raw = Raw::open(&app, &path).await;
        raw.until("the number", |read| read.ends_with(due)).await;
    }
    let html = client().get(app.url("/events?room=lobby&room=attic&format=html"));
    assert_eq!(html.send().await.unwrap().status(), 422);
    let one = client().get(app.url("/events?room=lobby&format=html"));
    assert_eq!(one.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_tab_is_told_how_much_of_what_is_unread_mentions_its_name() {
    let app = TestApp::start();
    let mut browser = Browser::of(&app);
    let attic = browser.join("attic", "Ben").await;
    page(&mut browser, &attic).await;
    let at = browser.join("lobby", "Ben").await;
    page(&mut browser, &at).await;
    send(&app, "attic", "ann", "hello").await;
    send(&app, "attic", "ann", "@ben, are you there?").await;
    let own = [("text", "my name is @Ben")];
    assert_eq!(browser.post(&format!("{attic}/send"), &own).await.status(), 303);
    send(&app, "attic", "ann", "`@ben`, @bent and x@ben").await;
    let shown = page(&mut browser, &at).await;
    assert_eq!(list(&shown), listed(&[("attic", "4 unread, @1"), ("lobby", "")]));
    let mut events = stream(&browser, &shown).await;
    let told = |unread: u64, mentions: u64| naming("attic", unread, mentions);
    tells(&mut events, [told(4, 1)]).await;
    send(&app, "attic", "ann", "@BEN!").await;
    assert_eq!(unread(&mut events).await, told(5, 2));

    // Of a busy room one hears no number any more, and still when one is called.
    for number in 0..120 {
        send(&app, "attic", "ann", &number.to_string()).await;
    }
    send(&app, "attic", "ann", "@ben?").await;
    let mut last = Value::Null;
    while last != told(100, 3) {
        last = unread(&mut events).await;
    }
    let shown = page(&mut browser, &at).await;
    assert_eq!(list(&shown)[0].1, "99+ unread, @1", "of the newest hundred");
}

#[tokio::test]
async fn a_busy_room_is_told_of_now_and_then_and_no_more_once_it_has_a_hundred() {
    let app = TestApp::start();
    let mut events = Events::open(&app, "/events?room=lobby&room=attic", None).await;
    assert_eq!(unread(&mut events).await, of("attic", 0));
    for number in 0..120 {
        send(&app, "attic", "ann", &number.to_string()).await;
    }
    let mut told = Vec::new();
    while told.last() != Some(&100) {
        told.push(unread(&mut events).await["unread"].as_u64().unwrap());
    }
    assert!(told.is_sorted() && told.len() < 60, "{told:?}");
    send(&app, "attic", "ann", "more").await;
    let last = send(&app, "lobby", "ann", "last").await;
    assert_eq!(events.message().await.0, last.id, "nothing of the other room came between");
}

#[tokio::test]
async fn what_names_no_room_two_alike_or_too_many_is_refused_in_words() {
    let app = TestApp::start();
    let refused = async |query: &str| {
        let answer = client().get(app.url(&format!("/events{query}"))).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let many: Vec<_> = (0..51).map(|number| format!("room=r{number}")).collect();
    for (query, status, part) in [
        ("", 422, "The parameter room is missing."),
        ("?room=a&room=a", 422, "The room a came twice."),
        (&*format!("?{}", many.join("&")), 422, "50 rooms at most"),
        ("?room=a&after=x", 422, "after= takes"),
        ("?room=a&last=1&last=2", 422, "The parameter last came twice."),
        ("?room=a&room=A", 404, ""),
        ("?room=", 404, ""),
        ("?room=%ff", 404, ""),
    ] {
        let (its_status, said) = refused(query).await;
        assert_eq!(its_status, status, "{query}");
        assert!(said.contains(part), "{query}: {said}");
    }
    let fifty = many[..50].join("&");
    let mut events = Events::open(&app, &format!("/events?{fifty}"), None).await;
    for number in 1..50 {
        assert_eq!(unread(&mut events).await, of(&format!("r{number}"), 0));
    }
}

#[tokio::test]
async fn a_private_room_is_among_them_for_who_has_a_link_and_else_one_that_cannot_exist() {
    let app = TestApp::start();
    let host = open(&app, "den").await;
    let answer = async |answer: Response| {
        let headers = answer.headers().iter().filter(|(name, _)| *name != "date");
        let headers: Vec<_> = headers.map(|(name, value)| (name.clone(), value.clone())).collect();
        (answer.status(), headers, answer.text().await.unwrap())
    };
    for places in [["den", "lobby"], ["lobby", "den"]] {
        let path = |room: &str| {
            let rooms = places.map(|place| if place == "den" { room } else { place });
            format!("/events?room={}&room={}", rooms[0], rooms[1])
        };
        let hidden = answer(client().get(app.url(&path("den"))).send().await.unwrap()).await;
        let none = answer(client().get(app.url(&path("-"))).send().await.unwrap()).await;
        assert_eq!(hidden, none);
        assert_eq!(hidden.0, StatusCode::NOT_FOUND);
        let seen = ask(&app, "GET", &path("den"), &host).send().await.unwrap();
        assert_eq!(seen.status(), 200);
    }
}

#[tokio::test]
async fn a_page_lists_what_was_opened_with_what_came_since_and_opening_it_reads_it() {
    let app = TestApp::start();
    send(&app, "attic", "bob", "before").await;
    let mut ann = Browser::of(&app);
    let attic = ann.join("attic", "ann").await;
    assert_eq!(list(&page(&mut ann, &attic).await), listed(&[("attic", "")]));
    let lobby = ann.join("lobby", "ann").await;
    assert_eq!(list(&page(&mut ann, &lobby).await), listed(&[("attic", ""), ("lobby", "")]));
    for text in ["one", "two"] {
        send(&app, "attic", "bob", text).await;
    }
    send(&app, "lobby", "bob", "here").await;
    let shown = page(&mut ann, &lobby).await;
    assert_eq!(list(&shown), listed(&[("attic", "2 unread"), ("lobby", "")]));
    assert!(shown.contains(&format!("<a href=\"{attic}\"")), "one click, under the same name");
    assert!(shown.contains(&format!("<a href=\"{lobby}\" aria-current=\"page\"")));

    // The stream says the same, from when all of it is published, and what comes.
    let mut events = stream(&ann, &shown).await;
    tells(&mut events, [of("attic", 2)]).await;
    send(&app, "attic", "bob", "three").await;
    tells(&mut events, [of("attic", 3)]).await;
    drop(events);

    // To look at what is older reads nothing.
    page(&mut ann, &format!("{attic}?before={}", send(&app, "attic", "bob", "four").await.id))
        .await;
    assert_eq!(list(&page(&mut ann, &lobby).await)[0].1, "4 unread");
    assert_eq!(list(&page(&mut ann, &attic).await), listed(&[("attic", ""), ("lobby", "")]));
    assert_eq!(list(&page(&mut ann, &lobby).await), listed(&[("attic", ""), ("lobby", "")]));
    // Another browser has a list of its own.
    let mut bob = Browser::of(&app);
    let tab = bob.join("lobby", "bob").await;
    assert_eq!(list(&page(&mut bob, &tab).await), listed(&[("lobby", "")]));
}

#[tokio::test]
async fn a_room_that_another_window_shows_is_read_and_one_that_was_left_up_to_its_last_word() {
    let app = TestApp::start();
    let mut ann = Browser::of(&app);
    let attic = ann.join("attic", "ann").await;
    let shown = page(&mut ann, &attic).await;
    let mut events = stream(&ann, &shown).await;
    let lobby = ann.join("lobby", "ann").await;
    send(&app, "attic", "bob", "one").await;
    events.message().await;
    // Loaded anew, a page has no line where one left off.
    assert!(!page(&mut ann, &attic).await.contains("data-seen"));
    let other = page(&mut ann, &lobby).await;
    assert_eq!(list(&other), listed(&[("attic", ""), ("lobby", "")]));
    let mut others = stream(&ann, &other).await;
    assert_eq!(unread(&mut others).await, of("attic", 0));
    let two = send(&app, "attic", "bob", "two").await;
    events.message().await;
    // The page goes, and says what it showed last; what comes then is unread.
    let path = format!("{attic}/seen");
    assert_eq!(ann.post(&path, &[("id", &two.id)]).await.status(), 204);
    ann.post(&format!("{attic}/presence"), &[("hidden", "true")]).await;
    drop(events);
    send(&app, "attic", "bob", "three").await;
    assert_eq!(list(&page(&mut ann, &lobby).await)[0].1, "1 unread");
    assert_eq!(unread(&mut others).await, of("attic", 1));

    // It goes forwards only, up to what there is, and to what is a message's place.
    for (id, status) in [("k-7", 204), (&*two.id, 204), ("what", 422), ("", 422)] {
        assert_eq!(ann.post(&path, &[("id", id)]).await.status(), status, "{id}");
    }
    let future = format!("{}-99", two.id.split('-').next().unwrap());
    assert_eq!(ann.post(&path, &[("id", &future)]).await.status(), 204);
    assert_eq!(list(&page(&mut ann, &lobby).await)[0].1, "1 unread");
    let stranger = Browser::of(&app).post(&path, &[("id", &two.id)]).await;
    assert_eq!(stranger.status(), 403);
}

#[tokio::test]
async fn a_room_is_pinned_to_the_list_or_taken_off_it() {
    let app = TestApp::start();
    let mut ann = Browser::of(&app);
    let mut tabs = Vec::new();
    for room in ["attic", "cellar", "lobby"] {
        let tab = ann.join(room, "ann").await;
        page(&mut ann, &tab).await;
        tabs.push(tab);
    }
    let names = async |ann: &mut Browser| -> Vec<String> {
        list(&page(ann, &tabs[2]).await).into_iter().map(|(room, _)| room).collect()
    };
    let path = format!("{}/rooms", tabs[2]);
    assert_eq!(names(&mut ann).await, ["attic", "cellar", "lobby"]);
    for (room, how, due) in [
        ("cellar", "pin", &["cellar", "attic", "lobby"][..]),
        ("cellar", "unpin", &["attic", "cellar", "lobby"]),
        ("attic", "off", &["cellar", "lobby"]),
        ("nowhere", "pin", &["cellar", "lobby"]),
    ] {
        let answer = ann.post(&path, &[("room", room), ("how", how)]).await;
        assert_eq!(
            (answer.status(), &answer.headers()[header::LOCATION]),
            (StatusCode::SEE_OTHER, &tabs[2].parse().unwrap())
        );
        assert_eq!(names(&mut ann).await, due);
    }
    for form in [[("room", "attic"), ("how", "x")], [("room", "A"), ("how", "pin")]] {
        assert_eq!(ann.post(&path, &form).await.status(), 422, "{form:?}");
    }
    page(&mut ann, &tabs[0]).await;
    assert_eq!(names(&mut ann).await, ["attic", "cellar", "lobby"], "opened again");
}

#[tokio::test]
async fn a_private_room_stands_on_the_list_until_its_link_is_taken_back() {
    let app = TestApp::start();
    let host = open(&app, "den").await;
    let (token, link) = give(&app, "den", &host, "write").await;
    let mut ann = Browser::of(&app);
    ann.enter("den", &token).await;
    let den = ann.join("den", "ann").await;
    page(&mut ann, &den).await;
    let lobby = ann.join("lobby", "ann").await;
    page(&mut ann, &lobby).await;
    let say = async |text: &str| {
        let sent = ask(&app, "POST", "/rooms/den/messages", &host);
        let sent = sent.form(&[("username", "bob"), ("text", text)]).send().await.unwrap();
        assert_eq!(sent.status(), 201);
    };
    say("one").await;
    let shown = page(&mut ann, &lobby).await;
    assert_eq!(list(&shown), listed(&[("den", "1 unread"), ("lobby", "")]));
    let mut events = stream(&ann, &shown).await;
    tells(&mut events, [of("den", 1)]).await;
    say("two").await;
    assert_eq!(unread(&mut events).await, of("den", 2));
    // Nobody reads another's cookie into a room.
    let blinded = ann.clone().without("hubbub-read");
    let mut blind = stream(&blinded, &shown).await;
    revoke(&app, "den", &host, &link).await;
    assert_eq!(unread(&mut events).await, json!({ "room": "den", "unread": null }));
    say("three").await;
    let last = send(&app, "lobby", "bob", "last").await;
    assert_eq!(events.event("NewMessage").await.id, Some(last.id.clone()));
    assert_eq!(blind.message().await.0, last.id, "and nothing of the other room before it");
    assert_eq!(list(&page(&mut ann, &lobby).await), listed(&[("lobby", "")]));
    // A page that was made before goes on with its own room.
    let mut events = stream(&ann, &shown).await;
    let more = send(&app, "lobby", "bob", "more").await;
    while events.event("NewMessage").await.id != Some(more.id.clone()) {}
}

#[tokio::test]
async fn a_script_that_joined_hears_of_others_from_where_it_begins() {
    let app = TestApp::start();
    let tab = Tab::join(&app, "lobby", "ann").await;
    let first = send(&app, "attic", "bob", "one").await;
    send(&app, "attic", "bob", "two").await;
    let path = format!("/events?room=attic&room=lobby&after={}", first.id);
    let mut events = Events::from(tab.get(&path)).await;
    tells(&mut events, [of("attic", 1)]).await;
    let bad = tab.get("/events?room=A").send().await.unwrap();
    assert_eq!(bad.status(), 404);
}
