//! Frames as an ordinary body.
//!
//! Under back-pressure hyper stops polling a body, so that a timer inside of it would never fire. A
//! task of its own takes the frames, and hands them to the body one at a time.

use std::io;

use bytes::Bytes;
use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    time::timeout,
};
use tokio_stream::{Stream, StreamExt as _};
use tokio_util::task::AbortOnDropHandle;

use super::{Frames, Shared, WRITE_TIMEOUT};
use crate::{metrics::Metrics, sink::Framing};

/// Why a body ends with an error, so that the response is cut and does not look complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cut {
    /// The peer took nothing for [`WRITE_TIMEOUT`].
    #[error("the peer took nothing for {} s", WRITE_TIMEOUT.as_secs())]
    WriteTimeout,
    /// The frames ended, and are not complete.
    #[error("the stream was cut")]
    Incomplete,
}

/// Frames on their way to a body. Dropped, it drops the frames.
pub(super) struct Pump {
    frames: Receiver<Bytes>,
    task: AbortOnDropHandle<Result<(), Cut>>,
}

impl Pump {
    /// Starts it; needs a tokio runtime.
    pub(super) fn start(frames: Frames, metrics: Metrics) -> Self {
        let (sender, receiver) = mpsc::channel(1);
        let task = tokio::spawn(async move {
            let outcome = pump(frames, sender).await;
            if outcome == Err(Cut::WriteTimeout) {
                metrics.evicted();
            }
            outcome
        });
        Self { frames: receiver, task: AbortOnDropHandle::new(task) }
    }
}

/// Sends each frame once the one before was taken, which must be soon.
async fn pump(mut frames: Frames, sender: Sender<Bytes>) -> Result<(), Cut> {
    loop {
        let permit = timeout(WRITE_TIMEOUT, sender.reserve()).await;
        // The body is gone, and this task about to be aborted.
        let Ok(permit) = permit.map_err(|_| Cut::WriteTimeout)? else { return Ok(()) };
        let Some(frame) = frames.next().await else {
            return if frames.is_complete() { Ok(()) } else { Err(Cut::Incomplete) };
        };
        permit.send(frame.into_framed(Framing::Bare));
    }
}

/// The body: it starts the pump when it is first polled. It ends with an error where the frames did not come to their end, or are not complete.
pub(super) fn body(shared: Shared) -> impl Stream<Item = io::Result<Bytes>> + Send {
    async_stream::try_stream! {
        // Where a socket was taken over, nobody polls this.
        if let Some(Pump { mut frames, task }) = shared.pump() {
            drop(shared);
            while let Some(frame) = frames.recv().await {
                yield frame;
            }
            let outcome = task.await.map_err(|why| {
                // What a panic says may quote what somebody wrote.
                tracing::error!("a stream's task failed");
                io::Error::other(why)
            })?;
            outcome.map_err(io::Error::other)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use axum::{body::Body, response::Response};
    use tokio::time::{Instant, sleep};

    use super::{super::*, *};

    /// An endless response of a frame each second, what its frames hold, and what is counted.
    fn endless() -> (Response, Arc<()>, Metrics) {
        let (held, metrics) = (Arc::new(()), Metrics::new());
        let holding = Arc::clone(&held);
        let frames = async_stream::stream! {
            loop {
                let _ = &holding;
                yield "frame\n";
                sleep(Duration::from_secs(1)).await;
            }
        };
        (answer((), plain(frames), Chunk::new("\n"), metrics.clone()), held, metrics)
    }

    fn frames_of(body: Body) -> impl Stream<Item = Result<Bytes, axum::Error>> + Unpin {
        body.into_data_stream()
    }

    /// Waits until nobody but the test holds it, and says how long that took.
    async fn let_go(held: &Arc<()>) -> Duration {
        let since = Instant::now();
        while Arc::strong_count(held) > 1 {
            assert!(since.elapsed() < WRITE_TIMEOUT * 10, "never");
            sleep(Duration::from_millis(10)).await;
        }
        since.elapsed()
    }

    fn is_about(took: Duration, expected: Duration) -> bool {
        took >= expected && took < expected + Duration::from_millis(100)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_no_longer_polled_lets_go_of_its_frames() {
        let (response, held, metrics) = endless();
        let mut frames = frames_of(response.into_body());
        sleep(WRITE_TIMEOUT * 3).await;
        assert_eq!(Arc::strong_count(&held), 2, "nobody waits before it is first polled");
        for _ in 0..3 {
            assert_eq!(frames.next().await.unwrap().unwrap(), "frame\n");
        }
        // The frame that is not taken comes a second later.
        assert!(is_about(let_go(&held).await, WRITE_TIMEOUT + Duration::from_secs(1)));
        assert_eq!(metrics.evictions(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_polled_slowly_lives_on() {
        let (response, held, metrics) = endless();
        let mut frames = frames_of(response.into_body());
        for _ in 0..20 {
            sleep(WRITE_TIMEOUT.mul_f32(0.95)).await;
            assert_eq!(frames.next().await.unwrap().unwrap(), "frame\n");
        }
        assert_eq!((Arc::strong_count(&held), metrics.evictions()), (2, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_without_frames_that_are_due_waits_for_ever() {
        let metrics = Metrics::new();
        let frames = tokio_stream::iter(["frame\n"]).chain(tokio_stream::pending());
        let response = answer((), plain(frames), Chunk::new("\n"), metrics.clone());
        let mut frames = frames_of(response.into_body());
        assert_eq!(frames.next().await.unwrap().unwrap(), "frame\n");
        assert!(timeout(WRITE_TIMEOUT * 10, frames.next()).await.is_err());
        assert_eq!(metrics.evictions(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn frames_that_are_complete_end_the_body_and_others_do_not_look_like_it() {
        let frames = |panics: bool| {
            async_stream::stream! {
                yield "one ";
                yield "two";
                assert!(!panics, "on purpose");
            }
        };
        let metrics = Metrics::new();
        let keep_alive = Chunk::new("\n");
        let complete = answer((), plain(frames(false)), keep_alive.clone(), metrics.clone());
        let read = axum::body::to_bytes(complete.into_body(), 100).await;
        assert_eq!(read.unwrap(), "one two");
        let cut = answer((), cut(frames(false)), keep_alive.clone(), metrics.clone());
        let panicking = answer((), plain(frames(true)), keep_alive, metrics.clone());
        for response in [cut, panicking] {
            let mut read = frames_of(response.into_body());
            assert_eq!(read.next().await.unwrap().unwrap(), "one ");
            assert_eq!(read.next().await.unwrap().unwrap(), "two");
            read.next().await.unwrap().unwrap_err();
        }
        assert_eq!(metrics.evictions(), 0, "the peers took all");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_dropped_lets_go_of_its_frames_at_once() {
        for polled in [false, true] {
            let (response, held, metrics) = endless();
            let mut frames = frames_of(response.into_body());
            if polled {
                frames.next().await.unwrap().unwrap();
            }
            drop(frames);
            assert!(let_go(&held).await < Duration::from_millis(100));
            assert_eq!(metrics.evictions(), 0);
        }
        let (response, held, _) = endless();
        drop(response);
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_first_has_the_frames() {
        let (mut response, held, _) = endless();
        let live = LiveResponse::take(&mut response, Framing::Chunked).expect("it is live");
        assert!(LiveResponse::take(&mut response, Framing::Chunked).is_none());
        let read = axum::body::to_bytes(response.into_body(), 100).await;
        assert_eq!(read.unwrap(), "", "they are on their way to a socket");
        assert_eq!(Arc::strong_count(&held), 2);
        drop(live);
        assert_eq!(Arc::strong_count(&held), 1);

        let (mut response, _, _) = endless();
        let body = std::mem::take(response.body_mut());
        let mut frames = frames_of(body);
        assert_eq!(frames.next().await.unwrap().unwrap(), "frame\n");
        assert!(LiveResponse::take(&mut response, Framing::Chunked).is_none());
    }
}
