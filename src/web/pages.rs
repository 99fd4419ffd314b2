//! What people see: pages and the forms on them.

pub(super) mod api;
pub(super) mod enter;
pub(super) mod join;
pub(super) mod moderate;
pub(super) mod operator;
pub(super) mod own;
pub(super) mod rooms;
pub(super) mod send;
pub(super) mod tab;

use axum::{
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use maud::Markup;

use super::respond::not_stored;

/// A page that is shown again, with what was wrong in it.
fn again(status: StatusCode, page: Markup) -> Response {
    (status, not_stored(), page).into_response()
}
