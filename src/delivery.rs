//! Delivery: from the journal to the readers' sockets.
//!
//! The [`feed`] follows the journal and publishes each message to the [`hub`] as one [`frame`];
//! each reader's [`stream`] takes it from there, or from the journal where it is behind. The
//! [`announcements`] tell the same readers who is in their room.

pub mod announcements;
pub mod feed;
pub mod frame;
pub mod hub;
pub mod stream;
