//! A JSON answer.

use axum::{
    body::Body,
    http::{HeaderValue, Response, header},
    response::IntoResponse,
};
use serde::Serialize;

use crate::delivery::frame;

/// A value as JSON on one line of its own: a terminal's prompt stands on the next, and answers that
/// are gathered in a file are ndjson.
pub(super) struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response<Body> {
        let json = frame::json(&self.0) + "\n";
        let media_type = HeaderValue::from_static("application/json");
        ([(header::CONTENT_TYPE, media_type)], json).into_response()
    }
}
