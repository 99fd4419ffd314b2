//! Sockets: an accept loop of our own around hyper's HTTP/1 connection, for the deadlines, the
//! bounds and the shutdown that `axum::serve` has no hands for.

pub mod live;
mod socket;

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{body::Body, response::Response};
use hyper::{Method, Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{Notify, OwnedSemaphorePermit, Semaphore, futures::OwnedNotified, oneshot},
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::task::TaskTracker;
use tower_service::Service;

use crate::{metrics::Metrics, shutdown::Shutdown};
use live::Live;
use socket::Socket;

/// Connections that the kernel completes before they are accepted: what a room of thousands asks
/// for at once after a restart. Linux caps it at its own `somaxconn`, 4,096 by default.
const BACKLOG: u32 = 4096;

/// File descriptors that are no connection: the journal's files and log, epoll, stdio, the
/// listeners, and some to spare.
const OWN_FILES: usize = 64;

/// Connections where the number of file descriptors is not known, or has no limit.
const MANY: usize = 1 << 20;

/// How long a client may take over its request's head, and how long an idle connection is kept:
/// generous to a phone in a tunnel, and an end to who trickles bytes to hold a connection.
const HEAD: Duration = Duration::from_secs(10);

/// What a connection reads and gathers at once: the least that hyper allows, since thousands hold
/// it. A request's head must fit.
const BUFFER: usize = 8192;

/// How long connections are still taken, and idle ones kept, once the shutdown has begun: whoever
/// looks at `/readyz`, on a new connection or an old one, learns of it before the port is closed.
const NOTICE: Duration = Duration::from_millis(200);

/// How long requests that were accepted may still take after that. Streams have ended by
/// themselves; a send waits for a sync or two.
const GRACE: Duration = Duration::from_millis(1500);

/// How long a new connection is left alone where places are needed: hyper ends one at once that
/// has not asked yet, and its first request may still be on the way.
const ARRIVAL: Duration = Duration::from_secs(1);

/// The pause after a failed accept, which a lack of file descriptors makes fail again at once.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a peer may leave unacknowledged what was sent to it (`TCP_USER_TIMEOUT`), before the
/// kernel ends the connection: who vanished without a word must not look present for long, and a
/// tab that is only slow comes back and resumes. Linux counts a window that stays shut as well,
/// though its probes are answered: who reads nothing, or less than it takes to open the window, was
/// seen to be cut after 10.5 s. [`socket::TAKES`] is for who opens it now and then, and for other
/// systems.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

/// What the kernel takes that it cannot send yet (`TCP_NOTSENT_LOWAT`), in bytes: a reader that
/// stopped holds so much of the kernel's memory, where it was seen to hold 1.6 MB without; one that
/// catches up is as fast as ever.
const UNSENT: u32 = 128 * 1024;

/// How often the kernel asks a silent peer whether it is there (`SO_KEEPALIVE`), so that the same
/// holds where nothing was sent.
const PROBE: Duration = Duration::from_secs(5);

/// Listens on an address.
///
/// # Errors
///
/// The operating system's.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart finds the port as it left it.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Raises the limit on file descriptors as far as the system lets this process, and says how many
/// connections that is enough for.
#[must_use]
pub fn max_connections() -> usize {
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or_else(|why| {
        tracing::warn!(%why, "the limit on file descriptors could not be raised");
        1024 // What systems give where they give little.
    });
    let limit = usize::try_from(limit).unwrap_or(MANY).min(MANY);
    limit.saturating_sub(OWN_FILES).max(1)
}

pub use Answers as HttpService;
#[derive(Clone)]
pub struct ConnectionInfo {
    pub peer: SocketAddr,
}
/// What answers requests, as axum's router does.
pub trait Answers:
    Service<Request<Body>, Response = Response, Error = Infallible, Future: Send>
    + Clone
    + Send
    + 'static
{
}

impl<S> Answers for S where
    S: Service<Request<Body>, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// Serves `router` until the shutdown begins and what was accepted is answered. Where `most`
/// connections are open, the idle ones have to go, and the next wait in the kernel until one has.
pub async fn run(
    listener: TcpListener,
    router: impl Answers,
    most: usize,
    metrics: Metrics,
    shutdown: Shutdown,
) {
    let connections = TaskTracker::new();
    let places = Places { free: Arc::new(Semaphore::new(most)), needed: Arc::default() };
    let mut stop = std::pin::pin!(async {
        shutdown.begun().await;
        sleep(NOTICE).await;
    });
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.as_mut() => break,
            accepted = places.accept(&listener) => accepted,
        };
        match accepted {
            Ok((socket, peer, place)) => {
                let (router, shutdown) = (router.clone(), shutdown.clone());
                // Made here: what is told before the task first runs counts for it as well.
                let told = Arc::clone(&places.needed).notified_owned();
                let (metrics, open) = (metrics.clone(), metrics.connection());
                let live = connections.clone();
                connections.spawn(async move {
                    match serve(socket, peer, router, metrics, told, shutdown).await {
                        Ok(None) => {}
                        // In a task of its own, which is a quarter as large.
                        Ok(Some((socket, answer))) => {
                            live.spawn(async move {
                                if let Err(why) = answer.run(socket).await {
                                    tracing::debug!(%why, "a stream ended early");
                                }
                                drop((open, place));
                            });
                        }
                        // Peers vanish all the time; that is worth a line only to who looks for it.
                        Err(why) => tracing::debug!(%why, "a connection ended early"),
                    }
                });
            }
            Err(why) => {
                tracing::warn!(%why, "a connection could not be accepted");
                places.needed.notify_waiters();
                sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    places.needed.notify_waiters();
    connections.close();
    if timeout(GRACE, connections.wait()).await.is_err() {
        tracing::warn!("{} connections were cut at shutdown", connections.len());
    }
}

/// Room for connections.
struct Places {
    free: Arc<Semaphore>,
    /// Tells who is connected that its place is needed: a connection ends with the answer that it
    /// is giving, and an idle one at once.
    needed: Arc<Notify>,
}

impl Places {
    async fn accept(
        &self,
        listener: &TcpListener,
    ) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let free = Arc::clone(&self.free);
        let place = if let Ok(place) = Arc::clone(&free).try_acquire_owned() {
            place
        } else {
            self.needed.notify_waiters();
            free.acquire_owned().await.map_err(io::Error::other)? // It is never closed.
        };
        let (socket, peer) = listener.accept().await?;
        Ok((socket, peer, place))
    }
}

/// Answers requests until the connection ends, or one of them is to be answered live: then it gives
/// the socket away with that answer.
async fn serve(
    socket: TcpStream,
    peer: SocketAddr,
    router: impl Answers,
    metrics: Metrics,
    told: OwnedNotified,
    shutdown: Shutdown,
) -> hyper::Result<Option<(Socket<TcpStream>, Live)>> {
    if let Err(why) = prepare(&socket) {
        tracing::debug!(%why, "a socket option could not be set");
    }
    let (live, mut taken) = oneshot::channel();
    let live = Arc::new(Mutex::new(Some(live)));
    let answer = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectionInfo { peer });
        // To HEAD a stream's headers are the whole answer.
        let wanted = request.method() == Method::GET;
        let (live, answered) = (Arc::clone(&live), router.clone().call(request.map(Body::new)));
        Box::pin(async move {
            let Ok(mut answer) = answered.await;
            let taken = if wanted { Live::take(&mut answer) } else { None };
            let Some(taken) = taken else { return Ok(answer) };
            let live = live.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(live) = live {
                let _ = live.send(taken);
            }
            // hyper has nothing to answer here any more.
            std::future::pending::<Result<_, Infallible>>().await
        })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(BUFFER)
        // Whoever has said all may close its half and wait for the answer, as `nc -N` does; and
        // hyper needs no second buffer to read into while it answers.
        .half_close(true)
        .serve_connection(TokioIo::new(Socket::new(socket, metrics)), answer);
    let arrived = Instant::now() + ARRIVAL;
    let mut leave = pin!(async {
        told.await;
        // At shutdown everybody had [`NOTICE`].
        if !shutdown.has_begun() {
            sleep_until(arrived).await;
        }
    });
    let mut leaving = false;
    loop {
        tokio::select! {
            biased; // What has come is read before it is too late to be answered.
            ended = &mut connection => return ended.map(|()| None),
            Ok(live) = &mut taken => {
                let socket = connection.into_parts().io.into_inner();
                return Ok(Some((socket, live)));
            }
            () = leave.as_mut(), if !leaving => {
                leaving = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    }
}

/// No delay, since a message is a packet of its own; and an end to peers that are gone.
fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let socket = SockRef::from(socket);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(PROBE).with_interval(PROBE))?;
    #[cfg(target_os = "linux")]
    {
        socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
        socket.set_tcp_notsent_lowat(UNSENT)?;
    }
    Ok(())
}
