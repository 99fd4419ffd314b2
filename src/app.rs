//! Wiring: what is opened, what runs, who watches over it, and the order in which it ends.

mod listeners;
mod manager;
#[cfg(feature = "nats")]
mod renewal;
mod start;
mod supervisor;

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, timeout};

use crate::{
    config::{Config, Openers},
    delivery::{announcements, feed, hub::Hub, stream::Source, unread},
    journal::{Journal, OpenError},
    metrics::Metrics,
    nats::LinkError,
    paths,
    rooms::{LeftTabs, Limits, Rooms, Roster},
    search::{self, Search},
    server,
    shutdown::Shutdown,
    web::{self, AppState, Operator, PageCache, Parts, Secret, SecretError, Served, TokenError},
};
#[cfg(feature = "nats")]
use crate::{nats::Link, rooms::Nodes};
pub use listeners::Listeners;
use start::{log_start, opened};
pub use supervisor::TaskFailed;
use supervisor::{Outcome, Supervisor};

/// How often an idle stream carries a comment: proxies close a silent connection after 60 s
/// (nginx) or 30 s (some load balancers), and half of the shortest is time enough to notice.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// Connections to the operator's own address: a few scrapers.
const MAX_ADMIN_CONNECTIONS: usize = 16;

/// Connections to the address that plain HTTP is redirected from: each is one short answer.
const MAX_REDIRECT_CONNECTIONS: usize = 256;

/// How long the last commit may take once nothing is accepted any more, and nobody waits for its
/// answer. On a disk that works it is milliseconds; one that hangs must not hold up a restart.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Opened, and not yet served.
pub struct Hubbub {
    journal: Journal,
    secret: Secret,
    operator: Operator,
    metrics: Metrics,
    config: Config,
    #[cfg(feature = "nats")]
    link: Option<Link>,
}

/// How serving came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It was to stop.
    Stopped,
    /// The journal is to be opened anew, and served again.
    Renewed,
}

/// Why it cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] OpenError),
    /// The signing secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The operator's token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// NATS, which nodes share.
    #[error(transparent)]
    Nats(#[from] LinkError),
}

impl Hubbub {
    /// Opens what is kept on disk; and with `--nats`, connects to what the nodes share, and waits for
    /// that for half a minute.
    ///
    /// # Errors
    ///
    /// [`StartError`], in one line for the operator.
    pub async fn open(config: &Config) -> Result<Self, StartError> {
        paths::set_base(&config.base.0);
        let metrics = Metrics::new();
        if config.nats.servers.are_named() {
            #[cfg(feature = "nats")]
            return Self::open_shared(config, metrics, None).await;
            #[cfg(not(feature = "nats"))]
            return Err(LinkError::NotBuilt.into());
        }
        // First: its lock shows whether the data is another process's.
        let journal = Journal::open(&config.data, config.retention(), metrics.clone())?;
        let secret = Secret::load(journal.path()).map_err(StartError::from);
        if let Ok(secret) = &secret
            && journal.last().get() > 0
        {
            secret.warn_if_made();
        }
        match secret.and_then(|secret| with_operator(&journal, secret, config)) {
            Ok((secret, operator)) => Ok(Self {
                journal,
                secret,
                operator,
                metrics,
                config: config.clone(),
                #[cfg(feature = "nats")]
                link: None,
            }),
            Err(why) => {
                journal.abandon();
                Err(why)
            }
        }
    }

    /// Closes it again unserved, and leaves no file behind that was not there before. Blocks.
    pub fn abandon(self) {
        self.operator.discard();
        self.secret.discard();
        self.journal.abandon();
    }

    /// Serves until the shutdown begins, then ends every stream, answers what was accepted and
    /// closes the journal.
    ///
    /// Every task and thread that this starts is watched over. The first that ends before its time
    /// begins the shutdown: what is left would acknowledge messages that nobody receives, and a
    /// service manager heals it by a restart.
    ///
    /// # Errors
    ///
    /// [`TaskFailed`] names that task.
    pub async fn serve(self, listeners: Listeners, shutdown: Shutdown) -> Result<(), TaskFailed> {
        #[cfg(feature = "nats")]
        if let Some(link) = &self.link {
            if let Some(acme) = &listeners.acme {
                acme.lock().await.share(link);
            }
            return self.serve_and_renew(listeners, shutdown).await;
        }
        self.serve_once(listeners, shutdown).await.map(|_| ())
    }

    async fn serve_once(self, listeners: Listeners, shutdown: Shutdown) -> Result<End, TaskFailed> {
        let roster = Roster::new();
        #[cfg(feature = "nats")]
        let keep_secret =
            self.link.clone().map(|link| link.keep_secret(self.secret.bytes().to_vec()));
        #[cfg(feature = "nats")]
        let nodes = self.link.map(|link| Nodes::new(link, roster.clone()));
        #[cfg(not(feature = "nats"))]
        let nodes = None;
        let Self { journal, secret, mut operator, metrics, config, .. } = self;
        operator.renew(journal.path());
        // What nodes share does not hang on one of their files.
        let secret_file = (!journal.is_shared()).then(|| secret.file(journal.path()));
        let published = journal.last();
        let hub = Hub::new(Arc::new(journal.clone()), published, metrics.clone());
        let max_connections = max_connections(&config, &listeners);
        let allowed = config.allowed(max_connections);
        let served = Served {
            // Behind a socket of the file system is a proxy, which says what it was asked for.
            address: listeners.address().unwrap_or((Ipv4Addr::LOCALHOST, 80).into()),
            retention: config.retention(),
            allowed,
            max_body: config.max_body,
            hsts: config.hsts(),
            keep_alive_interval: KEEP_ALIVE_INTERVAL,
        };
        log_start(&journal, &operator, &config, max_connections).await;
        let search = Search::new(journal.path());
        let source =
            Source { journal: journal.clone(), hub: hub.clone(), metrics: metrics.clone() };
        let source = (source, search.clone());
        let limits = Limits::new(allowed);
        let opened = match config.rooms {
            Openers::Anyone => None,
            Openers::Operator => Some(opened(&journal).await),
        };
        let left = LeftTabs::open(journal.path());
        let rooms =
            Rooms::new(nodes, source, roster.clone(), left, limits, metrics.clone(), opened);
        let state = AppState::new(Parts {
            rooms: rooms.clone(),
            cache: PageCache::default(),
            secret,
            operator,
            metrics: metrics.clone(),
            trusted_proxies: config.trusted_proxies.0.clone(),
            user_header: config.user_header.0.clone(),
            public_urls: config.public_url.clone(),
            embedders: config.embed_from.clone(),
            shutdown: shutdown.clone(),
            served,
        });

        let mut tasks = Supervisor::new(shutdown.clone());
        let sequencer = journal.clone();
        tasks.spawn(JOURNAL, ends(async move { sequencer.ended().await }));
        let renewed = Arc::new(AtomicBool::new(false));
        if journal.is_shared() {
            spawn_renewal(&mut tasks, &journal, &renewed, &shutdown);
        }
        let fed = feed::run(journal.clone(), hub.clone(), published);
        spawn_follower(&mut tasks, FEED, fed, &journal, &shutdown);
        let indexed = search::run(search.clone(), journal.clone());
        spawn_follower(&mut tasks, SEARCH, indexed, &journal, &shutdown);
        tasks.spawn("announcements", ends(announcements::run(roster.changes(), hub.clone())));
        tasks.spawn("unread", ends(unread::run(hub.clone())));
        if let Some(meeting) = rooms.meet_nodes() {
            tasks.spawn("nodes", ends(meeting));
        }
        tasks.spawn("rules", ends(rooms.enforce()));
        #[cfg(feature = "nats")]
        if let Some(keep_secret) = keep_secret {
            tasks.spawn("shared secret", ends(keep_secret));
        }
        tasks.spawn("clock", ends(tick(hub.clone())));
        if let Some(secret) = secret_file {
            tasks.spawn("secret", ends(secret.watch()));
        }
        let stopped = shutdown.clone();
        listen(&mut tasks, listeners, &state, &config, (max_connections, metrics), &shutdown);
        tasks.spawn("watchdog", ends(manager::watch(journal.clone(), stopped)));
        manager::ready();

        tasks.watch().await;
        manager::stopping();
        journal.stop_waiting();
        search.stop();
        // First: a server ends when its connections have, and streams end by this.
        hub.end();
        tasks.join(&[SERVER, ADMIN_SERVER, REDIRECT_SERVER]).await;
        rooms.leave_nodes().await;
        let closed = timeout(CLOSE_TIMEOUT, async {
            journal.close().await;
            tasks.join(&[JOURNAL, FEED, SEARCH]).await;
        });
        if closed.await.is_err() {
            tracing::error!("the journal could not be closed in time; nothing is lost");
        }
        let end = if renewed.load(Ordering::Relaxed) { End::Renewed } else { End::Stopped };
        tasks.finish().map(|()| end)
    }
}

/// Starts what ends this when the journal is to be opened anew.
fn spawn_renewal(
    tasks: &mut Supervisor,
    journal: &Journal,
    renewed: &Arc<AtomicBool>,
    shutdown: &Shutdown,
) {
    let (journal, renewed, stop) = (journal.clone(), Arc::clone(renewed), shutdown.clone());
    tasks.spawn(
        "renewal",
        ends(async move {
            journal.renewed().await;
            renewed.store(true, Ordering::Relaxed);
            stop.begin();
        }),
    );
}

/// Starts what follows the journal.
fn spawn_follower(
    tasks: &mut Supervisor,
    name: &'static str,
    follows: impl Future<Output = ()> + Send + 'static,
    journal: &Journal,
    shutdown: &Shutdown,
) {
    let (source, stop) = (journal.clone(), shutdown.clone());
    tasks.spawn(
        name,
        ends(async move {
            follows.await;
            if source.is_closed() {
                stop.begun().await; // It is the journal that ended early, not who follows it.
            }
        }),
    );
}

/// Starts what serves people, the operator, and those who come by plain HTTP.
fn listen(
    tasks: &mut Supervisor,
    listeners: Listeners,
    state: &AppState,
    config: &Config,
    (max_connections, metrics): (usize, Metrics),
    shutdown: &Shutdown,
) {
    let port = listeners.address().map_or(443, |address| address.port());
    let Listeners { served, admin, redirect, certificate, acme, .. } = listeners;
    if let Some(files) = certificate {
        tasks.spawn("certificate", ends(async move { files.watch().await }));
    }
    if let Some(acme) = acme {
        tasks.spawn("certificate", ends(async move { acme.lock().await.run().await }));
    }
    if let Some(admin) = admin.map(|admin| vec![admin]) {
        let service = web::admin(state.clone());
        let (most, metrics) = (MAX_ADMIN_CONNECTIONS, Metrics::new());
        let run = server::run(admin, service, most, metrics, shutdown.clone());
        tasks.spawn(ADMIN_SERVER, async { run.await.map_err(|why| why.to_string()) });
    }
    if let Some(redirect) = redirect.map(|redirect| vec![redirect]) {
        let service = web::redirect(config.public_url.clone(), port);
        let (most, metrics) = (MAX_REDIRECT_CONNECTIONS, Metrics::new());
        let run = server::run(redirect, service, most, metrics, shutdown.clone());
        tasks.spawn(REDIRECT_SERVER, async { run.await.map_err(|why| why.to_string()) });
    }
    let service = web::router(state.clone());
    let run = server::run(served, service, max_connections, metrics, shutdown.clone());
    tasks.spawn(SERVER, async { run.await.map_err(|why| why.to_string()) });
}

/// The secret, and the operator's token with it.
fn with_operator(
    journal: &Journal,
    secret: Secret,
    config: &Config,
) -> Result<(Secret, Operator), StartError> {
    match Operator::load(journal.path(), &secret, config.operator_token_file.0.as_deref()) {
        Ok(operator) => Ok((secret, operator)),
        Err(why) => {
            secret.discard();
            Err(why.into())
        }
    }
}

/// A task that has no error.
async fn ends(task: impl Future<Output = ()>) -> Outcome {
    task.await;
    Ok(())
}

/// Names of tasks that are waited for.
const JOURNAL: &str = "journal";
const FEED: &str = "feed";
const SEARCH: &str = "search";
const SERVER: &str = "server";
const ADMIN_SERVER: &str = "admin server";
const REDIRECT_SERVER: &str = "redirecting server";

/// As many connections as the operator wants and file descriptors allow.
fn max_connections(config: &Config, listeners: &Listeners) -> usize {
    let others = listeners.redirect.as_ref().map_or(0, |_| MAX_REDIRECT_CONNECTIONS);
    let available = server::max_connections().saturating_sub(others).max(1);
    let most = match config.max_connections {
        0 => available,
        wanted => wanted.min(available),
    };
    if most < config.max_connections {
        tracing::warn!("there are file descriptors for {most} connections only");
    }
    most
}

/// The one clock of all streams.
async fn tick(hub: Hub) {
    let start = Instant::now() + KEEP_ALIVE_INTERVAL;
    let mut ticks = tokio::time::interval_at(start, KEEP_ALIVE_INTERVAL);
    loop {
        ticks.tick().await;
        hub.tick();
    }
}
