//! What scripts ask for, and what watches over the process.

pub(super) mod change;
pub(super) mod events;
pub(super) mod messages;
pub(super) mod presence;
pub(super) mod probes;
pub(super) mod submit;
