//! A live stream on a socket of its own.
//!
//! hyper keeps two buffers of 8 KB for a connection as long as it lasts, and takes a stream's items
//! through several layers one by one. Tens of thousands of tabs are held for hours and given a
//! frame at a time: for them the socket is taken out of hyper's hands once it has read the request,
//! and what remains is a head, and frames as they are. The end of the stream is the end of the
//! connection (RFC 9112, section 6.3, the last case), so nothing is put around a frame.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use axum::{
    Extension,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, IntoResponseParts, Response},
};
use bytes::{Buf as _, Bytes};
use tokio::{
    io::{AsyncRead as _, AsyncWrite as _, ReadBuf},
    net::TcpStream,
};
use tokio_stream::Stream;

use super::socket::Socket;

/// Bytes gathered for one write while there is more.
const GATHER: usize = 16 * 1024;

type Frames = Pin<Box<dyn Stream<Item = Bytes> + Send>>;

/// Where an answer carries its frames from the handler to the socket.
#[derive(Clone)]
struct Carried(Arc<Mutex<Option<Frames>>>);

/// An answer of status 200 and these headers, whose body is `frames`, as they come.
pub fn answer(
    headers: impl IntoResponseParts,
    frames: impl Stream<Item = Bytes> + Send + 'static,
) -> Response {
    let carried = Carried(Arc::new(Mutex::new(Some(Box::pin(frames)))));
    (headers, Extension(carried), ()).into_response()
}

/// An answer that was taken out of hyper's hands.
pub struct Live {
    headers: HeaderMap,
    frames: Frames,
}

impl Live {
    /// Takes a live answer out of one that a handler gave, if it is one.
    pub fn take(answer: &mut Response) -> Option<Self> {
        let Carried(frames) = answer.extensions_mut().remove()?;
        let frames = frames.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(Self { headers: std::mem::take(answer.headers_mut()), frames })
    }

    /// Writes the answer until its end, or until the peer is gone or takes nothing any more.
    ///
    /// # Errors
    ///
    /// The socket's.
    pub async fn run(mut self, socket: Socket<TcpStream>) -> io::Result<()> {
        let out = head(&mut self.headers);
        let mut line = Line { socket, frames: self.frames, out, ended: false };
        // When this ends, all that the peer said was read: over something unread, closing would be
        // a reset, and the last frames be lost.
        poll_fn(|context| line.poll(context)).await
    }
}

/// A socket and what goes out on it.
struct Line {
    socket: Socket<TcpStream>,
    frames: Frames,
    /// What is being written.
    out: Bytes,
    ended: bool,
}

impl Line {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.peer_is_gone(context)? {
            return Poll::Ready(Ok(()));
        }
        let mut waits = false;
        loop {
            ready!(self.write(context))?;
            if self.ended {
                return Poll::Ready(Ok(()));
            }
            if waits {
                return Poll::Pending;
            }
            waits = self.gather(context);
        }
    }

    /// Writes what there is.
    fn write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let written = ready!(Pin::new(&mut self.socket).poll_write(context, &self.out))?;
            self.out.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    /// Takes the next frame, or as many as there are, up to a limit: a reader that catches up is
    /// written to in few calls. Answers whether it waits for more.
    fn gather(&mut self, context: &mut Context<'_>) -> bool {
        let mut many = Vec::new();
        let waits = loop {
            match self.frames.as_mut().poll_next(context) {
                Poll::Pending => break true,
                Poll::Ready(None) => {
                    self.ended = true;
                    break false;
                }
                // Nearly always the only one, and shared with all readers.
                Poll::Ready(Some(frame)) if self.out.is_empty() => self.out = frame,
                Poll::Ready(Some(frame)) => {
                    if many.is_empty() {
                        many.extend_from_slice(&self.out);
                    }
                    many.extend_from_slice(&frame);
                    if many.len() >= GATHER {
                        break false;
                    }
                }
            }
        };
        if !many.is_empty() {
            self.out = many.into();
        }
        waits
    }

    /// Whether the peer has closed its side. What it still says is not heard: there is nothing more
    /// to ask for here.
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

fn head(headers: &mut HeaderMap) -> Bytes {
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.remove(header::CONTENT_LENGTH); // Of the body that stood in for the frames.
    let now = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let mut head = format!("HTTP/1.1 200 OK\r\ndate: {now}\r\n").into_bytes();
    for (name, value) in &*headers {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    *headers = HeaderMap::new(); // Its memory is not kept as long as the stream.
    head.into()
}
