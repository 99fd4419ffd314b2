//! A socket, as far as somebody else than its connection's task may write to it.

use std::io;

/// What takes bytes now, or does not.
pub trait Sink: Send + Sync {
    /// Writes as much as is taken now, and does not wait.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] where nothing is taken now, or the socket's own.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;
}
