//! A room, seen from outside.

use std::{cmp::Reverse, collections::BTreeMap};

use axum::{
    extract::{FromRequestParts, RawPathParams, State},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use maud::Markup;
use serde::Deserialize;

use super::{AppState, Error, answer, form::Posted};
use crate::{message::RoomName, view};

/// Rooms that the list shows: what somebody reads through.
const LISTED: usize = 200;

/// `GET /`: everybody starts in the lobby.
pub async fn lobby() -> Redirect {
    Redirect::to("/rooms/lobby")
}

/// `GET /rooms`: the rooms that have people or messages, and a form to open another.
pub async fn list(State(state): State<AppState>) -> Result<Response, Error> {
    listing(&state, StatusCode::OK, "", None).await
}

#[derive(Deserialize)]
pub struct Opening {
    #[serde(default)]
    room: String,
}

/// `POST /rooms`: a room begins when somebody goes there.
pub async fn open(
    State(state): State<AppState>,
    Posted(Opening { room }): Posted<Opening>,
) -> Result<Response, Error> {
    match RoomName::parse(room.trim()) {
        Ok(room) => Ok(Redirect::to(&format!("/rooms/{room}")).into_response()),
        Err(why) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            listing(&state, status, &room, Some(&why.to_string())).await
        }
    }
}

async fn listing(
    state: &AppState,
    status: StatusCode,
    entered: &str,
    problem: Option<&str>,
) -> Result<Response, Error> {
    let mut rooms: BTreeMap<RoomName, view::rooms::Listed> = BTreeMap::new();
    for (room, here) in state.presence.occupied(LISTED) {
        rooms.insert(room, view::rooms::Listed { here, last_sent_at: None });
    }
    for (room, last_sent_at) in state.journal().rooms(LISTED).await? {
        // It may have people and not be among those that have most.
        let here = state.presence.count(&room);
        rooms.insert(room, view::rooms::Listed { here, last_sent_at: Some(last_sent_at) });
    }
    // Where somebody is or spoke last comes first.
    let mut rooms: Vec<_> = rooms.into_iter().collect();
    rooms.sort_by_key(|(_, listed)| Reverse((listed.here, listed.last_sent_at)));
    rooms.truncate(LISTED);
    let page = view::rooms::page(&rooms, entered, problem);
    Ok((status, answer::not_stored(), page).into_response())
}

/// `GET /rooms/{room}`: the join form.
pub async fn show(Room(room): Room) -> Markup {
    view::room::join(&room, "", None)
}

/// The room that a URL names; every other shape is a page that does not exist.
pub struct Room(pub RoomName);

impl<S: Send + Sync> FromRequestParts<S> for Room {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        Self::of(&params.map_err(|_| Error::NotFound)?)
    }
}

impl Room {
    /// The room among what a URL names.
    pub fn of(params: &RawPathParams) -> Result<Self, Error> {
        let (_, raw) = params.iter().find(|(name, _)| *name == "room").ok_or(Error::NotFound)?;
        RoomName::parse(raw).map(Self).map_err(|_| Error::NotFound)
    }
}
