//! The server: connections, deadlines and bounds, around whatever answers the requests.
//!
//! `axum::serve` has no timeouts, no bound on connections and no end to its shutdown. So the accept
//! loop is our own, and hyper's connection builder is driven directly.
//!
//! | module | what it does |
//! |---|---|
//! | `accept` | accepts connections while there are permits for them |
//! | `connection` | what is known of a connection, and the task that serves it |
//! | `http1` | HTTP/1 through hyper, until a live response takes the socket over |
//! | [`live`] | responses without an end, on a socket of their own or as an ordinary body |
//! | `progress` | how far a connection is, and until when it may take that long |
//! | `registry` | whose the open connections are, and who has to make room |
//! | `socket` | TCP options, and the deadline for writes |

mod accept;
mod connection;
mod http1;
pub mod live;
mod progress;
mod registry;
mod socket;

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpListener, TcpSocket},
    task::JoinError,
    time::timeout,
};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::{metrics::Metrics, shutdown::Shutdown};
use accept::{Acceptor, Permits};

pub use connection::{ConnectionInfo, HttpService, Protocol};

/// Connections that the kernel completes before they are accepted: what a room of thousands asks
/// for at once after a restart. Linux caps it at its own `somaxconn`, 4,096 by default.
const LISTEN_BACKLOG: u32 = 4096;

/// File descriptors that are not connections: the journal's files and log, epoll, stdio, the
/// listeners, and some to spare.
const RESERVED_DESCRIPTORS: usize = 64;

/// The limit on file descriptors that is assumed where the system does not tell it.
const DEFAULT_DESCRIPTORS: u64 = 1024;

/// Connections at most, where file descriptors are not limited.
const MAX_CONNECTIONS: usize = 1 << 20;

/// How long accepted requests may still take once connections are no longer accepted. Streams end
/// by themselves; a send waits for a sync or two. Who reads slowly is cut, and all of it is over in
/// less than two seconds.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(1300);

/// Listens on an address.
///
/// # Errors
///
/// The operating system's.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart can bind the port while connections of the process before linger.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(LISTEN_BACKLOG)
}

/// Raises the limit on file descriptors as far as the system lets this process, and returns how
/// many connections that is enough for.
#[must_use]
pub fn max_connections() -> usize {
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|why| {
        tracing::warn!(%why, "the limit on file descriptors could not be raised");
        DEFAULT_DESCRIPTORS
    });
    let limit = usize::try_from(limit).unwrap_or(MAX_CONNECTIONS).min(MAX_CONNECTIONS);
    limit.saturating_sub(RESERVED_DESCRIPTORS).max(1)
}

/// Why a server ended that was not told to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listening socket does not work any more, and trying again will not help.
    #[error("no connection can be accepted any more: {0}")]
    Listener(#[source] io::Error),
    /// The accept loop panicked.
    #[error("the accept loop failed: {0}")]
    AcceptLoop(#[source] JoinError),
}

/// Serves `service` until the shutdown begins and what was accepted is answered. Where
/// `max_connections` are open, idle ones are closed, and further ones wait in the kernel.
///
/// # Errors
///
/// [`ServeError`]: then it has begun the shutdown itself, so that streams end and what was accepted
/// is answered all the same.
pub async fn run(
    listener: TcpListener,
    service: impl HttpService,
    max_connections: usize,
    metrics: Metrics,
    shutdown: Shutdown,
) -> Result<(), ServeError> {
    let connections = TaskTracker::new();
    let permits = Permits::new(max_connections);
    let acceptor = Acceptor {
        listener,
        service,
        permits: permits.clone(),
        connections: connections.clone(),
        metrics,
        shutdown: shutdown.clone(),
    };
    // A task of its own, so that a panic in it is an error here.
    let accepting = AbortOnDropHandle::new(tokio::spawn(acceptor.run()));
    let outcome = match accepting.await {
        Ok(accepted) => accepted.map_err(ServeError::Listener),
        Err(why) => Err(ServeError::AcceptLoop(why)),
    };
    shutdown.begin();
    permits.close_idle();
    connections.close();
    if timeout(DRAIN_TIMEOUT, connections.wait()).await.is_err() {
        tracing::warn!("{} connections were cut at shutdown", connections.len());
    }
    outcome
}

#[cfg(test)]
mod tests {
    use std::{
        net::{Ipv4Addr, Shutdown as Half},
        sync::{
            Arc, Mutex,
            atomic::{AtomicUsize, Ordering},
        },
        task::{Context, Poll},
    };

    use axum::{Router, body::Body, response::Response, routing::get};
    use hyper::Request;
    use socket2::SockRef;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };
    use tower_service::Service;

    use super::*;

    fn here() -> (TcpListener, SocketAddr) {
        let listener = bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    async fn ask(address: SocketAddr, path: &str) -> String {
        let mut client = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_listener_that_fails_for_good_begins_the_shutdown_and_is_an_error() {
        let (listener, _) = here();
        // Behind the server's back: accept fails from now on, and always will.
        SockRef::from(&listener).shutdown(Half::Both).unwrap();
        let shutdown = Shutdown::new();
        let ended = run(listener, Router::new(), 8, Metrics::new(), shutdown.clone()).await;
        assert!(matches!(ended, Err(ServeError::Listener(_))), "{ended:?}");
        assert!(shutdown.has_begun());
    }

    /// Panics where the accept loop clones it for the second connection.
    struct Brittle(Router, Arc<AtomicUsize>);

    impl Clone for Brittle {
        fn clone(&self) -> Self {
            assert!(self.1.fetch_add(1, Ordering::Relaxed) < 2, "a second connection");
            Self(self.0.clone(), Arc::clone(&self.1))
        }
    }

    impl Service<Request<Body>> for Brittle {
        type Response = Response;
        type Error = std::convert::Infallible;
        type Future = <Router as Service<Request<Body>>>::Future;

        fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Service::<Request<Body>>::poll_ready(&mut self.0, context)
        }

        fn call(&mut self, request: Request<Body>) -> Self::Future {
            self.0.call(request)
        }
    }

    #[tokio::test]
    async fn a_panic_in_the_accept_loop_is_an_error_after_what_was_accepted_is_answered() {
        let (listener, address) = here();
        let (entered, mut waiting) = tokio::sync::mpsc::channel::<()>(1);
        let shutdown = Shutdown::new();
        let until_the_end = shutdown.clone();
        let slow = get(async move || {
            entered.send(()).await.unwrap();
            until_the_end.begun().await;
            "answered"
        });
        let service = Brittle(Router::new().route("/", slow), Arc::default());
        let server = tokio::spawn(run(listener, service, 8, Metrics::new(), shutdown));
        let first = tokio::spawn(async move { ask(address, "/").await });
        waiting.recv().await.unwrap();
        let _second = TcpStream::connect(address).await.unwrap();
        let ended = server.await.unwrap();
        assert!(matches!(ended, Err(ServeError::AcceptLoop(_))), "{ended:?}");
        assert!(first.await.unwrap().ends_with("answered"));
    }

    /// Whatever is logged while the answer is held, on this thread.
    fn log() -> (Arc<Mutex<Vec<u8>>>, tracing::subscriber::DefaultGuard) {
        #[derive(Clone, Default)]
        struct Log(Arc<Mutex<Vec<u8>>>);
        impl io::Write for Log {
            fn write(&mut self, line: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(line);
                Ok(line.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        (log.0, tracing::subscriber::set_default(subscriber))
    }

    #[tokio::test]
    async fn a_panic_in_a_connections_task_ends_that_connection_and_is_one_line_in_the_log() {
        let (listener, address) = here();
        let router = Router::new()
            .route("/panic", get(async || -> &'static str { panic!("on purpose") }))
            .route("/fine", get(async || "fine"));
        let shutdown = Shutdown::new();
        let server = run(listener, router, 8, Metrics::new(), shutdown.clone());
        let (log, _guard) = log();
        let clients = async {
            assert_eq!(ask(address, "/panic").await, "");
            assert!(ask(address, "/fine").await.ends_with("fine"));
            shutdown.begin();
        };
        let (ended, ()) = tokio::join!(server, clients);
        ended.unwrap();
        let log = String::from_utf8(log.lock().unwrap().clone()).unwrap();
        let lines: Vec<_> = log.lines().filter(|line| line.contains("panicked")).collect();
        assert_eq!(lines.len(), 1, "{log}");
        assert!(lines[0].contains("ERROR") && !lines[0].contains("on purpose"), "{log}");
    }
}
