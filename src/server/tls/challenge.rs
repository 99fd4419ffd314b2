//! The proof for an authority that a name is ours, within a handshake (TLS-ALPN-01, RFC 8737): it
//! needs no port beside the one that is served, and no file.

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rcgen::{CertificateParams, CustomExtension, KeyPair};
use tokio_rustls::rustls::{
    crypto::ring,
    pki_types::PrivateKeyDer,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

/// What an authority asks for in the handshake.
pub(super) const PROTOCOL: &[u8] = b"acme-tls/1";

/// Whether an authority asks: with this protocol and no other.
pub(super) fn is_asked_for(hello: &ClientHello<'_>) -> bool {
    hello.alpn().is_some_and(|mut protocols| protocols.all(|one| one == PROTOCOL))
}

/// Asks elsewhere for the answer that is due for a handshake's name: the name as it was ordered, and
/// the digest.
pub type Lookup = Box<
    dyn Fn(String) -> Pin<Box<dyn Future<Output = Option<(String, Vec<u8>)>> + Send>> + Send + Sync,
>;

/// The answers that are due, by the name that the handshake is for.
#[derive(Default)]
pub(super) struct Challenges(Mutex<HashMap<String, Arc<CertifiedKey>>>);

/// An answer that is due; until it is dropped.
pub struct Challenge {
    challenges: Arc<Challenges>,
    name: String,
}

impl fmt::Debug for Challenges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answers to an authority")
    }
}

impl ResolvesServerCert for Challenges {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.lock().get(&hello.server_name()?.to_ascii_lowercase()).cloned()
    }
}

impl Challenges {
    pub(super) fn answer(this: &Arc<Self>, name: &str, digest: &[u8]) -> Result<Challenge, String> {
        let certificate = certificate(name, digest).map_err(|why| why.to_string())?;
        let name = server_name(name);
        this.lock().insert(name.clone(), Arc::new(certificate));
        Ok(Challenge { challenges: Arc::clone(this), name })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.lock().contains_key(name)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<CertifiedKey>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Challenge {
    fn drop(&mut self) {
        self.challenges.lock().remove(&self.name);
    }
}

/// What a handshake calls a name, or an address (RFC 8738, section 6).
#[must_use]
pub fn server_name(name: &str) -> String {
    let Ok(address) = name.parse() else { return name.to_ascii_lowercase() };
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let nibbles = address.octets().into_iter().rev().flat_map(|it| [it & 15, it >> 4]);
            let labels: Vec<_> = nibbles.map(|nibble| format!("{nibble:x}")).collect();
            labels.join(".") + ".ip6.arpa"
        }
    }
}

/// A certificate that says nothing but what the authority wants to see.
fn certificate(name: &str, digest: &[u8]) -> Result<CertifiedKey, Box<dyn std::error::Error>> {
    let mut params = CertificateParams::new([name.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate()?;
    let chain = vec![params.self_signed(&key)?.der().clone()];
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    // Not `from_der`, which reads it: what it says is critical, and known to authorities alone.
    Ok(CertifiedKey::new(chain, ring::sign::any_supported_type(&key)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_there_as_long_as_it_is_held() {
        let challenges = Arc::<Challenges>::default();
        let name = |name: &str| Challenges::answer(&challenges, name, &[7; 32]).unwrap();
        let (one, two) = (name("Chat.example"), name("192.0.2.1"));
        let known = || {
            let mut names: Vec<_> = challenges.lock().keys().cloned().collect();
            names.sort();
            names
        };
        assert_eq!(known(), ["1.2.0.192.in-addr.arpa", "chat.example"]);
        drop((one, two));
        assert!(known().is_empty());
    }

    #[test]
    fn a_handshake_for_an_address_is_for_its_name_in_reverse() {
        assert_eq!(server_name("192.0.2.1"), "1.2.0.192.in-addr.arpa");
        let six = server_name("2001:db8::1");
        assert!(six.starts_with("1.0.0.0.") && six.ends_with(".8.b.d.0.1.0.0.2.ip6.arpa"), "{six}");
    }
}
