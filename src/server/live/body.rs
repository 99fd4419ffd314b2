//! Frames as a body of HTTP/2, where each stream is watched over from outside.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::time::{Sleep, sleep};

use super::{Cut, Frames};
use crate::sink::Framing;

/// How long what was handed over has to reach the socket before a stream is cut: a reset takes back
/// what is not written yet, and that is the word on when to come back.
const CUT_DELAY: Duration = Duration::from_millis(100);

/// Frames as they come.
pub(super) struct FrameBody {
    frames: Frames,
    /// Set once they have come to their end without being complete.
    cut: Option<Pin<Box<Sleep>>>,
}

impl FrameBody {
    pub(super) fn new(frames: Frames) -> Self {
        Self { frames, cut: None }
    }
}

impl Body for FrameBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.cut.is_none() {
            match ready!(self.frames.as_mut().poll_next(context)) {
                Some(frame) => {
                    return Poll::Ready(Some(Ok(Frame::data(frame.into_framed(Framing::Bare)))));
                }
                None if self.frames.is_complete() => return Poll::Ready(None),
                None => {}
            }
        }
        let cut = self.cut.get_or_insert_with(|| Box::pin(sleep(CUT_DELAY)));
        ready!(cut.as_mut().poll(context));
        Poll::Ready(Some(Err(io::Error::other(Cut::Incomplete))))
    }
}
