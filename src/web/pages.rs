//! What people see: pages and the forms on them.

pub(super) mod api;
pub(super) mod enter;
pub(super) mod join;
pub(super) mod list;
pub(super) mod moderate;
pub(super) mod operator;
pub(super) mod own;
pub(super) mod rooms;
pub(super) mod search;
pub(super) mod send;
pub(super) mod tab;

use axum::{
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use maud::Markup;

use super::{respond::not_stored, state::AppState};
use crate::{message::RoomName, paths};

/// A page that is shown again, with what was wrong in it.
fn again(status: StatusCode, page: Markup) -> Response {
    (status, not_stored(), page).into_response()
}

/// The page of a browser in a room: that of its tab which is there, if any of these is, or the room's.
fn own_page_in(state: &AppState, room: &RoomName, tabs: &[String]) -> String {
    let here = tabs.iter().max_by_key(|id| state.rooms.presence(room, id));
    here.map_or_else(|| paths::room(room).to_string(), |id| paths::tab(room, id).to_string())
}
