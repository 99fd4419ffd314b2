use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use cookie::{Cookie, CookieJar, Key};

/// The signing secret's length: what [`Key::from`] takes.
const SECRET_BYTES: usize = 64;

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
}

impl Secret {
    /// Reads the secret that belongs to the journal at `data`, and makes it where there is none.
    ///
    /// # Errors
    ///
    /// [`SecretError`] names the file and what is wrong with it.
    pub(crate) fn load(data: &Path) -> Result<Self, SecretError> {
        let mut path = data.as_os_str().to_owned();
        path.push(".secret");
        let path = PathBuf::from(path);
        let io = |why| SecretError::Io { path: path.clone(), why };
        let mut made = None;
        let bytes = match File::open(&path) {
            Ok(file) => {
                // One more than is due shows a file that is too long, whatever its size.
                let mut bytes = Vec::with_capacity(SECRET_BYTES + 1);
                file.take(SECRET_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(io)?;
                bytes
            }
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                made = Some(path.clone());
                make(&path).map_err(io)?
            }
            Err(why) => return Err(io(why)),
        };
        if bytes.len() != SECRET_BYTES {
            return Err(SecretError::NotASecret(path));
        }
        Ok(Self { key: Key::from(&bytes), made })
    }

    /// Ends a start that came to nothing: a secret that it made goes.
    pub(crate) fn discard(self) {
        if let Some(path) = self.made {
            let _ = fs::remove_file(path);
        }
    }

    /// The cookie with its signature, as an answer carries it.
    pub(super) fn sign(&self, cookie: Cookie<'static>) -> String {
        let mut jar = CookieJar::new();
        jar.signed_mut(&self.key).add(cookie);
        jar.iter().map(|cookie| cookie.encoded().to_string()).collect()
    }

    /// The cookie's value with its signature.
    pub(super) fn seal(&self, cookie: Cookie<'static>) -> String {
        let mut jar = CookieJar::new();
        jar.signed_mut(&self.key).add(cookie);
        jar.iter().map(Cookie::value).collect()
    }

    /// What a request's cookie says, where its signature is ours.
    pub(super) fn verify(&self, cookie: Cookie<'_>) -> Option<Cookie<'static>> {
        CookieJar::new().signed(&self.key).verify(cookie.into_owned())
    }
}

/// Writes a fresh secret: whole under another name first, so that a crash leaves all or nothing.
fn make(path: &Path) -> io::Result<Vec<u8>> {
    let mut fresh = [0; SECRET_BYTES];
    for part in fresh.chunks_mut(16) {
        part.copy_from_slice(&rand::random::<[u8; 16]>());
    }
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    let made = file.write_all(&fresh).and_then(|()| file.sync_all());
    let made = made.and_then(|()| fs::rename(&draft, path));
    if made.is_err() {
        let _ = fs::remove_file(&draft);
    }
    made.map(|()| fresh.to_vec())
}
