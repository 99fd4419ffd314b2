//! `GET /static/…`: embedded files under hashed names.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, Uri, header},
    response::IntoResponse,
};

use super::{error::Error, negotiate::accepts_encoding};
use crate::assets;

/// One file, in the smallest encoding that the browser takes.
pub(super) async fn show(uri: Uri, headers: HeaderMap) -> Result<impl IntoResponse, Error> {
    let asset = assets::at(uri.path()).ok_or(Error::NotFound)?;
    let (encoding, bytes) = if accepts_encoding(&headers, "br") {
        (Some("br"), asset.brotli)
    } else if accepts_encoding(&headers, "gzip") {
        (Some("gzip"), asset.gzip)
    } else {
        (None, asset.plain)
    };
    let file_headers: [(HeaderName, &'static str); 3] = [
        (header::CONTENT_TYPE, asset.media_type),
        // The name changes with the content: what is at this address never does.
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::VARY, "accept-encoding"),
    ];
    let mut answer = (file_headers, bytes).into_response();
    if let Some(encoding) = encoding {
        answer.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Ok(answer)
}
