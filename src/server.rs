//! Sockets: an accept loop of our own around hyper's HTTP/1 connection, for the deadlines and the
//! shutdown that `axum::serve` has no hands for.

use std::{
    error::Error, future::poll_fn, io, net::SocketAddr, pin::Pin, task::Poll, time::Duration,
};

use axum::Router;
use hyper::{
    Request, Version,
    body::Incoming,
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{rt::TokioTimer, service::TowerToHyperService};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::task::TaskTracker;

use crate::{
    shutdown::Shutdown,
    takeover::{self, Socket, Takeover},
};

/// How long a client may take over its request's head, and how long an idle connection is kept:
/// generous to a phone in a tunnel, and an end to who trickles bytes to hold a connection.
const HEAD: Duration = Duration::from_secs(10);

/// How long requests that were accepted may still take at shutdown. Streams end at once by
/// themselves; a send waits for a sync or two.
const GRACE: Duration = Duration::from_millis(1500);

/// The pause after a failed accept, which a lack of file descriptors makes fail again at once.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a peer may leave unacknowledged what was sent to it (`TCP_USER_TIMEOUT`), before the
/// kernel ends the connection: who vanished without a word must not look present for long, and a
/// tab that is only slow comes back and resumes.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

/// How often the kernel asks a silent peer whether it is there (`SO_KEEPALIVE`), so that the same
/// holds where nothing was sent.
const PROBE: Duration = Duration::from_secs(5);

/// Connections that wait to be accepted: as many as Linux lets wait by default. Who finds no place
/// there comes again after a second, and after two, four … more; after a restart all tabs come.
const WAITING: u32 = 4096;

/// Listens on an address.
///
/// # Errors
///
/// The operating system's, when the address cannot be had.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A port of a process that has ended just now is free.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING)
}

/// Serves `router` until the shutdown begins and what was accepted is answered.
pub async fn run(listener: TcpListener, router: Router, shutdown: Shutdown) {
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.begun() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, _)) => {
                let serving = serve(socket, router.clone(), shutdown.clone(), connections.clone());
                connections.spawn(note(serving));
            }
            Err(why) => {
                tracing::warn!(%why, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(GRACE, connections.wait()).await.is_err() {
        tracing::warn!("{} connections were cut at shutdown", connections.len());
    }
}

async fn note(connection: impl Future<Output = Result<(), impl Error>>) {
    if let Err(why) = connection.await {
        // Peers vanish all the time; that is worth a line only to who looks for it.
        tracing::debug!(%why, "a connection ended early");
    }
}

/// Answers requests, until one of them is for a stream: that one's answer goes on as a task of its
/// own, without what this one needs.
async fn serve(
    socket: TcpStream,
    router: Router,
    shutdown: Shutdown,
    connections: TaskTracker,
) -> hyper::Result<()> {
    if let Err(why) = prepare(&socket) {
        tracing::debug!(%why, "a socket option could not be set");
    }
    let takeover = Takeover::default();
    let router = TowerToHyperService::new(router);
    let offered = takeover.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        // Before HTTP/1.1 there are no chunks.
        if request.version() == Version::HTTP_11 {
            request.extensions_mut().insert(offered.clone());
        }
        router.call(request)
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(Socket::new(socket, &takeover), service);
    let mut stopping = false;
    let pieces = loop {
        let served = poll_fn(|context| match Pin::new(&mut connection).poll(context) {
            Poll::Ready(ended) => Poll::Ready(Err(ended)),
            Poll::Pending => {
                takeover.take().map_or(Poll::Pending, |pieces| Poll::Ready(Ok(pieces)))
            }
        });
        tokio::select! {
            biased;
            served = served => match served {
                Ok(pieces) => break pieces,
                Err(ended) => return ended,
            },
            () = shutdown.begun(), if !stopping => {
                Pin::new(&mut connection).graceful_shutdown();
                stopping = true;
            }
        }
    };
    connections.spawn(note(takeover::run(connection.into_parts().io.into_inner(), pieces)));
    Ok(())
}

/// No delay, since a message is a packet of its own; and an end to peers that are gone.
fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let socket = SockRef::from(socket);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(PROBE).with_interval(PROBE))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    Ok(())
}
