//! What scripts ask for, and what watches over the process.

pub mod events;
pub mod messages;
pub mod presence;
pub mod probes;
