//! The list of rooms.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use super::super::{error::Error, form::Posted, respond::not_stored, state::AppState};
use crate::{message::RoomName, paths, rooms::Caller, view};

/// Rooms that the list shows: what somebody reads through.
const MAX_LISTED_ROOMS: usize = 200;

/// `GET /`: everybody starts in the lobby.
pub(crate) async fn lobby() -> Redirect {
    Redirect::to(paths::LOBBY)
}

/// `GET /rooms`: the rooms that have people or messages, and a form to open another.
pub(crate) async fn list(caller: Caller, State(state): State<AppState>) -> Result<Response, Error> {
    listing(&state, &caller, StatusCode::OK, "", None).await
}

/// The form's field.
#[derive(Deserialize)]
pub(crate) struct Fields {
    #[serde(default)]
    room: String,
}

/// `POST /rooms`: a room begins when somebody goes there.
pub(crate) async fn open(
    caller: Caller,
    State(state): State<AppState>,
    Posted(Fields { room }): Posted<Fields>,
) -> Result<Response, Error> {
    match RoomName::parse(room.trim()) {
        Ok(room) => Ok(Redirect::to(&paths::room(&room).to_string()).into_response()),
        Err(why) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            listing(&state, &caller, status, &room, Some(&why.to_string())).await
        }
    }
}

async fn listing(
    state: &AppState,
    caller: &Caller,
    status: StatusCode,
    entered: &str,
    problem: Option<&str>,
) -> Result<Response, Error> {
    let rooms = state.rooms.list(caller, MAX_LISTED_ROOMS).await?;
    let rooms = rooms.into_iter().map(|(name, listed)| view::rooms::Room {
        name,
        here: listed.here,
        last_sent_at: listed.last_sent_at,
    });
    let page = view::rooms::page(&rooms.collect::<Vec<_>>(), entered, problem);
    Ok((status, not_stored(), page).into_response())
}
