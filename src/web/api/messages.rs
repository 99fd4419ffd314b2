//! `GET /rooms/{room}/messages`: a page of older messages.

use axum::{
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::super::{
    cache::PAGE_MESSAGES,
    error::Error,
    extract::{Params, Room},
    fields::message_id,
    json::Json,
    negotiate::{self, Document},
    respond::not_stored,
    state::AppState,
};
use crate::{message::Seq, paths, rooms::Caller, view};

/// The most that may be asked for at once: 200 of the longest texts are 3 MB.
pub(crate) const MAX_PAGE_MESSAGES: usize = 200;

/// Which part of the past is asked for.
#[derive(Deserialize)]
pub(crate) struct PageQuery {
    before: Option<String>,
    limit: Option<String>,
    format: Option<String>,
}

impl PageQuery {
    /// The seq before which the messages are asked for.
    pub(crate) fn before(&self, state: &AppState) -> Result<Option<Seq>, Error> {
        before(state, self.before.as_deref())
    }

    fn limit(&self) -> Result<usize, Error> {
        let Some(raw) = &self.limit else { return Ok(PAGE_MESSAGES) };
        raw.parse().ok().filter(|limit| (1..=MAX_PAGE_MESSAGES).contains(limit)).ok_or_else(|| {
            Error::Invalid(format!("limit= takes a number from 1 to {MAX_PAGE_MESSAGES}."))
        })
    }
}

/// The seq of the message before which something is asked for.
pub(crate) fn before(state: &AppState, raw: Option<&str>) -> Result<Option<Seq>, Error> {
    let Some(raw) = raw else { return Ok(None) };
    let id = message_id("before", raw)?;
    // A page by another journal's numbers would show what has nothing to do with it.
    if id.epoch() != state.rooms.journal().epoch() {
        return Err(Error::Invalid("before= names a message of another journal.".into()));
    }
    Ok(Some(id.seq()))
}

/// The fragment that goes before what a page has, or an array for scripts; oldest first.
pub(crate) async fn list(
    Room(room): Room,
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
    Params(query): Params<PageQuery>,
) -> Result<Response, Error> {
    let document = negotiate::document(&headers, query.format.as_deref())?;
    let (before, limit) = (query.before(&state)?, query.limit()?);
    let past = state.rooms.messages(&caller, &room, before, limit).await?;
    let vary = [(header::VARY, "accept")];
    Ok(match document {
        Document::Json => (not_stored(), vary, Json(past.messages)).into_response(),
        Document::Html => {
            let here = paths::messages(&room).to_string();
            let list = view::message::list(&past.messages, past.more, &here);
            (not_stored(), vary, list).into_response()
        }
    })
}
