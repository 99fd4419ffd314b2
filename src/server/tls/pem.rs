//! A certificate and its key, out of PEM (RFC 7468).

use std::time::{SystemTime, UNIX_EPOCH};

use tokio_rustls::rustls::{
    Error as RustlsError, InconsistentKeys,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};
use x509_parser::parse_x509_certificate;

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum PemError {
    /// There is no certificate.
    #[error("there is no certificate")]
    NoCertificate,
    /// There is no key.
    #[error("there is no private key")]
    NoKey,
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
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        i64::try_from(now).is_ok_and(|now| self.ends < now)
    }
}

/// Reads a chain of certificates, its own first, and the key.
pub(super) fn parse(chain: &[u8], key: &[u8]) -> Result<(CertifiedKey, Leaf), PemError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(PemError::NoCertificate)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| PemError::NoKey)?;
    let der = chain[0].clone();
    let certified = CertifiedKey::from_der(chain, key, &ring::default_provider());
    let certified = certified.map_err(|why| match why {
        RustlsError::InconsistentKeys(InconsistentKeys::KeyMismatch) => PemError::Mismatch,
        // What rustls says of a key that no algorithm fits.
        RustlsError::General(why) => PemError::Key(why),
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
