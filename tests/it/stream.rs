//! The stream of a room: live, resumed, and never silent about what is missing.

use reqwest::header;
use tokio::task::JoinSet;

use crate::{
    client::{Events, Message, Tab, client, ids_on, send},
    metrics::{ADMIN, samples},
    support::{Server, TestApp, soon},
};

const LOBBY: &str = "/rooms/lobby/events";

#[tokio::test]
async fn a_message_arrives_as_the_contract_says() {
    let app = TestApp::start();
    let mut raw = client().get(app.url(LOBBY)).send().await.unwrap();
    assert_eq!(raw.headers()[header::CONTENT_TYPE], "text/event-stream");
    assert_eq!(raw.headers()["x-accel-buffering"], "no");
    assert_eq!(raw.headers()[header::CACHE_CONTROL], "no-cache, no-store, no-transform");
    let message = send(&app, "lobby", "ann", "hi\nyou").await;
    let mut text = String::new();
    while !text.ends_with("</p>\n\n") {
        let piece = soon("bytes", raw.chunk()).await.unwrap().expect("more");
        text.push_str(std::str::from_utf8(&piece).unwrap());
    }
    let (opening, event) = text.split_once("\n\n").unwrap();
    assert!(opening.starts_with("retry: ") && opening.contains("\n:"), "{opening:?}");
    let (id, seq, at) = (&message.id, message.seq, &message.sent_at);
    let clock = format!("{} {} UTC", &at[..10], &at[11..16]);
    assert_eq!(
        event,
        format!(
            "id: {id}\nevent: NewMessage\n\
             data: <p id=\"m{seq}\" data-key=\"{id}\" class=\"message\" data-name=\"ann\" data-hue=\"1\" data-initial=\"A\"><strong>ann:</strong> <span>hi\n\
             data: you</span> <time datetime=\"{at}\"><a href=\"/rooms/lobby/messages/{id}\">{clock}</a></time></p>\n\n"
        )
    );
}

#[tokio::test]
async fn the_fragment_is_the_same_in_page_and_stream() {
    let app = TestApp::start();
    let tab = Tab::join(&app, "lobby", "ann").await;
    let mut events = Events::from(tab.get("/events")).await;
    send(&app, "lobby", "bob", "a & b\n<c>").await;
    let fragment = events.event("NewMessage").await.data.unwrap();
    assert!(tab.page().await.contains(&fragment));
}

#[tokio::test]
async fn a_message_between_page_and_stream_arrives_once() {
    // Failure 1: a message lands between page render and stream open.
    let app = TestApp::start();
    let tab = Tab::join(&app, "lobby", "ann").await;
    let before = send(&app, "lobby", "bob", "before").await;
    let page = tab.page().await;
    assert_eq!(ids_on(&page), [before.id]);
    let between = send(&app, "lobby", "bob", "between").await;
    let url = page.split("hx-sse:connect=\"").nth(1).unwrap().split_once('"').unwrap().0;
    let request = client().get(app.url(url)).header(header::COOKIE, &tab.cookie);
    let mut events = Events::from(request).await;
    let after = send(&app, "lobby", "bob", "after").await;
    assert_eq!(events.ids(2).await, [between.id, after.id]);
}

#[tokio::test]
async fn a_reader_comes_back_with_its_last_id_by_header_or_address_and_the_header_wins() {
    let app = TestApp::start();
    let mut sent = Vec::new();
    for number in 0..10 {
        sent.push(send(&app, "lobby", "ann", &number.to_string()).await.id);
        send(&app, "kitchen", "ann", "not for the lobby").await;
    }
    let after = format!("{LOBBY}?after={}", sent[6]);
    assert_eq!(Events::open(&app, &after, None).await.ids(3).await, sent[7..]);
    assert_eq!(Events::open(&app, LOBBY, Some(&sent[3])).await.ids(6).await, sent[4..]);
    assert_eq!(Events::open(&app, &after, Some(&sent[3])).await.ids(6).await, sent[4..]);

    let mut up_to_date = Events::open(&app, LOBBY, Some(&sent[9])).await;
    let next = send(&app, "lobby", "ann", "next").await;
    assert_eq!(up_to_date.ids(1).await, [next.id]);
}

#[tokio::test]
async fn without_a_cursor_the_stream_starts_now() {
    let app = TestApp::start();
    send(&app, "lobby", "ann", "before").await;
    let mut events = Events::open(&app, LOBBY, None).await;
    let now = send(&app, "lobby", "ann", "now").await;
    assert_eq!(events.ids(1).await, [now.id]);
}

#[tokio::test]
async fn a_cursor_that_means_nothing_here_gets_a_gap_and_then_everything() {
    // Failure 4: restart or restored data makes an old cursor look valid.
    let app = TestApp::start();
    let first = send(&app, "lobby", "ann", "first").await;
    let second = send(&app, "lobby", "ann", "second").await;
    let epoch = first.id.split_once('-').unwrap().0;
    let foreign = ["zzzzzzzz-1", "zzzzzzzz-0", "zzzzzzzz-99999999999999999999999"];
    let future = [format!("{epoch}-3"), format!("{epoch}-{}", u64::MAX)];
    for cursor in foreign.into_iter().chain(future.iter().map(String::as_str)) {
        let after = format!("{LOBBY}?after={cursor}");
        for mut events in
            [Events::open(&app, &after, None).await, Events::open(&app, LOBBY, Some(cursor)).await]
        {
            let gap = events.next().await.unwrap();
            assert_eq!(gap.event.as_deref(), Some("Gap"), "{cursor}");
            assert_eq!(gap.id, None, "a gap moves no cursor");
            assert_eq!(events.ids(2).await, [first.id.clone(), second.id.clone()]);
        }
    }
    let mut empty = Events::open(&app, "/rooms/empty/events?after=zzzzzzzz-1", None).await;
    assert_eq!(empty.next().await.unwrap().event.as_deref(), Some("Gap"));
}

#[tokio::test]
async fn a_cursor_that_is_no_id_is_refused_in_the_address_and_a_gap_in_the_header() {
    let app = TestApp::start();
    let only = send(&app, "lobby", "ann", "hi").await;
    for cursor in ["x", "1", "-1", "abc-", "a_b-1"] {
        let after = format!("{LOBBY}?after={cursor}");
        let answer = client().get(app.url(&after)).send().await.unwrap();
        assert_eq!(answer.status(), 422, "{cursor}");
        assert!(answer.text().await.unwrap().starts_with("{\"error\":"));
        let mut events = Events::open(&app, LOBBY, Some(cursor)).await;
        assert_eq!(events.next().await.unwrap().event.as_deref(), Some("Gap"));
        assert_eq!(events.ids(1).await, std::slice::from_ref(&only.id));
    }
}

#[tokio::test]
async fn a_reader_that_is_slower_than_the_ring_is_caught_up_from_the_journal() {
    let app = TestApp::with(&ADMIN);
    let mut events = Events::open(&app, LOBBY, None).await;
    let mut sent = Vec::new();
    // 1,000 messages of 4,000 characters are 4 MB, more than ring and sockets hold together, while
    // this reader reads nothing: for less than the ten seconds after which it would be cut.
    for _ in 0..20 {
        let batch = (0..50).map(|_| {
            let url = app.url("/rooms/lobby/messages");
            let form = [("username", "ann".to_owned()), ("text", "x".repeat(4000))];
            async move { client().post(url).form(&form).send().await?.json::<Message>().await }
        });
        for message in batch.collect::<JoinSet<_>>().join_all().await {
            sent.push(message.unwrap());
        }
    }
    sent.sort_unstable_by_key(|message| message.seq);
    let sent: Vec<_> = sent.into_iter().map(|message| message.id).collect();
    assert_eq!(events.ids(1000).await, sent);
    assert!(samples(&app).await["hubbub_replays_total"] > 0.0, "it was too slow for the ring");
}

#[tokio::test]
async fn a_polyfills_last_event_id_in_the_address_is_heard_as_the_header_is() {
    let app = TestApp::start();
    let mut ids = Vec::new();
    for text in ["1", "2", "3"] {
        ids.push(send(&app, "lobby", "ann", text).await.id);
    }
    let open = async |query: &str, header: Option<&str>| {
        let mut events = Events::open(&app, &format!("/rooms/lobby/events?{query}"), header).await;
        let event = events.next().await.unwrap();
        (event.event.unwrap(), event.id)
    };
    let message = |at: usize| ("NewMessage".to_owned(), Some(ids[at].clone()));
    assert_eq!(open(&format!("lastEventId={}", ids[1]), None).await, message(2));
    assert_eq!(open(&format!("after={}&lastEventId={}", ids[1], ids[0]), None).await, message(1));
    assert_eq!(open(&format!("lastEventId={}", ids[0]), Some(&ids[1])).await, message(2));
    assert_eq!(open("lastEventId=nonsense", None).await.0, "Gap", "never silence");
    assert_eq!(open(&format!("lastEventId=&after={}", ids[1]), None).await, message(2));
}

#[tokio::test]
async fn a_last_id_that_comes_twice_is_refused_as_a_parameter_is() {
    let app = TestApp::start();
    let asked = client().get(app.url("/rooms/lobby/events")).header("last-event-id", "e-1");
    let answer = asked.header("last-event-id", "e-2").send().await.unwrap();
    assert_eq!(answer.status(), 422);
    let expected = "{\"error\":\"The header Last-Event-ID came twice.\"}\n";
    assert_eq!(answer.text().await.unwrap(), expected);
}
