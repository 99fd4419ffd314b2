//! For whoever watches over the process.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};

use super::super::state::AppState;
use crate::metrics::Observed;

/// `GET /healthz`: 200 while the process answers at all.
pub(crate) async fn alive() -> &'static str {
    "alive\n"
}

/// `GET /readyz`: 200 while messages can be stored and delivered. From the moment that the process
/// stops, by a signal or since a part of it failed, it is 503.
pub(crate) async fn ready(State(state): State<AppState>) -> (StatusCode, &'static str) {
    if state.shutdown.has_begun() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
    } else if state.rooms.journal().ready() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the journal cannot be written\n")
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
    };
    ([(header::CONTENT_TYPE, media_type)], state.metrics.encode(observed))
}
