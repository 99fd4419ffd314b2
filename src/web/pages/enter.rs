//! Coming in by a link.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse as _, Redirect, Response},
};

use super::super::{
    credentials::{Proven, proven},
    error::Error,
    extract::{AnyRoom, OverTls},
    form::PageForm,
    session::pass,
    state::AppState,
};
use crate::{paths, rooms::Caller};

/// `POST /rooms/{room}/enter`: what a link says becomes a cookie, and the address is clean.
pub(crate) async fn create(
    AnyRoom(room): AnyRoom,
    caller: Caller,
    State(state): State<AppState>,
    OverTls(over_tls): OverTls,
    form: PageForm,
) -> Result<Response, Error> {
    let token = form.field("key")?.trim();
    // What is none counts as a token that is tried; and whatever is wrong, there is no such room.
    let pass = match proven(&caller, &state, token) {
        Ok(Proven::Link(pass)) if pass.room == room => pass,
        Err(why @ Error::TooMany(_)) => return Err(why),
        _ => return Err(Error::NotFound),
    };
    let entering = Caller { pass: Some(std::sync::Arc::new(pass.clone())), ..caller };
    if state.rooms.role(&entering, &room).is_none() {
        return Err(Error::NotFound);
    }
    let cookie = pass::give(&pass, token, over_tls);
    let page = Redirect::to(&paths::room(&room).to_string());
    Ok(([(header::SET_COOKIE, cookie)], page).into_response())
}
