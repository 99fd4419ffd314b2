//! Sockets: what they are, their options, and a deadline for writes.

mod stream;

use std::{
    io::{self, IoSlice},
    net::Shutdown as Half,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

use crate::{metrics::Metrics, sink::Sink};
pub(super) use stream::Socket;

/// How long a peer may take nothing of what is to be written: time for a phone to come out of a
/// tunnel. Who is cut comes back with its cursor, and has cost no more than the kernel's buffers.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a peer may leave unacknowledged what was sent to it, before the kernel ends the
/// connection: who vanished without a word must not look present for long, and a tab that is only
/// slow comes back and resumes. Linux counts a window that stays shut as well, though its probes are
/// answered: who reads nothing, or less than it takes to open the window, was seen to be cut after
/// 10.5 s. [`WRITE_TIMEOUT`] is for who opens it now and then, and for other systems.
#[cfg(target_os = "linux")]
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);

/// What the kernel takes that it cannot send yet (`TCP_NOTSENT_LOWAT`): a reader that stopped holds
/// so much of the kernel's memory, where it was seen to hold 1.6 MB without; one that catches up is
/// as fast as ever.
#[cfg(target_os = "linux")]
const MAX_UNSENT_BYTES: u32 = 128 * 1024;

/// How often the kernel asks a silent peer whether it is there (`SO_KEEPALIVE`), so that one that
/// vanished is found where nothing was sent, too.
const KEEP_ALIVE_PROBE_INTERVAL: Duration = Duration::from_secs(5);

/// Sets the options of an accepted socket: no delay, since a message is a packet of its own, and an
/// end to peers that are gone. One of Unix's has none of these: its peer is on this machine.
///
/// # Errors
///
/// The operating system's. The connection works without.
pub(super) fn configure(socket: &Socket) -> io::Result<()> {
    match socket {
        Socket::Tcp(socket) => configure_tcp(socket),
        Socket::Unix(_) => Ok(()),
    }
}

fn configure_tcp(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let socket = SockRef::from(socket);
    let keep_alive = TcpKeepalive::new()
        .with_time(KEEP_ALIVE_PROBE_INTERVAL)
        .with_interval(KEEP_ALIVE_PROBE_INTERVAL);
    socket.set_tcp_keepalive(&keep_alive)?;
    #[cfg(target_os = "linux")]
    {
        socket.set_tcp_user_timeout(Some(TCP_USER_TIMEOUT))?;
        socket.set_tcp_notsent_lowat(MAX_UNSENT_BYTES)?;
    }
    Ok(())
}

/// A socket that others may write to as well. Its halves know nothing of each other's writes:
/// whoever writes next has to know that the other's are whole.
pub(super) struct SharedSocket(Arc<Socket>);

impl DeadlineSocket<Socket> {
    /// Lets somebody else write to the socket as well.
    pub(super) fn share(self) -> (DeadlineSocket<SharedSocket>, Arc<dyn Sink>) {
        let socket = Arc::new(self.inner);
        let shared = SharedSocket(Arc::clone(&socket));
        (DeadlineSocket::new(shared, self.metrics), socket)
    }
}

impl Sink for Socket {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        // Past the runtime's note of whether it is writable: that would be one more look into memory
        // for each of thousands of sockets. Where it is full, whoever waits for it finds that out.
        SockRef::from(self).send(bytes)
    }
}

impl AsyncRead for SharedSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(context))?;
            match self.0.try_read(buffer.initialize_unfilled()) {
                Ok(read) => {
                    buffer.advance(read);
                    return Poll::Ready(Ok(()));
                }
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
                Err(why) => return Poll::Ready(Err(why)),
            }
        }
    }
}

impl AsyncWrite for SharedSocket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(context))?;
            match Socket::try_write(&self.0, bytes) {
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&*self.0).shutdown(Half::Write))
    }
}

/// A socket with a deadline for writes that make no progress.
///
/// Under back-pressure hyper stops polling a body, so that a timeout inside of that would never
/// fire: the deadline belongs here, for pages and streams alike. It wraps the socket itself, below any
/// encryption, where progress can be seen.
pub(super) struct DeadlineSocket<S> {
    inner: S,
    metrics: Metrics,
    /// Set while a write waits: an idle tab, whose every write goes through at once, has no timer.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<S> DeadlineSocket<S> {
    /// Watches over `inner`.
    pub(super) fn new(inner: S, metrics: Metrics) -> Self {
        Self { inner, metrics, deadline: None }
    }

    /// Lets a write through that was done, and one that waits wait no longer than
    /// [`WRITE_TIMEOUT`].
    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match written {
            Poll::Pending => {
                let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(WRITE_TIMEOUT)));
                std::task::ready!(deadline.as_mut().poll(cx));
                self.metrics.evicted();
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer takes nothing")))
            }
            done @ Poll::Ready(_) => {
                self.deadline = None;
                self.count(&done);
                done
            }
        }
    }

    /// Counts a connection that the kernel cut by its own deadline, for a peer that acknowledges
    /// nothing. It says so once, to whoever reads or writes first.
    fn count<T>(&self, done: &Poll<io::Result<T>>) {
        if let Poll::Ready(Err(why)) = done
            && why.kind() == io::ErrorKind::TimedOut
        {
            self.metrics.evicted();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for DeadlineSocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.inner).poll_read(cx, buffer);
        self.count(&read);
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for DeadlineSocket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, parts);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
        time::Instant,
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_cut_at_the_deadline_and_who_takes_a_little_is_not() {
        let (mut peer, ours) = duplex(64);
        let metrics = Metrics::new();
        let mut socket = DeadlineSocket::new(ours, metrics.clone());
        let writer = tokio::spawn(async move {
            let ended = socket.write_all(&[0; 1000]).await;
            (ended, Instant::now())
        });
        // A byte at a time, each just before the deadline.
        let mut byte = [0];
        for _ in 0..10 {
            tokio::time::sleep(WRITE_TIMEOUT.mul_f32(0.9)).await;
            peer.read_exact(&mut byte).await.unwrap();
        }
        assert!(!writer.is_finished());
        let last = Instant::now();
        let (ended, at) = writer.await.unwrap();
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!((at - last).as_secs(), WRITE_TIMEOUT.as_secs());
        assert_eq!(metrics.evictions(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_taken_all_may_be_silent_for_ever() {
        let (mut peer, ours) = duplex(64);
        let mut socket = DeadlineSocket::new(ours, Metrics::new());
        for _ in 0..3 {
            socket.write_all(&[0; 64]).await.unwrap();
            peer.read_exact(&mut [0; 64]).await.unwrap();
            tokio::time::sleep(WRITE_TIMEOUT * 10).await;
        }
        assert!(socket.deadline.is_none());
    }
}
