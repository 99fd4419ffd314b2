//! For whoever watches over the process.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};

use super::AppState;

/// 200 while the process answers at all.
pub async fn alive() -> &'static str {
    "alive\n"
}

/// 200 while messages can be stored.
pub async fn ready(State(state): State<AppState>) -> (StatusCode, &'static str) {
    if state.source.hub.has_ended() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
    } else if state.journal().ready() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the journal cannot be written\n")
    }
}

/// Everything that is counted, as OpenMetrics text.
pub async fn metrics(State(state): State<AppState>) -> impl IntoResponse {
    let described = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, described)], state.metrics.encode(state.source.hub.topics()))
}
