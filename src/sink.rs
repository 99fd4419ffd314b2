//! A socket, as far as somebody else than its connection's task may write to it, and frames as they
//! stand on it.

mod chunk;

use std::io;

#[cfg(test)]
pub(crate) use chunk::decode;
pub(crate) use chunk::{Chunk, Framing};

/// What takes bytes now, or does not.
pub trait Sink: Send + Sync {
    /// Writes as much as is taken now, and does not wait.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] where nothing is taken now, or the socket's own.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;
}
