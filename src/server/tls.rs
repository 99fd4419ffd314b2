//! Encryption: handshakes, and certificates that can change while connections are open.

mod files;

use std::{
    fmt,
    future::poll_fn,
    io,
    pin::pin,
    sync::{Arc, PoisonError, RwLock},
    task::Poll,
    thread,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Semaphore,
};
use tokio_rustls::{
    LazyConfigAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::ring,
        server::{Acceptor, ClientHello, ResolvesServerCert},
        sign::CertifiedKey,
    },
    server::TlsStream,
};

pub use files::{CertificateError, CertificateFiles};

/// What is agreed on within the handshake (ALPN, RFC 7301 and RFC 9113, section 3.2).
pub(super) const HTTP_2: &[u8] = b"h2";
const HTTP_1_1: &[u8] = b"http/1.1";

/// What a connection holds that is not encrypted yet, or not written. rustls has 64 KB for either by
/// default, which tens of thousands of slow readers could fill.
const MAX_BUFFER_BYTES: usize = 16 * 1024;

/// How connections are encrypted; clones share it, and the certificate, which can be replaced.
#[derive(Clone)]
pub struct Tls(Arc<Shared>);

struct Shared {
    config: Arc<ServerConfig>,
    certificate: Arc<Current>,
    /// Handshakes that are computed at once. Without a bound, a flood of them would have every
    /// processor, and open tabs would wait. It holds for the computing alone: a peer that leaves its
    /// part of a handshake undone keeps nobody else's from it.
    computing: Semaphore,
}

/// The certificate that is shown.
#[derive(Default)]
struct Current(RwLock<Option<Arc<CertifiedKey>>>);

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the certificate that is shown")
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Tls {
    /// Without a certificate yet: until there is one, handshakes fail.
    ///
    /// # Errors
    ///
    /// The system's, where it gives no random numbers.
    pub fn new() -> Result<Self, rustls::Error> {
        let certificate = Arc::<Current>::default();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?;
        let mut config = config
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&certificate) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![HTTP_2.to_vec(), HTTP_1_1.to_vec()];
        // Who comes back brings what it needs: thousands that do after a network's outage would not
        // find themselves in a cache of a few hundred.
        config.ticketer = ring::Ticketer::new()?;
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let computing = Semaphore::new(processors.div_ceil(2));
        Ok(Self(Arc::new(Shared { config: Arc::new(config), certificate, computing })))
    }

    /// Shows this certificate from now on. Connections that are open stay as they are.
    pub(super) fn show(&self, certificate: CertifiedKey) {
        let mut shown = self.0.certificate.0.write().unwrap_or_else(PoisonError::into_inner);
        *shown = Some(Arc::new(certificate));
    }

    /// Takes a connection through its handshake, in a time that the caller bounds. `None` where it
    /// was only for an authority to see.
    ///
    /// # Errors
    ///
    /// The socket's, or the peer's.
    pub(super) async fn accept<S>(&self, socket: S) -> io::Result<Option<TlsStream<S>>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let hello = LazyConfigAcceptor::new(Acceptor::default(), socket).await?;
        let config = Arc::clone(&self.0.config);
        let mut handshake = pin!(hello.into_stream_with(config, |session| {
            session.set_buffer_limit(Some(MAX_BUFFER_BYTES));
        }));
        let permit = self.0.computing.acquire().await.map_err(io::Error::other)?;
        // The first step is what costs: the key exchange and the signature.
        let step = poll_fn(|context| Poll::Ready(handshake.as_mut().poll(context))).await;
        drop(permit);
        match step {
            Poll::Ready(done) => done.map(Some),
            Poll::Pending => handshake.await.map(Some),
        }
    }
}

#[cfg(test)]
mod tests;
