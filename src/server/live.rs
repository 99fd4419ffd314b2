//! A live stream on a socket of its own.
//!
//! hyper keeps two buffers of 8 KB for a connection as long as it lasts, and takes a stream's items
//! through several layers one by one. Tens of thousands of tabs are held for hours and given a
//! frame at a time: for them the socket is taken out of hyper's hands once it has read the request,
//! and what remains is a head, and frames as they are. The end of the stream is the end of the
//! connection (RFC 9112, section 6.3, the last case), so nothing is put around a frame.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Extension,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse as _, IntoResponseParts, Response},
};
use bytes::Bytes;
use tokio::{net::TcpStream, time::timeout};
use tokio_stream::{Stream, StreamExt as _};

use super::socket::TAKES;
use crate::metrics::Metrics;

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
    pub async fn run(mut self, socket: TcpStream, metrics: Metrics) -> io::Result<()> {
        let head = head(&mut self.headers);
        write(&socket, &head, &metrics).await?;
        drop((head, std::mem::take(&mut self.headers)));
        let mut frames = self.frames;
        loop {
            tokio::select! {
                biased;
                frame = frames.next() => match frame {
                    Some(frame) => write(&socket, &frame, &metrics).await?,
                    None => return finish(&socket).await,
                },
                gone = gone(&socket) => return gone.map_err(|why| counted(why, &metrics)),
            }
        }
    }
}

fn head(headers: &mut HeaderMap) -> Vec<u8> {
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
    head
}

/// Writes all of it, and waits for room no longer than [`TAKES`].
async fn write(socket: &TcpStream, mut bytes: &[u8], metrics: &Metrics) -> io::Result<()> {
    while !bytes.is_empty() {
        match socket.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => {
                // Boxed: room for a timer that hardly any reader ever needs.
                let room = Box::pin(timeout(TAKES, socket.writable())).await;
                if room.is_err() {
                    metrics.evicted();
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
            Err(why) => {
                return Err(counted(why, metrics));
            }
        }
    }
    Ok(())
}

/// Counts the kernel's own deadline, for a peer that acknowledges nothing.
fn counted(why: io::Error, metrics: &Metrics) -> io::Error {
    if why.kind() == io::ErrorKind::TimedOut {
        metrics.evicted();
    }
    why
}

/// Waits until the peer has closed its side, or the connection broke. What it still says is not
/// heard: there is nothing more to ask for here.
async fn gone(socket: &TcpStream) -> io::Result<()> {
    loop {
        socket.readable().await?;
        match socket.try_read(&mut [0; 256]) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
            Err(why) => return Err(why),
        }
    }
}

/// How long a peer may take to close after the end of a stream: what it has not read yet would be
/// lost to a reset, if the socket were closed over something that it said last.
const LINGER: Duration = Duration::from_millis(500);

/// Ends our side, and waits a little for the peer to end its own.
async fn finish(socket: &TcpStream) -> io::Result<()> {
    socket2::SockRef::from(socket).shutdown(std::net::Shutdown::Write)?;
    let _ = timeout(LINGER, gone(socket)).await;
    Ok(())
}
