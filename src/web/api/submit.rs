//! `POST /rooms/{room}/messages`: sending from a script, which says who it is.

use std::convert::Infallible;

use axum::{
    extract::{FromRequest, FromRequestParts, Request, State},
    http::{HeaderMap, HeaderName, StatusCode, header, request::Parts},
};

use super::super::{
    body::{Body, MediaType},
    claim,
    error::{Error, invalid},
    extract::Room,
    fields::{Fields, Noun},
    json::Json,
    session::Browser,
    state::AppState,
    user::User,
};
use crate::{
    message::{Draft, Key, Message, Text},
    paths,
    rooms::Caller,
};

/// The fields of a message.
const FIELDS: [&str; 4] = ["username", "secret", "text", "key"];

/// What webhooks in the shape of Slack's and Mattermost's say beside `username` and `text`: how it
/// looks there, whom it answers, and what a text stands in for. A program that is pointed here sends them all the
/// same. A channel is among them, since the room is in the address.
pub(crate) const PASSED_OVER: [&str; 21] = [
    "as_user",
    "attachments",
    "blocks",
    "card",
    "channel",
    "delete_original",
    "icon_emoji",
    "icon_url",
    "link_names",
    "metadata",
    "mrkdwn",
    "parse",
    "priority",
    "props",
    "replace_original",
    "reply_broadcast",
    "response_type",
    "thread_ts",
    "type",
    "unfurl_links",
    "unfurl_media",
];

/// The key in a header, for clients that send one with every POST (draft-ietf-httpapi-
/// idempotency-key-header). It is taken as it stands, quotes and all.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What a script says, wherever it says it: in a form, in JSON, or as a plain text with the rest in
/// the address.
pub(crate) struct Submission {
    username: Option<String>,
    /// In a body of fields alone: addresses stand in logs.
    secret: String,
    text: String,
    key: Option<String>,
    /// What a name is called where it stands.
    noun: Noun,
}

impl FromRequest<AppState> for Submission {
    type Rejection = Error;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Error> {
        let query = request.uri().query().unwrap_or_default().as_bytes();
        let query = Fields::urlencoded(Noun::Parameter, query);
        let key = header_key(request.headers())?;
        let taken = [MediaType::Form, MediaType::Json, MediaType::Text];
        let body = Body::read(request, state, &taken, state.served.max_body).await?;
        body.check_charset()?;
        let body = match body.media_type {
            // No form that is taken begins so: it would be the name of a field.
            MediaType::Form if body.bytes.trim_ascii_start().starts_with(b"{") => {
                return Err(Error::Invalid(LOOKS_LIKE_JSON.into()));
            }
            MediaType::Form => Fields::urlencoded(Noun::Field, &body.bytes),
            MediaType::Json => Fields::json(&body.bytes)?,
            MediaType::Text => {
                let text = str::from_utf8(&body.bytes);
                let text = text.map_err(|_| Error::Invalid(NOT_UTF_8.into()))?;
                return Ok(Self {
                    username: query.get("username")?.map(ToOwned::to_owned),
                    secret: String::new(),
                    text: text.to_owned(),
                    key: once("key", [key.as_deref(), query.get("key")?])?,
                    noun: Noun::Parameter,
                });
            }
        };
        body.only(&FIELDS, &PASSED_OVER)?;
        Ok(Self {
            username: once("username", [query.get("username")?, body.get("username")?])?,
            secret: body.get("secret")?.unwrap_or_default().to_owned(),
            text: body.get("text")?.ok_or(Noun::Field.missing("text"))?.to_owned(),
            key: once("key", [key.as_deref(), query.get("key")?, body.get("key")?])?,
            noun: Noun::Field,
        })
    }
}

/// To `curl -d '{…}'`, which calls whatever it sends a form.
pub(super) const LOOKS_LIKE_JSON: &str =
    "This looks like JSON: add Content-Type: application/json.";

const NOT_UTF_8: &str = "The text is not UTF-8. Send it as UTF-8.";

/// What a header says of the key.
pub(super) fn header_key(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let mut lines = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    if lines.next().is_some() {
        return Err(Noun::Field.doubled("key"));
    }
    // What is no text is no key either, and is refused as such.
    Ok(Some(line.to_str().unwrap_or_default().to_owned()))
}

/// The one value of a field among the places where it may stand.
pub(super) fn once<const N: usize>(
    name: &str,
    places: [Option<&str>; N],
) -> Result<Option<String>, Error> {
    let mut said = places.into_iter().flatten();
    let value = said.next().map(ToOwned::to_owned);
    if said.next().is_some() { Err(Noun::Field.doubled(name)) } else { Ok(value) }
}

/// The browser that asks, where it is one that was here.
pub(crate) struct Known(Option<String>);

impl FromRequestParts<AppState> for Known {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        Ok(Self(Browser::of(&parts.headers, &state.secret).map(|browser| browser.id)))
    }
}

/// Stores it, and answers with the message and where it is.
pub(crate) async fn create(
    Room(room): Room,
    caller: Caller,
    user: User,
    State(state): State<AppState>,
    Known(browser): Known,
    said: Submission,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<Message>), Error> {
    let missing = || said.noun.missing("username");
    let username = said.username.as_deref();
    let name = claim::name(&state.secret, &user, username, &said.secret, missing)?;
    let text = Text::parse(&said.text).map_err(invalid)?;
    // An empty key is no key: what was to fill it in has failed, and whoever wrote it believes that
    // the send can be repeated.
    let key = said.key.map_or_else(|| Ok(Key::fresh()), |raw| Key::parse(&raw).map_err(invalid))?;
    let draft = Draft { room, name, text, key, author: None };
    let browser = browser.as_deref();
    let message = state.rooms.send_as(&caller, browser, draft).await?.message;
    let location = format!("{}#m{}", paths::room(&message.room), message.seq());
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(message)))
}
