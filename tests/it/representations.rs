//! One stream in its representations.

use reqwest::header;

use crate::{
    client::{Events, Message, Raw, Tab, client, send, text_of},
    support::{Server, TestApp},
};

const LOBBY: &str = "/rooms/lobby/events";

/// All there are.
const FORMATS: [&str; 5] = ["sse", "sse-json", "ndjson", "text", "html"];

/// The object of a `NewMessage`, which must be whole, and under its id.
fn json_of(event: &str) -> Option<&str> {
    let mut lines = event.lines();
    let id = lines.next()?.strip_prefix("id: ")?;
    assert_eq!(lines.next(), Some("event: NewMessage"), "{event}");
    let object = lines.next()?.strip_prefix("data: ").expect("data");
    assert!(object.starts_with(&format!("{{\"id\":\"{id}\",")), "{event}");
    assert_eq!(lines.next(), None, "{event}");
    Some(object)
}

/// Texts that look like what stands around them in one representation or another.
fn hostile(number: usize) -> String {
    let pieces = [
        "hi",
        "</span></p><p id=\"m1\" data-key=\"x-1\">",
        "a\nid: x-1\ndata: y\n\nevent: Gap",
        "line\n2026-11-24T04:15:07Z eve: not me",
        "{\"gap\":7}\n{\"id\":\"x-1\"}",
        "--- 7 earlier messages are no longer kept.",
        "\u{2028}2026-11-24T04:15:07Z eve: nor me\u{2029}x",
        "<!-- --><script>alert(1)</script>",
        "&amp;lt; \u{202e}evil 👩‍👩‍👧‍👦 \\u003c \\n",
    ];
    format!("{} {number} {}", pieces[number % pieces.len()], pieces[number / 9 % pieces.len()])
}

/// Reads the text representation the way it says it is written.
fn from_text(log: &str) -> Vec<(String, String)> {
    let mut messages: Vec<(String, String)> = Vec::new();
    for line in log.lines() {
        if let Some(further) = line.strip_prefix("    ") {
            let (_, text) = messages.last_mut().expect("a message before its further lines");
            text.push('\n');
            text.push_str(further);
        } else {
            let (at, rest) = line.split_once(' ').expect("a time");
            let (name, text) = rest.split_once(": ").expect("a name");
            assert_eq!(at.len(), "2026-11-24T04:15:07Z".len(), "{line}");
            messages.push((name.to_owned(), text.to_owned()));
        }
    }
    messages
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_messages_are_the_same_in_all_of_them() {
    let app = TestApp::start();
    let first = send(&app, "lobby", "ann", "first").await;
    let mut live = Vec::new();
    for format in FORMATS {
        live.push(Raw::open(&app, &format!("{LOBBY}?format={format}")).await);
    }
    let mut sent: Vec<Message> = Vec::new();
    // Each of the nine texts with each.
    for number in 0..81 {
        sent.push(send(&app, "lobby", "ann", &hostile(number)).await);
    }
    sent.push(send(&app, "lobby", "ann", "the end").await);

    // Live and replayed alike.
    for (format, live) in FORMATS.into_iter().zip(&mut live) {
        check(format, live, &sent).await;
        let path = format!("{LOBBY}?format={format}&after={}", first.id);
        check(format, &mut Raw::open(&app, &path).await, &sent).await;
    }
}

async fn check(format: &str, raw: &mut Raw, sent: &[Message]) {
    let read = raw.until("the end", |read| read.contains("the end") && read.ends_with('\n')).await;
    let expected: Vec<&str> = sent.iter().map(|message| message.text.as_str()).collect();
    let got: Vec<String> = match format {
        "sse" => read
            .split("\n\n")
            .filter(|event| event.contains("event: NewMessage"))
            .map(|event| {
                let data = event.lines().filter_map(|line| line.strip_prefix("data: "));
                text_of(&data.collect::<Vec<_>>().join("\n"))
            })
            .collect(),
        "ndjson" | "sse-json" => {
            // Some split at more than a line feed, such as httpx's `iter_lines`.
            let separators = ['\u{2028}', '\u{2029}', '\u{85}'];
            assert!(!read.contains(separators), "{format}: {read}");
            let objects: Vec<&str> = match format {
                "ndjson" => read.lines().filter(|line| !line.is_empty()).collect(),
                _ => read.split("\n\n").filter_map(json_of).collect(),
            };
            let messages: Vec<Message> = objects
                .into_iter()
                .map(|object| serde_json::from_str(object).expect(object))
                .collect();
            assert_eq!(messages, sent, "every field");
            messages.into_iter().map(|message| message.text).collect()
        }
        "text" => from_text(&read.replace('\r', "")).into_iter().map(|(_, text)| text).collect(),
        _ => {
            assert_eq!(read.matches("<p id=\"m").count(), sent.len());
            assert!(!read.contains("<script"));
            let fragments = read.split("<p id=\"m").skip(1);
            let fragments = fragments.map(|rest| rest.split_once("</p>").unwrap().0);
            fragments.map(|rest| text_of(&format!("<p id=\"m{rest}</p>"))).collect()
        }
    };
    assert_eq!(got, expected, "{format}");
}

#[tokio::test]
async fn the_reader_gets_the_representation_that_it_takes() {
    let app = TestApp::start();
    let media = async |accept: Option<&str>, query: &str| {
        let mut request = client().get(app.url(&format!("{LOBBY}{query}")));
        if let Some(accept) = accept {
            request = request.header(header::ACCEPT, accept);
        }
        let answer = request.send().await.unwrap();
        let kind = answer.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        (answer.status().as_u16(), kind)
    };
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    for (accept, query, expected) in [
        (None, "", "text/event-stream"),
        (Some("*/*"), "", "text/event-stream"),
        (Some("text/html, text/event-stream"), "", "text/event-stream"),
        (Some(browser), "", "text/html; charset=utf-8"),
        (Some("application/x-ndjson"), "", "application/x-ndjson"),
        (Some("text/plain;q=0.4, application/x-ndjson;q=0.3"), "", "text/plain; charset=utf-8"),
        (Some(browser), "?format=sse", "text/event-stream"),
        (None, "?format=sse-json", "text/event-stream"),
        (None, "?format=text", "text/plain; charset=utf-8"),
        (None, "?format=ndjson", "application/x-ndjson"),
        (None, "?format=html", "text/html; charset=utf-8"),
    ] {
        assert_eq!(media(accept, query).await, (200, expected.to_owned()), "{accept:?} {query}");
    }
    for (accept, query) in
        [(Some("image/png"), ""), (Some("text/html;q=0"), ""), (None, "?format=json")]
    {
        let mut request = client().get(app.url(&format!("{LOBBY}{query}")));
        if let Some(accept) = accept {
            request = request.header(header::ACCEPT, accept);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 406);
        let said = answer.text().await.unwrap();
        for there_is in ["text/event-stream", "application/x-ndjson", "text/plain", "text/html"] {
            assert!(said.contains(there_is), "{said}");
        }
        for there_is in FORMATS {
            assert!(said.contains(&format!("format={there_is}")), "{said}");
        }
    }
}

#[tokio::test]
async fn a_terminal_reads_a_log_that_begins_with_the_newest() {
    let app = TestApp::start();
    for number in 0..5 {
        send(&app, "lobby", "ann", &number.to_string()).await;
    }
    let mut raw = Raw::open(&app, &format!("{LOBBY}?format=text&last=2")).await;
    let next = send(&app, "lobby", "bob", "two\nlines").await;
    let log = raw.until("two lines", |log| log.ends_with("    lines\n")).await;
    let at = &next.sent_at[..19];
    assert!(log.ends_with(&format!("{at}Z bob: two\n    lines\n")), "{log}");
    let texts: Vec<_> = from_text(log).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["3", "4", "two\nlines"]);
    // More than there are is all there are; none is none.
    let mut all = Raw::open(&app, &format!("{LOBBY}?format=text&last=10000")).await;
    let log = all.until("all", |log| log.ends_with("    lines\n")).await;
    assert_eq!(from_text(log).len(), 6);
    let mut none = Raw::open(&app, &format!("{LOBBY}?format=text&last=0")).await;
    send(&app, "lobby", "ann", "now").await;
    let log = none.until("now", |log| log.ends_with("now\n")).await;
    assert_eq!(from_text(log).len(), 1);
    for bad in ["x", "-1", "10001"] {
        let url = app.url(&format!("{LOBBY}?last={bad}"));
        assert_eq!(client().get(url).send().await.unwrap().status(), 422, "{bad}");
    }
}

#[tokio::test]
async fn a_gap_is_told_in_all_of_them() {
    let app = TestApp::with(&["--keep", "5"]);
    let first = send(&app, "lobby", "ann", "first").await;
    for number in 0..10 {
        send(&app, "lobby", "ann", &number.to_string()).await;
    }
    for (format, expected) in [
        ("sse", "event: Gap\ndata: <p class=\"gap\""),
        ("sse-json", "\n\nevent: Gap\ndata: {\"gap\":5}\n\nid: "),
        ("ndjson", "{\"gap\":5}\n{\"id\""),
        ("text", "--- 5 earlier messages are no longer kept.\n2"),
        ("html", ">5 earlier messages are no longer kept.</p>\n<p id=\"m"),
    ] {
        let path = format!("{LOBBY}?format={format}&after={}", first.id);
        let mut raw = Raw::open(&app, &path).await;
        let read = raw
            .until("the last", |read| {
                read.contains(&first.id.replace("-1", "-11"))
                    || (format == "text" && read.ends_with("9\n"))
            })
            .await;
        assert!(read.contains(expected), "{format}: {read}");
        assert_eq!(read.matches("5 earlier").count() + read.matches("\"gap\":5").count(), 1);
    }
    let mut lost = Raw::open(&app, &format!("{LOBBY}?format=ndjson&after=zzzz-1")).await;
    let read = lost.until("a gap", |read| read.contains("\"text\":\"9\"")).await;
    assert!(read.starts_with("{\"gap\":null}\n"), "{read}");
}

#[tokio::test]
async fn an_event_stream_with_json_goes_on_from_its_last_id_and_tells_a_tab_who_is_here() {
    let app = TestApp::start();
    let first = send(&app, "lobby", "ann", "first").await;
    let second = send(&app, "lobby", "ann", "second").await;
    let path = format!("{LOBBY}?format=sse-json");
    let mut events = Events::open(&app, &path, Some(&first.id)).await;
    let event = events.next().await.unwrap();
    assert_eq!((event.id.as_ref(), event.event.as_deref()), (Some(&second.id), Some("NewMessage")));
    assert_eq!(serde_json::from_str::<Message>(&event.data.unwrap()).unwrap(), second);
    let mut lost = Events::open(&app, &path, Some("zzzz-1")).await;
    let gap = lost.next().await.unwrap();
    assert_eq!((gap.id, gap.event.as_deref()), (None, Some("Gap")));
    assert_eq!(gap.data.unwrap(), "{\"gap\":null}");

    let (ann, bob) = (Tab::join(&app, "lobby", "ann").await, Tab::join(&app, "lobby", "bob").await);
    let mut events = Events::from(ann.get("/events?format=sse-json")).await;
    let _bob = Events::from(bob.get("/events")).await;
    loop {
        let changed = events.event("PresenceChanged").await;
        assert_eq!(changed.id, None, "it moves no cursor");
        let people: serde_json::Value = serde_json::from_str(&changed.data.unwrap()).unwrap();
        if people["count"] == 2 {
            let expected =
                serde_json::json!({ "count": 2, "names": ["ann", "bob"], "watching": 2 });
            assert_eq!(people, expected, "as the presence of the room is told");
            break;
        }
    }
}

#[tokio::test]
async fn the_endless_document_begins_at_once_and_is_held_back_by_nothing() {
    let app = TestApp::start();
    send(&app, "lobby", "ann", "hi").await;
    let request = client()
        .get(app.url(&format!("{LOBBY}?format=html&last=10")))
        .header(header::ACCEPT_ENCODING, "gzip, br");
    let mut raw = Raw::from(request).await;
    let headers = raw.answer.headers();
    // With any other, or none, a proxy may compress it: Caddy's older `encode` does.
    assert_eq!(headers[header::CONTENT_ENCODING], "identity");
    assert_eq!(headers["x-accel-buffering"], "no");
    assert!(headers[header::CACHE_CONTROL].to_str().unwrap().contains("no-transform"));
    let page = raw.until("the message", |page| page.contains("<span>hi</span>")).await;
    assert!(page.starts_with("<!DOCTYPE html>"));
    // What WebKit waits for before it paints: 512 characters that could be seen.
    let pad = page.split("class=\"pad\"").nth(1).unwrap().split_once('>').unwrap().1;
    assert!(pad.split_once('<').unwrap().0.len() >= 512);
    assert!(!page.contains("</body>"), "it goes on");
}

#[tokio::test]
async fn the_form_in_its_frame_stays_in_its_frame() {
    let app = TestApp::start();
    let tab = Tab::join(&app, "lobby", "ann").await;
    let page = tab.page().await;
    assert!(page.contains(&format!("src=\"{}/live\"", tab.path)));
    assert!(page.contains(&format!("src=\"{}/send?frame=1#text\"", tab.path)));
    let frame = tab.get("/send?frame=1").send().await.unwrap().text().await.unwrap();
    let action = format!("action=\"{}/send?frame=1\"", tab.path);
    assert!(frame.contains(&action) && !frame.contains("hx-post"), "{frame}");

    let answer = tab.post("/send?frame=1", &[("text", "hi"), ("key", "k")]).send().await.unwrap();
    assert_eq!(answer.status(), 303);
    assert_eq!(answer.headers()[header::LOCATION], format!("{}/send?frame=1#text", tab.path));
    let answer = tab.post("/send?frame=1", &[("text", ""), ("key", "k")]).send().await.unwrap();
    assert_eq!(answer.status(), 422);
    assert!(answer.text().await.unwrap().contains(&action));
    let live = tab.get("/live").send().await.unwrap().text().await.unwrap();
    assert!(live.contains("<span>hi</span>"));
    let stream = format!("content=\"1;url={}/events?format=html&amp;last=50\"", tab.path);
    assert!(live.contains(&stream), "{live}");
    let stranger = client().get(app.url(&format!("{}/live", tab.path))).send().await.unwrap();
    assert_eq!(stranger.status(), 403);
}
