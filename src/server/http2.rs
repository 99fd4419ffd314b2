//! HTTP/2 through hyper: many requests at once on a connection.
//!
//! A live response is an ordinary body here, of the frames that all readers share. hyper polls no
//! body whose stream has no room, so that no deadline inside of one would fire. It hands each
//! stream's future to an executor, though, and that is ours: `stream` sees when a body gave
//! something and was not asked again, and ends that stream alone.

mod flushed;
mod stream;
mod unread;

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use axum::{body::Body, http::header, response::Response};
use hyper::{
    Method, Request,
    body::{Body as _, Incoming},
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_util::task::TaskTracker;

use super::{
    connection::{ConnectionInfo, HttpService, respond},
    http1::refusal,
    live,
    progress::Progress,
};
use crate::metrics::Metrics;
use flushed::Flushed;
use stream::{Executor, Paced};
use unread::Unread;

/// Requests that a connection has open at once: more tabs than anybody has windows, and an end to
/// what one connection can ask for.
const MAX_STREAMS: u32 = 250;

/// What is gathered for a stream that its peer has given no room for.
const MAX_SEND_BUFFER_BYTES: usize = 16 * 1024;

/// A request's head. One that is larger than over HTTP/1 is refused as there, in words; beyond this
/// h2 refuses it without any.
const MAX_HEADER_LIST_BYTES: u32 = 64 * 1024;

/// What a peer may send of a body before it is read, and of all bodies of a connection: a form is
/// 64 KB at most by default.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;

/// How often a peer is asked whether it is there, and how long it may take to say so. The kernel's
/// own probes find who vanished; these find who is there, and does nothing any more. With the grace of
/// presence they make the 25 s after which who vanished is gone.
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection has to end that was told to: so that what its peer asks meanwhile is asked
/// on another (GOAWAY).
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What a connection's streams run in, and where they are counted.
pub(super) struct Streams {
    pub(super) tasks: TaskTracker,
    pub(super) metrics: Metrics,
    pub(super) progress: Arc<Progress>,
}

/// The answer to a head that is larger than over HTTP/1.
fn too_large(request: &Request<Incoming>) -> Option<Response> {
    let mut refusal = refusal::too_large(request)?;
    refusal.headers_mut().remove(header::CONNECTION); // There is none (RFC 9113, section 8.2.2).
    Some(refusal)
}

/// Answers requests until the connection ends. Once `closing` resolves, it takes no more, and ends
/// when those are answered; and soon where its `progress` ends it.
///
/// # Errors
///
/// hyper's: the socket's, or the peer's that breaks the protocol.
pub(super) async fn serve<S>(
    socket: S,
    info: ConnectionInfo,
    service: impl HttpService,
    streams: Streams,
    closing: impl Future<Output = ()>,
) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let progress = Arc::clone(&streams.progress);
    let flushes = live::Flushes::default();
    let socket = Flushed { socket, flushes: flushes.clone() };
    let executor = Executor::new(streams);
    let streams = executor.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let stream = streams.open();
        let too_large = too_large(&request);
        // To HEAD the headers of a stream are the whole answer.
        let may_be_live = request.method() == Method::GET;
        // Who waits to be told to go on sends nothing until then (RFC 9110, section 10.1.1).
        let sends =
            !request.body().is_end_stream() && !request.headers().contains_key(header::EXPECT);
        let unread = sends.then(Unread::default);
        let request = request.map(|body| match &unread {
            Some(unread) => Body::new(unread.lend(body)),
            None => Body::new(body),
        });
        let response = respond(service.clone(), request, info);
        let flushes = flushes.clone();
        // In a box: hyper keeps room for this future as long as the stream lasts.
        Box::pin(async move {
            let mut response = match too_large {
                Some(refusal) => {
                    drop(response); // And gives the body back.
                    refusal
                }
                None => response.await,
            };
            if let Some(unread) = unread {
                unread.drain().await;
            }
            if may_be_live {
                live::unpumped(&mut response, flushes);
            }
            stream.answered();
            let is_empty = response.body().is_end_stream();
            Ok::<_, Infallible>(response.map(|body| Paced::new(body, is_empty, stream)))
        })
    });
    let mut builder = http2::Builder::new(executor);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_send_buf_size(MAX_SEND_BUFFER_BYTES)
        .max_header_list_size(MAX_HEADER_LIST_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(socket), service));
    let mut closing = pin!(closing);
    let mut ended = pin!(progress.ended());
    let mut is_closing = false;
    loop {
        tokio::select! {
            biased;
            outcome = connection.as_mut() => return outcome,
            () = closing.as_mut(), if !is_closing => {
                is_closing = true;
                connection.as_mut().graceful_shutdown();
            }
            () = ended.as_mut() => break,
        }
    }
    connection.as_mut().graceful_shutdown();
    // A peer that hears of it may close first.
    let _ = timeout(CLOSE_TIMEOUT, connection).await;
    Ok(())
}

#[cfg(test)]
mod tests;
