//! Which representation a reader gets: by `?format=`, or by `Accept` (RFC 9110, section 12.5.1).

use axum::http::{HeaderMap, HeaderName, header};

use super::authorization;
use crate::delivery::frame::Representation;

/// There is no representation that the reader takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAcceptable;

/// The representation asked for; an event stream where nothing is said.
pub(super) fn representation(
    headers: &HeaderMap,
    format: Option<&str>,
) -> Result<Representation, NotAcceptable> {
    if let Some(format) = format {
        let known = Representation::ALL.into_iter().find(|known| known.format() == format);
        return known.ok_or(NotAcceptable);
    }
    let accept = joined(headers, &header::ACCEPT);
    if accept.trim().is_empty() {
        return Ok(Representation::EventStream);
    }
    best(&accept).ok_or(NotAcceptable)
}

/// How an answer that is no stream is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Document {
    /// `text/html`, for pages.
    Html,
    /// `application/json`, for scripts.
    Json,
}

/// There is no document of the format that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoSuchFormat;

/// The document asked for: by `?format=`, or by `Accept`.
pub(super) fn document(
    headers: &HeaderMap,
    format: Option<&str>,
) -> Result<Document, NoSuchFormat> {
    match format {
        Some("json") => Ok(Document::Json),
        Some("html") => Ok(Document::Html),
        Some(_) => Err(NoSuchFormat),
        None if prefers_json(headers) => Ok(Document::Json),
        None => Ok(Document::Html),
    }
}

/// Whether it is a program that asks, and is to be answered in JSON: it says so, or has a token.
pub(super) fn wants_json(headers: &HeaderMap) -> bool {
    prefers_json(headers) || authorization::token(headers).is_some()
}

/// The value of `format` in a query, before the query is read: errors are written by it, too.
pub(super) fn format_in(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| pair.strip_prefix("format="))
}

/// Whether JSON is wanted rather than HTML.
fn prefers_json(headers: &HeaderMap) -> bool {
    let accept = joined(headers, &header::ACCEPT);
    media_quality(&accept, "application/json") > media_quality(&accept, "text/html")
}

/// Whether a content coding is named, or meant by `*`, and not refused with `q=0` (RFC 9110,
/// section 12.5.3).
pub(super) fn accepts_encoding(headers: &HeaderMap, coding: &str) -> bool {
    let accept = joined(headers, &header::ACCEPT_ENCODING);
    quality(&accept, |name| match name {
        _ if name == coding => 2,
        "*" => 1,
        _ => 0,
    }) > 0
}

/// A header's lines as one, which is what they mean (RFC 9110, section 5.2).
fn joined(headers: &HeaderMap, name: &HeaderName) -> String {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.collect::<Vec<_>>().join(",")
}

/// The one with the highest quality; ties are broken by the server's own order.
fn best(accept: &str) -> Option<Representation> {
    let mut best = None;
    for representation in Representation::ALL {
        let quality = media_quality(accept, representation.media_type());
        if quality > best.map_or(0, |(most, _)| most) {
            best = Some((quality, representation));
        }
    }
    best.map(|(_, representation)| representation)
}

/// The quality that `accept` gives to a media type, in thousandths; 0 is "not acceptable".
fn media_quality(accept: &str, media_type: &str) -> u16 {
    let family = media_type.split_once('/').map_or(media_type, |(family, _)| family);
    quality(accept, |name| match name.split_once('/') {
        _ if name == media_type => 3,
        Some((of, "*")) if of == family => 2,
        Some(("*", "*")) => 1,
        _ => 0,
    })
}

/// The quality of what a list of preferences says, in thousandths. Of the ranges that match, the
/// most specific one counts, and of several such the first; `specificity` is 0 for what does not
/// match, and is asked with a name in lower case.
fn quality(preferences: &str, specificity: impl Fn(&str) -> u8) -> u16 {
    let mut found = (0, 0);
    for range in preferences.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let specificity = specificity(&name);
        if specificity <= found.0 {
            continue;
        }
        let quality = parts
            .filter_map(|parameter| parameter.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
            .map_or(1000, |(_, value)| thousandths(value.trim()));
        found = (specificity, quality);
    }
    found.1
}

/// A quality value; what is none is taken as 0, so that a typing error is seen.
fn thousandths(value: &str) -> u16 {
    let Ok(quality) = value.parse::<f32>() else { return 0 };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is clamped")]
    if quality.is_nan() { 0 } else { (quality.clamp(0.0, 1.0) * 1000.0).round() as u16 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Those with a media type of their own.
    const BY_ACCEPT: [Representation; 4] = [
        Representation::EventStream,
        Representation::NdJson,
        Representation::Text,
        Representation::Html,
    ];

    #[test]
    fn the_reader_gets_what_it_prefers_and_the_server_decides_between_equals() {
        use Representation::{EventStream, Html, NdJson, Text};
        for (accept, expected) in [
            ("*/*", Some(EventStream)),
            ("text/*", Some(EventStream)),
            // htmx with its SSE extension.
            ("text/html, text/event-stream", Some(EventStream)),
            // A browser that navigates.
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Some(Html)),
            ("application/x-ndjson", Some(NdJson)),
            ("application/*", Some(NdJson)),
            ("TEXT/Plain", Some(Text)),
            ("text/plain;q=0.5, application/x-ndjson;q=0.4", Some(Text)),
            ("text/plain; charset=utf-8; q=0.2, text/html;q=0.1", Some(Text)),
            ("text/event-stream;q=0, */*;q=0.1", Some(NdJson)),
            ("*/*;q=0.9, text/event-stream;q=0.1", Some(NdJson)),
            ("image/png", None),
            ("text/html;q=0", None),
            ("text/html;q=many", None),
        ] {
            assert_eq!(best(accept), expected, "{accept}");
        }
    }

    #[test]
    fn a_coding_is_taken_where_it_is_named_and_not_refused() {
        for (accept, brotli) in [
            ("", false),
            ("gzip, br", true),
            ("BR", true),
            ("gzip, br;q=0", false),
            ("br; q=0.0, *", false),
            ("*", true),
            ("*;q=0", false),
            ("identity", false),
        ] {
            let line = axum::http::HeaderValue::from_str(accept).unwrap();
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, line)]);
            assert_eq!(accepts_encoding(&headers, "br"), brotli, "{accept:?}");
        }
    }

    #[test]
    fn json_is_for_who_prefers_it_to_html() {
        for (accept, json) in [
            ("", false),
            ("*/*", false),
            ("application/json", true),
            ("application/json;q=0", false),
            ("text/html;q=0.5, application/json;q=0.6", true),
            ("text/html, application/json", false),
            ("application/*, text/html;q=0", true),
        ] {
            let line = axum::http::HeaderValue::from_str(accept).unwrap();
            let headers = HeaderMap::from_iter([(header::ACCEPT, line)]);
            assert_eq!(prefers_json(&headers), json, "{accept:?}");
        }
    }

    proptest! {
        /// By the definition, over every order and case of what is listed.
        #[test]
        fn of_what_is_listed_the_best_liked_is_taken(
            liked in proptest::collection::vec((0..4_usize, 0..=1000_u16, any::<bool>()), 1..5)
        ) {
            let mut seen = std::collections::HashMap::new();
            let mut lines = Vec::new();
            for (which, thousandths, upper) in liked {
                // Of one that is listed twice the first counts.
                seen.entry(which).or_insert(thousandths);
                let name = BY_ACCEPT[which].media_type();
                let name = if upper { name.to_uppercase() } else { name.to_owned() };
                lines.push(format!("{name} ; q={}.{:03}", thousandths / 1000, thousandths % 1000));
            }
            let most = seen.values().copied().max().unwrap();
            let first = (0..4).find(|which| seen.get(which) == Some(&most)).unwrap();
            let expected = (most > 0).then(|| BY_ACCEPT[first]);
            prop_assert_eq!(best(&lines.join(",")), expected, "{:?}", lines);
        }

        #[test]
        fn any_header_gets_an_answer(
            accept in "\\PC{0,60}|((text|application|\\*)/(html|plain|\\*|x-ndjson)(;q=[0-9.]{0,4})?,?){0,5}"
        ) {
            if let Some(best) = best(&accept) {
                prop_assert!(media_quality(&accept, best.media_type()) > 0);
            }
        }
    }
}
