//! A JSON answer.

use axum::{
    body::Body,
    http::{HeaderValue, Response, header},
    response::IntoResponse,
};
use serde::Serialize;

/// A value as JSON on one line of its own: a terminal's prompt stands on the next, and answers that
/// are gathered in a file are ndjson.
pub(super) struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response<Body> {
        // Only a map key that is no string could fail, and there is none.
        let mut json = serde_json::to_vec(&self.0).unwrap_or_default();
        json.push(b'\n');
        let media_type = HeaderValue::from_static("application/json");
        ([(header::CONTENT_TYPE, media_type)], json).into_response()
    }
}
