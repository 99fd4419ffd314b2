//! Requests as they come on a socket: in pieces, several in one go, and with nothing behind them.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    client::{client, send},
    support::{App, Server, soon, until},
    wire::Wire,
};

/// Signals are handled, and a form is on its way that never comes to its end.
pub async fn half_a_form(app: &impl Server) -> Wire {
    let mut wire = Wire::to(app).await;
    wire.say("POST /rooms/lobby/messages HTTP/1.1\r\nHost: localhost\r\n").await.unwrap();
    wire.say("Content-Type: application/x-www-form-urlencoded\r\n").await.unwrap();
    wire.say("Content-Length: 23\r\n\r\nusername=ann").await.unwrap();
    wire
}

#[tokio::test]
async fn who_has_said_all_and_closes_that_half_is_answered() {
    // What `nc -N` does.
    let app = App::start();
    let mut wire = half_a_form(&app).await;
    wire.say("&text=above").await.unwrap();
    wire.socket.shutdown().await.unwrap();
    let said = wire.rest().await;
    assert!(said.starts_with("HTTP/1.1 201"), "{said}");
}

#[tokio::test]
async fn who_asks_for_a_stream_and_closes_that_half_reads_it_whole_and_live() {
    // What `printf 'GET …' | nc -N` does.
    let app = App::start();
    for number in 0..30 {
        send(&app, "lobby", "ann", &format!("before {number}")).await;
    }
    for version in ["1.0", "1.1\r\nHost: localhost"] {
        let mut wire = Wire::to(&app).await;
        let asked = format!("GET /rooms/lobby/events?last=20&format=text HTTP/{version}\r\n\r\n");
        wire.say(&asked).await.unwrap();
        wire.socket.shutdown().await.unwrap();
        wire.head().await;
        let replay = wire.until("before 29\n").await;
        assert_eq!(replay.matches("ann: before").count(), 20, "{replay}");
        assert!(replay.contains("ann: before 10\n"), "{replay}");
        for live in ["one", "two"] {
            send(&app, "lobby", "ann", &format!("live {live}")).await;
            wire.until(&format!("ann: live {live}\n")).await;
        }
        for number in 0..30 {
            send(&app, "lobby", "ann", &format!("before {number}")).await;
        }
    }
}

#[tokio::test]
async fn a_peer_that_closes_both_halves_is_found_without_waiting_for_a_keep_alive() {
    let app = App::with(&["--admin", "127.0.0.1:0"]);
    for format in ["sse", "sse-json", "ndjson", "text", "html"] {
        let open = async |count: usize| {
            let metrics = client().get(app.metrics_url()).send().await.unwrap().text().await;
            let line = format!("hubbub_streams{{format=\"{format}\"}} {count}\n");
            metrics.unwrap().contains(&line).then_some(())
        };
        let mut wire = Wire::to(&app).await;
        wire.get(&format!("/rooms/lobby/events?format={format}")).await.unwrap();
        // All of it is read, so that the end is a FIN, and not the reset that tells all at once.
        wire.until(if format == "html" { "<div class=\"pad\"" } else { "\r\n\r\n" }).await;
        until("it is open", async || open(1).await).await;
        while matches!(wire.socket.try_read(&mut [0; 4096]), Ok(1..)) {}
        let closed = Instant::now();
        drop(wire);
        until("it is gone", async || open(0).await).await;
        // Keep-alives come every 15 s, and it takes two.
        assert!(closed.elapsed() < Duration::from_secs(5), "{format}: {:?}", closed.elapsed());
    }
}

/// The next answer on a connection: its status line, and its body.
async fn answer(wire: &mut Wire) -> (String, String) {
    let head = wire.until("\r\n\r\n").await;
    let (status, headers) = head.split_once("\r\n").unwrap();
    let length = headers.split_once("content-length: ").expect("a length").1;
    let length: usize = length.split_once("\r\n").unwrap().0.parse().unwrap();
    while wire.read.len() < length {
        let mut buffer = [0; 4096];
        let count = soon("a body", wire.socket.read(&mut buffer)).await.unwrap();
        assert_ne!(count, 0, "in the middle of {status}");
        wire.take(&buffer[..count]);
    }
    let rest = wire.read.split_off(length);
    (status.to_owned(), std::mem::replace(&mut wire.read, rest))
}

#[tokio::test]
async fn what_is_asked_in_one_go_before_a_stream_is_answered_whole_and_in_order() {
    let app = App::start();
    send(&app, "kitchen", "ann", "hi").await;
    let page = client().get(app.url("/rooms/kitchen")).send().await.unwrap().text().await.unwrap();
    let styles = page.split("rel=\"stylesheet\" href=\"").skip(1);
    let mut paths: Vec<_> = styles.map(|rest| rest.split_once('"').unwrap().0.to_owned()).collect();
    assert_eq!(paths.len(), 2, "{page}");
    // Pages that are the same each time.
    paths.extend(["/healthz", "/operator", "/", "/nowhere"].map(str::to_owned));
    let mut answers = Vec::new();
    for path in &paths {
        let mut wire = Wire::to(&app).await;
        wire.get(path).await.unwrap();
        answers.push(answer(&mut wire).await);
    }
    let request = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for count in 1..=64 {
        // A window of some KB is shut again and again.
        let mut wire = if count % 2 == 0 { Wire::narrow(&app) } else { Wire::to(&app).await };
        // Another order for each count.
        let order: Vec<_> = (0..count).map(|at| (at * 5 + count) % paths.len()).collect();
        let mut asked: String = order.iter().map(|which| request(&paths[*which])).collect();
        asked.push_str(&request("/rooms/lobby/events?format=ndjson"));
        asked.push_str(&request("/healthz"));
        wire.say(&asked).await.unwrap();
        for which in order {
            assert_eq!(answer(&mut wire).await, answers[which], "{} of {count}", paths[which]);
        }
        let head = wire.head().await;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\ndate: "), "{head}");
        assert!(head.contains("content-type: application/x-ndjson\r\n"), "{head}");
        let sent = send(&app, "lobby", "ann", &format!("live {count}")).await;
        let mut line = wire.until("\n").await;
        while line == "\n" {
            line = wire.until("\n").await; // A keep-alive, where the machine is busy.
        }
        assert!(line.starts_with(&format!("{{\"id\":\"{}\"", sent.id)), "{line}");
    }
}

#[tokio::test]
async fn to_head_a_streams_headers_are_the_whole_answer() {
    let app = App::start();
    let mut wire = Wire::to(&app).await;
    for _ in 0..2 {
        wire.say("HEAD /rooms/lobby/events HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let head = wire.until("\r\n\r\n").await.to_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert!(head.contains("content-type: text/event-stream"), "{head}");
    }
    wire.get("/healthz").await.unwrap();
    let answer = wire.until("alive\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "nothing was in between: {answer}");
    until("nobody is here", async || {
        let here = client().get(app.url("/rooms/lobby/presence")).send().await.ok()?;
        here.text().await.ok()?.contains("Nobody is here").then_some(())
    })
    .await;
}
