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

/// `GET /rooms/{room}/presence`: the fragment that a page shows, or
/// `{"count":2,"names":["ann","bob"]}`, with `"away":["bob"]` where somebody is, and `"watching"`
/// where somebody reads along without a name.
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
    let listed = |only_away: bool| -> Vec<&str> {
        let people = people.names.iter().filter(|person| person.away || !only_away);
        people.map(|person| person.name.as_str()).collect()
    };
    let mut object = serde_json::json!({ "count": people.count, "names": listed(false) });
    let away = listed(true);
    if !away.is_empty() {
        object["away"] = away.into();
    }
    if people.watching > 0 {
        object["watching"] = people.watching.into();
    }
    Ok((not_stored(), vary, Json(object)).into_response())
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
