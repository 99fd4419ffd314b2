//! A certificate and its key, out of PEM (RFC 7468).

use std::{
    borrow::Cow,
    time::{SystemTime, UNIX_EPOCH},
};

use tokio_rustls::rustls::{
    Error as RustlsError, InconsistentKeys,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};
use x509_parser::{parse_x509_certificate, public_key::PublicKey};

/// The least that ring signs with, and that authorities certify.
const MIN_RSA_BITS: usize = 2048;

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum PemError {
    /// There is no certificate.
    #[error("there is no certificate")]
    NoCertificate,
    /// There is no key.
    #[error("there is no private key")]
    NoKey,
    /// The key is encrypted.
    #[error("the private key is encrypted")]
    Encrypted,
    /// They do not go together.
    #[error("it is not the key of this certificate")]
    Mismatch,
    /// The certificate cannot be used.
    #[error("the certificate: {0}")]
    Certificate(String),
    /// The key cannot be used.
    #[error("the private key: {0}")]
    Key(String),
}

/// The certificate itself, without those that lead to its authority.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// As it stands in the handshake.
    pub der: CertificateDer<'static>,
    /// Since when it holds, in seconds since 1970.
    pub begins: i64,
    /// Until when.
    pub ends: i64,
}

impl Leaf {
    /// Whether browsers refuse it.
    #[must_use]
    pub fn has_expired(&self) -> bool {
        self.ends < now()
    }

    /// Whether they refuse it still.
    #[must_use]
    pub fn is_early(&self) -> bool {
        now() < self.begins
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

/// By RFC 7468, section 11, or as OpenSSL wrote it before.
fn is_encrypted(key: &[u8]) -> bool {
    [&b"-----BEGIN ENCRYPTED PRIVATE KEY-----"[..], b"\nProc-Type: 4,ENCRYPTED"]
        .into_iter()
        .any(|mark| key.windows(mark.len()).any(|part| part == mark))
}

/// What is wrong with a key that no algorithm fits; the certificate says what kind it is.
fn unfit(certificate: &CertificateDer<'_>) -> String {
    let size = parse_x509_certificate(certificate).ok().and_then(|(_, parsed)| {
        match parsed.public_key().parsed() {
            Ok(PublicKey::RSA(key)) => Some(key.key_size()),
            _ => None,
        }
    });
    match size {
        Some(bits) if bits < MIN_RSA_BITS => {
            format!("it is too short, with {bits} bits: an RSA key has {MIN_RSA_BITS} at least")
        }
        _ => "its kind is not supported: RSA, ECDSA by P-256 or P-384, and Ed25519 are".into(),
    }
}

/// The bytes without byte order marks: some editors put one before what they write, and a chain may be
/// of several files. The line that one stands in would be passed over, and the certificate with it.
fn without_marks(pem: &[u8]) -> Cow<'_, [u8]> {
    const MARK: &[u8] = "\u{feff}".as_bytes();
    let mut rest = pem;
    let mut without = Vec::new();
    while let Some(at) = rest.windows(MARK.len()).position(|part| part == MARK) {
        without.extend_from_slice(&rest[..at]);
        rest = &rest[at + MARK.len()..];
    }
    if rest.len() == pem.len() {
        return Cow::Borrowed(pem);
    }
    without.extend_from_slice(rest);
    Cow::Owned(without)
}

/// Reads a chain of certificates, its own first, and the key.
pub(super) fn parse(chain: &[u8], key: &[u8]) -> Result<(CertifiedKey, Leaf), PemError> {
    let (chain, key) = (&*without_marks(chain), &*without_marks(key));
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
    if is_encrypted(key) {
        return Err(PemError::Encrypted);
    }
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(PemError::NoCertificate)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| PemError::NoKey)?;
    let der = chain[0].clone();
    let certified = CertifiedKey::from_der(chain, key, &ring::default_provider());
    let certified = certified.map_err(|why| match why {
        RustlsError::InconsistentKeys(InconsistentKeys::KeyMismatch) => PemError::Mismatch,
        // What rustls says of a key that no algorithm fits.
        RustlsError::General(_) => PemError::Key(unfit(&der)),
        why => PemError::Certificate(why.to_string()),
    })?;
    let (begins, ends) = {
        let (_, parsed) =
            parse_x509_certificate(&der).map_err(|why| PemError::Certificate(why.to_string()))?;
        let validity = parsed.validity();
        (validity.not_before.timestamp(), validity.not_after.timestamp())
    };
    Ok((certified, Leaf { der, begins, ends }))
}
