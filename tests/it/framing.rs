//! How a stream stands on its connection: what its head says, what is around each frame, and how its
//! end looks.

use std::collections::BTreeMap;

use reqwest::header;

use crate::{
    client::{Tab, client, send},
    support::{App, TestApp, chunks::Chunks},
    wire::Wire,
};

/// All there are.
const FORMATS: [&str; 5] = ["sse", "sse-json", "ndjson", "text", "html"];

fn path(format: &str) -> String {
    format!("/rooms/lobby/events?format={format}")
}

/// The header lines of a head, by name.
fn lines(head: &str) -> BTreeMap<&str, &str> {
    head.lines().skip(1).filter_map(|line| line.split_once(": ")).collect()
}

#[tokio::test]
async fn over_http_1_1_each_frame_is_a_chunk_of_its_own_and_over_http_1_0_it_is_bare() {
    let app = TestApp::start();
    for format in FORMATS {
        send(&app, "lobby", "ann", "before").await;
        let path = format!("{}&last=1", path(format));
        let mut chunked = Wire::to(&app).await;
        let head = chunked.open(&path).await;
        assert_eq!(lines(&head).get("transfer-encoding"), Some(&"chunked"), "{head}");
        let mut bare = Wire::to(&app).await;
        bare.say(&format!("GET {path} HTTP/1.0\r\n\r\n")).await.unwrap();
        let bare_head = bare.head().await;
        assert!(!lines(&bare_head).contains_key("transfer-encoding"), "{bare_head}");
        for head in [&head, &bare_head] {
            assert!(!lines(head).contains_key("content-length"), "{head}");
            assert_eq!(lines(head).get("connection"), Some(&"close"), "{head}");
        }
        let end = match format {
            "sse" | "sse-json" => "\n\n",
            _ => "\n",
        };
        for text in ["before", "live 1", "live 2"] {
            if text != "before" {
                send(&app, "lobby", "ann", text).await;
            }
            let frame = chunked.until(text).await + &chunked.until(end).await;
            assert_eq!(bare.until(text).await + &bare.until(end).await, frame, "{format}");
            let chunks: &Chunks = chunked.chunks.as_ref().unwrap();
            // What opens a stream may stand before the first message.
            let size = chunks.sizes.last().unwrap();
            assert!(frame.len() == *size || text == "before" && frame.len() > *size, "{format}");
            assert!(chunks.is_between() && chunked.read.is_empty(), "{format}");
        }
    }
}

#[tokio::test]
async fn at_a_planned_stop_streams_are_cut_and_the_endless_document_is_complete() {
    let mut app = App::start();
    send(&app, "lobby", "ann", "hi").await;
    let mut open = Vec::new();
    for format in FORMATS {
        let mut wire = Wire::to(&app).await;
        wire.open(&format!("{}&last=1", path(format))).await;
        wire.until("hi").await;
        open.push((format, wire));
    }
    assert!(app.stop().success());
    for (format, mut wire) in open {
        wire.until_end().await;
        let (chunks, said) = (wire.chunks.as_ref().unwrap(), &wire.read);
        assert!(chunks.is_complete() || chunks.is_between(), "{format}: frames are whole");
        assert_eq!(wire.is_complete(), format == "html", "{format}: {said}");
        match format {
            "html" => assert!(said.contains("http-equiv=\"refresh\""), "{said}"),
            "sse" | "sse-json" => assert!(said.contains("event: Closing\nretry: "), "{said}"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_stream_whose_tab_leaves_is_cut_and_the_endless_document_is_complete() {
    let app = TestApp::start();
    let ann = Tab::join(&app, "lobby", "ann").await;
    let mut open = Vec::new();
    for format in FORMATS {
        let mut wire = Wire::to(&app).await;
        let (path, cookie) = (&ann.path, &ann.cookie);
        let asked = format!("GET {path}/events?format={format} HTTP/1.1\r\nHost: localhost\r\n");
        wire.say(&format!("{asked}Cookie: {cookie}\r\n\r\n")).await.unwrap();
        wire.head().await;
        open.push((format, wire));
    }
    ann.post("/leave", &[]).send().await.unwrap();
    for (format, mut wire) in open {
        wire.until_end().await;
        let chunks = wire.chunks.as_ref().unwrap();
        assert!(chunks.is_complete() || chunks.is_between(), "{format}: {}", wire.read);
        assert_eq!(wire.is_complete(), format == "html", "{format}: {}", wire.read);
    }
}

#[tokio::test]
async fn to_head_a_stream_has_the_headers_of_get_and_names_no_length() {
    let app = TestApp::start();
    let ann = Tab::join(&app, "lobby", "ann").await;
    for below in [path("sse"), path("ndjson"), path("html"), format!("{}/events", ann.path)] {
        let ask = async |method: &str, version: &str| {
            let mut wire = Wire::to(&app).await;
            let cookie = format!("Cookie: {}", ann.cookie);
            let asked = format!("{method} {below} HTTP/{version}\r\nHost: localhost\r\n{cookie}");
            wire.say(&format!("{asked}\r\n\r\n")).await.unwrap();
            let head = wire.until("\r\n\r\n").await;
            (head, wire)
        };
        for version in ["1.1", "1.0"] {
            let (got, _) = ask("GET", version).await;
            let (head, mut wire) = ask("HEAD", version).await;
            // What is of the connection, and not of the stream.
            let ours = |head: &str| {
                let mut lines = lines(head);
                lines.retain(|name, _| !["date", "connection", "transfer-encoding"].contains(name));
                lines.into_iter().map(|(a, b)| (a.to_owned(), b.to_owned())).collect::<Vec<_>>()
            };
            for head in [&head, &got] {
                assert!(head.starts_with(&format!("HTTP/{version} 200 OK\r\n")), "{head}");
            }
            assert_eq!(ours(&head), ours(&got), "{below}");
            assert!(ours(&head).iter().any(|(name, _)| name == "content-type"), "{head}");
            assert!(!lines(&head).contains_key("content-length"), "{head}");
            if version == "1.1" {
                // No body is in between.
                wire.get("/healthz").await.unwrap();
                assert!(wire.until("alive\n").await.starts_with("HTTP/1.1 200"));
            } else {
                assert_eq!(wire.rest().await, "");
            }
        }
    }
}

#[tokio::test]
async fn a_keep_alive_in_text_stands_on_a_line_of_its_own() {
    let app = TestApp::start();
    // To who has closed its half keep-alives come at once, to see whether it still reads.
    let mut wire = Wire::to(&app).await;
    wire.get(&path("text")).await.unwrap();
    tokio::io::AsyncWriteExt::shutdown(&mut wire.socket).await.unwrap();
    wire.head().await;
    let mut log = wire.until("\n").await;
    assert_eq!(log, "\n", "it says nothing");
    let mut sent = Vec::new();
    for text in ["hi\nyou", "there"] {
        sent.push(send(&app, "lobby", "ann", text).await);
        log.push_str(&wire.until("\n").await);
        // Two more are due within a second.
        while !log.ends_with(&format!("{}\n", text.lines().last().unwrap())) {
            log.push_str(&wire.until("\n").await);
        }
    }
    // What `grep '^2026'` finds.
    let found = log.lines().filter(|line| line.starts_with(&sent[0].sent_at[..5]));
    assert_eq!(found.count(), 2, "{log:?}");
}

#[tokio::test]
async fn a_client_that_closed_its_half_gets_whole_chunks_until_it_closes_the_other() {
    let app = TestApp::start();
    for number in 0..30 {
        send(&app, "lobby", "ann", &format!("before {number}")).await;
    }
    for format in FORMATS {
        let mut wire = Wire::to(&app).await;
        wire.get(&format!("{}&last=20", path(format))).await.unwrap();
        tokio::io::AsyncWriteExt::shutdown(&mut wire.socket).await.unwrap();
        wire.head().await;
        let replay = wire.until("before 29").await;
        assert_eq!(replay.matches("before").count(), 20, "{format}: {replay}");
        for number in 0..3 {
            let text = format!("{format} {number}");
            send(&app, "lobby", "ann", &text).await;
            wire.until(&text).await;
        }
        for number in 0..30 {
            send(&app, "lobby", "ann", &format!("before {number}")).await;
        }
    }
}

#[tokio::test]
async fn a_client_of_the_better_sort_knows_that_a_stream_was_cut() {
    let mut app = App::start();
    let mut streams = Vec::new();
    for format in FORMATS {
        let answer = client().get(app.url(&path(format))).send().await.unwrap();
        assert!(!answer.headers().contains_key(header::CONTENT_LENGTH));
        streams.push((format, answer));
    }
    assert!(app.stop().success());
    for (format, mut answer) in streams {
        let end = loop {
            match answer.chunk().await {
                Ok(Some(_)) => {}
                Ok(None) => break "complete",
                Err(_) => break "cut",
            }
        };
        assert_eq!(end, if format == "html" { "complete" } else { "cut" }, "{format}");
    }
}
