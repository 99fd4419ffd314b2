//! `/rooms/{room}/messages`: a page of older messages, and sending from a script.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::super::{
    cache::PAGE_MESSAGES,
    error::{Error, invalid},
    extract::{Params, Room},
    form::{Posted, key},
    negotiate,
    respond::not_stored,
    state::AppState,
};
use crate::{
    message::{Draft, Message, MessageId, Name, Seq, Text},
    paths,
    rooms::Caller,
    view,
};

/// The most that may be asked for at once: 200 of the longest texts are 3 MB.
const MAX_PAGE_MESSAGES: usize = 200;

/// Which part of the past is asked for.
#[derive(Deserialize)]
pub(crate) struct PageQuery {
    before: Option<String>,
    limit: Option<String>,
}

impl PageQuery {
    /// The seq before which the messages are asked for.
    pub(crate) fn before(&self, state: &AppState) -> Result<Option<Seq>, Error> {
        let Some(raw) = &self.before else { return Ok(None) };
        let id: MessageId = raw.parse().map_err(|_| {
            Error::Invalid("before= takes the id of a message, such as k3v9x2mq-17.".into())
        })?;
        // A page by another journal's numbers would show what has nothing to do with it.
        if id.epoch() != state.rooms.journal().epoch() {
            return Err(Error::Invalid("before= names a message of another journal.".into()));
        }
        Ok(Some(id.seq()))
    }

    fn limit(&self) -> Result<usize, Error> {
        let Some(raw) = &self.limit else { return Ok(PAGE_MESSAGES) };
        raw.parse().ok().filter(|limit| (1..=MAX_PAGE_MESSAGES).contains(limit)).ok_or_else(|| {
            Error::Invalid(format!("limit= takes a number from 1 to {MAX_PAGE_MESSAGES}."))
        })
    }
}

/// `GET`: the fragment that goes before what a page has, or an array for scripts; oldest first.
pub(crate) async fn list(
    Room(room): Room,
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
    Params(query): Params<PageQuery>,
) -> Result<Response, Error> {
    let (before, limit) = (query.before(&state)?, query.limit()?);
    let past = state.rooms.messages(&caller, &room, before, limit).await?;
    let vary = [(header::VARY, "accept")];
    Ok(if negotiate::prefers_json(&headers) {
        (not_stored(), vary, Json(past.messages)).into_response()
    } else {
        let here = paths::messages(&room).to_string();
        let list = view::message::list(&past.messages, past.more, &here);
        (not_stored(), vary, list).into_response()
    })
}

/// A script's fields.
#[derive(Deserialize)]
pub(crate) struct Fields {
    #[serde(default)]
    username: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    key: String,
}

/// `POST`: from a script, which says who it is.
pub(crate) async fn create(
    Room(room): Room,
    caller: Caller,
    State(state): State<AppState>,
    Posted(fields): Posted<Fields>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<Message>), Error> {
    let name = Name::parse(&fields.username).map_err(invalid)?;
    let text = Text::parse(&fields.text).map_err(invalid)?;
    let draft = Draft { room, name, text, key: key(&fields.key)? };
    let message = state.rooms.send_as(&caller, draft).await?.message;
    let location = format!("{}#m{}", paths::room(&message.room), message.seq());
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(message)))
}
