use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use cookie::{Cookie, CookieJar, Key};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::private_file::{Found, PrivateFile};

/// The signing secret's length: what [`Key::from`] takes.
const SECRET_BYTES: usize = 64;

/// Between two looks at the secret's file.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// What the tabs' cookies are signed with. Made at the first start and kept beside the data,
/// readable by nobody else; a copy of the journal does not carry it.
pub(crate) struct Secret {
    key: Key,
    /// Its file, where this start made it.
    made: Option<PathBuf>,
}

/// The secret's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It cannot be read or made.
    #[error("--data: {}: {why}", path.display())]
    Io {
        /// The secret's file.
        path: PathBuf,
        /// What the operating system said.
        why: io::Error,
    },
    /// It holds something else. Taking it would make forging easy; replacing it might lose it.
    #[error("--data: {}: this is not a hubbub secret; move it away to have a new one made", .0.display())]
    NotASecret(PathBuf),
    /// What the nodes share is something else.
    #[cfg(feature = "nats")]
    #[error("--nats: what the nodes share as their secret is none")]
    NotShared,
}

impl Secret {
    /// Reads the secret that belongs to the journal at `data`, and makes it where there is none.
    ///
    /// # Errors
    ///
    /// [`SecretError`] names the file and what is wrong with it.
    pub(crate) fn load(data: &Path) -> Result<Self, SecretError> {
        let file = file(data);
        let io = |(path, why)| SecretError::Io { path, why };
        let mut made = None;
        let bytes = match file.read(SECRET_BYTES as u64).map_err(io)? {
            Found::Bytes(bytes, opened) if bytes.len() == SECRET_BYTES => {
                file.guard(&opened).map_err(io)?;
                bytes
            }
            Found::Bytes(..) | Found::NoFile => return Err(SecretError::NotASecret(file.path)),
            Found::Nothing => {
                let mut fresh = [0; SECRET_BYTES];
                for part in fresh.chunks_mut(16) {
                    part.copy_from_slice(&rand::random::<[u8; 16]>());
                }
                file.make(&fresh).map_err(io)?;
                made = Some(file.path.clone());
                fresh.to_vec()
            }
        };
        Ok(Self { key: Key::from(&bytes), made })
    }

    /// What follows from it for one use, and tells nothing of it or of what follows for others.
    pub(super) fn derive(&self, what: &str) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.key.master()).expect("a key of any length");
        mac.update(what.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// What it is made of, for nodes that share it.
    #[cfg(feature = "nats")]
    pub(crate) fn bytes(&self) -> &[u8] {
        self.key.master()
    }

    /// The same file with the secret that all nodes have.
    #[cfg(feature = "nats")]
    pub(crate) fn shared(self, bytes: &[u8]) -> Result<Self, SecretError> {
        if bytes.len() != SECRET_BYTES {
            return Err(SecretError::NotShared);
        }
        Ok(Self { key: Key::from(bytes), ..self })
    }

    /// Says that this start made it, of which all that were here before have to hear.
    pub(crate) fn warn_if_made(&self) {
        if let Some(file) = &self.made {
            tracing::warn!(
                file = %file.display(),
                "there was no signing secret beside the data, so a new one was made; all join anew"
            );
        }
    }

    /// Its file beside the data, to be watched.
    pub(crate) fn file(&self, data: &Path) -> SecretFile {
        SecretFile { data: data.to_owned(), bytes: self.key.master().to_vec() }
    }

    /// Ends a start that came to nothing: a secret that it made goes.
    pub(crate) fn discard(self) {
        if let Some(path) = self.made {
            let _ = fs::remove_file(path);
        }
    }

    /// The cookie with its signature, as an answer carries it.
    pub(in crate::web) fn sign(&self, cookie: Cookie<'static>) -> String {
        let mut jar = CookieJar::new();
        jar.signed_mut(&self.key).add(cookie);
        jar.iter().map(|cookie| cookie.encoded().to_string()).collect()
    }

    /// What a request's cookie says, where its signature is ours.
    pub(in crate::web) fn verify(&self, cookie: Cookie<'_>) -> Option<Cookie<'static>> {
        CookieJar::new().signed(&self.key).verify(cookie.into_owned())
    }
}

/// The file of a secret that is in use.
pub(crate) struct SecretFile {
    data: PathBuf,
    bytes: Vec<u8>,
}

impl SecretFile {
    /// Looks at it for ever, and says when a restart would find another secret, or none, and when it
    /// would find this one again.
    pub(crate) async fn watch(self) {
        let mut looked = self;
        let mut was_ours = true;
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            // A disk may not answer.
            let look = tokio::task::spawn_blocking(move || (looked.is_ours(), looked));
            let Ok((is_ours, again)) = look.await else { return };
            looked = again;
            let path = file(&looked.data).path;
            match (was_ours, is_ours) {
                (true, false) => tracing::warn!(
                    file = %path.display(),
                    "the signing secret was removed or replaced while it was in use; \
                     put it back, or all join anew after a restart"
                ),
                (false, true) => {
                    tracing::info!(file = %path.display(), "the signing secret is as it was again");
                }
                _ => {}
            }
            was_ours = is_ours;
        }
    }

    /// Whether a restart would find it. What cannot be told is not held against it.
    fn is_ours(&self) -> bool {
        match file(&self.data).read(SECRET_BYTES as u64) {
            Ok(Found::Bytes(bytes, _)) => bytes == self.bytes,
            Ok(Found::Nothing | Found::NoFile) => false,
            Err(_) => true,
        }
    }
}

fn file(data: &Path) -> PrivateFile<'_> {
    PrivateFile::beside(data, ".secret", "signing secret", "all join anew")
}
