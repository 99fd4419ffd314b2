//! Streams leave hyper behind once their head is written.
//!
//! What hyper keeps for a connection (two buffers of 8 KB, a header map) is there for the next
//! request, and an open stream has none; and the way of a frame through bodies in boxes, a queue
//! and an encoder costs more than the kernel's part beyond the bare write. So hyper answers the
//! request, writes the head, and hands the connection over with the stream; from there
//! on, a frame is copied into a chunk and written.
//!
//! Where nobody takes it over (HTTP/1.0, a test), the same stream is an ordinary body.

use std::{
    convert::Infallible,
    io::{self, IoSlice, Write as _},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead as _, AsyncWrite as _, ReadBuf},
    net::TcpStream,
};
use tokio_stream::Stream;

/// Bytes that are gathered for one write while there is more: a reader that catches up is written
/// to in few calls, and takes no more memory than this and one piece.
const GATHER: usize = 16 * 1024;

/// What is streamed.
pub type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, Infallible>> + Send>>;

/// A connection's offer to take a stream over; clones share it.
#[derive(Clone, Default)]
pub struct Takeover(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// The stream that is to be taken over.
    given: Option<Pieces>,
    /// Whether all that hyper wrote since it was given is with the kernel.
    flushed: bool,
}

impl Takeover {
    /// A body for hyper, which gives its stream away when it is first asked for data.
    pub fn body(&self, pieces: Pieces) -> impl Stream<Item = Result<Bytes, Infallible>> + use<> {
        Body { pieces: Some(pieces), takeover: self.clone() }
    }

    /// The stream, once its head is out.
    pub fn take(&self) -> Option<Pieces> {
        let mut state = self.lock();
        if state.flushed { state.given.take() } else { None }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// hyper asks a body for data when it has put the head into its buffer. There is none.
struct Body {
    pieces: Option<Pieces>,
    takeover: Takeover,
}

impl Stream for Body {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(pieces) = self.pieces.take() {
            *self.takeover.lock() = State { given: Some(pieces), flushed: false };
        }
        Poll::Pending
    }
}

/// The socket under hyper, which notes when hyper flushes it: that is when hyper has nothing left
/// to write, and only then.
pub struct Socket {
    io: TokioIo<TcpStream>,
    takeover: Takeover,
}

impl Socket {
    /// Around a connection that makes an offer.
    pub fn new(socket: TcpStream, takeover: &Takeover) -> Self {
        Self { io: TokioIo::new(socket), takeover: takeover.clone() }
    }

    /// The connection.
    pub fn into_inner(self) -> TcpStream {
        self.io.into_inner()
    }
}

impl Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl Write for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(context);
        self.takeover.lock().flushed = flushed.is_ready();
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, parts)
    }
}

/// Writes a stream to its end, each piece a chunk (RFC 9112, section 7.1), or until the peer is
/// gone.
///
/// # Errors
///
/// The connection's.
pub async fn run(socket: TcpStream, pieces: Pieces) -> io::Result<()> {
    let mut line = Line { socket, pieces, chunks: Vec::new(), written: 0, ended: false };
    std::future::poll_fn(|context| line.poll(context)).await?;
    std::future::poll_fn(|context| Pin::new(&mut line.socket).poll_shutdown(context)).await
}

/// A connection that was taken over.
struct Line {
    socket: TcpStream,
    pieces: Pieces,
    /// What is to be written, empty and without memory while there is nothing to say.
    chunks: Vec<u8>,
    written: usize,
    ended: bool,
}

impl Line {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.peer_is_gone(context)? {
            return Poll::Ready(Ok(()));
        }
        loop {
            let waits = !self.ended && self.gather(context);
            while self.written < self.chunks.len() {
                let rest = &self.chunks[self.written..];
                match Pin::new(&mut self.socket).poll_write(context, rest)? {
                    Poll::Ready(written) => self.written += written,
                    Poll::Pending => return Poll::Pending,
                }
            }
            (self.chunks, self.written) = (Vec::new(), 0);
            if self.ended {
                return Poll::Ready(Ok(()));
            }
            if waits {
                return Poll::Pending;
            }
        }
    }

    /// Takes what the stream has, up to a limit; answers whether it waits for more.
    fn gather(&mut self, context: &mut Context<'_>) -> bool {
        while self.chunks.len() - self.written < GATHER {
            let piece = match self.pieces.as_mut().poll_next(context) {
                Poll::Pending => return true,
                Poll::Ready(None) => {
                    self.ended = true;
                    Bytes::new()
                }
                Poll::Ready(Some(Ok(piece))) => piece,
            };
            // An empty chunk is the last.
            self.chunks.reserve(piece.len() + 16);
            let _ = write!(self.chunks, "{:x}\r\n", piece.len());
            self.chunks.extend_from_slice(&piece);
            self.chunks.extend_from_slice(b"\r\n");
            if self.ended {
                break;
            }
        }
        false
    }

    /// Whether the peer has closed its side. What it says meanwhile is nobody's concern.
    fn peer_is_gone(&mut self, context: &mut Context<'_>) -> io::Result<bool> {
        let mut heard = [0; 64];
        loop {
            let mut heard = ReadBuf::new(&mut heard);
            match Pin::new(&mut self.socket).poll_read(context, &mut heard)? {
                Poll::Ready(()) if heard.filled().is_empty() => return Ok(true),
                Poll::Ready(()) => {}
                Poll::Pending => return Ok(false),
            }
        }
    }
}
