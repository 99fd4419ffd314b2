//! `GET /rooms/{room}/presence`: who is here.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};

use super::{AppState, answer, negotiate, room::Room};
use crate::{message::Name, view};

/// The fragment that a page shows, or `{"count":2,"names":["ann","bob"]}`, with `"watching"`
/// where somebody reads along without a name.
pub async fn show(Room(room): Room, State(state): State<AppState>, headers: HeaderMap) -> Response {
    let people = state.presence.people(&room);
    let vary = [(header::VARY, "accept")];
    if negotiate::json(&headers) {
        let names: Vec<&str> = people.names.iter().map(Name::as_str).collect();
        let mut object = serde_json::json!({ "count": people.count, "names": names });
        if people.watching > 0 {
            object["watching"] = people.watching.into();
        }
        (answer::not_stored(), vary, Json(object)).into_response()
    } else {
        let list = view::presence::list(&people.names, people.count, people.watching, false);
        (answer::not_stored(), vary, list).into_response()
    }
}
