//! Reading what was posted.

use std::time::Duration;

use axum::{
    Form,
    extract::{FromRequest, Request, rejection::FormRejection},
    http::StatusCode,
};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::error::{Error, invalid};
use crate::message::Key;

/// How long a body may take: the largest one is 2 KB a second, and who trickles it holds no
/// connection for ever.
const BODY_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// A posted form, with errors that are ours. Fields that are missing are empty: the same sentence
/// answers both.
pub(super) struct Posted<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Posted<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let form = timeout(BODY_READ_TIMEOUT, Form::from_request(request, state));
        match form.await.map_err(|_| Error::TooSlow)? {
            Ok(Form(form)) => Ok(Self(form)),
            Err(FormRejection::InvalidFormContentType(_)) => Err(Error::NotAForm),
            Err(why) if why.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(Error::TooLarge),
            Err(_) => Err(Error::Invalid("This form cannot be read.".into())),
        }
    }
}

/// The client's key, or one of ours where it sent none.
pub(super) fn key(raw: &str) -> Result<Key, Error> {
    if raw.is_empty() { Ok(Key::fresh()) } else { Key::parse(raw).map_err(invalid) }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, task::Poll};

    use axum::{body::Body, http::header};
    use proptest::prelude::*;
    use serde::Deserialize;
    use tokio::time::Instant;
    use tokio_stream::StreamExt as _;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Fields {
        #[serde(default)]
        text: String,
        #[serde(default)]
        key: String,
    }

    async fn read(body: Body) -> Result<Fields, Error> {
        let form = "application/x-www-form-urlencoded";
        let request = Request::post("/").header(header::CONTENT_TYPE, form).body(body).unwrap();
        Posted::from_request(request, &()).await.map(|Posted(fields)| fields)
    }

    fn parse(body: Vec<u8>) -> Result<Fields, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(read(body.into()))
    }

    /// As a browser writes it (WHATWG URL, section 5.2): the least that may stay as it is does.
    fn encoded(value: &str) -> String {
        let byte = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            b' ' => "+".to_owned(),
            other => format!("%{other:02X}"),
        };
        value.bytes().map(byte).collect()
    }

    proptest! {
        #[test]
        fn what_was_entered_is_what_is_read_whatever_stands_beside_it(
            text in "(?s).{0,40}", key in "(?s).{0,10}", other in "[a-z&]{0,10}"
        ) {
            prop_assume!(!other.split('&').any(|name| name == "text" || name == "key"));
            let body = format!("{other}&key={}&text={}&", encoded(&key), encoded(&text));
            let fields = parse(body.into_bytes()).unwrap();
            prop_assert_eq!((fields.text, fields.key), (text, key));
        }

        #[test]
        fn any_bytes_are_a_form_or_refused_with_a_sentence(
            body in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..80),
                "(text|key|%|=|&|\\+|%[0-9A-G]{1,2}|é){0,20}".prop_map(String::into_bytes),
            ]
        ) {
            if let Err(why) = parse(body) {
                prop_assert!(matches!(why, Error::Invalid(_)), "{:?}", why);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_given_up() {
        let begun = Instant::now();
        let forever = tokio_stream::iter(0..).then(async |_| {
            tokio::time::sleep(BODY_READ_TIMEOUT / 10).await;
            Ok::<_, Infallible>("x")
        });
        let why = read(Body::from_stream(forever)).await.unwrap_err();
        assert!(matches!(why, Error::TooSlow));
        assert_eq!(begun.elapsed().as_secs(), BODY_READ_TIMEOUT.as_secs());
        let never = std::future::poll_fn(|_| Poll::<Result<&str, Infallible>>::Pending);
        let never = async_stream::stream! { yield never.await };
        assert!(matches!(read(Body::from_stream(never)).await, Err(Error::TooSlow)));
    }
}
