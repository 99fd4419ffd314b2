//! What people see: maud functions from values to markup, and nothing else.

pub(crate) mod api;
pub(crate) mod endless;
pub(crate) mod error;
pub(crate) mod join;
pub(crate) mod layout;
mod mark;
pub(crate) mod message;
pub(crate) mod moderate;
pub(crate) mod operator;
pub(crate) mod own;
pub(crate) mod presence;
pub(crate) mod room;
pub(crate) mod room_list;
pub(crate) mod rooms;
mod said;
pub(crate) mod search;
mod text;
mod tile;
pub(crate) mod when;

use crate::{
    assets,
    paths::{self, Fixed},
};

/// The address of the embedded file that the code knows as `name`.
fn href(name: &str) -> Fixed {
    paths::file(assets::href(name))
}
