//! The connection to NATS, where several nodes share it: for the journal's stream, the signing secret,
//! and word of who is where. This module knows nothing of what is said over it.
//!
//! Without the feature `nats` only the flags are left, for a start to say that this build has none of
//! it.

#[cfg(feature = "nats")]
mod ack;
#[cfg(feature = "nats")]
mod link;
#[cfg(feature = "nats")]
mod once;
mod options;
#[cfg(all(test, feature = "nats"))]
#[expect(dead_code, reason = "other tests use the rest of it")]
#[path = "../tests/support/nats.rs"]
pub(crate) mod servers;
#[cfg(feature = "nats")]
mod streams;

#[cfg(feature = "nats")]
pub(crate) use ack::{Ack, Refused};
#[cfg(feature = "nats")]
pub(crate) use link::{ANSWER_TIMEOUT, Link};
pub use options::{Options, Replicas, Servers};
#[cfg(feature = "nats")]
pub(crate) use streams::word;

/// Why NATS cannot be used, in words for the operator who reads it on stderr. What is secret in the
/// flags is never in them.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// A flag makes no sense, or names a file that cannot be read.
    #[error("{flag}: {why}")]
    Flag {
        /// Which.
        flag: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// No server answers, or none lets us in.
    #[error("--nats: no server of {servers} could be used in {seconds} s ({why})")]
    Unreachable {
        /// Their addresses, without what is secret in them.
        servers: String,
        /// How long it was tried.
        seconds: u64,
        /// What the last one said.
        why: String,
    },
    /// It lacks what hubbub needs.
    #[error(
        "--nats: nats-server {found} is too old; 2.15 or later is meant, and 2.11 is the least"
    )]
    TooOld {
        /// Its version.
        found: String,
    },
    /// The stream is not as hubbub needs it.
    #[error("--nats-stream {stream}: {why}")]
    Stream {
        /// Its name.
        stream: String,
        /// What is wrong with it.
        why: String,
    },
    /// This hubbub was built without the feature.
    #[error("--nats: this hubbub was built without NATS (the cargo feature `nats`)")]
    NotBuilt,
}
