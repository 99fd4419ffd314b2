//! What every answer has in common.

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, Response, header},
    middleware::Next,
};

use super::error::{self, Error, Refused, Wording};
use crate::metrics::Metrics;

/// Pico draws its icons with `data:` images; everything else comes from here. Nothing inline.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; base-uri 'none'; \
                      form-action 'self'; frame-ancestors 'self'; object-src 'none'";

const HEADERS: [(HeaderName, &str); 3] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
];

/// Puts errors into words, and the headers on that keep scripts and sniffing out.
pub async fn finish(
    State(metrics): State<Metrics>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let head = *request.method() == Method::HEAD;
    let wording = Wording::of(&request);
    let mut response = next.run(request).await;
    if let Some(Refused(reason)) = response.extensions_mut().remove() {
        metrics.refused(reason);
    }
    if let Some(why) = response.extensions_mut().remove::<Error>() {
        metrics.refused(why.reason());
        response = error::present(&why, wording, response);
        if head {
            *response.body_mut() = Body::empty();
        }
    }
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Pages change with every message: a browser may keep one to go back to, and must ask before it
/// shows it as new.
pub fn not_stored() -> [(HeaderName, HeaderValue); 1] {
    [(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"))]
}
