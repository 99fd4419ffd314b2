//! What one may do in a room.

pub mod limits;
pub mod roster;
