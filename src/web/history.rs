//! `GET /rooms/{room}/messages`: a page of older messages.

use axum::{
    Json,
    extract::{Query, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{AppState, Error, answer, negotiate, room::Room};
use crate::{
    message::{MessageId, Seq},
    view,
};

/// How many messages a page has unless it is asked for another number: some screens full.
pub const SHOWN: usize = 50;

/// The most that may be asked for at once: 200 of the longest texts are 3 MB.
const MOST: usize = 200;

/// Which part of the past is asked for.
#[derive(Deserialize)]
pub struct Asked {
    before: Option<String>,
    limit: Option<String>,
}

impl Asked {
    /// The place before which the messages are asked for.
    pub fn before(&self, state: &AppState) -> Result<Option<Seq>, Error> {
        let Some(raw) = &self.before else { return Ok(None) };
        let id: MessageId = raw.parse().map_err(|_| {
            Error::Invalid("before= takes the id of a message, such as k3v9x2mq-17.".into())
        })?;
        // A page by another journal's numbers would show what has nothing to do with it.
        if id.epoch() != state.journal().epoch() {
            return Err(Error::Invalid("before= names a message of another journal.".into()));
        }
        Ok(Some(id.seq()))
    }

    fn limit(&self) -> Result<usize, Error> {
        let Some(raw) = &self.limit else { return Ok(SHOWN) };
        raw.parse()
            .ok()
            .filter(|limit| (1..=MOST).contains(limit))
            .ok_or_else(|| Error::Invalid(format!("limit= takes a number from 1 to {MOST}.")))
    }
}

/// The fragment that goes before what a page has, or an array for scripts; oldest first.
pub async fn show(
    Room(room): Room,
    State(state): State<AppState>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let (before, limit) = (asked.before(&state)?, asked.limit()?);
    let past = state.journal().before(&room, before, limit).await?;
    let vary = [(header::VARY, "accept")];
    Ok(if negotiate::json(&headers) {
        (answer::not_stored(), vary, Json(past.messages)).into_response()
    } else {
        let here = format!("/rooms/{room}/messages");
        let list = view::message::list(&past.messages, past.more, &here);
        (answer::not_stored(), vary, list).into_response()
    })
}
