//! Live responses: frames, as they come, for as long as the peer takes them.
//!
//! hyper keeps two buffers of 8 KB for a connection as long as it lasts, and takes a body's items
//! through several layers one by one. Tens of thousands of tabs are held for hours and given a
//! frame at a time: for them the socket is taken out of hyper once it has read the request, and
//! what remains is a [`Writer`]: a head, and frames with what the protocol puts around them.
//!
//! Where the socket cannot be taken over (HTTP/2, or a router that is called without our server),
//! the same response has an ordinary body of the same frames.
//!
//! Clients that know a clean end from a broken one come back after a broken one only. So a response
//! looks complete where its frames say that they are, and cut where they do not.
//!
//! Either way a peer that takes nothing for [`WRITE_TIMEOUT`] is cut, and the frames are dropped
//! with all that they hold.

mod body;
mod pump;
mod writer;

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Extension,
    body::Body,
    http::HeaderMap,
    response::{IntoResponse as _, IntoResponseParts, Response},
};
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_stream::Stream;

use crate::{
    metrics::Metrics,
    sink::{Chunk, Framing, Sink},
};
pub(super) use body::Flushes;
use body::FrameBody;
use pump::Pump;

pub use super::socket::WRITE_TIMEOUT;
pub use pump::Cut;
pub use writer::Writer;

/// Frames on their way to a peer. Whoever gives them may write to the peer's socket itself, between
/// [`LiveFrames::park`] and [`LiveFrames::unpark`].
pub trait LiveFrames: Stream<Item = Chunk> + Send {
    /// This is the socket, and this stands around frames on it.
    fn attach(&mut self, socket: Arc<dyn Sink>, framing: Framing);

    /// All that was polled is written to the socket, and the last poll was pending.
    fn park(&mut self);

    /// Takes the socket back, before anything is polled or written. Gives what is to be written
    /// first: the rest of a write of theirs, which is empty where they were not parked.
    fn unpark(&mut self) -> Bytes;

    /// Whether the frames, which have ended, are complete.
    fn is_complete(&self) -> bool;
}

type Frames = std::pin::Pin<Box<dyn LiveFrames + Unpin>>;

/// A response of status 200 with these headers, whose body is `frames`. `keep_alive` is one that
/// readers pass over, for peers that may be gone; it must not be empty.
///
/// The frames are dropped at the end of the response, or when the peer is gone.
pub fn answer(
    headers: impl IntoResponseParts,
    frames: impl LiveFrames + Unpin + 'static,
    keep_alive: Chunk,
    metrics: Metrics,
) -> Response {
    let frames = State::Frames { frames: Box::pin(frames), keep_alive, metrics };
    let shared = Shared(Arc::new(Mutex::new(frames)));
    let body = Body::from_stream(pump::body(shared.clone()));
    (headers, Extension(shared), body).into_response()
}

/// Makes a live response an ordinary one whose frames are taken when its body is polled, with no
/// task between. The caller sees to it that a peer which takes none is cut, and counts how often all
/// that was handed over is written. Others are left alone.
pub(super) fn unpumped(response: &mut Response, flushes: Flushes) {
    if let Some(shared) = response.extensions_mut().remove::<Shared>()
        && let State::Frames { frames, .. } = mem::take(&mut *shared.lock())
    {
        *response.body_mut() = Body::new(FrameBody::new(frames, flushes));
    }
}

/// The frames of a response. An extension of it and its body share them; who asks first has them.
#[derive(Clone)]
struct Shared(Arc<Mutex<State>>);

#[derive(Default)]
enum State {
    Frames {
        frames: Frames,
        keep_alive: Chunk,
        metrics: Metrics,
    },
    #[default]
    Taken,
}

impl Shared {
    /// The frames for an ordinary body.
    fn pump(&self) -> Option<Pump> {
        match mem::take(&mut *self.lock()) {
            State::Frames { frames, metrics, .. } => Some(Pump::start(frames, metrics)),
            State::Taken => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A response that takes a socket over.
pub struct LiveResponse {
    headers: HeaderMap,
    frames: Frames,
    keep_alive: Chunk,
    framing: Framing,
}

impl LiveResponse {
    /// Takes headers and frames out of a response, if it is a live one. `framing` is what the peer's
    /// version of HTTP/1 puts around frames.
    pub fn take(response: &mut Response, framing: Framing) -> Option<Self> {
        let shared: Shared = response.extensions_mut().remove()?;
        let State::Frames { frames, keep_alive, .. } = mem::take(&mut *shared.lock()) else {
            return None;
        };
        Some(Self { headers: mem::take(response.headers_mut()), frames, keep_alive, framing })
    }

    /// Lets whoever gives the frames write to the socket as well.
    pub fn attach(&mut self, socket: Arc<dyn Sink>) {
        self.frames.attach(socket, self.framing);
    }

    /// Writes it to `socket`, on which nothing of an answer was written before. Deadlines for
    /// writes are the socket's.
    pub fn into_writer<S: AsyncRead + AsyncWrite + Unpin>(self, socket: S) -> Writer<S> {
        Writer::new(self, socket)
    }
}

/// Frames that nobody but the response writes, and that are complete where they end, for tests.
#[cfg(test)]
pub fn plain(frames: impl Stream<Item = &'static str> + Send + 'static) -> impl LiveFrames + Unpin {
    tests::Plain { frames: Box::pin(frames), is_complete: true }
}

/// The same, which are cut where they end.
#[cfg(test)]
pub fn cut(frames: impl Stream<Item = &'static str> + Send + 'static) -> impl LiveFrames + Unpin {
    tests::Plain { frames: Box::pin(frames), is_complete: false }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };

    use super::*;

    pub struct Plain {
        pub frames: Pin<Box<dyn Stream<Item = &'static str> + Send>>,
        pub is_complete: bool,
    }

    impl Stream for Plain {
        type Item = Chunk;

        fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Chunk>> {
            self.frames.as_mut().poll_next(context).map(|frame| frame.map(Chunk::new))
        }
    }

    impl LiveFrames for Plain {
        fn attach(&mut self, _: Arc<dyn Sink>, _: Framing) {}

        fn park(&mut self) {}

        fn unpark(&mut self) -> Bytes {
            Bytes::new()
        }

        fn is_complete(&self) -> bool {
            self.is_complete
        }
    }
}
