//! A live response on a socket of its own.
//!
//! To a request of HTTP/1.1 each frame goes out in a chunk: clients hand on a chunk when it is whole,
//! and some gather what has none (Python's `requests` fills a buffer of 512 bytes first). To one of
//! HTTP/1.0 frames go out as they are, and the end of the stream is the end of the connection
//! (RFC 9112, section 6.3, the last case). In both the connection ends with the stream, and only
//! where the frames are complete with the last chunk before.
//!
//! A peer may close its half once it has sent its request, as `nc -N` and simple clients of
//! HTTP/1.0 do, and read on. A browser that closes a tab closes both halves, and at first the two
//! look alike here: reading ends. What tells them apart is a write, which a peer that reads no more
//! answers with a reset; the write after that fails. So when reading ends, [`Probes`] are written.
//! This costs a closed tab a round trip of looking present, and it holds for all streams alike: a
//! tab whose half is closed *is* still being read.

use std::{
    io,
    mem::{self, MaybeUninit},
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, SystemTime},
};

use axum::http::{HeaderMap, HeaderValue, header};
use bytes::{Buf as _, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use super::{Frames, LiveResponse};
use crate::sink::{Chunk, Framing};

/// Bytes gathered for one write while more frames are ready.
const WRITE_BATCH_BYTES: usize = 16 * 1024;

/// What is read of a peer at once, and in a second. There is nothing that it should say: what came
/// behind its request is dropped, and whoever pours into a stream waits, and costs next to nothing.
const READ_BYTES: usize = 4096;
const MAX_READ_PER_SECOND: usize = 64 * 1024;

/// When a peer that closed its half is written to, each after the one before. The first write makes
/// a peer that is gone answer with a reset; the second finds that where the peer is near, the third
/// where a slow network lies between. After that keep-alives do it.
const PROBE_DELAYS: [Duration; 3] =
    [Duration::ZERO, Duration::from_millis(100), Duration::from_secs(1)];

/// Writes a live response to a socket; resolves at its end, or with the socket's error when the peer
/// is gone.
pub struct Writer<S> {
    socket: S,
    frames: Frames,
    /// What is being written: at first the head.
    out: Bytes,
    /// Whether any of it was.
    has_begun: bool,
    /// What stands around frames.
    framing: Framing,
    /// Whether the frames have come to their end.
    ended: bool,
    /// As it goes out.
    keep_alive: Bytes,
    /// Set once the peer has closed its half.
    probes: Option<Probes>,
    /// How much more is read before the next pause, and that.
    may_read: usize,
    pause: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Writer<S> {
    pub(super) fn new(live: LiveResponse, socket: S) -> Self {
        let LiveResponse { headers, frames, keep_alive, framing } = live;
        let out = head(&headers, framing);
        let keep_alive = keep_alive.into_framed(framing);
        Self {
            socket,
            frames,
            out,
            has_begun: false,
            framing,
            ended: false,
            keep_alive,
            probes: None,
            may_read: MAX_READ_PER_SECOND,
            pause: None,
        }
    }

    /// Drops what the peer says: there is nothing more to ask for here. When the stream ends, all of
    /// it was read: over something unread, closing would be a reset, and the last frames be lost.
    fn read(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let mut ignored = [MaybeUninit::uninit(); READ_BYTES];
        while self.probes.is_none() {
            if let Some(pause) = &mut self.pause {
                if pause.as_mut().poll(context).is_pending() {
                    break;
                }
                (self.pause, self.may_read) = (None, MAX_READ_PER_SECOND);
            }
            let mut ignored = ReadBuf::uninit(&mut ignored);
            match Pin::new(&mut self.socket).poll_read(context, &mut ignored)? {
                Poll::Ready(()) if ignored.filled().is_empty() => {
                    self.probes = Some(Probes::start());
                }
                Poll::Ready(()) => {
                    self.may_read = self.may_read.saturating_sub(ignored.filled().len());
                    if self.may_read == 0 {
                        self.pause = Some(Box::pin(sleep(Duration::from_secs(1))));
                    }
                }
                Poll::Pending => break,
            }
        }
        Ok(())
    }

    /// Writes what there is.
    fn write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let written = ready!(Pin::new(&mut self.socket).poll_write(context, &self.out))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.advance(written);
        }
        // An empty rest would keep what it is of.
        self.out = Bytes::new();
        // For sockets that encrypt; to TCP it is nothing.
        Pin::new(&mut self.socket).poll_flush(context)
    }

    /// Takes the next frame, or as many as are ready, up to a limit: a reader that catches up is
    /// written to in few calls. Returns whether it waits for more.
    fn gather(&mut self, context: &mut Context<'_>) -> bool {
        let mut many = Vec::new();
        let waits = loop {
            let next = match self.frames.as_mut().poll_next(context) {
                Poll::Pending => break true,
                Poll::Ready(Some(frame)) => frame.into_framed(self.framing),
                Poll::Ready(None) => {
                    self.ended = true;
                    self.last_bytes()
                }
            };
            if self.out.is_empty() {
                // Nearly always the only one, and shared with all readers.
                self.out = next;
            } else {
                if many.is_empty() {
                    many.extend_from_slice(&self.out);
                }
                many.extend_from_slice(&next);
            }
            if self.ended || many.len() >= WRITE_BATCH_BYTES {
                break false;
            }
        };
        if !many.is_empty() {
            self.out = many.into();
        }
        waits
    }

    /// What goes out after the last frame.
    fn last_bytes(&self) -> Bytes {
        match self.framing {
            Framing::Chunked if self.frames.is_complete() => Bytes::from_static(Chunk::LAST),
            Framing::Chunked | Framing::Bare => Bytes::new(),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Writer<S> {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let rest = this.frames.unpark();
        if !rest.is_empty() {
            // All of ours was written before others could write.
            this.out = rest;
        }
        this.read(context)?;
        // The head goes out with what is due at once: a call to the kernel less for each connect.
        let mut waits = !mem::replace(&mut this.has_begun, true) && this.gather(context);
        loop {
            ready!(this.write(context))?;
            if this.ended {
                return Pin::new(&mut this.socket).poll_shutdown(context);
            }
            if !waits {
                waits = this.gather(context);
                continue;
            }
            // All that is due was written: between two frames is the place for a probe.
            let Some(probes) = &mut this.probes else {
                this.frames.park();
                return Poll::Pending;
            };
            if !probes.is_due(context) {
                return Poll::Pending;
            }
            this.out = this.keep_alive.clone();
        }
    }
}

/// When to write to a peer that closed its half, to see whether it still reads.
struct Probes {
    next: Option<Pin<Box<Sleep>>>,
    later: std::slice::Iter<'static, Duration>,
}

impl Probes {
    fn start() -> Self {
        let mut probes = Self { next: None, later: PROBE_DELAYS.iter() };
        probes.advance();
        probes
    }

    fn advance(&mut self) {
        self.next = self.later.next().map(|delay| Box::pin(sleep(*delay)));
    }

    fn is_due(&mut self, context: &mut Context<'_>) -> bool {
        let due = self.next.as_mut().is_some_and(|next| next.as_mut().poll(context).is_ready());
        if due {
            self.advance();
        }
        due
    }
}

/// The response's head. Without a length and not in chunks, the body lasts until the connection
/// ends.
fn head(headers: &HeaderMap, framing: Framing) -> Bytes {
    // A clock may show what no calendar here has: the last year that it knows will do.
    let now = jiff::Timestamp::try_from(SystemTime::now()).unwrap_or(jiff::Timestamp::MAX);
    let now = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    // The version of the request, as hyper has it in the answer to a HEAD.
    let version = if framing == Framing::Chunked { "1.1" } else { "1.0" };
    let mut head = format!("HTTP/{version} 200 OK\r\ndate: {now}\r\n").into_bytes();
    let chunked = (&header::TRANSFER_ENCODING, &HeaderValue::from_static("chunked"));
    let chunked = (framing == Framing::Chunked).then_some(chunked);
    let close = (&header::CONNECTION, &HeaderValue::from_static("close"));
    for (name, value) in headers.iter().chain(chunked).chain([close]) {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head.into()
}

#[cfg(test)]
mod tests;
