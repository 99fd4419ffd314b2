//! **hubbub**: a message sent in one tab appears in every other tab that joined.
//!
//! # The way of one message
//!
//! ```text
//! form ─POST─▶ web::send ─▶ journal.append ── durable ──▶ 200/303 to the sender
//!                               │ commit
//!                               ▼
//!                             feed ─▶ frame (rendered and encoded once) ─▶ hub topic ─▶ stream ─▶ socket ─▶ htmx swap
//! ```
//!
//! A stream is asked for over HTTP like everything else. Its answer is then taken out of hyper's
//! hands ([`server::live`]): a tab that is held for hours keeps a socket, a cursor and its place in
//! the hub, and nothing else.
//!
//! # The map
//!
//! | module | what it does | what it does not know |
//! |---|---|---|
//! | [`config`] | every knob, once | |
//! | [`telemetry`] | logs | |
//! | [`metrics`] | what is counted and timed | |
//! | [`limits`] | how much one tab, one address and all may ask for | what it is asked for |
//! | [`shutdown`] | the stop signal | |
//! | [`message`] | room, name, text, key, id: parsed at the edge | any other module |
//! | [`journal`] | the durable, ordered log; answers a repeated key with the first message | HTTP, HTML, who reads |
//! | [`hub`] | a topic per room that has readers, each with a ring of its newest items, and where they wait | the journal, HTML |
//! | [`view`] | maud functions from values to markup | where the values come from |
//! | [`assets`] | the embedded files that pages load | |
//! | [`frame`] | one event, encoded once, shared by its readers | who reads |
//! | [`feed`] | follows the journal and publishes each message to the hub; nobody else does | readers |
//! | [`rooms::roster`] | who is in a room, by the streams that are open there | messages, HTML, who reads |
//! | [`delivery::announcements`] | tells a room's readers who is there when that changes | who decides it |
//! | [`stream`] | one reader: catch up, live, catch up again | HTTP |
//! | [`web`] | the table of URLs, handlers, errors | what a socket is |
//! | [`server`] | sockets, deadlines, bounds | what is served |
//!
//! A sender never touches the hub, and a reader never waits for a sender: between them stands the
//! journal, and a reader's cursor in it.

pub mod assets;
pub mod config;
pub mod delivery;
pub mod journal;
pub mod message;
pub mod metrics;
pub mod rooms;
pub mod server;
pub mod shutdown;
pub mod telemetry;
pub mod view;
pub mod web;

use std::time::Duration;

use tokio::{net::TcpListener, time::Instant};

use config::Config;
use delivery::{announcements, feed, frame::Frame, hub::Hub, stream::Source};
use journal::{Journal, OpenError};
use metrics::Metrics;
use rooms::{limits::Limits, roster::Roster};
use shutdown::Shutdown;
use web::{AppState, Lists, Newest, Parts, Secret, SecretError};

/// How often an idle stream carries a comment: proxies close a silent connection after 60 s
/// (nginx) or 30 s (some load balancers), and half of the shortest is time enough to notice.
const PULSE: Duration = Duration::from_secs(15);

/// Connections to the operator's own address: a few scrapers.
const ADMINS: usize = 16;

/// Opened, and not yet served.
pub struct Hubbub {
    journal: Journal,
    secret: Secret,
    metrics: Metrics,
    config: Config,
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
}

impl Hubbub {
    /// Opens what is kept on disk.
    ///
    /// # Errors
    ///
    /// [`StartError`], in one line for the operator.
    pub fn open(config: &Config) -> Result<Self, StartError> {
        let metrics = Metrics::new();
        // First: its lock shows whether the data is another process's.
        let journal = Journal::open(&config.data, config.retention(), metrics.clone())?;
        let secret = Secret::load(&config.data)?;
        Ok(Self { journal, secret, metrics, config: config.clone() })
    }

    /// Serves until the shutdown begins, then ends every stream, answers what was accepted and
    /// closes the journal.
    ///
    /// Metrics are served on `admin`, where there is one.
    pub async fn serve(
        self,
        listener: TcpListener,
        admin: Option<TcpListener>,
        shutdown: Shutdown,
    ) {
        let Self { journal, secret, metrics, config } = self;
        let published = journal.last();
        let hub = Hub::new(published);
        let feed = tokio::spawn(feed::run(journal.clone(), hub.clone(), published));
        let clock = tokio::spawn(beat(hub.clone(), shutdown.clone()));

        let room = server::room();
        let most = match config.max_connections {
            0 => room,
            wanted => wanted.min(room),
        };
        if most < config.max_connections {
            tracing::warn!("there are file descriptors for {most} connections only");
        }
        let source = Source { journal: journal.clone(), hub, metrics: metrics.clone() };
        let presence = Roster::new();
        let news = tokio::spawn(announcements::run(presence.changes(), source.hub.clone()));
        let state = AppState::new(Parts {
            source,
            presence,
            lists: Lists::default(),
            newest: Newest::default(),
            secret,
            limits: Limits::new(config.allowed(most)),
            metrics: metrics.clone(),
            trusted: config.trusted_proxies.0,
        });
        let admin = admin.map(|listener| {
            let (router, metrics) = (web::admin(state.clone()), Metrics::new());
            tokio::spawn(server::run(listener, router, ADMINS, metrics, shutdown.clone()))
        });
        let router = web::router(state, config.max_body);
        server::run(listener, router, most, metrics, shutdown).await;
        if let Some(admin) = admin {
            let _ = admin.await;
        }

        news.abort();
        let _ = clock.await;
        journal.close().await;
        let _ = feed.await;
    }
}

/// The one clock of all streams, and their end.
async fn beat(hub: Hub<Frame>, shutdown: Shutdown) {
    let mut ticks = tokio::time::interval_at(Instant::now() + PULSE, PULSE);
    loop {
        tokio::select! {
            biased;
            () = shutdown.begun() => break,
            _ = ticks.tick() => hub.beat(),
        }
    }
    hub.end();
}
