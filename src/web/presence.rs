//! Who is here.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

use maud::Markup;
use serde::Deserialize;

use super::{AppState, answer, form::Posted, negotiate, room::Room, tab::Tab};

/// `GET /rooms/{room}/presence`: the fragment that a page shows, or `{"count":2,"names":["ann","bob"]}`, with `"away":["bob"]`
/// where somebody is, and `"watching"` where somebody reads along without a name.
pub async fn show(Room(room): Room, State(state): State<AppState>, headers: HeaderMap) -> Response {
    let people = state.presence.people(&room);
    let vary = [(header::VARY, "accept")];
    if negotiate::json(&headers) {
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
        (answer::not_stored(), vary, Json(object)).into_response()
    } else {
        let list = state.lists.of(&room, people);
        (answer::not_stored(), vary, Markup::clone(&list)).into_response()
    }
}

#[derive(Deserialize)]
pub struct Telling {
    #[serde(default)]
    hidden: bool,
}

/// `POST /rooms/{room}/tabs/{tab}/presence`: a tab says whether it is hidden. A hidden one lets
/// go of its stream over HTTP/1.1, and says so once a minute to be here all the same.
pub async fn tell(
    tab: Tab,
    State(state): State<AppState>,
    Posted(Telling { hidden }): Posted<Telling>,
) -> StatusCode {
    if hidden {
        state.presence.hide(tab.room(), tab.id(), tab.name());
    } else {
        state.presence.show(tab.room(), tab.id());
    }
    StatusCode::NO_CONTENT
}
