use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
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
        let mut path = data.as_os_str().to_owned();
        path.push(".secret");
        let path = PathBuf::from(path);
        let io = |why| SecretError::Io { path: path.clone(), why };
        let mut made = None;
        // To open a pipe would wait for who writes into it.
        if fs::metadata(&path).is_ok_and(|known| !known.is_file()) {
            return Err(SecretError::NotASecret(path));
        }
        let bytes = match File::open(&path) {
            Ok(file) => {
                // One more than is due shows a file that is too long, whatever its size.
                let mut bytes = Vec::with_capacity(SECRET_BYTES + 1);
                (&file).take(SECRET_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(io)?;
                if bytes.len() == SECRET_BYTES {
                    tell_whose(&file, &path, data).map_err(io)?;
                    close_to_others(&file, &path).map_err(io)?;
                }
                bytes
            }
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                made = Some(path.clone());
                make(&path)?
            }
            Err(why) => return Err(io(why)),
        };
        if bytes.len() != SECRET_BYTES {
            return Err(SecretError::NotASecret(path));
        }
        Ok(Self { key: Key::from(&bytes), made })
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

    /// What a request's cookie says, where its signature is ours.
    pub(super) fn verify(&self, cookie: Cookie<'_>) -> Option<Cookie<'static>> {
        CookieJar::new().signed(&self.key).verify(cookie.into_owned())
    }
}

/// Says where the secret is another user's than the data: whoever put it there can be anybody.
fn tell_whose(file: &File, path: &Path, data: &Path) -> io::Result<()> {
    let (owner, due) = (file.metadata()?.uid(), fs::metadata(data).map(|data| data.uid()));
    if due.as_ref().is_ok_and(|due| *due != owner) {
        tracing::warn!(
            file = %path.display(),
            "the signing secret belongs to another user (uid {owner}) than the data, who knows it: \
             move it away, and a new one is made; all join anew"
        );
    }
    Ok(())
}

/// Takes a secret that others can read away from them, and says so: by it they can be anybody.
fn close_to_others(file: &File, path: &Path) -> io::Result<()> {
    let known = file.metadata()?;
    let mut permissions = known.permissions();
    let mode = permissions.mode() & 0o7777;
    if known.is_file() && mode & 0o077 != 0 {
        permissions.set_mode(mode & 0o700);
        file.set_permissions(permissions)?;
        tracing::warn!(
            file = %path.display(),
            "others could read the signing secret (mode {mode:o}); they cannot any more. Where \
             somebody may have read it, move it away: a new one is made, and all join anew"
        );
    }
    Ok(())
}

/// Writes a fresh secret: whole under another name first, so that a crash leaves all or nothing.
fn make(path: &Path) -> Result<Vec<u8>, SecretError> {
    let mut fresh = [0; SECRET_BYTES];
    for part in fresh.chunks_mut(16) {
        part.copy_from_slice(&rand::random::<[u8; 16]>());
    }
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    let io = |why| SecretError::Io { path: draft.clone(), why };
    // What lies there is a crash's, or was put there by somebody who would own what is written, or
    // have it written elsewhere: it goes, and a file is made that was not there.
    match fs::remove_file(&draft) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(io(why)),
        _ => {}
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft);
    let mut file = file.map_err(io)?;
    file.write_all(&fresh).and_then(|()| file.sync_all()).map_err(io)?;
    fs::rename(&draft, path).map_err(io)?;
    Ok(fresh.to_vec())
}
