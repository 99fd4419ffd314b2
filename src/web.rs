//! HTTP: the table of URLs, and what every answer has in common.

mod answer;
mod assets;
mod error;
mod form;
mod health;
mod history;
mod join;
mod negotiate;
mod newest;
mod presence;
mod room;
mod send;
mod stream;
mod tab;

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef},
    middleware,
    routing::{get, post},
};
use axum_extra::extract::cookie::Key as CookieKey;
use tower_http::{catch_panic::CatchPanicLayer, csrf::CsrfLayer};

use crate::{journal::Journal, presence::Presence, stream::Source};
use error::Error;

pub use newest::Newest;
pub use tab::{Secret, SecretError};

/// What handlers work with; clones share it.
#[derive(Clone)]
pub struct AppState {
    /// Where streams come from, and the journal.
    pub source: Source,
    /// Who is where.
    pub presence: Presence,
    /// What pages begin with.
    pub newest: Newest,
    /// Signs the tabs' cookies.
    pub secret: Secret,
}

impl FromRef<AppState> for CookieKey {
    fn from_ref(state: &AppState) -> Self {
        state.secret.key()
    }
}

impl AppState {
    fn journal(&self) -> &Journal {
        &self.source.journal
    }
}

/// The largest body: the longest text, every character of it four bytes of UTF-8, each byte
/// percent-encoded as `%F0`, makes 48,000; the name and the key fit in the rest.
const BODY: usize = 64 * 1024;

/// Every URL that hubbub answers.
pub fn router(state: AppState) -> Router {
    Router::new()
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
        .route("/rooms/{room}/tabs/{tab}/live", get(tab::live))
        .route("/rooms/{room}/tabs/{tab}/events", get(stream::of_tab))
        .route("/static/{file}", get(assets::show))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(async || Error::NotFound)
        .method_not_allowed_fallback(async || Error::MethodNotAllowed)
        .with_state(state)
        .layer(DefaultBodyLimit::max(BODY))
        // A page of another site must not post in a visitor's name (cross-site request forgery).
        .layer(CsrfLayer::new().with_rejection_response(error::foreign))
        // One request's bug is one request's 500, and the others' connections live on.
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(middleware::from_fn(answer::finish))
}
