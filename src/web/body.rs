//! Reading a body: what it is said to be, its charset, its size and its time.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{FromRequest as _, Request},
    http::{HeaderMap, StatusCode, header},
};
use tokio::time::timeout;

use super::error::Error;

/// How long a body may take: the largest one is 2 KB a second, and who trickles it holds no
/// connection for ever.
pub(super) const BODY_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// What a body can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MediaType {
    /// `application/x-www-form-urlencoded`: what forms post, and `curl -d`.
    Form,
    /// `application/json`.
    Json,
    /// `text/plain`.
    Text,
}

/// A body that has come.
pub(super) struct Body {
    pub media_type: MediaType,
    /// Whether a charset was declared that is none of ours.
    pub foreign_charset: bool,
    pub bytes: Bytes,
}

impl Body {
    /// Reads the body of a request, where it is one of `taken` and has at most `max_body` bytes, which
    /// the router sees to.
    ///
    /// # Errors
    ///
    /// For another media type, too many bytes, too slow ones, and none at all where they break off.
    pub(super) async fn read<S: Send + Sync>(
        request: Request,
        state: &S,
        taken: &[MediaType],
        max_body: usize,
    ) -> Result<Self, Error> {
        if is_encoded(request.headers()) {
            return Err(Error::Encoded);
        }
        let (media_type, foreign_charset) = content_type(request.headers());
        let media_type = media_type.filter(|media_type| taken.contains(media_type));
        let media_type = media_type.ok_or(match taken {
            [MediaType::Form] => Error::NotAForm,
            _ => Error::NotABody,
        })?;
        let bytes = timeout(BODY_READ_TIMEOUT, Bytes::from_request(request, state));
        match bytes.await.map_err(|_| Error::TooSlow)? {
            Ok(bytes) => Ok(Self { media_type, foreign_charset, bytes }),
            Err(why) if why.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Error::too_large(max_body))
            }
            Err(_) => Err(Error::Invalid("The body broke off before its end.".into())),
        }
    }

    /// Refuses a charset that is none of ours: to decode it as UTF-8 would store another text.
    ///
    /// # Errors
    ///
    /// Where another was declared.
    pub(super) fn check_charset(&self) -> Result<(), Error> {
        if self.foreign_charset {
            return Err(Error::Invalid(
                "The body is declared to be in another charset than UTF-8. Send it as UTF-8."
                    .into(),
            ));
        }
        Ok(())
    }
}

/// Whether `Content-Encoding` names a coding (RFC 9110, section 8.4): stored as it comes, a text would
/// be another one.
fn is_encoded(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::CONTENT_ENCODING).iter();
    let names = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let mut names = names.map(<[u8]>::trim_ascii).filter(|name| !name.is_empty());
    names.any(|name| !name.eq_ignore_ascii_case(b"identity"))
}

/// What `Content-Type` says (RFC 9110, section 8.3): the media type, where it is one that is known,
/// and whether it declares a charset that is not a part of UTF-8.
fn content_type(headers: &HeaderMap) -> (Option<MediaType>, bool) {
    let line = headers.get(header::CONTENT_TYPE).and_then(|line| line.to_str().ok());
    let mut parts = line.unwrap_or_default().split(';').map(str::trim);
    let media_type = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "application/x-www-form-urlencoded" => Some(MediaType::Form),
        "application/json" => Some(MediaType::Json),
        "text/plain" => Some(MediaType::Text),
        _ => None,
    };
    let foreign = parts.filter_map(|parameter| parameter.split_once('=')).any(|(name, value)| {
        let ours = ["utf-8", "utf8", "us-ascii", "ascii"];
        let value = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("charset")
            && !ours.iter().any(|ours| ours.eq_ignore_ascii_case(value))
    });
    (media_type, foreign)
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, task::Poll};

    use tokio::time::Instant;
    use tokio_stream::StreamExt as _;

    use super::*;

    async fn read(body: axum::body::Body) -> Result<Body, Error> {
        let form = "application/x-www-form-urlencoded";
        let request = Request::post("/").header(header::CONTENT_TYPE, form).body(body).unwrap();
        Body::read(request, &(), &[MediaType::Form], 100).await
    }

    #[test]
    fn a_content_type_is_read_with_its_charset() {
        use MediaType::{Form, Json, Text};
        for (line, expected) in [
            ("application/x-www-form-urlencoded", (Some(Form), false)),
            ("Application/JSON", (Some(Json), false)),
            ("application/json; charset=utf-8", (Some(Json), false)),
            ("application/json;charset=\"UTF-8\"", (Some(Json), false)),
            ("text/plain; format=flowed; charset=US-ASCII", (Some(Text), false)),
            ("text/plain; charset=iso-8859-1", (Some(Text), true)),
            ("application/x-www-form-urlencoded ; Charset = windows-1252", (Some(Form), true)),
            ("text/plain; charset=", (Some(Text), true)),
            ("multipart/form-data; boundary=x", (None, false)),
            ("application/jsonx", (None, false)),
            ("", (None, false)),
        ] {
            let line = axum::http::HeaderValue::from_str(line).unwrap();
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, line)]);
            assert_eq!(content_type(&headers), expected, "{headers:?}");
        }
        assert_eq!(content_type(&HeaderMap::new()), (None, false));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_given_up() {
        let begun = Instant::now();
        let forever = tokio_stream::iter(0..).then(async |_| {
            tokio::time::sleep(BODY_READ_TIMEOUT / 10).await;
            Ok::<_, Infallible>("x")
        });
        let why = read(axum::body::Body::from_stream(forever)).await.err().unwrap();
        assert!(matches!(why, Error::TooSlow));
        assert_eq!(begun.elapsed().as_secs(), BODY_READ_TIMEOUT.as_secs());
        let never = std::future::poll_fn(|_| Poll::<Result<&str, Infallible>>::Pending);
        let never = async_stream::stream! { yield never.await };
        let never = axum::body::Body::from_stream(never);
        assert!(matches!(read(never).await, Err(Error::TooSlow)));
    }
}
