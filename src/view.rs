//! What people see: maud functions from values to markup, and nothing else.

pub(crate) mod api;
pub(crate) mod endless;
pub(crate) mod error;
pub(crate) mod join;
pub(crate) mod layout;
pub(crate) mod message;
pub(crate) mod presence;
pub(crate) mod room;
pub(crate) mod rooms;
