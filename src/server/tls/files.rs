//! A certificate out of two files, which are read again when they change.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::rustls::sign::CertifiedKey;

use super::{
    Tls,
    pem::{self, PemError},
};

/// How often the files are looked at: who renews them does so weeks before it matters.
const WATCH_INTERVAL: Duration = Duration::from_secs(5);

/// Why there is no certificate in the files, in a line that names the knob.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("{knob} {}: {why}", path.display())]
    Read {
        /// Which file is set by it.
        knob: &'static str,
        /// That file.
        path: PathBuf,
        /// The operating system's error.
        why: io::Error,
    },
    /// It holds something else.
    #[error("{knob} {}: it holds no {what} in PEM, which begins with -----BEGIN", path.display())]
    NotPem {
        /// Which file is set by it.
        knob: &'static str,
        /// That file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// What it holds cannot be used.
    #[error("{knob} {}: {why}", path.display())]
    Unusable {
        /// Which file is set by it.
        knob: &'static str,
        /// That file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The two do not go together.
    #[error("--tls-key {}: it is not the key of the certificate in {}", key.display(), certificate.display())]
    Mismatch {
        /// The key's file.
        key: PathBuf,
        /// The certificate's.
        certificate: PathBuf,
    },
}

/// The two files, and what was read of them.
pub struct CertificateFiles {
    certificate: PathBuf,
    key: PathBuf,
    tls: Tls,
    /// What the files were when they were last read, whether that went well or not.
    seen: Mutex<Stamps>,
}

/// What tells one state of the files from another.
type Stamps = [Option<(SystemTime, u64)>; 2];

const CERTIFICATE_KNOB: &str = "--tls-cert";
const KEY_KNOB: &str = "--tls-key";

impl CertificateFiles {
    /// Reads the files, and has `tls` show what they hold: the certificate first, and behind it what
    /// leads to the authority.
    ///
    /// # Errors
    ///
    /// [`CertificateError`].
    pub fn open(certificate: &Path, key: &Path, tls: Tls) -> Result<Self, CertificateError> {
        let files = Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            tls,
            seen: Mutex::default(),
        };
        files.read()?;
        Ok(files)
    }

    /// Reads them again. Where they hold nothing that can be used, what is shown stays.
    ///
    /// # Errors
    ///
    /// [`CertificateError`].
    pub fn read(&self) -> Result<(), CertificateError> {
        // Before: what is written meanwhile is seen the next time.
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = self.stamps();
        self.tls.show(load(&self.certificate, &self.key)?);
        Ok(())
    }

    /// Reads them again whenever they have changed; for ever.
    pub async fn watch(&self) {
        let mut ticks = interval(WATCH_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if *self.seen.lock().unwrap_or_else(PoisonError::into_inner) == self.stamps() {
                continue;
            }
            match self.read() {
                Ok(()) => tracing::info!("the certificate has changed, and is read again"),
                Err(why) => {
                    tracing::error!(%why, "the certificate has changed, and stays as it was");
                }
            }
        }
    }

    fn stamps(&self) -> Stamps {
        [&self.certificate, &self.key].map(|path| {
            let file = fs::metadata(path).ok()?;
            Some((file.modified().ok()?, file.len()))
        })
    }
}

fn load(certificate: &Path, key: &Path) -> Result<CertifiedKey, CertificateError> {
    let chain = read(CERTIFICATE_KNOB, certificate)?;
    let parsed = pem::parse(&chain, &read(KEY_KNOB, key)?);
    let (loaded, leaf) = parsed.map_err(|why| match why {
        PemError::NoCertificate => CertificateError::NotPem {
            knob: CERTIFICATE_KNOB,
            path: certificate.to_owned(),
            what: "certificate",
        },
        PemError::NoKey => {
            CertificateError::NotPem { knob: KEY_KNOB, path: key.to_owned(), what: "private key" }
        }
        PemError::Encrypted => CertificateError::Unusable {
            knob: KEY_KNOB,
            path: key.to_owned(),
            why: "the key is encrypted, and nobody is there to ask for its password: write it \
                  without, as openssl pkey does"
                .into(),
        },
        PemError::Mismatch => {
            CertificateError::Mismatch { key: key.to_owned(), certificate: certificate.to_owned() }
        }
        PemError::Certificate(why) => {
            CertificateError::Unusable { knob: CERTIFICATE_KNOB, path: certificate.to_owned(), why }
        }
        PemError::Key(why) => {
            CertificateError::Unusable { knob: KEY_KNOB, path: key.to_owned(), why }
        }
    })?;
    let time = |at| jiff::Timestamp::from_second(at).map(|at| at.to_string()).unwrap_or_default();
    if leaf.has_expired() {
        tracing::warn!(end = time(leaf.ends), "the certificate has expired: browsers refuse it");
    } else if leaf.is_early() {
        let begin = time(leaf.begins);
        tracing::warn!(begin, "the certificate is not valid yet: browsers refuse it until then");
    }
    Ok(loaded)
}

fn read(knob: &'static str, path: &Path) -> Result<Vec<u8>, CertificateError> {
    // Who opens a pipe waits for somebody to write, for ever perhaps.
    let is_file = fs::metadata(path).map(|file| file.is_file());
    let read = is_file.and_then(|is_file| {
        let other = || io::Error::other("it is no regular file");
        if is_file { fs::read(path) } else { Err(other()) }
    });
    read.map_err(|why| CertificateError::Read { knob, path: path.to_owned(), why })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey as Made, generate_simple_self_signed};

    use super::*;

    fn files(home: &Path, certificate: &str, key: &str) -> Result<CertificateFiles, String> {
        let [at, key_at] = ["cert.pem", "key.pem"].map(|name| home.join(name));
        fs::write(&at, certificate).unwrap();
        fs::write(&key_at, key).unwrap();
        CertificateFiles::open(&at, &key_at, Tls::new().unwrap()).map_err(|why| why.to_string())
    }

    #[test]
    fn files_that_hold_no_certificate_and_its_key_are_refused_in_a_line_that_names_the_knob() {
        let home = tempfile::tempdir().unwrap();
        let made = |_| {
            let Made { cert, signing_key } =
                generate_simple_self_signed(["a.example".into()]).unwrap();
            (cert.pem(), signing_key.serialize_pem())
        };
        let [(certificate, key), (_, other)] = [0, 1].map(made);
        files(home.path(), &certificate, &key).map(drop).unwrap();
        files(home.path(), &format!("{certificate}{certificate}"), &key).map(drop).unwrap();
        for (certificate, key, line) in [
            ("", &*key, "--tls-cert /cert.pem: it holds no certificate in PEM"),
            (&*key, &*key, "--tls-cert /cert.pem: it holds no certificate in PEM"),
            (&*certificate, "key", "--tls-key /key.pem: it holds no private key in PEM"),
            (&*certificate, &*certificate, "--tls-key /key.pem: it holds no private key in PEM"),
            (&*certificate, &*other, "--tls-key /key.pem: it is not the key of the certificate in"),
        ] {
            let why = files(home.path(), certificate, key).map(drop).unwrap_err();
            let why = why.replace(home.path().to_str().unwrap(), "");
            assert!(why.starts_with(line), "{why}");
        }
        let missing = home.path().join("missing");
        let why = CertificateFiles::open(&missing, &missing, Tls::new().unwrap()).map(drop);
        let why = why.unwrap_err().to_string();
        assert!(why.starts_with("--tls-cert ") && why.contains("No such file"), "{why}");
    }
}
