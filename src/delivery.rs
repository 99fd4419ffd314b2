//! Delivery: from the journal to the readers' sockets.
//!
//! The [`feed`] follows the journal and publishes each message to the [`hub`] as one [`frame`];
//! each reader's [`stream`] takes it from there, or from the journal where it is behind.

pub(crate) mod announcements;
pub(crate) mod feed;
pub(crate) mod frame;
pub(crate) mod hub;
pub(crate) mod past;
pub(crate) mod stream;
pub(crate) mod unread;

#[cfg(test)]
pub mod model;
