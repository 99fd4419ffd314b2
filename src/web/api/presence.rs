//! Who is here.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::super::{
    error::Error, extract::Room, form::Posted, negotiate, respond::not_stored, state::AppState,
};
use crate::rooms::{Caller, Tab};

/// `GET /rooms/{room}/presence`: the fragment that a page shows, or `{"count":2,"names":["ann","bob"]}`.
pub(crate) async fn show(
    Room(room): Room,
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let people = state.rooms.people(&caller, &room)?;
    let vary = [(header::VARY, "accept")];
    if !negotiate::prefers_json(&headers) {
        let list = state.cache.people(&room, &people).0.clone();
        return Ok((not_stored(), vary, maud::PreEscaped(list)).into_response());
    }
    Ok((not_stored(), vary, Json(&*people)).into_response())
}

/// What a tab says of itself.
#[derive(Deserialize)]
pub(crate) struct Fields {
    #[serde(default)]
    hidden: bool,
}

/// `POST /rooms/{room}/tabs/{tab}/presence`: a tab says whether it is hidden. A hidden one lets
/// go of its stream over HTTP/1.1, and says so once a minute to be here all the same.
pub(crate) async fn update(
    tab: Tab,
    State(state): State<AppState>,
    Posted(Fields { hidden }): Posted<Fields>,
) -> StatusCode {
    state.rooms.set_hidden(&tab, hidden);
    StatusCode::NO_CONTENT
}
