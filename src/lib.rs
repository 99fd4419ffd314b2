//! **hubbub**: a message sent in one tab appears in every other tab that joined.
//!
//! # The way of one message
//!
//! ```text
//! form ─POST─▶ web::send ─▶ journal.append ── durable ──▶ 200/303 to the sender
//!                               │ commit
//!                               ▼
//!                             feed ─▶ frame (rendered and encoded once) ─▶ hub topic ─▶ stream ─▶ htmx swap
//! ```
//!
//! # The map
//!
//! | module | what it does | what it does not know |
//! |---|---|---|
//! | [`config`] | every knob, once | |
//! | [`telemetry`] | logs | |
//! | [`shutdown`] | the stop signal | |
//! | [`message`] | room, name, text, key, id: parsed at the edge | any other module |
//! | [`journal`] | the durable, ordered log; answers a repeated key with the first message | HTTP, HTML, who reads |
//! | [`hub`] | a topic per room that has readers, each with a ring of its newest items | the journal, HTML |
//! | [`view`] | maud functions from values to markup | where the values come from |
//! | [`assets`] | the embedded files that pages load | |
//! | [`frame`] | one event, encoded once, shared by its readers | who reads |
//! | [`feed`] | follows the journal and publishes each message to the hub; nobody else does | readers |
//! | [`presence`] | who is in a room, by the streams that are open there | messages |
//! | [`stream`] | one reader: catch up, live, catch up again | HTTP |
//! | [`takeover`] | writes a stream to its connection, from when hyper has written its head | what is streamed |
//! | [`web`] | the table of URLs, handlers, errors | sockets |
//! | [`server`] | sockets, deadlines | what is served |
//!
//! A sender never touches the hub, and a reader never waits for a sender: between them stands the
//! journal, and a reader's cursor in it.

pub mod assets;
pub mod config;
pub mod feed;
pub mod frame;
pub mod hub;
pub mod journal;
pub mod message;
pub mod presence;
pub mod server;
pub mod shutdown;
pub mod stream;
pub mod takeover;
pub mod telemetry;
pub mod view;
pub mod web;

use std::time::Duration;

use tokio::{net::TcpListener, time::Instant};

use config::Config;
use frame::Frame;
use hub::Hub;
use journal::{Journal, OpenError};
use presence::Presence;
use shutdown::Shutdown;
use stream::Source;
use web::{AppState, Newest, Secret, SecretError};

/// How often an idle stream carries a comment: proxies close a silent connection after 60 s
/// (nginx) or 30 s (some load balancers), and half of the shortest is time enough to notice.
const PULSE: Duration = Duration::from_secs(15);

/// Opened, and not yet served.
pub struct Hubbub {
    journal: Journal,
    secret: Secret,
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
        // The journal first: its lock shows whether the data is another process's.
        let journal = Journal::open(&config.data, config.retention())?;
        let secret = Secret::load(&config.data)?;
        Ok(Self { journal, secret })
    }

    /// Serves until the shutdown begins, then ends every stream, answers what was accepted and
    /// closes the journal.
    pub async fn serve(self, listener: TcpListener, shutdown: Shutdown) {
        let Self { journal, secret } = self;
        let published = journal.last();
        let hub = Hub::new(published);
        let feed = tokio::spawn(feed::run(journal.clone(), hub.clone(), published));
        let clock = tokio::spawn(beat(hub.clone(), shutdown.clone()));

        let source = Source { journal: journal.clone(), hub };
        let presence = Presence::new();
        let news = tokio::spawn(presence::run(presence.clone(), source.hub.clone()));
        let router = web::router(AppState { source, presence, newest: Newest::default(), secret });
        server::run(listener, router, shutdown).await;

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
