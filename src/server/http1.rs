//! HTTP/1 through hyper, until a live response takes the socket over.
//!
//! The service that hyper calls does not return a live response: it offers it to the connection's
//! task through a [`Takeover`] and waits for ever. The task drives hyper on until nothing of the
//! answers to earlier requests is left in its buffers, takes the socket out, and hyper is gone.

pub(super) mod refusal;
mod takeover;
mod watched;

use std::{
    convert::Infallible,
    future::pending,
    io::{self, IoSlice},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::body::Body;
use bytes::{Buf as _, Bytes};
use hyper::{
    Method, Request, Version,
    body::{Body as _, Incoming},
    rt::{Read, ReadBufCursor, Write},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    connection::{ConnectionInfo, HttpService, respond},
    live::LiveResponse,
    progress::{Noted, Progress},
};
use crate::sink::Framing;
use takeover::Takeover;
use watched::Watched;

/// What a connection reads and gathers at once. A request's head must fit: what a browser sends to a
/// host grows with the cookies of all applications there, and proxies take as much (nginx 32 KB).
/// A buffer begins at a quarter of it, and grows for who needs more.
const MAX_BUFFER_BYTES: usize = 32 * 1024;

/// Answers requests until the connection ends, or one of them has a live response: then it returns
/// the socket with that. Once `closing` resolves, the connection ends when it is idle; and at once
/// where its `progress` ends it.
///
/// # Errors
///
/// hyper's: the socket's, or a request's that cannot be read.
pub(super) async fn serve<S>(
    socket: S,
    info: ConnectionInfo,
    service: impl HttpService,
    progress: Arc<Progress>,
    closing: impl Future<Output = ()>,
) -> hyper::Result<Option<(S, LiveResponse)>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let takeover = Arc::new(Takeover::default());
    let socket = Io {
        inner: TokioIo::new(Watched { socket, progress: Arc::clone(&progress) }),
        takeover: Arc::clone(&takeover),
        refusal: Bytes::new(),
    };
    let (offers, asked) = (Arc::clone(&takeover), Arc::clone(&progress));
    let service = service_fn(move |request: Request<Incoming>| {
        // To HEAD the headers of a stream are the whole answer.
        let may_be_live = request.method() == Method::GET;
        let framing = framing_of(request.version());
        let (offers, progress) = (Arc::clone(&offers), Arc::clone(&asked));
        let too_large = refusal::too_large(&request);
        progress.asked(!request.body().is_end_stream());
        let request = request.map(|body| {
            let has_ended = body.is_end_stream();
            if has_ended {
                Body::new(body)
            } else {
                Body::new(Noted::new(body, Arc::clone(&progress)))
            }
        });
        let response = respond(service.clone(), request, info);
        // In a box: hyper keeps room for this future as long as the connection lasts.
        Box::pin(async move {
            let mut response = match too_large {
                Some(refusal) => refusal,
                None => response.await,
            };
            let live = may_be_live.then(|| LiveResponse::take(&mut response, framing)).flatten();
            let Some(live) = live else {
                progress.answered();
                return Ok::<_, Infallible>(response);
            };
            offers.offer(live);
            drop(response);
            pending().await
        })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(None) // `Progress` has timers that know more.
        .max_buf_size(MAX_BUFFER_BYTES)
        // Who has said all may close its half and wait for the answer, as `nc -N` does; and hyper
        // needs no second buffer to read into while it answers.
        .half_close(true)
        .serve_connection(socket, service);
    let mut closing = pin!(closing);
    let mut ended = pin!(progress.ended());
    let mut is_closing = false;
    loop {
        tokio::select! {
            biased; // What has come is read before it is too late to be answered.
            outcome = &mut connection => {
                if outcome.as_ref().is_err_and(hyper::Error::is_parse) {
                    refusal::linger(connection.into_parts().io.inner.into_inner().socket).await;
                }
                return outcome.map(|()| None);
            }
            live = takeover.accept() => {
                let socket = connection.into_parts().io.inner.into_inner().socket;
                return Ok(Some((socket, live)));
            }
            () = closing.as_mut(), if !is_closing => {
                is_closing = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            () = ended.as_mut() => return Ok(None),
        }
    }
}

/// What stands around the frames of a live response: who speaks HTTP/1.0 need not know chunks
/// (RFC 9112, section 6.1).
fn framing_of(version: Version) -> Framing {
    if version >= Version::HTTP_11 { Framing::Chunked } else { Framing::Bare }
}

/// The socket as hyper sees it, which tells a [`Takeover`] when all is written.
struct Io<S> {
    inner: TokioIo<Watched<S>>,
    takeover: Arc<Takeover>,
    /// What is still to be written in the place of an answer of hyper's own.
    refusal: Bytes,
}

impl<S: AsyncWrite + Unpin> Io<S> {
    fn poll_refusal(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.refusal.is_empty() {
            let Self { inner, refusal, .. } = self;
            let written = ready!(Pin::new(inner).poll_write(context, refusal))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            refusal.advance(written);
        }
        Poll::Ready(Ok(()))
    }
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
        if let Some(refusal) = refusal::worded(bytes) {
            self.refusal = refusal;
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [one] = parts {
            return self.poll_write(context, one);
        }
        Pin::new(&mut self.inner).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_refusal(context))?;
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
