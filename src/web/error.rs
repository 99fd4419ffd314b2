//! One error for every handler, shown in the form that the one who asked can read.

mod refusal;
mod wording;

use std::{borrow::Cow, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
};
use tower_http::csrf::ProtectionError;

use super::negotiate::{NoSuchFormat, NotAcceptable};
use crate::{message::Text, view};

pub(super) use wording::{Wording, came_from, present};

/// What a request can come to, but for success.
#[derive(Clone, Debug)]
pub(crate) enum Error {
    /// 404: no such page, no such room name, no such file.
    NotFound,
    /// 405: the page exists, the method does not.
    MethodNotAllowed,
    /// 403: the tab has no cookie, or one that is not its own.
    NotJoined,
    /// 401: a token that is none.
    BadToken,
    /// 403: names come from a proxy, and it did not say a name; the sentence says what is wrong.
    NotSignedIn(String),
    /// 403: the form was posted by a page of another site.
    Foreign,
    /// 421: the server is not called what the request says.
    Misdirected,
    /// 406: no representation of a stream that the reader takes.
    NotAcceptable,
    /// 406: no such format of what is no stream.
    NoSuchFormat,
    /// 409: somebody in the room has that name now.
    NameTaken,
    /// 408: the body took too long to come.
    TooSlow,
    /// 413: larger than anything that is accepted; the sentence says how large that is.
    TooLarge(String),
    /// 415: the body is compressed.
    Encoded,
    /// 415: not a form, on a page that takes nothing else.
    NotAForm,
    /// 415: neither a form nor JSON nor a plain text, from a script.
    NotABody,
    /// 422: a field was not acceptable; the sentence says why.
    Invalid(String),
    /// 409: the key was used for another message.
    KeyReused,
    /// 429: more than is allowed in a minute; and how long to wait.
    TooMany(Duration),
    /// 429: a room's readers are behind its senders.
    Behind,
    /// 503: as many streams, or rooms, are open as may be; and how long to wait.
    Full(Duration),
    /// 403, or 429 where waiting helps: the rules of the room do not allow it; the sentence says which.
    Denied(String, Option<Duration>),
    /// 409: something else is there already; the sentence says what.
    Conflict(String),
    /// 404: what is meant is not there; the sentence says what.
    Nothing(String),
    /// 403: somebody else sent the message.
    NotAuthor,
    /// 403: the message was sent too long ago to be edited.
    TooLate,
    /// 404: no such message in the room.
    NoMessage,
    /// 410: the message was removed, and cannot be edited.
    Removed,
    /// 503: the journal cannot take the message now. Nothing is stored, or the same key tells.
    /// What it says of the cause is for the log.
    Unavailable(Arc<str>),
    /// 503: nobody knows whether the message is stored; the same key tells. What it says of the cause
    /// is for the log.
    Unsure(Arc<str>),
    /// 503: this node does not have yet what the reader has seen on another.
    NotYet,
    /// 503: whether a name is free on other nodes cannot be known now. The cause is for the log.
    Apart(Arc<str>),
    /// 500: a bug, or a disk that cannot be read. What it says of the cause is for the log.
    Internal(Arc<str>),
}

impl Error {
    /// A bug, or a disk that cannot be read.
    pub(crate) fn internal(why: &impl ToString) -> Self {
        Self::Internal(why.to_string().into())
    }

    /// A body beyond so many bytes. Where it is a form with a long text, the sentence about messages
    /// is the one that helps.
    pub(crate) fn too_large(max_body: usize) -> Self {
        Self::TooLarge(format!(
            "The body is larger than {max_body} bytes, the most that is taken. A message is at most \
             {} characters.",
            Text::MAX_CHARS
        ))
    }

    /// The cause, for the log only.
    pub(crate) fn internal_cause(&self) -> Option<Arc<str>> {
        match self {
            Self::Unavailable(why) | Self::Unsure(why) | Self::Apart(why) | Self::Internal(why) => {
                Some(Arc::clone(why))
            }
            _ => None,
        }
    }

    /// The status that it is answered with.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound | Self::NoMessage | Self::Nothing(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotJoined
            | Self::NotSignedIn(_)
            | Self::Foreign
            | Self::Denied(_, None)
            | Self::NotAuthor
            | Self::TooLate => StatusCode::FORBIDDEN,
            Self::BadToken => StatusCode::UNAUTHORIZED,
            Self::Removed => StatusCode::GONE,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::NotAcceptable | Self::NoSuchFormat => StatusCode::NOT_ACCEPTABLE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotAForm | Self::NotABody | Self::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::KeyReused | Self::NameTaken | Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooMany(_) | Self::Behind | Self::Denied(_, Some(_)) => {
                StatusCode::TOO_MANY_REQUESTS
            }
            Self::Unavailable(_) | Self::Unsure(_) | Self::Apart(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::NotYet | Self::Full(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// When to try again, where that may help.
    fn retry_after(&self) -> Option<(HeaderName, HeaderValue)> {
        Some((header::RETRY_AFTER, self.retry_seconds()?.into()))
    }

    /// The same in seconds.
    fn retry_seconds(&self) -> Option<u64> {
        match self {
            // Rounded up: a little too early would be refused again.
            Self::TooMany(wait) | Self::Full(wait) | Self::Denied(_, Some(wait)) => {
                Some(wait.as_secs() + 1)
            }
            Self::Behind | Self::NotYet => Some(1),
            Self::Unavailable(_) | Self::Unsure(_) | Self::Apart(_) => Some(5),
            _ => None,
        }
    }

    /// Lets an answer tell it in words of its own, such as a form's.
    pub(crate) fn told_by(&self, mut answer: Response<Body>) -> Response<Body> {
        answer.headers_mut().extend(self.retry_after());
        let (reason, internal) = (self.reason(), self.internal_cause());
        answer.extensions_mut().insert(Refused { reason, internal });
        answer
    }

    /// One word for it, to count by.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method",
            Self::NotJoined => "not_joined",
            Self::Denied(..) => "denied",
            Self::Conflict(_) => "conflict",
            Self::Nothing(_) => "nothing",
            Self::NotSignedIn(_) => "not_signed_in",
            Self::BadToken => "bad_token",
            Self::NotAuthor => "not_author",
            Self::TooLate => "too_late",
            Self::NoMessage => "no_message",
            Self::Removed => "removed",
            Self::Foreign => "foreign",
            Self::Misdirected => "misdirected",
            Self::NotAcceptable | Self::NoSuchFormat => "not_acceptable",
            Self::NameTaken => "name_taken",
            Self::TooSlow => "too_slow",
            Self::TooLarge(_) => "too_large",
            Self::NotAForm | Self::NotABody | Self::Encoded => "not_a_form",
            Self::Invalid(_) => "invalid",
            Self::KeyReused => "key_reused",
            Self::TooMany(_) => "too_many",
            Self::Behind => "behind",
            Self::Full(_) => "full",
            Self::Unavailable(_) => "unavailable",
            Self::Unsure(_) => "unsure",
            Self::NotYet => "not_yet",
            Self::Apart(_) => "apart",
            Self::Internal(_) => "internal",
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Self::NotFound => "There is nothing here",
            Self::MethodNotAllowed => "That is not how this works",
            Self::NotJoined => "You have not joined here",
            Self::Denied(_, Some(_)) => "Not yet",
            Self::Denied(..) => "You may not do that here",
            Self::Conflict(_) => "That cannot be done now",
            Self::Nothing(_) => "There is no such thing",
            Self::NotSignedIn(_) => "You are not signed in",
            Self::BadToken => "That is not the token",
            Self::NotAuthor => "That is not yours",
            Self::TooLate => "It is too late for that",
            Self::NoMessage => "There is no such message",
            Self::Removed => "That was removed",
            Self::Foreign => "That came from another site",
            Self::Misdirected => "This server has another name",
            Self::NotAcceptable | Self::NoSuchFormat => "There is no such form of it",
            Self::NameTaken => "Somebody has that name",
            Self::TooSlow => "That took too long",
            Self::TooLarge(_) => "That is too large",
            Self::NotAForm | Self::NotABody => "That is not a form",
            Self::Encoded => "That is compressed",
            Self::Invalid(_) => "That cannot be taken",
            Self::KeyReused => "That was sent before",
            Self::TooMany(_) | Self::Behind => "That is too much at once",
            Self::Full(_) => "It is full here right now",
            Self::Unavailable(_) | Self::Unsure(_) => "Nothing can be sent right now",
            Self::NotYet => "It is not here yet",
            Self::Apart(_) => "Nobody can join right now",
            Self::Internal(_) => "Something went wrong",
        }
    }

    /// What it means for the one who asked, and when to come back where that is known: for pages.
    pub(crate) fn in_full(&self) -> Cow<'_, str> {
        let sentence = self.sentence();
        let seconds = match self {
            Self::TooMany(_) | Self::Full(_) | Self::Behind => self.retry_seconds(),
            _ => None,
        };
        let Some(seconds) = seconds else { return sentence.into() };
        let what = [" Please wait a moment.", " Please try again in a moment."];
        let what = what.into_iter().find_map(|vague| sentence.strip_suffix(vague));
        let when = view::when::within(seconds);
        format!("{} You can try again {when}.", what.unwrap_or(sentence)).into()
    }

    /// What it means for the one who asked.
    pub(crate) fn sentence(&self) -> &str {
        match self {
            Self::NotFound => {
                "No page has this address. A room's name has lowercase letters, digits and hyphens."
            }
            Self::MethodNotAllowed => "This address does not answer to that method.",
            Self::NotJoined => "This tab has not joined the room, or left it. Join to send.",
            Self::BadToken => {
                "That is not the token. The operator's stands in a file beside the data, a room's in a \
                 link that its host gives."
            }
            Self::NotAuthor => {
                "Only the tab that sent a message can change it, or a program with the key that it was \
                 sent under, if that has 16 characters or more."
            }
            Self::TooLate => {
                "A message can be edited for 15 minutes after it was sent. It can still be removed."
            }
            Self::NoMessage => {
                "There is no message with this id in this room, or it is no longer kept."
            }
            Self::Removed => "This message was removed, and cannot be edited any more.",
            Self::Foreign => {
                "A page of another site sent this. Only hubbub's own pages may, and programs. If this is \
                 one, a proxy changes the name that it asks for: its operator can give hubbub the right \
                 one with --public-url."
            }
            Self::Misdirected => {
                "hubbub does not answer to this name. Whoever runs it can say what it is called with \
                 --public-url, such as --public-url https://chat.example."
            }
            Self::NotAcceptable => {
                "There is text/event-stream (format=sse, or format=sse-json with JSON in it), \
                 application/x-ndjson (format=ndjson), text/plain (format=text) and text/html \
                 (format=html)."
            }
            Self::NoSuchFormat => {
                "There is application/json (format=json) and text/html (format=html)."
            }
            Self::NameTaken => {
                "Somebody here has this name, or one that looks like it. Please choose another."
            }
            Self::TooSlow => "The body did not arrive in time. Please try again.",
            Self::TooLarge(sentence)
            | Self::Invalid(sentence)
            | Self::NotSignedIn(sentence)
            | Self::Denied(sentence, _)
            | Self::Conflict(sentence)
            | Self::Nothing(sentence) => sentence,
            Self::Encoded => {
                "The body has a Content-Encoding, and none is taken. Send it as it is, uncompressed."
            }
            Self::NotAForm => "Send the fields as a form (application/x-www-form-urlencoded).",
            Self::NotABody => {
                "Send the fields as a form (application/x-www-form-urlencoded) or as JSON \
                 (application/json), or the text alone (text/plain) with ?username= in the address."
            }
            Self::KeyReused => "This key was already used for another message.",
            Self::TooMany(_) => "That was too much in a minute. Please wait a moment.",
            Self::Behind => {
                "More is sent here than can be delivered right now. Please wait a moment."
            }
            Self::Full(_) => "There is no room for more right now. Please try again in a moment.",
            Self::Unavailable(_) => "The message was not stored. Please try again in a moment.",
            Self::Unsure(_) => {
                "The message may be stored, or not. Please send it again: it is stored once."
            }
            Self::NotYet => {
                "This server does not have yet what you have seen. Please try again in a moment."
            }
            Self::Apart(_) => {
                "Nobody can join right now: whether the name is free cannot be known. Please try again."
            }
            Self::Internal(_) => "This was not your doing. Please try again in a moment.",
        }
    }
}

/// In the extensions of an answer that refuses in words of its own: why, to count by, and the cause,
/// for the log.
#[derive(Clone)]
pub(super) struct Refused {
    /// One word.
    pub reason: &'static str,
    /// The cause, where it is ours.
    pub internal: Option<Arc<str>>,
}

/// A field that cannot be taken, for the reason that its parser gave.
pub(super) fn invalid(why: impl std::error::Error) -> Error {
    Error::Invalid(why.to_string())
}

/// The bare status, with the error beside it for [`present`] to put into words.
impl IntoResponse for Error {
    fn into_response(self) -> Response<Body> {
        let mut response = self.status().into_response();
        response.headers_mut().extend(self.retry_after());
        if matches!(self, Self::BadToken) {
            // RFC 9110, section 11.6.1: a 401 says how to do better.
            let how = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, how);
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<NotAcceptable> for Error {
    fn from(_: NotAcceptable) -> Self {
        Self::NotAcceptable
    }
}

impl From<NoSuchFormat> for Error {
    fn from(_: NoSuchFormat) -> Self {
        Self::NoSuchFormat
    }
}

/// The answer to a post from another site's page.
pub(super) fn foreign(_: ProtectionError) -> Response<Body> {
    Error::Foreign.into_response()
}

/// The answer to a request whose handler panicked. Where, is in the log; what the panic says is not,
/// since it may quote what somebody wrote.
pub(crate) fn panicked(_: Box<dyn std::any::Any + Send>) -> Response<Body> {
    Error::internal(&"the handler panicked").into_response()
}
