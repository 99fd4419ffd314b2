//! Delivery: from the journal to the readers' sockets.
//!
//! The [`feed`] follows the journal and publishes each message to the [`hub`] as one [`frame`];
//! each reader's [`stream`] takes it from there, or from the journal where it is behind.

pub mod announcements;
pub mod feed;
pub mod frame;
pub mod hub;
pub mod past;
pub mod stream;

#[cfg(test)]
pub mod model;
