//! Peers that close a half, or both, in time that is counted and not waited for.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
    time::Instant,
};
use tokio_stream::{Stream, StreamExt as _, iter, pending};

use super::*;
use crate::{
    metrics::Metrics,
    server::live::{self, LiveFrames},
    sink::decode,
};

/// A peer that has closed its half. Where it has closed both, its reset is here a round trip after
/// the first write, and fails the writes after that.
struct HalfClosed {
    reset: Option<Duration>,
    first_write: Option<Instant>,
    /// Each write of its own.
    written: Arc<Mutex<Vec<String>>>,
}

impl AsyncRead for HalfClosed {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for HalfClosed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let first = *self.first_write.get_or_insert_with(Instant::now);
        if self.reset.is_some_and(|reset| first.elapsed() >= reset) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.written.lock().unwrap().push(std::str::from_utf8(bytes).unwrap().to_owned());
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A response to a request of HTTP/1.0.
fn live(frames: impl Stream<Item = &'static str> + Send + 'static) -> LiveResponse {
    taken(live::plain(frames), Framing::Bare)
}

fn taken(frames: impl LiveFrames + Unpin + 'static, framing: Framing) -> LiveResponse {
    let mut response = live::answer((), frames, Chunk::new("|"), Metrics::new());
    LiveResponse::take(&mut response, framing).expect("it is live")
}

/// What comes of a stream, when, and what of it was written.
async fn written(
    frames: impl Stream<Item = &'static str> + Send + 'static,
    reset: Option<Duration>,
) -> (io::Result<()>, Duration, String) {
    let written: Arc<Mutex<Vec<String>>> = Arc::default();
    let socket = HalfClosed { reset, first_write: None, written: Arc::clone(&written) };
    let begun = Instant::now();
    let ended = live(frames).into_writer(socket).await;
    let written = written.lock().unwrap().concat();
    let body = written.split_once("\r\n\r\n").expect("a head").1;
    (ended, begun.elapsed(), body.to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_closed_both_halves_is_found_by_writes_within_a_round_trip_or_so() {
    for (round_trip, found, probes) in [(10, 100..150, "||"), (300, 1100..1150, "||")] {
        let frames = iter(["replay "]).chain(pending());
        let reset = Some(Duration::from_millis(round_trip));
        let (ended, took, body) = written(frames, reset).await;
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert!(found.contains(&took.as_millis()), "{round_trip} ms: {took:?}");
        assert!(format!("replay {probes}").starts_with(&body), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_closed_one_half_gets_all_frames_and_three_probes() {
    let frames = async_stream::stream! {
        yield "replay ";
        yield "more ";
        sleep(Duration::from_mins(10)).await;
        yield " live";
    };
    let (ended, took, body) = written(frames, None).await;
    ended.unwrap();
    assert_eq!(took.as_secs(), 600);
    assert_eq!(body, "replay more ||| live");
}

#[tokio::test(start_paused = true)]
async fn what_a_peer_says_is_ignored_and_while_it_may_speak_nothing_is_probed() {
    let (mut peer, ours) = duplex(1024);
    let frames = async_stream::stream! {
        yield "one ";
        sleep(Duration::from_mins(10)).await;
        yield "two";
    };
    let writer = tokio::spawn(live(frames).into_writer(ours));
    // Many times what is between the two.
    for _ in 0..100 {
        tokio::io::AsyncWriteExt::write_all(&mut peer, &[b'x'; 1000]).await.unwrap();
    }
    let mut read = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut peer, &mut read).await.unwrap();
    assert!(read.ends_with("\r\n\r\none two"), "{read}");
    writer.await.unwrap().unwrap();
}

/// All that is written of frames that come at once, and a keep-alive to a peer that closed its half.
async fn on_the_wire(frames: impl LiveFrames + Unpin + 'static, framing: Framing) -> String {
    let written: Arc<Mutex<Vec<String>>> = Arc::default();
    let socket = HalfClosed { reset: None, first_write: None, written: Arc::clone(&written) };
    taken(frames, framing).into_writer(socket).await.unwrap();
    let written = written.lock().unwrap().concat();
    let (head, body) = written.split_once("\r\n\r\n").expect("a head");
    let chunked = head.contains("\r\ntransfer-encoding: chunked");
    assert_eq!(chunked, framing == Framing::Chunked, "{head}");
    assert!(head.contains("\r\nconnection: close"), "{head}");
    assert!(!head.contains("content-length"), "{head}");
    body.to_owned()
}

fn one_and_two() -> impl Stream<Item = &'static str> + Send + 'static {
    async_stream::stream! {
        yield "one ";
        yield "and ";
        sleep(Duration::from_mins(10)).await;
        yield "two";
    }
}

#[tokio::test(start_paused = true)]
async fn the_head_goes_out_with_what_is_due_at_once() {
    let written: Arc<Mutex<Vec<String>>> = Arc::default();
    let socket = HalfClosed { reset: None, first_write: None, written: Arc::clone(&written) };
    taken(live::plain(one_and_two()), Framing::Bare).into_writer(socket).await.unwrap();
    let first = written.lock().unwrap()[0].clone();
    assert!(first.starts_with("HTTP/1.0 200 OK\r\n"), "{first}");
    assert!(first.ends_with("\r\n\r\none and "), "{first}");
}

#[tokio::test(start_paused = true)]
async fn each_frame_and_each_probe_is_a_chunk_and_the_last_one_comes_where_they_are_complete() {
    let chunks = "4\r\none \r\n4\r\nand \r\n1\r\n|\r\n1\r\n|\r\n1\r\n|\r\n3\r\ntwo\r\n";
    let complete = on_the_wire(live::plain(one_and_two()), Framing::Chunked).await;
    assert_eq!(complete, format!("{chunks}0\r\n\r\n"));
    assert_eq!(decode(&complete), ("one and |||two".into(), true));
    let cut = on_the_wire(live::cut(one_and_two()), Framing::Chunked).await;
    assert_eq!(cut, chunks, "there is more, elsewhere");
}

#[tokio::test(start_paused = true)]
async fn to_http_1_0_frames_go_out_as_they_are_and_end_with_the_connection() {
    let complete = on_the_wire(live::plain(one_and_two()), Framing::Bare).await;
    assert_eq!(complete, "one and |||two");
    let cut = on_the_wire(live::cut(one_and_two()), Framing::Bare).await;
    assert_eq!(cut, complete);
}

#[tokio::test(start_paused = true)]
async fn who_pours_into_a_stream_is_read_slowly_and_gets_its_frames_all_the_same() {
    let (peer, ours) = duplex(16 * 1024);
    let (mut from_us, mut to_us) = tokio::io::split(peer);
    let frames = iter(["first\n"]).chain(pending());
    let writer = tokio::spawn(live(frames).into_writer(ours));
    let begun = Instant::now();
    let poured = tokio::spawn(async move {
        to_us.write_all(&vec![b'x'; 1024 * 1024]).await.unwrap();
        to_us.shutdown().await.unwrap();
        begun.elapsed().as_secs()
    });
    let mut said = String::new();
    while !said.ends_with("first\n") {
        let mut buffer = [0; 1024];
        let count = from_us.read(&mut buffer).await.unwrap();
        said.push_str(str::from_utf8(&buffer[..count]).unwrap());
    }
    assert_eq!(begun.elapsed(), Duration::ZERO, "the frames do not wait");
    assert_eq!(poured.await.unwrap(), 15, "64 KB a second");
    let mut probes = [0; 3];
    from_us.read_exact(&mut probes).await.unwrap();
    assert_eq!(&probes, b"|||", "and when it has closed its half, that is found");
    writer.abort();
}
