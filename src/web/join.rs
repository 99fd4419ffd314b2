//! `POST /rooms/{room}/join`: a new tab under a name.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use super::{
    AppState, Error, address::Address, error::invalid, form::Posted, room::Room, tab::Tab,
};
use crate::{message::Name, view};

#[derive(Deserialize)]
pub struct Joining {
    #[serde(default)]
    username: String,
}

/// Makes the tab and sends the browser there, or shows the form again and says why not.
pub async fn create(
    Room(room): Room,
    Address(address): Address,
    State(state): State<AppState>,
    headers: HeaderMap,
    Posted(Joining { username }): Posted<Joining>,
) -> Response {
    let tab = Name::parse(&username).map_err(invalid).and_then(|name| {
        state.limits.join(address)?;
        let tab = Tab::open(room.clone(), name);
        state.presence.join(&room, tab.id(), tab.name())?;
        Ok(tab)
    });
    match tab {
        Ok(tab) => {
            let cookie = tab.cookie(&state.secret, over_tls(&headers));
            (cookie, Redirect::to(&tab.path().0)).into_response()
        }
        Err(why) => {
            let page = view::room::join(&room, &username, Some(why.sentence()));
            // A form that cannot be taken as it stands, whatever is wrong with it.
            let status = match why {
                Error::TooMany(_) => why.status(),
                _ => StatusCode::UNPROCESSABLE_ENTITY,
            };
            why.told_by((status, page).into_response())
        }
    }
}

/// Whether the browser reached us over TLS, which a proxy may have ended. The browser says so
/// itself, in the Origin of its post; a forged one could only harm the forger's own cookie.
fn over_tls(headers: &HeaderMap) -> bool {
    headers.get("origin").is_some_and(|origin| origin.as_bytes().starts_with(b"https://"))
}
