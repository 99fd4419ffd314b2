//! HTTP: the table of URLs, and what every answer has in common.

mod address;
mod answer;
mod assets;
mod error;
mod form;
mod health;
mod history;
mod join;
mod negotiate;
mod newest;
mod people;
mod presence;
mod room;
mod send;
mod stream;
mod tab;

use std::{ops::Deref, sync::Arc};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post},
};
use ipnet::IpNet;
use tower_http::{catch_panic::CatchPanicLayer, csrf::CsrfLayer};
use tower_layer::Layer as _;

use crate::{
    delivery::stream::Source, journal::Journal, metrics::Metrics, rooms::limits::Limits,
    rooms::roster::Roster, server::Answers,
};
use error::Error;

pub use newest::Newest;
pub use people::Lists;
pub use tab::{Secret, SecretError};

/// What handlers work with. Clones share it, and cost one count: each request takes several.
#[derive(Clone)]
pub struct AppState(Arc<Parts>);

/// What an [`AppState`] consists of.
pub struct Parts {
    /// Where streams come from, and the journal.
    pub source: Source,
    /// Who is where.
    pub presence: Roster,
    /// How pages list them.
    pub lists: Lists,
    /// What pages begin with.
    pub newest: Newest,
    /// Signs the tabs' cookies.
    pub secret: Secret,
    /// How much may be asked for.
    pub limits: Limits,
    /// What is counted.
    pub metrics: Metrics,
    /// Proxies whose word on a client's address is taken; see [`address`].
    pub trusted: Vec<IpNet>,
}

impl AppState {
    /// Shares them.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl AppState {
    fn journal(&self) -> &Journal {
        &self.source.journal
    }
}

/// Every URL that hubbub answers. A body has at most `body` bytes, or any number where that is 0.
pub fn router(state: AppState, body: usize) -> impl Answers {
    let finish = middleware::from_fn_with_state(state.metrics.clone(), answer::finish);
    let body = if body == 0 { DefaultBodyLimit::disable() } else { DefaultBodyLimit::max(body) };
    let router = Router::new()
        .route("/", get(room::lobby))
        .route("/rooms", get(room::list).post(room::open))
        .route("/rooms/{room}", get(room::show))
        .route("/rooms/{room}/join", post(join::create))
        .route("/rooms/{room}/messages", get(history::show).post(send::from_script))
        .route("/rooms/{room}/events", get(stream::of_room))
        .route("/rooms/{room}/presence", get(presence::show))
        .route("/rooms/{room}/tabs/{tab}", get(tab::show))
        .route("/rooms/{room}/tabs/{tab}/send", get(send::frame).post(send::from_tab))
        .route("/rooms/{room}/tabs/{tab}/leave", post(tab::leave))
        .route("/rooms/{room}/tabs/{tab}/presence", post(presence::tell))
        .route("/rooms/{room}/tabs/{tab}/live", get(tab::live))
        .route("/rooms/{room}/tabs/{tab}/events", get(stream::of_tab))
        .route("/static/{file}", get(assets::show))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(async || Error::NotFound)
        .method_not_allowed_fallback(async || Error::MethodNotAllowed)
        .with_state(state);
    // The outermost first. `Router::layer` would put a box around every route for each.
    let layers = (
        finish,
        // One request's bug is one request's 500, and the others' connections live on.
        CatchPanicLayer::custom(error::panicked),
        // A page of another site must not post in a visitor's name (cross-site request forgery).
        CsrfLayer::new().with_rejection_response(error::foreign),
        body,
    );
    layers.layer(router)
}

/// What the operator's own address answers.
pub fn admin(state: AppState) -> impl Answers {
    Router::new()
        .route("/metrics", get(health::metrics))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .with_state(state)
}
