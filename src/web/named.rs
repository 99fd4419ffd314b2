//! The message that a URL names, and what the request proves of who asks.

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
};

use super::{error::Error, extract::Room, session, state::AppState, user::User};
use crate::{
    journal::Revision,
    message::{Key, Message, MessageId, RoomName},
    rooms::{Caller, Proof},
};

/// The message that a URL names.
pub(super) struct Named {
    /// Its room.
    pub room: RoomName,
    /// Its id; every other shape is a page that does not exist.
    pub id: MessageId,
    /// The ids of the tabs that the request comes from.
    pub tabs: Vec<String>,
    user: User,
}

impl FromRequestParts<AppState> for Named {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Error> {
        let Room(room) = Room::from_request_parts(parts, state).await?;
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|_| Error::NotFound)?;
        let (_, raw) = params.iter().find(|(name, _)| *name == "id").ok_or(Error::NotFound)?;
        let id = raw.parse().map_err(|_| Error::NoMessage)?;
        let tabs = session::tabs_of(&parts.headers, &state.secret, &room);
        let Ok(user) = User::from_request_parts(parts, state).await;
        Ok(Self { room, id, tabs, user })
    }
}

impl Named {
    /// What the request proves, with a key that it says.
    pub(super) fn proof(&self, key: Option<Key>) -> Proof {
        let proof = Proof::new(self.tabs.iter().map(String::as_str), key);
        proof.of_user(self.user.0.clone())
    }

    /// Removes or edits it, with a key that the request says, and has no page show it as it was.
    ///
    /// # Errors
    ///
    /// As [`Rooms::revise`](crate::rooms::Rooms::revise) refuses it.
    pub(super) async fn revise(
        &self,
        state: &AppState,
        caller: &Caller,
        key: Option<Key>,
        revision: Revision,
    ) -> Result<Message, Error> {
        let place = (&self.room, &self.id);
        let message = state.rooms.revise(caller, &self.proof(key), place, revision).await?;
        state.cache.forget(&self.room);
        Ok(message)
    }
}
