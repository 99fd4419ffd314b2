//! Encryption: handshakes, and certificates that can change while connections are open.

mod challenge;
mod files;
mod opening;
mod pem;

use std::{
    fmt,
    future::poll_fn,
    io,
    pin::pin,
    sync::{Arc, OnceLock, PoisonError, RwLock},
    task::Poll,
    thread,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    sync::Semaphore,
};
use tokio_rustls::{
    LazyConfigAcceptor, StartHandshake,
    rustls::{
        self, ServerConfig,
        crypto::ring,
        server::{Acceptor, ClientHello, ResolvesServerCert},
        sign::CertifiedKey,
    },
    server::TlsStream,
};

use challenge::Challenges;
pub use challenge::{Challenge, Lookup, server_name};
pub use files::{CertificateError, CertificateFiles};
use opening::Opening;
pub use pem::{Leaf, PemError};

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
    /// For an authority, which asks whether a name is ours.
    challenge_config: Arc<ServerConfig>,
    challenges: Arc<Challenges>,
    /// Where answers are that this node does not have.
    lookup: OnceLock<Lookup>,
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
        let mut config = config(Arc::clone(&certificate) as Arc<dyn ResolvesServerCert>)?;
        config.alpn_protocols = vec![HTTP_2.to_vec(), HTTP_1_1.to_vec()];
        // Who comes back brings what it needs: thousands that do after a network's outage would not
        // find themselves in a cache of a few hundred.
        config.ticketer = ring::Ticketer::new()?;
        let challenges = Arc::<Challenges>::default();
        let resolver = Arc::clone(&challenges) as Arc<dyn ResolvesServerCert>;
        let mut challenge_config = self::config(resolver)?;
        challenge_config.alpn_protocols = vec![challenge::PROTOCOL.to_vec()];
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let computing = Semaphore::new(processors.div_ceil(2));
        Ok(Self(Arc::new(Shared {
            config: Arc::new(config),
            certificate,
            challenge_config: Arc::new(challenge_config),
            challenges,
            lookup: OnceLock::new(),
            computing,
        })))
    }

    /// Shows this certificate from now on. Connections that are open stay as they are.
    pub(super) fn show(&self, certificate: CertifiedKey) {
        let mut shown = self.0.certificate.0.write().unwrap_or_else(PoisonError::into_inner);
        *shown = Some(Arc::new(certificate));
    }

    /// Shows a certificate in PEM, with those that lead to its authority behind it.
    ///
    /// # Errors
    ///
    /// [`PemError`]: then what was shown stays.
    pub fn show_pem(&self, chain: &str, key: &str) -> Result<Leaf, PemError> {
        let (certificate, leaf) = pem::parse(chain.as_bytes(), key.as_bytes())?;
        self.show(certificate);
        Ok(leaf)
    }

    /// Answers an authority that asks whether `name` is ours, as long as the value is held.
    ///
    /// # Errors
    ///
    /// A sentence, where the name is none.
    pub fn answer(&self, name: &str, digest: &[u8]) -> Result<Challenge, String> {
        Challenges::answer(&self.0.challenges, name, digest)
    }

    /// Asks there for the answers to an authority that this node does not have itself.
    pub fn look_up(&self, lookup: Lookup) {
        let _ = self.0.lookup.set(lookup);
    }

    /// The answer to an authority out of elsewhere, as long as it is held.
    async fn found(&self, hello: &ClientHello<'_>) -> Option<Challenge> {
        let name = hello.server_name()?.to_ascii_lowercase();
        let lookup = self.0.lookup.get().filter(|_| !self.0.challenges.has(&name))?;
        let (name, digest) = lookup(name).await?;
        self.answer(&name, &digest).ok()
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
        let mut opening = LazyConfigAcceptor::new(Acceptor::default(), Opening::new(socket));
        let hello = match (&mut opening).await {
            Ok(StartHandshake { accepted, io, .. }) => {
                StartHandshake::from_parts(accepted, io.socket)
            }
            Err(why) => {
                if let Some(opening) = opening.take_io() {
                    opening.refuse().await;
                }
                return Err(why);
            }
        };
        let is_challenge = challenge::is_asked_for(&hello.client_hello());
        let config = if is_challenge { &self.0.challenge_config } else { &self.0.config };
        let config = Arc::clone(config);
        let _answer = if is_challenge { self.found(&hello.client_hello()).await } else { None };
        let mut handshake = pin!(hello.into_stream_with(config, |session| {
            session.set_buffer_limit(Some(MAX_BUFFER_BYTES));
        }));
        let permit = self.0.computing.acquire().await.map_err(io::Error::other)?;
        // The first step is what costs: the key exchange and the signature.
        let step = poll_fn(|context| Poll::Ready(handshake.as_mut().poll(context))).await;
        drop(permit);
        let mut socket = match step {
            Poll::Ready(done) => done?,
            Poll::Pending => handshake.await?,
        };
        if is_challenge {
            // The handshake was all of it (RFC 8737, section 3).
            socket.shutdown().await?;
            return Ok(None);
        }
        Ok(Some(socket))
    }
}

fn config(resolver: Arc<dyn ResolvesServerCert>) -> Result<ServerConfig, rustls::Error> {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions()?;
    Ok(config.with_no_client_auth().with_cert_resolver(resolver))
}

#[cfg(test)]
mod tests;
