//! What people see: maud functions from values to markup, and nothing else.

pub mod endless;
pub mod error;
pub mod join;
pub mod layout;
pub mod message;
pub mod presence;
pub mod room;
pub mod rooms;
