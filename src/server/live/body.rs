//! Frames as a body of HTTP/2, where each stream is watched over from outside.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::time::{Instant, Sleep, sleep};

use super::{Cut, Frames};
use crate::sink::Framing;

/// How long what was handed over has to reach the socket before a stream is cut: a reset takes back
/// what is not written yet, and that is the word on when to come back. Where nothing was written
/// meanwhile, as on a machine that has thousands to end, it has as long again, some times.
const CUT_DELAY: Duration = Duration::from_millis(100);
const MAX_CUT_DELAYS: usize = 10;

/// How often all that a connection had to write was written; clones share the count.
#[derive(Clone, Default)]
pub(in crate::server) struct Flushes(Arc<AtomicUsize>);

impl Flushes {
    /// Once more.
    pub(in crate::server) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Frames as they come.
pub(super) struct FrameBody {
    frames: Frames,
    flushes: Flushes,
    /// Set once they have come to their end without being complete.
    cutting: Option<Cutting>,
}

/// A stream that is about to be cut.
struct Cutting {
    /// What was counted when the last frame was handed over.
    flushes: usize,
    delays: usize,
    timer: Pin<Box<Sleep>>,
}

impl FrameBody {
    pub(super) fn new(frames: Frames, flushes: Flushes) -> Self {
        Self { frames, flushes, cutting: None }
    }
}

impl Body for FrameBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        if this.cutting.is_none() {
            match ready!(this.frames.as_mut().poll_next(context)) {
                Some(frame) => {
                    return Poll::Ready(Some(Ok(Frame::data(frame.into_framed(Framing::Bare)))));
                }
                None if this.frames.is_complete() => return Poll::Ready(None),
                None => {}
            }
        }
        let cutting = this.cutting.get_or_insert_with(|| Cutting {
            flushes: this.flushes.count(),
            delays: 0,
            timer: Box::pin(sleep(CUT_DELAY)),
        });
        loop {
            ready!(cutting.timer.as_mut().poll(context));
            cutting.delays += 1;
            if this.flushes.count() != cutting.flushes || cutting.delays == MAX_CUT_DELAYS {
                return Poll::Ready(Some(Err(io::Error::other(Cut::Incomplete))));
            }
            cutting.timer.as_mut().reset(Instant::now() + CUT_DELAY);
        }
    }
}
