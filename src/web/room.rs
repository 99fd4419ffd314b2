//! A room, seen from outside.

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
    response::Redirect,
};
use maud::Markup;

use super::Error;
use crate::{message::RoomName, view};

/// `GET /`: everybody starts in the lobby.
pub async fn lobby() -> Redirect {
    Redirect::to("/rooms/lobby")
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
        let params = params.map_err(|_| Error::NotFound)?;
        let (_, raw) = params.iter().find(|(name, _)| *name == "room").ok_or(Error::NotFound)?;
        RoomName::parse(raw).map(Self).map_err(|_| Error::NotFound)
    }
}
