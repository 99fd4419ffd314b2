//! One error for every handler, shown in the form that the one who asked can read.

use std::time::Duration;

use axum::{
    Json,
    body::Body,
    extract::Request,
    http::{HeaderName, HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
};
use tower_http::csrf::ProtectionError;

use crate::{
    journal::{AppendError, ReadError},
    rooms::limits::TooMuch,
    rooms::roster::NameTaken,
    view,
};

/// What a request can come to, but for success.
#[derive(Clone, Debug)]
pub enum Error {
    /// 404: no such page, no such room name, no such file.
    NotFound,
    /// 405: the page exists, the method does not.
    MethodNotAllowed,
    /// 403: the tab has no cookie, or one that is not its own.
    NotJoined,
    /// 403: the form was posted by a page of another site.
    Foreign,
    /// 406: no representation that the reader takes.
    NotAcceptable,
    /// 409: somebody in the room has that name now.
    NameTaken,
    /// 408: the body took too long to come.
    TooSlow,
    /// 413: larger than anything that is accepted.
    TooLarge,
    /// 415: not a form.
    NotAForm,
    /// 422: a field was not acceptable; the sentence says why.
    Invalid(String),
    /// 409: the key was used for another message.
    KeyReused,
    /// 429: more than is allowed in a minute; and how long to wait.
    TooMany(Duration),
    /// 503: as many streams, or rooms, are open as may be; and how long to wait.
    Full(Duration),
    /// 503: the journal cannot take the message now. Nothing is stored, or the same key tells.
    Unavailable,
    /// 500: a bug, or a disk that cannot be read; the log has it.
    Internal,
}

impl Error {
    /// The status that it is answered with.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotJoined | Self::Foreign => StatusCode::FORBIDDEN,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotAForm => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::KeyReused | Self::NameTaken => StatusCode::CONFLICT,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable | Self::Full(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// When to try again, where that may help.
    fn retry_after(&self) -> Option<(HeaderName, HeaderValue)> {
        let seconds = match self {
            // Rounded up: a little too early would be refused again.
            Self::TooMany(wait) | Self::Full(wait) => wait.as_secs() + 1,
            Self::Unavailable => 5,
            _ => return None,
        };
        Some((header::RETRY_AFTER, seconds.into()))
    }

    /// Lets an answer tell it in words of its own, such as a form's.
    pub fn told_by(&self, mut answer: Response<Body>) -> Response<Body> {
        answer.headers_mut().extend(self.retry_after());
        answer.extensions_mut().insert(Refused(self.reason()));
        answer
    }

    /// One word for it, to count by.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method",
            Self::NotJoined => "not_joined",
            Self::Foreign => "foreign",
            Self::NotAcceptable => "not_acceptable",
            Self::NameTaken => "name_taken",
            Self::TooSlow => "too_slow",
            Self::TooLarge => "too_large",
            Self::NotAForm => "not_a_form",
            Self::Invalid(_) => "invalid",
            Self::KeyReused => "key_reused",
            Self::TooMany(_) => "too_many",
            Self::Full(_) => "full",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Self::NotFound => "There is nothing here",
            Self::MethodNotAllowed => "That is not how this works",
            Self::NotJoined => "You have not joined here",
            Self::Foreign => "That came from another site",
            Self::NotAcceptable => "There is no such form of it",
            Self::NameTaken => "Somebody has that name",
            Self::TooSlow => "That took too long",
            Self::TooLarge => "That is too large",
            Self::NotAForm => "That is not a form",
            Self::Invalid(_) => "That cannot be taken",
            Self::KeyReused => "That was sent before",
            Self::TooMany(_) => "That is too much at once",
            Self::Full(_) => "It is full here right now",
            Self::Unavailable => "Nothing can be sent right now",
            Self::Internal => "Something went wrong",
        }
    }

    /// What it means for the one who asked.
    pub fn sentence(&self) -> &str {
        match self {
            Self::NotFound => {
                "No page has this address. A room's name has lowercase letters, digits and hyphens."
            }
            Self::MethodNotAllowed => "This address does not answer to that method.",
            Self::NotJoined => "This tab has not joined the room, or left it. Join to send.",
            Self::Foreign => "For your safety, forms are only taken from hubbub's own pages.",
            Self::NotAcceptable => {
                "There is text/event-stream (format=sse), application/x-ndjson (format=ndjson), \
                 text/plain (format=text) and text/html (format=html)."
            }
            Self::NameTaken => {
                "Somebody here has this name, or one that looks like it. Please choose another."
            }
            Self::TooSlow => "The form did not arrive in time. Please try again.",
            Self::TooLarge => "A message is at most 4000 characters.",
            Self::NotAForm => "Send the fields as a form (application/x-www-form-urlencoded).",
            Self::Invalid(sentence) => sentence,
            Self::KeyReused => "This key was already used for another message.",
            Self::TooMany(_) => "That was too much in a minute. Please wait a moment.",
            Self::Full(_) => "There is no room for more right now. Please try again in a moment.",
            Self::Unavailable => "The message was not stored. Please try again in a moment.",
            Self::Internal => "This was not your doing. Please try again in a moment.",
        }
    }
}

/// In the extensions of an answer that refuses in words of its own: why, to count by.
#[derive(Clone, Copy)]
pub struct Refused(pub &'static str);

/// A field that cannot be taken, for the reason that its parser gave.
pub fn invalid(why: impl std::error::Error) -> Error {
    Error::Invalid(why.to_string())
}

/// The bare status, with the error beside it for [`present`] to put into words.
impl IntoResponse for Error {
    fn into_response(self) -> Response<Body> {
        let mut response = self.status().into_response();
        response.headers_mut().extend(self.retry_after());
        response.extensions_mut().insert(self);
        response
    }
}

/// The journal's reason, logged once and never sent.
impl From<AppendError> for Error {
    fn from(why: AppendError) -> Self {
        match why {
            AppendError::KeyReused => Self::KeyReused,
            why => {
                tracing::warn!(%why, "a message was not stored");
                Self::Unavailable
            }
        }
    }
}

/// Of what is asked for again and again; see [`Error::Full`] for what is held.
impl From<TooMuch> for Error {
    fn from(TooMuch(wait): TooMuch) -> Self {
        Self::TooMany(wait)
    }
}

impl From<NameTaken> for Error {
    fn from(_: NameTaken) -> Self {
        Self::NameTaken
    }
}

impl From<ReadError> for Error {
    fn from(why: ReadError) -> Self {
        tracing::error!(%why, "the journal could not be read");
        Self::Internal
    }
}

/// How an error is put.
#[derive(Clone, Copy)]
pub enum Wording {
    /// A plain sentence, which our script shows beside the form.
    Htmx,
    /// `{"error": …}`.
    Script,
    /// A page.
    Person,
}

impl Wording {
    /// As the one who asks can read it.
    pub fn of(request: &Request) -> Self {
        let path = request.uri().path();
        let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
        if request.headers().contains_key("hx-request") {
            Self::Htmx
        } else if accept.is_some_and(|accept| accept.contains("application/json"))
            // What only scripts ask for is answered in their language, whatever they accept.
            || (path.starts_with("/rooms/") && path.ends_with("/messages"))
            || path.ends_with("/events")
        {
            Self::Script
        } else {
            Self::Person
        }
    }
}

/// Puts the [`Error`] in a response into words: JSON for scripts, a plain sentence for htmx, a
/// page for people.
pub fn present(error: &Error, wording: Wording, response: Response<Body>) -> Response<Body> {
    let (mut parts, _) = response.into_parts();
    let body = match wording {
        Wording::Htmx => error.sentence().to_owned().into_response(),
        Wording::Script => Json(serde_json::json!({ "error": error.sentence() })).into_response(),
        Wording::Person => view::error::page(error.title(), error.sentence()).into_response(),
    };
    let (described, body) = body.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.extend(described.headers);
    Response::from_parts(parts, body)
}

/// The answer to a post from another site's page.
pub fn foreign(_: ProtectionError) -> Response<Body> {
    Error::Foreign.into_response()
}

/// The answer to a request whose handler panicked.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
pub fn panicked(why: Box<dyn std::any::Any + Send>) -> Response<Body> {
    let said = why.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| why.downcast_ref::<&str>().copied()).unwrap_or("no message");
    tracing::error!("a handler panicked: {said}");
    Error::Internal.into_response()
}
