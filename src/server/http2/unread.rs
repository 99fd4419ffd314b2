//! The body of a request that was answered without it. Dropped, it resets its stream, which is right
//! (RFC 9113, section 8.1); but some clients, curl 7.88 among them, then pass over the answer as well.
//! So what is on its way is taken first, as [`linger`](super::super::http1::refusal::linger) does.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::timeout;

/// How long what is on its way may take.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// How much of it is taken: what a peer may send before anything of it is read.
const MAX_DRAINED_BYTES: usize = super::STREAM_WINDOW_BYTES as usize;

/// A body that is given back when it is dropped before its end.
pub(super) struct Lent {
    body: Option<Incoming>,
    back: Unread,
}

/// Where it is given back to.
#[derive(Clone, Default)]
pub(super) struct Unread(Arc<Mutex<Option<Incoming>>>);

impl Unread {
    pub(super) fn lend(&self, body: Incoming) -> Lent {
        Lent { body: Some(body), back: self.clone() }
    }

    /// Takes what is on its way, of a body that was given back.
    pub(super) async fn drain(&self) {
        let Some(mut body) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return;
        };
        let drained = async {
            let mut left = MAX_DRAINED_BYTES;
            while left > 0
                && let Some(Ok(frame)) =
                    poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
            {
                left = left.saturating_sub(frame.data_ref().map_or(1, Bytes::len));
            }
        };
        let _ = timeout(DRAIN_TIMEOUT, drained).await;
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let unread = self.body.take().filter(|body| !body.is_end_stream());
        *self.back.0.lock().unwrap_or_else(PoisonError::into_inner) = unread;
    }
}

impl Body for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}
