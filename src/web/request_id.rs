//! Which request an error belongs to.

use std::{
    fmt::{self, Display},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// What tells a request from every other of this process, and nearly surely of others.
#[derive(Clone, Copy)]
pub(super) struct RequestId(u64);

/// Four random bytes a process; a number would begin anew with each.
static PROCESS: LazyLock<u32> = LazyLock::new(rand::random);

impl RequestId {
    /// The next one.
    pub(super) fn next() -> Self {
        static REQUESTS: AtomicU64 = AtomicU64::new(1);
        Self(REQUESTS.fetch_add(1, Ordering::Relaxed))
    }
}

impl Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", *PROCESS, self.0)
    }
}
