//! The accept loop: a connection is taken while there is a permit for it.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, futures::OwnedNotified},
    time::{sleep, timeout},
};
use tokio_util::task::TaskTracker;

use super::{
    connection::{Connection, HttpService},
    listener::Listener,
    registry::Registry,
    socket::Socket,
};
use crate::{metrics::Metrics, shutdown::Shutdown};

/// How long connections are still accepted, and idle ones kept, once the shutdown has begun: who
/// polls `/readyz`, on a new connection or an old one, learns of it before the port is closed.
const DRAIN_DELAY: Duration = Duration::from_millis(200);

/// The pause after a failed accept, which a lack of file descriptors makes fail again at once.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// How long a permit is waited for before more connections are closed for it: those that were may
/// have been at their end anyway, and none could be closed where all are young.
const CROWDED_RETRY_DELAY: Duration = Duration::from_millis(100);

/// Permits for connections; clones share them.
#[derive(Clone)]
pub(super) struct Permits {
    free: Arc<Semaphore>,
    count: usize,
    registry: Registry,
    /// Tells every connection to close: at once where it is idle, else with the answer that it is
    /// giving.
    closing: Arc<Notify>,
}

impl Permits {
    /// Permits for `count` connections.
    pub(super) fn new(count: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(count)),
            count,
            registry: Registry::default(),
            closing: Arc::default(),
        }
    }

    /// Closes idle connections, and others once they have answered. Live streams go on.
    pub(super) fn close_idle(&self) {
        self.closing.notify_waiters();
    }

    /// Resolves on the next [`Self::close_idle`] after this call, whether it is polled before or
    /// not.
    fn closing(&self) -> OwnedNotified {
        Arc::clone(&self.closing).notified_owned()
    }

    /// The next permit. Where none is left, connections are closed for it: of who has most.
    async fn next(&self) -> OwnedSemaphorePermit {
        loop {
            if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
                return permit;
            }
            self.make_room();
            let permit = Arc::clone(&self.free).acquire_owned();
            if let Ok(permit) = timeout(CROWDED_RETRY_DELAY, permit).await {
                return permit.expect("it is never closed");
            }
        }
    }

    /// Ends some connections, so that each of many that wait need not look for one of its own.
    fn make_room(&self) {
        self.registry.make_room(1 + self.count / 256);
    }

    /// The next connection, with its permit. The permit comes first: without one, the connection
    /// waits in the kernel's backlog.
    async fn accept(
        &self,
        listener: &Listener,
    ) -> io::Result<(Socket, SocketAddr, OwnedSemaphorePermit)> {
        let permit = self.next().await;
        let (socket, peer) = listener.accept().await?;
        Ok((socket, peer, permit))
    }
}

/// What an accept loop works with.
pub(super) struct Acceptor<S> {
    pub(super) listener: Listener,
    pub(super) service: S,
    pub(super) permits: Permits,
    /// Where the connections' tasks run.
    pub(super) connections: TaskTracker,
    pub(super) metrics: Metrics,
    pub(super) shutdown: Shutdown,
}

impl<S: HttpService> Acceptor<S> {
    /// Accepts until the shutdown begins, and a while longer.
    ///
    /// # Errors
    ///
    /// The listener's, where it will not work again.
    pub(super) async fn run(self) -> io::Result<()> {
        let Self { listener, service, permits, connections, metrics, shutdown } = self;
        let is_local = listener.is_local();
        let mut stopped = pin!(async {
            shutdown.begun().await;
            sleep(DRAIN_DELAY).await;
        });
        loop {
            let accepted = tokio::select! {
                biased;
                () = stopped.as_mut() => return Ok(()),
                accepted = permits.accept(&listener) => accepted,
            };
            match accepted {
                Ok((socket, peer, permit)) => {
                    let connection = Connection {
                        socket,
                        peer,
                        is_local,
                        tls: listener.tls().cloned(),
                        held: (permit, metrics.connection()),
                        // Made before the task first runs: what is told until then counts as well.
                        closing: permits.closing(),
                        registered: permits.registry.add(peer),
                        metrics: metrics.clone(),
                    };
                    connection.spawn(service.clone(), &connections);
                }
                Err(why) if is_permanent(&why) => return Err(why),
                Err(why) => {
                    tracing::warn!(%why, "a connection could not be accepted");
                    permits.make_room();
                    sleep(ACCEPT_RETRY_DELAY).await;
                }
            }
        }
    }
}

/// Whether accepting fails for good. accept(2) has three errors that stay: the descriptor is not
/// open, or is no socket, which safe code cannot bring about, and the socket does not listen
/// (EINVAL). All others are of the connection, or of a shortage that may pass.
fn is_permanent(why: &io::Error) -> bool {
    why.kind() == io::ErrorKind::InvalidInput
}
