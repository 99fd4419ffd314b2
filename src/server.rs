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
//! | `http2` | HTTP/2 through hyper, and an end to streams whose peer takes nothing |
//! | `listener` | where connections come from |
//! | [`live`] | responses without an end, on a socket of their own or as an ordinary body |
//! | `progress` | how far a connection is, and until when it may take that long |
//! | `registry` | whose the open connections are, and who has to make room |
//! | `socket` | TCP options, and the deadline for writes |
//! | [`tls`] | encryption: handshakes, and certificates that can change |

mod accept;
mod connection;
mod http1;
mod http2;
mod listener;
pub mod live;
mod progress;
mod registry;
mod socket;
pub mod tls;

use std::{io, time::Duration};

use tokio::{
    task::{JoinError, JoinSet},
    time::timeout,
};
use tokio_util::task::TaskTracker;

use crate::{metrics::Metrics, shutdown::Shutdown};
use accept::{Acceptor, Permits};

pub use connection::{ConnectionInfo, HttpService, Protocol};
pub use listener::{Address, Listener};

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
    listeners: Vec<Listener>,
    service: impl HttpService,
    max_connections: usize,
    metrics: Metrics,
    shutdown: Shutdown,
) -> Result<(), ServeError> {
    let connections = TaskTracker::new();
    let permits = Permits::new(max_connections);
    // Tasks of their own, so that a panic in one is an error here.
    let mut accepting = JoinSet::new();
    for listener in listeners {
        let acceptor = Acceptor {
            listener,
            service: service.clone(),
            permits: permits.clone(),
            connections: connections.clone(),
            metrics: metrics.clone(),
            shutdown: shutdown.clone(),
        };
        accepting.spawn(acceptor.run());
    }
    let mut outcome = Ok(());
    while let Some(ended) = accepting.join_next().await {
        let ended = match ended {
            Ok(accepted) => accepted.map_err(ServeError::Listener),
            Err(why) => Err(ServeError::AcceptLoop(why)),
        };
        outcome = outcome.and(ended);
        shutdown.begin();
    }
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
        net::{Shutdown as Half, SocketAddr},
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
        let (listener, _) = Listener::here();
        // Behind the server's back: accept fails from now on, and always will.
        SockRef::from(listener.tcp_socket()).shutdown(Half::Both).unwrap();
        let shutdown = Shutdown::new();
        let ended = run(vec![listener], Router::new(), 8, Metrics::new(), shutdown.clone()).await;
        assert!(matches!(ended, Err(ServeError::Listener(_))), "{ended:?}");
        assert!(shutdown.has_begun());
    }

    /// Panics where the accept loop clones it for the second connection.
    struct Brittle(Router, Arc<AtomicUsize>);

    impl Clone for Brittle {
        fn clone(&self) -> Self {
            assert!(self.1.fetch_add(1, Ordering::Relaxed) < 3, "a second connection");
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
        let (listener, address) = Listener::here();
        let (entered, mut waiting) = tokio::sync::mpsc::channel::<()>(1);
        let shutdown = Shutdown::new();
        let until_the_end = shutdown.clone();
        let slow = get(async move || {
            entered.send(()).await.unwrap();
            until_the_end.begun().await;
            "answered"
        });
        let service = Brittle(Router::new().route("/", slow), Arc::default());
        let server = tokio::spawn(run(vec![listener], service, 8, Metrics::new(), shutdown));
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
        let (listener, address) = Listener::here();
        let router = Router::new()
            .route("/panic", get(async || -> &'static str { panic!("on purpose") }))
            .route("/fine", get(async || "fine"));
        let shutdown = Shutdown::new();
        let server = run(vec![listener], router, 8, Metrics::new(), shutdown.clone());
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
