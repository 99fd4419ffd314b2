//! Live responses: frames, as they come, for as long as the peer takes them.
//!
//! hyper keeps two buffers of 8 KB for a connection as long as it lasts, and takes a body's items
//! through several layers one by one. Tens of thousands of tabs are held for hours and given a
//! frame at a time: for them the socket is taken out of hyper once it has read the request, and
//! what remains is a [`Writer`]: a head, and frames as they are.
//!
//! Where the socket cannot be taken over (HTTP/2, or a router that is called without our server),
//! the same response has an ordinary body of the same frames.
//!
//! Either way a peer that takes nothing for [`WRITE_TIMEOUT`] is cut, and the frames are dropped
//! with all that they hold.

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

use crate::{metrics::Metrics, sink::Sink};
use pump::Pump;

pub use super::socket::WRITE_TIMEOUT;
pub use pump::WriteTimeout;
pub use writer::Writer;

/// Frames on their way to a peer. Whoever gives them may write to the peer's socket itself, between
/// [`LiveFrames::park`] and the next poll.
pub trait LiveFrames: Stream<Item = Bytes> + Send {
    /// This is the socket.
    fn attach(&mut self, socket: Arc<dyn Sink>);

    /// All that was polled is written to the socket, and the last poll was pending.
    fn park(&mut self);
}

type Frames = std::pin::Pin<Box<dyn LiveFrames + Unpin>>;

/// A response of status 200 with these headers, whose body is `frames`. `keep_alive` is a piece
/// that readers pass over, for peers that may be gone; it must not be empty.
///
/// The frames are dropped at the end of the response, or when the peer is gone.
pub fn answer(
    headers: impl IntoResponseParts,
    frames: impl LiveFrames + Unpin + 'static,
    keep_alive: Bytes,
    metrics: Metrics,
) -> Response {
    let frames = State::Frames { frames: Box::pin(frames), keep_alive, metrics };
    let shared = Shared(Arc::new(Mutex::new(frames)));
    let body = Body::from_stream(pump::body(shared.clone()));
    (headers, Extension(shared), body).into_response()
}

/// Makes a live response an ordinary one whose deadline runs from now on, whether its body is
/// polled or not: HTTP/2 polls no body that the peer gives no room for. Others are left alone.
pub fn start_pump(response: &mut Response) {
    if let Some(shared) = response.extensions_mut().remove::<Shared>() {
        let mut state = shared.lock();
        *state = mem::take(&mut *state).pumped();
    }
}

/// The frames of a response. An extension of it and its body share them; who asks first has them.
#[derive(Clone)]
struct Shared(Arc<Mutex<State>>);

#[derive(Default)]
enum State {
    Frames {
        frames: Frames,
        keep_alive: Bytes,
        metrics: Metrics,
    },
    Pumped(Pump),
    #[default]
    Taken,
}

impl State {
    fn pumped(self) -> Self {
        match self {
            Self::Frames { frames, metrics, .. } => Self::Pumped(Pump::start(frames, metrics)),
            other => other,
        }
    }
}

impl Shared {
    /// The frames for an ordinary body.
    fn pump(&self) -> Option<Pump> {
        match mem::take(&mut *self.lock()).pumped() {
            State::Pumped(pump) => Some(pump),
            _ => None,
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
    keep_alive: Bytes,
}

impl LiveResponse {
    /// Takes headers and frames out of a response, if it is a live one.
    pub fn take(response: &mut Response) -> Option<Self> {
        let shared: Shared = response.extensions_mut().remove()?;
        let State::Frames { frames, keep_alive, .. } = mem::take(&mut *shared.lock()) else {
            return None;
        };
        Some(Self { headers: mem::take(response.headers_mut()), frames, keep_alive })
    }

    /// Lets whoever gives the frames write to the socket as well.
    pub fn attach(&mut self, socket: Arc<dyn Sink>) {
        self.frames.attach(socket);
    }

    /// Writes it to `socket`, on which nothing of an answer was written before. Deadlines for
    /// writes are the socket's.
    pub fn into_writer<S: AsyncRead + AsyncWrite + Unpin>(self, socket: S) -> Writer<S> {
        Writer::new(self, socket)
    }
}

/// Frames that nobody but the response writes, for tests.
#[cfg(test)]
pub fn plain(frames: impl Stream<Item = Bytes> + Send + 'static) -> impl LiveFrames + Unpin {
    struct Plain(std::pin::Pin<Box<dyn Stream<Item = Bytes> + Send>>);

    impl Stream for Plain {
        type Item = Bytes;

        fn poll_next(
            mut self: std::pin::Pin<&mut Self>,
            context: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Bytes>> {
            self.0.as_mut().poll_next(context)
        }
    }

    impl LiveFrames for Plain {
        fn attach(&mut self, _: Arc<dyn Sink>) {}

        fn park(&mut self) {}
    }

    Plain(Box::pin(frames))
}
