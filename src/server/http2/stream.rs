//! One stream of a connection: its body in pieces, and its end where the peer takes none.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use hyper::{
    body::{Body as HttpBody, Frame, SizeHint},
    rt::Executor as HyperExecutor,
};
use tokio::time::{Instant, Sleep, sleep};

use super::{super::connection::contain_panic, MAX_SEND_BUFFER_BYTES, Streams};
use crate::{metrics::Metrics, server::socket::WRITE_TIMEOUT};

/// A stream, as far as its future and its body have to know of each other. The same task polls both.
pub(super) struct Stream {
    streams: Arc<Streams>,
    /// How many times something was handed over: the head, and each piece of the body.
    handed: AtomicUsize,
    /// Whether what comes next is not there yet, so that nobody waits for the peer.
    is_waiting: AtomicBool,
}

impl Stream {
    fn new(streams: Arc<Streams>) -> Self {
        streams.progress.stream_opened();
        // Until there is an answer, the peer waits for us.
        Self { streams, handed: AtomicUsize::new(0), is_waiting: AtomicBool::new(true) }
    }

    /// The head is handed over.
    pub(super) fn answered(&self) {
        self.gave(true);
    }

    /// The body was asked: it gave something, or has nothing yet.
    fn gave(&self, something: bool) {
        self.is_waiting.store(!something, Ordering::Relaxed);
        if something {
            self.handed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What the peer has not taken yet, by its number.
    fn untaken(&self) -> Option<usize> {
        let is_waiting = self.is_waiting.load(Ordering::Relaxed);
        (!is_waiting).then(|| self.handed.load(Ordering::Relaxed))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.streams.progress.stream_closed();
    }
}

/// Runs the streams of a connection.
#[derive(Clone)]
pub(super) struct Executor {
    streams: Arc<Streams>,
    /// The stream whose future is handed over next. hyper makes a future by calling the service, and
    /// hands it over before it calls the service again (1.12.0: `Server::poll_server`).
    next: Arc<Mutex<Option<Arc<Stream>>>>,
}

impl Executor {
    pub(super) fn new(streams: Streams) -> Self {
        Self { streams: Arc::new(streams), next: Arc::default() }
    }

    /// A request has come.
    pub(super) fn open(&self) -> Arc<Stream> {
        let stream = Arc::new(Stream::new(Arc::clone(&self.streams)));
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&stream));
        stream
    }
}

impl<F> HyperExecutor<F> for Executor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        let stream = self.next.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(stream) = stream else {
            self.streams.tasks.spawn(contain_panic(Box::pin(future)));
            return;
        };
        let metrics = self.streams.metrics.clone();
        let timed = Timed { future: Box::pin(future), stream, timer: None, metrics };
        self.streams.tasks.spawn(contain_panic(timed));
    }
}

/// A stream's future, which ends when the peer takes nothing for [`WRITE_TIMEOUT`]: dropped, the
/// stream is reset, and the others of its connection go on.
struct Timed<F> {
    future: Pin<Box<F>>,
    stream: Arc<Stream>,
    /// Since when something waits, and which.
    timer: Option<(usize, Pin<Box<Sleep>>)>,
    metrics: Metrics,
}

impl<F: Future<Output = ()>> Future for Timed<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.future.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let Some(untaken) = this.stream.untaken() else {
            this.timer = None;
            return Poll::Pending;
        };
        match &mut this.timer {
            Some((which, timer)) if *which != untaken => {
                *which = untaken;
                timer.as_mut().reset(Instant::now() + WRITE_TIMEOUT);
            }
            Some(_) => {}
            none => *none = Some((untaken, Box::pin(sleep(WRITE_TIMEOUT)))),
        }
        if let Some((_, timer)) = &mut this.timer
            && timer.as_mut().poll(context).is_ready()
        {
            this.metrics.evicted();
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

/// A body in pieces of which one is handed over when the one before is on its way. hyper takes a
/// whole page otherwise, and nobody would see how a slow peer takes it.
pub(super) struct Paced {
    body: Body,
    rest: Bytes,
    is_empty: bool,
    stream: Arc<Stream>,
}

impl Paced {
    pub(super) fn new(body: Body, is_empty: bool, stream: Arc<Stream>) -> Self {
        Self { body, rest: Bytes::new(), is_empty, stream }
    }
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        if this.rest.is_empty() {
            let polled = Pin::new(&mut this.body).poll_frame(context);
            this.stream.gave(polled.is_ready());
            match polled {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                other => return other,
            }
        } else {
            this.stream.gave(true);
        }
        let size = this.rest.len().min(MAX_SEND_BUFFER_BYTES);
        Poll::Ready(Some(Ok(Frame::data(this.rest.split_to(size)))))
    }

    /// Not before it was asked for the end as well, which hyper does when the last piece is on its
    /// way: what is at its end is watched by nobody.
    fn is_end_stream(&self) -> bool {
        self.is_empty
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
