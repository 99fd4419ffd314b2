//! `GET /static/…`: embedded files under hashed names.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, Uri, header},
    response::IntoResponse,
};

use super::Error;
use crate::assets;

/// One file, in the smallest encoding that the browser takes.
pub async fn show(uri: Uri, headers: HeaderMap) -> Result<impl IntoResponse, Error> {
    let asset = assets::at(uri.path()).ok_or(Error::NotFound)?;
    let (encoding, bytes) = if accepts(&headers, "br") {
        (Some("br"), asset.brotli)
    } else if accepts(&headers, "gzip") {
        (Some("gzip"), asset.gzip)
    } else {
        (None, asset.plain)
    };
    let described: [(HeaderName, &'static str); 3] = [
        (header::CONTENT_TYPE, asset.media_type),
        // The name changes with the content: what is at this address never does.
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::VARY, "accept-encoding"),
    ];
    let mut answer = (described, bytes).into_response();
    if let Some(encoding) = encoding {
        answer.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Ok(answer)
}

/// Whether `encoding` is named in `Accept-Encoding` and not refused with `q=0`.
fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).any(
        |value| {
            value.split(',').any(|offer| {
                let (name, quality) = offer.split_once(';').unwrap_or((offer, ""));
                let quality = quality.trim().strip_prefix("q=").unwrap_or("1");
                name.trim().eq_ignore_ascii_case(encoding)
                    && quality.parse::<f32>().is_ok_and(|quality| quality > 0.0)
            })
        },
    )
}
