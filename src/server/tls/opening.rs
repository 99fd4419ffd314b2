//! A socket while it is not known yet what is spoken on it: who speaks plain HTTP to a port of TLS
//! would be answered with an alert, which no person can read.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};

use crate::server::http1::refusal;

pub(super) struct Opening<S> {
    pub(super) socket: S,
    first: Option<u8>,
    /// The alert, which waits.
    held: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Opening<S> {
    pub(super) fn new(socket: S) -> Self {
        Self { socket, first: None, held: Vec::new() }
    }

    /// Tells the peer what it can understand. A request begins with a method, in capital letters.
    pub(super) async fn refuse(mut self) {
        if self.first.is_some_and(|first| first.is_ascii_uppercase()) {
            if self.socket.write_all(&refusal::not_encrypted()).await.is_ok() {
                let _ = self.socket.shutdown().await;
                refusal::linger(self.socket).await;
            }
        } else {
            let _ = self.socket.write_all(&self.held).await;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Opening<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.socket).poll_read(context, buffer);
        self.first = self.first.or_else(|| buffer.filled().get(before).copied());
        polled
    }
}

/// What is written before a handshake has begun is an alert.
impl<S: Unpin> AsyncWrite for Opening<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.held.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
