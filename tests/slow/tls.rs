//! Thousands of streams over TLS, by HTTP/1.1 and by HTTP/2.

use std::time::{Duration, Instant};

use axum::body::Bytes;
use h2::client::SendRequest;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_rustls::client::TlsStream;

use crate::support::{
    App, soon,
    tls::{Body, Identity, get},
    until,
};

const EVENTS: &str = "/rooms/lobby/events";

/// Streams of a connection of HTTP/2.
const EACH: usize = 250;

/// A stream over HTTP/1.1, and what was read of it.
struct Stream(TlsStream<TcpStream>, String);

impl Stream {
    async fn open(identity: &Identity, app: &App) -> Self {
        let mut socket = identity.connect(app, "http/1.1").await;
        let request = format!("GET {EVENTS} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        Self(socket, String::new())
    }

    async fn until(&mut self, end: &str) {
        let mut buffer = [0; 4096];
        while !self.1.contains(end) {
            let count = soon(end, self.0.read(&mut buffer)).await.unwrap();
            assert!(count > 0, "no {end:?}: {}", self.1);
            self.1 += &String::from_utf8_lossy(&buffer[..count]);
        }
    }
}

async fn over_http_1(identity: &Identity, app: &App, count: usize) -> Vec<Stream> {
    let mut streams = Vec::new();
    for _ in 0..count {
        streams.push(Stream::open(identity, app).await);
    }
    for stream in &mut streams {
        stream.until(": hubbub").await;
    }
    streams
}

/// A stream over a connection of HTTP/2, open. It is read from then on, to its own end: the client's
/// library ends a connection whose frames nobody takes (`too_many_data_frames`).
async fn read_on(client: &mut SendRequest<Bytes>, end: Option<&'static str>) -> JoinHandle<String> {
    let mut stream = get(client, EVENTS).await;
    stream.until(": hubbub").await;
    tokio::spawn(async move {
        let Some(end) = end else { return read_to_the_end(stream).await };
        stream.until(end).await;
        stream.read
    })
}

/// So many, on as few connections, each read until `end` has come or to its own end.
async fn over_http_2(
    identity: &Identity,
    app: &App,
    count: usize,
    end: Option<&'static str>,
) -> Vec<JoinHandle<String>> {
    let mut streams = Vec::new();
    while streams.len() < count {
        let mut client = identity.http_2(app).await;
        for _ in 0..EACH {
            streams.push(read_on(&mut client, end).await);
        }
    }
    streams
}

/// For as long as it takes.
async fn read_to_the_end(mut stream: Body) -> String {
    while stream.next().await {}
    stream.read
}

fn start(identity: &Identity) -> App {
    App::with(&identity.flags().each_ref().map(String::as_str))
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_two_thousand_streams_over_each_protocol_in_under_two_seconds_each_with_a_word()
 {
    let identity = Identity::new();
    let mut app = start(&identity);
    let mut one = over_http_1(&identity, &app, 2000).await;
    let two = over_http_2(&identity, &app, 2000, None).await;
    app.signal("TERM");
    let begun = Instant::now();
    assert!(tokio::task::block_in_place(|| app.wait()).success());
    let took = begun.elapsed();
    for stream in &mut one {
        stream.until("event: Closing\nretry: ").await;
    }
    for stream in two {
        let read = stream.await.unwrap();
        assert!(read.contains("event: Closing\nretry: "), "after {took:?}: {read}");
    }
    assert!(took < Duration::from_secs(2), "{took:?}: {}", app.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_is_replaced_under_a_thousand_streams_and_each_goes_on() {
    let identity = Identity::new();
    let app = start(&identity);
    let mut one = over_http_1(&identity, &app, 500).await;
    let two = over_http_2(&identity, &app, 500, Some("afterwards")).await;
    identity.replace();
    app.signal("HUP");
    until("it shows the new one", async || identity.try_connect(&app, "h2").await).await;
    let mut client = identity.http_2(&app).await;
    let request = axum::http::Request::post("https://localhost/rooms/lobby/messages");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let (answer, mut body) = client.send_request(request.body(()).unwrap(), false).unwrap();
    body.send_data("username=ann&text=afterwards".into(), true).unwrap();
    assert_eq!(soon("an answer", answer).await.unwrap().status(), 201);
    for stream in &mut one {
        stream.until("afterwards").await;
    }
    for stream in two {
        stream.await.unwrap();
    }
}

/// What each of `count` streams adds to the memory that is held, in KB.
#[expect(clippy::cast_precision_loss, reason = "sizes are small")]
fn each(app: &App, before: u64, count: usize) -> f64 {
    let grown = app.memory("VmRSS").saturating_sub(before);
    grown as f64 / count as f64
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_over_tls_is_held_in_the_memory_that_a_prototype_took_and_hubbubs_own() {
    const COUNT: usize = 1000;
    let identity = Identity::new();
    let app = start(&identity);
    drop(over_http_1(&identity, &app, 50).await);
    let mut before = app.memory("VmRSS");
    let one = over_http_1(&identity, &app, COUNT).await;
    let http_1 = each(&app, before, COUNT);
    before = app.memory("VmRSS");
    let mut connections = Vec::new();
    let mut streams = Vec::new();
    for _ in 0..COUNT {
        let mut client = identity.http_2(&app).await;
        streams.push(read_on(&mut client, None).await);
        connections.push(client);
    }
    let http_2 = each(&app, before, COUNT);
    before = app.memory("VmRSS");
    for client in connections.iter_mut().take(COUNT / 100) {
        for _ in 0..200 {
            streams.push(read_on(client, None).await);
        }
    }
    let further = each(&app, before, COUNT / 100 * 200);
    println!("KB: {http_1:.1} over HTTP/1.1, {http_2:.1} over HTTP/2, {further:.1} each further");
    // A prototype took 10.4, 31.5 and 1 to 3 KB without hubbub's own.
    assert!(http_1 < 1.15 * 10.4, "{http_1} KB");
    assert!(http_2 < 1.15 * 31.5, "{http_2} KB");
    assert!(further < 1.15 * 3.0, "{further} KB");
    // Each was open to here.
    assert!(streams.iter().all(|stream| !stream.is_finished()));
    drop(one);
}
