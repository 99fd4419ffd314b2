//! Reading a body: what it is said to be, its charset, its size and its time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    body::{BodyDataStream, Bytes, HttpBody as _},
    extract::{FromRequest as _, Request},
    http::{HeaderMap, StatusCode, header},
};
use tokio::time::{Instant, timeout_at};
use tokio_stream::{Stream, StreamExt as _};

use super::error::Error;

/// How long a body may take, and how much longer for what has come of it: generous to a phone in a
/// tunnel, and an end to who trickles bytes to hold a connection, which costs him 1 KB a second.
pub(super) const BODY_READ_GRACE: Duration = Duration::from_secs(10);
const LEAST_BYTES_PER_SECOND: u64 = 1024;

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
        // Before a byte of it is asked for (RFC 9110, section 10.1.1).
        if max_body > 0 && request.body().size_hint().lower() > max_body as u64 {
            return Err(Error::too_large(max_body));
        }
        let was_slow = Arc::new(AtomicBool::new(false));
        let request = request.map(|body| {
            axum::body::Body::from_stream(paced(body.into_data_stream(), Arc::clone(&was_slow)))
        });
        match Bytes::from_request(request, state).await {
            Ok(bytes) => Ok(Self { media_type, foreign_charset, bytes }),
            Err(_) if was_slow.load(Ordering::Relaxed) => Err(Error::TooSlow),
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

/// A body that ends in an error, and says that it was for this, where it comes too slowly.
fn paced(
    mut body: BodyDataStream,
    was_slow: Arc<AtomicBool>,
) -> impl Stream<Item = Result<Bytes, axum::Error>> + Send {
    let begun = Instant::now();
    async_stream::stream! {
        let mut come: u64 = 0;
        loop {
            let earned = Duration::from_millis(come * 1000 / LEAST_BYTES_PER_SECOND);
            let Ok(next) = timeout_at(begun + BODY_READ_GRACE + earned, body.next()).await else {
                was_slow.store(true, Ordering::Relaxed);
                yield Err(axum::Error::new("too slow"));
                return;
            };
            let Some(part) = next else { return };
            come += part.as_ref().map_or(0, |part| part.len() as u64);
            yield part;
        }
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
            tokio::time::sleep(BODY_READ_GRACE / 10).await;
            Ok::<_, Infallible>("x")
        });
        let why = read(axum::body::Body::from_stream(forever)).await.err().unwrap();
        assert!(matches!(why, Error::TooSlow));
        assert_eq!(begun.elapsed().as_secs(), BODY_READ_GRACE.as_secs());
        let never = std::future::poll_fn(|_| Poll::<Result<&str, Infallible>>::Pending);
        let never = async_stream::stream! { yield never.await };
        let never = axum::body::Body::from_stream(never);
        assert!(matches!(read(never).await, Err(Error::TooSlow)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_on_a_slow_line_may_take_as_long_as_it_needs() {
        let begun = Instant::now();
        let slow = tokio_stream::iter(0..60).then(async |_| {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok::<_, Infallible>("x".repeat(1024))
        });
        let read = read(axum::body::Body::from_stream(slow)).await;
        assert_eq!(read.unwrap_or_else(|why| panic!("{why:?}")).bytes.len(), 60 * 1024);
        assert_eq!(begun.elapsed().as_secs(), 60);
    }
}
