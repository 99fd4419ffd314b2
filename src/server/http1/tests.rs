//! The takeover, over sockets in memory whose size decides where hyper is stopped while it writes.

use std::{
    mem,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex, join, simplex};
use tokio_stream::{StreamExt as _, iter};
use tower_service::Service;

use super::{super::Protocol, *};
use crate::{metrics::Metrics, server::live, sink::Chunk};

const INFO: ConnectionInfo = ConnectionInfo {
    peer: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4711),
    is_local: true,
    tls: false,
    protocol: Protocol::Http1,
};

fn progress() -> Arc<Progress> {
    Arc::new(Progress::new())
}

const FRAMES: [&str; 3] = ["first\n", "second\n", "third\n"];

async fn answer(request: Request<Body>) -> Response {
    let frames = iter(FRAMES);
    match request.uri().path() {
        // Without a look at the request's body.
        "/early" => StatusCode::NO_CONTENT.into_response(),
        "/late" => to_bytes(request.into_body(), 1000).await.unwrap().into_response(),
        "/large" => "x".repeat(3000).into_response(),
        "/peer" => {
            let info: &ConnectionInfo = request.extensions().get().expect("it is there");
            info.peer.to_string().into_response()
        }
        "/frames" => live::answer((), live::plain(frames), Chunk::new("\n"), Metrics::new()),
        "/endless" => {
            let frames = frames.chain(tokio_stream::pending());
            live::answer((), live::plain(frames), Chunk::new("still there\n"), Metrics::new())
        }
        other => panic!("{other}"),
    }
}

fn router() -> Router {
    Router::new().fallback(answer)
}

/// Serves one connection to its end.
async fn served(socket: impl AsyncRead + AsyncWrite + Unpin) {
    if let Some((socket, live)) =
        serve(socket, INFO, router(), progress(), pending()).await.unwrap()
    {
        // A peer that is gone is the end as well.
        let _ = live.into_writer(socket).await;
    }
}

/// What a server says to `requests`, which come at once, on a socket that holds `size` bytes of its
/// answers.
async fn said(requests: &str, size: usize) -> String {
    let (asked, mut ask) = simplex(requests.len());
    let (mut listen, answer) = simplex(size);
    ask.write_all(requests.as_bytes()).await.unwrap();
    let mut said = String::new();
    let served = served(join(asked, answer));
    let ((), read) = tokio::join!(served, listen.read_to_string(&mut said));
    read.unwrap();
    without_dates(&said)
}

fn without_dates(said: &str) -> String {
    said.split_inclusive("\r\n").filter(|line| !line.starts_with("date: ")).collect()
}

fn request(method: &str, path: &str, body: &str) -> String {
    let length = body.len();
    format!("{method} {path} HTTP/1.1\r\nHost: here\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// The answer to `/frames`, and the start of the one to `/endless`.
const LIVE: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n\
                    6\r\nfirst\n\r\n7\r\nsecond\n\r\n6\r\nthird\n\r\n";

/// What follows where the frames have ended.
const LAST: &str = "0\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn what_was_answered_before_a_stream_is_written_before_it_wherever_the_socket_blocks() {
    // hyper does not read this body before the answer is in its buffer. That it then does makes it
    // ready for the next request, though the socket took nothing yet.
    let early = request("POST", "/early", &"y".repeat(100));
    let early = early.replace("Host", "Expect: 100-continue\r\nHost");
    let late = request("POST", "/late", &"z".repeat(50));
    let large = request("GET", "/large", "");
    let frames = request("GET", "/frames", "");
    let no_content = "HTTP/1.1 204 No Content\r\n\r\n";
    let echo = |kind, of: &str, length| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n");
        format!("{head}content-length: {length}\r\n\r\n{}", of.repeat(length))
    };
    for size in (1..=200).chain([1000, 5000, 100_000]) {
        let asked = format!("{early}{frames}");
        assert_eq!(said(&asked, size).await, format!("{no_content}{LIVE}{LAST}"), "{size}");
        let asked = format!("{early}{large}{early}{late}{early}{frames}{early}");
        let expected = [
            no_content,
            &echo("text/plain; charset=utf-8", "x", 3000),
            no_content,
            &echo("application/octet-stream", "z", 50),
            no_content,
            LIVE,
            LAST, // And nothing to the last request.
        ];
        assert_eq!(said(&asked, size).await, expected.concat(), "{size}");
    }
}

#[tokio::test]
async fn a_request_of_http_1_0_gets_bare_frames_whatever_came_before_on_its_connection() {
    let first = request("GET", "/peer", "");
    for version in ["1.0", "1.0\r\nConnection: keep-alive"] {
        let asked = format!("{first}GET /frames HTTP/{version}\r\n\r\n");
        let said = said(&asked, 1000).await;
        let live = "HTTP/1.0 200 OK\r\nconnection: close\r\n\r\nfirst\nsecond\nthird\n";
        assert!(said.ends_with(&format!("127.0.0.1:4711{live}")), "{said}");
    }
}

#[tokio::test]
async fn hyper_may_flush_more_than_once_after_a_response_is_offered() {
    let mut response =
        live::answer((), live::plain(tokio_stream::empty()), Chunk::default(), Metrics::new());
    let takeover = Takeover::default();
    takeover.flushed();
    let live = LiveResponse::take(&mut response, Framing::Chunked);
    takeover.offer(live.expect("it is live"));
    tokio::select! {
        biased;
        _ = takeover.accept() => panic!("what came before was not written"),
        () = std::future::ready(()) => {}
    }
    takeover.flushed();
    takeover.flushed();
    takeover.accept().await;
}

#[tokio::test(start_paused = true)]
async fn a_head_may_come_in_pieces_of_any_size_and_what_follows_it_is_ignored() {
    let first = request("GET", "/peer", "");
    let asked = format!("{first}{}", request("GET", "/endless", ""));
    let further = request("GET", "/large", "").repeat(200);
    for cut in 1..asked.len() {
        let (mut client, server) = duplex(4096);
        let server = tokio::spawn(served(server));
        let (one, two) = asked.split_at(cut);
        client.write_all(one.as_bytes()).await.unwrap();
        tokio::task::yield_now().await;
        client.write_all(two.as_bytes()).await.unwrap();
        client.write_all(further.as_bytes()).await.unwrap();
        let mut said = Vec::new();
        while !said.ends_with(b"third\n\r\n") {
            assert_ne!(client.read_buf(&mut said).await.unwrap(), 0, "it goes on");
        }
        let said = without_dates(&String::from_utf8(said).unwrap());
        let peer = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\n\
                    content-length: 14\r\n\r\n127.0.0.1:4711";
        assert_eq!(said, format!("{peer}{LIVE}"), "{cut}");
        client.shutdown().await.unwrap();
        let mut rest = [0; 17];
        client.read_exact(&mut rest).await.unwrap();
        assert_eq!(&rest, b"c\r\nstill there\n\r\n", "to the further requests there is no answer");
        drop(client);
        server.await.unwrap();
    }
}

/// May be called only once it was asked whether it is ready, like a service behind a limit.
struct Strict {
    is_ready: bool,
    router: Router,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self { is_ready: false, router: self.router.clone() }
    }
}

impl Service<Request<Body>> for Strict {
    type Response = Response;
    type Error = Infallible;
    type Future = <Router as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.is_ready = true;
        Service::<Request<Body>>::poll_ready(&mut self.router, context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        assert!(mem::take(&mut self.is_ready), "it is not ready");
        self.router.call(request)
    }
}

#[tokio::test]
async fn a_service_is_called_when_it_is_ready() {
    let (mut client, server) = duplex(4096);
    let service = Strict { is_ready: false, router: router() };
    let server = tokio::spawn(serve(server, INFO, service, progress(), pending()));
    client.write_all(request("GET", "/peer", "").repeat(2).as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).await.unwrap();
    assert_eq!(said.matches("127.0.0.1:4711").count(), 2, "{said}");
    assert!(server.await.unwrap().unwrap().is_none());
}
