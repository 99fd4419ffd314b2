//! HTTP/1 through hyper, until a live response takes the socket over.
//!
//! The service that hyper calls does not return a live response: it offers it to the connection's
//! task through a [`Takeover`] and waits for ever. The task drives hyper on until nothing of the
//! answers to earlier requests is left in its buffers, takes the socket out, and hyper is gone.

use std::{
    convert::Infallible,
    future::{pending, poll_fn},
    io::{self, IoSlice},
    mem,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use hyper::{
    Method, Request, Version,
    body::Incoming,
    rt::{Read, ReadBufCursor, Write},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    connection::{ConnectionInfo, HttpService, respond},
    live::LiveResponse,
};
use crate::sink::Framing;

/// How long a client may take over its request's head, and how long an idle connection is kept:
/// generous to a phone in a tunnel, and an end to who trickles bytes to hold a connection.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);

/// What a connection reads and gathers at once: the least that hyper allows, since thousands hold
/// it. A request's head must fit.
const MAX_BUFFER_BYTES: usize = 8192;

/// Answers requests until the connection ends, or one of them has a live response: then it returns
/// the socket with that. Once `closing` resolves, the connection ends when it is idle.
///
/// # Errors
///
/// hyper's: the socket's, or a request's that cannot be read.
pub(super) async fn serve<S>(
    socket: S,
    info: ConnectionInfo,
    service: impl HttpService,
    closing: impl Future<Output = ()>,
) -> hyper::Result<Option<(S, LiveResponse)>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let takeover = Arc::new(Takeover::default());
    let socket = Io { inner: TokioIo::new(socket), takeover: Arc::clone(&takeover) };
    let offers = Arc::clone(&takeover);
    let service = service_fn(move |request: Request<Incoming>| {
        // To HEAD the headers of a stream are the whole answer.
        let may_be_live = request.method() == Method::GET;
        let framing = framing_of(request.version());
        let offers = Arc::clone(&offers);
        let response = respond(service.clone(), request, info);
        // In a box: hyper keeps room for this future as long as the connection lasts.
        Box::pin(async move {
            let mut response = response.await;
            let live = may_be_live.then(|| LiveResponse::take(&mut response, framing)).flatten();
            let Some(live) = live else { return Ok::<_, Infallible>(response) };
            offers.offer(live);
            drop(response);
            pending().await
        })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .max_buf_size(MAX_BUFFER_BYTES)
        // Who has said all may close its half and wait for the answer, as `nc -N` does; and hyper
        // needs no second buffer to read into while it answers.
        .half_close(true)
        .serve_connection(socket, service);
    let mut closing = pin!(closing);
    let mut is_closing = false;
    loop {
        tokio::select! {
            biased; // What has come is read before it is too late to be answered.
            ended = &mut connection => return ended.map(|()| None),
            live = takeover.accept() => {
                let socket = connection.into_parts().io.inner.into_inner();
                return Ok(Some((socket, live)));
            }
            () = closing.as_mut(), if !is_closing => {
                is_closing = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    }
}

/// What stands around the frames of a live response: who speaks HTTP/1.0 need not know chunks
/// (RFC 9112, section 6.1).
fn framing_of(version: Version) -> Framing {
    if version >= Version::HTTP_11 { Framing::Chunked } else { Framing::Bare }
}

/// A live response on its way from the service, inside of hyper, to the task that drives hyper.
///
/// hyper takes requests that were sent in one go (pipelined) in order, one at a time. It does *not*
/// promise that the answer before was written when the next request reaches the service: where an
/// answer without a body went out before its request's body was read to the end, reading that makes
/// the connection ready for the next request, whatever the socket has taken by then. (hyper 1.12.0:
/// `Conn::poll_read_body` calls `try_keep_alive` without a flush. Everywhere else only
/// `Conn::poll_flush` does.)
///
/// So the socket is taken out after a flush that hyper began *after* the response was offered. That
/// rests on two facts, checked against hyper 1.12.0, and held by the tests below:
///
/// - `Buffered::poll_flush` calls the socket's `poll_flush` only once its write buffer is empty
///   (`pipeline_flush`, which is the exception, is off), and `Dispatcher::poll_loop` does so after
///   each look at the service.
/// - While the service's future is pending, hyper writes nothing new.
///
/// What the peer sent after this request is dropped with hyper's read buffer: there is nothing more
/// to ask for on this connection.
#[derive(Default)]
struct Takeover(Mutex<State>);

#[derive(Default)]
enum State {
    #[default]
    None,
    /// hyper may still have something to write.
    Offered(LiveResponse),
    /// It has not.
    Flushed(LiveResponse),
}

impl Takeover {
    /// Offers a response, from the service.
    fn offer(&self, live: LiveResponse) {
        *self.lock() = State::Offered(live);
    }

    /// hyper has written all that it had.
    fn flushed(&self) {
        let mut state = self.lock();
        *state = match mem::take(&mut *state) {
            State::Offered(live) => State::Flushed(live),
            other => other,
        };
    }

    /// The response, once hyper has written all that came before it. That happens only while
    /// the connection is polled, in the same task, so nothing else has to wake it.
    async fn accept(&self) -> LiveResponse {
        poll_fn(|_| {
            let mut state = self.lock();
            match mem::take(&mut *state) {
                State::Flushed(live) => Poll::Ready(live),
                other => {
                    *state = other;
                    Poll::Pending
                }
            }
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The socket as hyper sees it, which tells a [`Takeover`] when all is written.
struct Io<S> {
    inner: TokioIo<S>,
    takeover: Arc<Takeover>,
}

impl<S: AsyncRead + Unpin> Read for Io<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> Write for Io<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(context);
        if matches!(flushed, Poll::Ready(Ok(()))) {
            self.takeover.flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
