//! A socket whose peer has to take what is written to it.
//!
//! Under back-pressure hyper stops polling a body, so no timeout inside of that would ever fire: the
//! deadline belongs here, for pages and streams alike.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use crate::metrics::Metrics;

/// How long a peer may take nothing of what is to be written: time for a phone to come out of a
/// tunnel. Who is cut comes back with its cursor, and has cost no more than the kernel's buffers.
pub const TAKES: Duration = Duration::from_secs(30);

/// A connection with a deadline for writes that make no progress.
pub struct Socket<S> {
    inner: S,
    metrics: Metrics,
    /// Set while a write waits: an idle tab, whose every write goes through at once, has no timer.
    stuck: Option<Pin<Box<Sleep>>>,
}

impl<S> Socket<S> {
    /// Watches over `inner`.
    pub fn new(inner: S, metrics: Metrics) -> Self {
        Self { inner, metrics, stuck: None }
    }

    /// Lets a write through that was done, and one that waits wait no longer than [`TAKES`].
    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match written {
            Poll::Pending => {
                let stuck = self.stuck.get_or_insert_with(|| Box::pin(sleep(TAKES)));
                std::task::ready!(stuck.as_mut().poll(cx));
                self.metrics.evicted();
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer takes nothing")))
            }
            done @ Poll::Ready(_) => {
                self.stuck = None;
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

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
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

impl<S: AsyncWrite + Unpin> AsyncWrite for Socket<S> {
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
        let mut socket = Socket::new(ours, metrics.clone());
        let writer = tokio::spawn(async move {
            let ended = socket.write_all(&[0; 1000]).await;
            (ended, Instant::now())
        });
        // A byte at a time, each just before the deadline.
        let mut byte = [0];
        for _ in 0..10 {
            tokio::time::sleep(TAKES.mul_f32(0.9)).await;
            peer.read_exact(&mut byte).await.unwrap();
        }
        assert!(!writer.is_finished());
        let last = Instant::now();
        let (ended, at) = writer.await.unwrap();
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!((at - last).as_secs(), TAKES.as_secs());
        assert_eq!(metrics.evictions(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_taken_all_may_be_silent_for_ever() {
        let (mut peer, ours) = duplex(64);
        let mut socket = Socket::new(ours, Metrics::new());
        for _ in 0..3 {
            socket.write_all(&[0; 64]).await.unwrap();
            peer.read_exact(&mut [0; 64]).await.unwrap();
            tokio::time::sleep(TAKES * 10).await;
        }
        assert!(socket.stuck.is_none());
    }
}
