//! For whoever watches over the process.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};

use super::super::state::AppState;
use crate::{journal::Readiness, metrics::Observed};

/// `GET /healthz`: 200 while the process answers at all.
pub(crate) async fn alive() -> &'static str {
    "alive\n"
}

/// `GET /readyz`: 200 while messages can be stored and delivered. From the moment that the process
/// stops, by a signal or since a part of it failed, it is 503.
///
/// With several nodes it is 200 as well where NATS does not answer: all nodes would be 503 together,
/// and a balancer would take what can still be read from everybody.
pub(crate) async fn ready(State(state): State<AppState>) -> (StatusCode, &'static str) {
    match readiness(&state) {
        Some(Readiness::ReadsOnly) => (StatusCode::OK, "reads only\n"),
        readiness => answer(readiness),
    }
}

/// `GET /readyz/sends`: 200 while messages can be stored.
pub(crate) async fn ready_for_sends(State(state): State<AppState>) -> (StatusCode, &'static str) {
    answer(readiness(&state))
}

/// `None` where it stops.
fn readiness(state: &AppState) -> Option<Readiness> {
    (!state.shutdown.has_begun()).then(|| state.rooms.journal().readiness())
}

fn answer(readiness: Option<Readiness>) -> (StatusCode, &'static str) {
    const NO: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
    match readiness {
        None => (NO, "stopping\n"),
        Some(Readiness::Ready) => (StatusCode::OK, "ready\n"),
        Some(Readiness::ReadsOnly) => (NO, "reads only\n"),
        Some(Readiness::Behind) => (NO, "behind the other nodes\n"),
        Some(Readiness::Broken) => (NO, "the journal cannot be written\n"),
    }
}

/// `GET /metrics`: everything that is counted, as OpenMetrics text.
pub(crate) async fn metrics(State(state): State<AppState>) -> impl IntoResponse {
    let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let journal = state.rooms.journal();
    let observed = Observed {
        rooms: state.rooms.hub().topics(),
        ready: !state.shutdown.has_begun() && journal.ready(),
        journal_size: journal.size(),
        search_lag: state.rooms.search_lag(),
    };
    ([(header::CONTENT_TYPE, media_type)], state.metrics.encode(observed))
}
