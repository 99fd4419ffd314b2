//! HTTP/2 over sockets in memory, with a client whose windows are in our hands.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    http::{Response, StatusCode},
    response::IntoResponse as _,
};
use bytes::Bytes;
use h2::{RecvStream, client::SendRequest};
use tokio::{
    io::{DuplexStream, duplex},
    sync::Notify,
    task::JoinHandle,
    time::{Instant, sleep},
};

use super::*;
use crate::{
    server::{Protocol, live::WRITE_TIMEOUT},
    sink::Chunk,
};

const INFO: ConnectionInfo = ConnectionInfo {
    peer: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4711),
    is_local: true,
    tls: true,
    protocol: Protocol::Http2,
};

/// A page larger than any buffer.
const PAGE_BYTES: usize = 100_000;

const FRAME: &str = "a frame of a hundred bytes or so, which is what a short message takes up with its markup around it.\n";

/// A connection to a server, and what is known of that.
struct Side {
    client: SendRequest<Bytes>,
    server: JoinHandle<hyper::Result<()>>,
    metrics: Metrics,
    /// How many endless streams are open.
    open: Arc<AtomicUsize>,
    closing: Arc<Notify>,
    tasks: TaskTracker,
}

impl Side {
    /// With windows of so many bytes for each stream.
    async fn with_window(bytes: usize) -> Self {
        let (ours, theirs): (DuplexStream, _) = duplex(1 << 20);
        let (metrics, closing) = (Metrics::new(), Arc::new(Notify::new()));
        let open = Arc::<AtomicUsize>::default();
        let tasks = TaskTracker::new();
        let progress = Arc::new(Progress::new());
        let streams = Streams { tasks: tasks.clone(), metrics: metrics.clone(), progress };
        let router = router(Arc::clone(&open));
        let close = Arc::clone(&closing).notified_owned();
        let server = tokio::spawn(serve(theirs, INFO, router, streams, close));
        let mut builder = h2::client::Builder::new();
        builder
            .initial_window_size(u32::try_from(bytes).unwrap())
            .initial_connection_window_size(1 << 20);
        let (client, connection) = builder.handshake(ours).await.unwrap();
        tokio::spawn(connection);
        Self { client, server, metrics, open, closing, tasks }
    }

    async fn get(&mut self, path: &str) -> Response<RecvStream> {
        let request = Request::get(format!("https://localhost{path}")).body(()).unwrap();
        let (answer, _) = self.client.send_request(request, true).unwrap();
        answer.await.unwrap()
    }
}

/// An endless stream that is open.
struct Open(Arc<AtomicUsize>);

impl Open {
    fn one(of: &Arc<AtomicUsize>) -> Self {
        of.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(of))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn router(open: Arc<AtomicUsize>) -> Router {
    Router::new().fallback(async move |request: Request<Body>| {
        let word = || Chunk::new("\n");
        match request.uri().path() {
            "/page" => "x".repeat(PAGE_BYTES).into_response(),
            "/endless" => {
                let open = Open::one(&open);
                let frames = async_stream::stream! {
                    loop {
                        let _ = &open;
                        yield FRAME;
                        sleep(Duration::from_secs(1)).await;
                    }
                };
                live::answer((), live::plain(frames), word(), Metrics::new())
            }
            "/silent" => {
                live::answer((), live::plain(tokio_stream::pending()), word(), Metrics::new())
            }
            "/cut" => live::answer(
                (),
                live::cut(tokio_stream::iter(["last word\n"])),
                word(),
                Metrics::new(),
            ),
            "/whole" => live::answer(
                (),
                live::plain(tokio_stream::iter(["last word\n"])),
                word(),
                Metrics::new(),
            ),
            "/late" => {
                sleep(WRITE_TIMEOUT * 3).await;
                StatusCode::NO_CONTENT.into_response()
            }
            other => panic!("{other}"),
        }
    })
}

/// Reads to the end, and makes room again where `gives_room`: what came, and whether it is whole.
async fn read(mut body: RecvStream, gives_room: bool) -> (usize, bool) {
    let mut size = 0;
    while let Some(piece) = body.data().await {
        let Ok(piece) = piece else { return (size, false) };
        size += piece.len();
        if gives_room {
            body.flow_control().release_capacity(piece.len()).unwrap();
        }
    }
    (size, true)
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_gives_one_stream_no_room_loses_that_stream_and_no_other() {
    let mut side = Side::with_window(10 * FRAME.len()).await;
    let going = side.get("/endless").await.into_body();
    let going = tokio::spawn(read(going, true));
    let stuck = side.get("/endless").await.into_body();
    let unread_page = side.get("/page").await.into_body();
    let counted = Arc::clone(&side.open);
    let open = || counted.load(Ordering::Relaxed);
    assert_eq!(open(), 2);
    let begun = Instant::now();
    let page = timeout(WRITE_TIMEOUT * 2, read(unread_page, false)).await.expect("it is reset");
    assert_eq!(page, (10 * FRAME.len(), false));
    assert_eq!(begun.elapsed().as_secs(), WRITE_TIMEOUT.as_secs());
    assert_eq!(read(stuck, false).await, (10 * FRAME.len(), false));
    // The tenth frame, which filled the window, came after nine seconds, and the one behind it a second
    // later at most.
    let took = begun.elapsed().as_secs() - WRITE_TIMEOUT.as_secs();
    assert!((9..=10).contains(&took), "{took}");
    assert_eq!(side.metrics.evictions(), 2);
    sleep(WRITE_TIMEOUT * 10).await;
    assert_eq!(open(), 1, "what the stuck one held is let go");
    assert!(!going.is_finished() && !side.server.is_finished());
    assert!(read(side.get("/page").await.into_body(), true).await.1);
    assert_eq!(side.metrics.evictions(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_takes_a_page_slowly_gets_all_of_it_and_who_waits_for_an_answer_is_not_cut() {
    let mut side = Side::with_window(MAX_SEND_BUFFER_BYTES).await;
    let mut body = side.get("/page").await.into_body();
    let mut taken = 0;
    while let Some(piece) = body.data().await {
        let piece = piece.unwrap().len();
        taken += piece;
        sleep(WRITE_TIMEOUT.mul_f32(0.6)).await;
        body.flow_control().release_capacity(piece).unwrap();
    }
    assert_eq!(taken, PAGE_BYTES);
    assert_eq!(side.get("/late").await.status(), StatusCode::NO_CONTENT);
    let silent = tokio::spawn(read(side.get("/silent").await.into_body(), false));
    sleep(WRITE_TIMEOUT * 10).await;
    assert!(!silent.is_finished(), "there was nothing to take");
    assert_eq!(side.metrics.evictions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_cut_has_its_last_word_first_and_one_that_is_complete_looks_it() {
    let mut side = Side::with_window(1 << 16).await;
    let word = "last word\n".len();
    assert_eq!(read(side.get("/cut").await.into_body(), true).await, (word, false));
    assert_eq!(read(side.get("/whole").await.into_body(), true).await, (word, true));
    assert_eq!(side.metrics.evictions(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_negotiates_and_asks_nothing_is_closed_after_ten_seconds_and_who_is_idle_later() {
    let begun = Instant::now();
    let silent = Side::with_window(1 << 16).await;
    silent.server.await.unwrap().unwrap();
    assert!((10..12).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    let mut idle = Side::with_window(1 << 16).await;
    let begun = Instant::now();
    assert!(read(idle.get("/page").await.into_body(), true).await.1);
    idle.server.await.unwrap().unwrap();
    let took = begun.elapsed().as_secs();
    assert!((150..152 + PING_INTERVAL.as_secs()).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_closes_ends_when_its_streams_have() {
    let mut side = Side::with_window(1 << 16).await;
    let late = side.get("/endless").await.into_body();
    side.closing.notify_waiters();
    sleep(Duration::from_mins(1)).await;
    assert!(!side.server.is_finished(), "a stream is open");
    drop(late);
    side.server.await.unwrap().unwrap();
    side.tasks.close();
    side.tasks.wait().await;
    assert_eq!(side.open.load(Ordering::Relaxed), 0, "who resets a stream lets go of all it held");
}
