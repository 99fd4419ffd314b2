//! One connection: what is known of it, and the task that serves it.

use std::{
    convert::Infallible,
    future::poll_fn,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::{body::Body, response::Response};
use hyper::Request;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{OwnedSemaphorePermit, futures::OwnedNotified},
};
use tokio_util::task::TaskTracker;
use tower_service::Service;

use super::{
    http1, http2,
    listener::UNIX_PEER,
    live::Writer,
    registry::Registered,
    socket::{self, DeadlineSocket, Socket},
    tls::{self, Tls},
};
use crate::metrics::{GaugeGuard, Metrics};

/// What the rest of the program knows of a connection: an extension of each of its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionInfo {
    /// The other end of the socket; a proxy, where there is one.
    pub peer: SocketAddr,
    /// Whether it came by an address that only this machine reaches.
    pub is_local: bool,
    /// Whether it is encrypted up to here.
    pub tls: bool,
    /// What is spoken on it.
    pub protocol: Protocol,
}

impl ConnectionInfo {
    /// Whether it came by a socket in the file system, whose permissions say who that may be. Its peer
    /// has port 0, which no connection of TCP has (RFC 6335, section 6).
    #[must_use]
    pub fn is_by_file(&self) -> bool {
        self.peer == UNIX_PEER
    }
}

/// The protocol of a connection. (The version of a request is in the request: 1.0 and 1.1 come on
/// the same connection.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.0 and HTTP/1.1 (RFC 9112): one request at a time, and few connections per browser.
    Http1,
    /// HTTP/2 (RFC 9113): many requests at a time.
    Http2,
}

/// What answers requests, as axum's router does.
pub trait HttpService:
    Service<Request<Body>, Response = Response, Error = Infallible, Future: Send>
    + Clone
    + Send
    + 'static
{
}

impl<S> HttpService for S where
    S: Service<Request<Body>, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// Answers one request of a connection.
pub(super) async fn respond(
    mut service: impl HttpService,
    mut request: Request<Body>,
    info: ConnectionInfo,
) -> Response {
    request.extensions_mut().insert(info);
    let Ok(()) = poll_fn(|context| service.poll_ready(context)).await;
    let Ok(response) = service.call(request).await;
    response
}

/// A connection that was accepted.
pub(super) struct Connection {
    pub(super) socket: Socket,
    pub(super) peer: SocketAddr,
    pub(super) is_local: bool,
    /// What it is encrypted with, where it is.
    pub(super) tls: Option<Tls>,
    /// Held as long as the socket is open.
    pub(super) held: (OwnedSemaphorePermit, GaugeGuard),
    /// Resolves when the connection should close.
    pub(super) closing: OwnedNotified,
    /// Counts it by its address, until a stream takes it over.
    pub(super) registered: Registered,
    pub(super) metrics: Metrics,
}

impl Connection {
    /// Serves it in a task of `tasks`.
    pub(super) fn spawn(self, service: impl HttpService, tasks: &TaskTracker) {
        let live_tasks = tasks.clone();
        match self.tls.clone() {
            // Tasks of two kinds: what is encrypted needs no room for what holds the other, as long as
            // it lasts. In a box, since a task of its own would have what it was made of twice.
            Some(tls) => {
                tasks.spawn(contain_panic(Box::pin(self.serve_encrypted(tls, service, live_tasks))))
            }
            None => tasks.spawn(async move {
                contain_panic(pin!(self.serve(service, live_tasks))).await;
            }),
        };
    }

    fn configure(&self) {
        if let Err(why) = socket::configure(&self.socket) {
            tracing::debug!(%why, "a socket option could not be set");
        }
    }

    /// Serves it until it ends, or until a live response takes the socket over. That gets a task of
    /// its own, which is a quarter as large.
    async fn serve(self, service: impl HttpService, tasks: TaskTracker) {
        self.configure();
        let Self { socket, peer, is_local, held, closing, registered, metrics, .. } = self;
        let socket = DeadlineSocket::new(socket, metrics);
        let info = ConnectionInfo { peer, is_local, tls: false, protocol: Protocol::Http1 };
        let progress = Arc::clone(&registered.progress);
        match http1::serve(socket, info, service, progress, closing).await {
            Ok(None) => {}
            Ok(Some((socket, mut live))) => {
                let (socket, sink) = socket.share();
                live.attach(sink);
                drop(registered);
                let task = StreamTask { writer: live.into_writer(socket), _held: held };
                tasks.spawn(contain_panic(task));
            }
            Err(why) => log_end(&why),
        }
    }

    /// The same over TLS. Nobody else writes to a socket that is taken over here: what is written
    /// to it has to be encrypted in order.
    async fn serve_encrypted(self, tls: Tls, service: impl HttpService, tasks: TaskTracker) {
        self.configure();
        let Self { socket, peer, is_local, held, closing, registered, metrics, .. } = self;
        let progress = Arc::clone(&registered.progress);
        let mut closing = pin!(closing);
        let socket = DeadlineSocket::new(socket, metrics.clone());
        let socket = tokio::select! {
            biased;
            // In boxes, this and what it gives: it would stand several times in what holds it, as long
            // as the connection lasts.
            shaken = Box::pin(tls.accept(socket)) => match shaken {
                Ok(Some(socket)) => Box::new(socket),
                Ok(None) => return,
                Err(why) => return log_end(&why),
            },
            () = progress.ended() => return,
            () = closing.as_mut() => return,
        };
        progress.begin();
        let protocol = if socket.get_ref().1.alpn_protocol() == Some(tls::HTTP_2) {
            Protocol::Http2
        } else {
            Protocol::Http1
        };
        let info = ConnectionInfo { peer, is_local, tls: true, protocol };
        if protocol == Protocol::Http2 {
            let streams = http2::Streams { tasks, metrics, progress };
            // In boxes again: what holds one of the two has no room for the other.
            let served = Box::pin(http2::serve(socket, info, service, streams, closing)).await;
            if let Err(why) = served {
                log_end(&why);
            }
            return;
        }
        match Box::pin(http1::serve(socket, info, service, progress, closing)).await {
            Ok(None) => {}
            Ok(Some((socket, live))) => {
                drop(registered);
                let task = StreamTask { writer: live.into_writer(socket), _held: held };
                tasks.spawn(contain_panic(task));
            }
            Err(why) => log_end(&why),
        }
    }
}

/// Peers vanish all the time; that is worth a line only to who looks for it.
fn log_end(why: &dyn std::error::Error) {
    tracing::debug!(%why, "a connection ended early");
}

/// The task of a socket that a live response has taken over. Written by hand: in an async block all
/// of it would stand twice, once as captured and once as used, for each of thousands of tabs.
struct StreamTask<S> {
    writer: Writer<S>,
    /// Dropped after the socket.
    _held: (OwnedSemaphorePermit, GaugeGuard),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for StreamTask<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Err(why) = ready!(Pin::new(&mut self.writer).poll(context)) {
            tracing::debug!(%why, "a stream ended early");
        }
        Poll::Ready(())
    }
}

/// Runs a connection's task, or a stream's. A panic in it ends that only, and is logged in one line.
pub(super) fn contain_panic(
    mut task: impl Future<Output = ()> + Unpin,
) -> impl Future<Output = ()> {
    poll_fn(move |context| {
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut task).poll(context)));
        polled.unwrap_or_else(|_| {
            // Where, is in the line before; what it says may quote what somebody wrote.
            tracing::error!("a connection's task panicked");
            Poll::Ready(())
        })
    })
}
