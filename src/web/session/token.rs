//! The token: made at the first start, or given in a file.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{
    Secret,
    private_file::{Found, PrivateFile},
};

/// The characters of a token: 16 of them can be guessed by nobody who has ten tries a minute, where
/// they are random.
const MIN_CHARS: usize = 16;
const MAX_CHARS: usize = 256;

/// How a token begins that follows from the signing secret, and goes with it.
const DERIVED: &str = "hubbub-";

/// What proves the operator.
pub(crate) struct Operator {
    /// Of the token, which is kept nowhere else but in its file.
    digest: [u8; 32],
    mark: String,
    path: PathBuf,
    made: bool,
    /// The token, where its file has one that followed from another secret.
    renewed: Option<String>,
}

/// The token's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It cannot be read or made.
    #[error("--operator-token-file: {}: {why}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        why: io::Error,
    },
    /// It holds something else.
    #[error(
        "--operator-token-file: {}: this is not a token, which is a line of 16 to 256 visible \
         characters of ASCII", .0.display()
    )]
    NotAToken(PathBuf),
}

impl Operator {
    /// Reads the token from `file`; where none is named, from the one that belongs to the journal at
    /// `data`, which is made where there is none. It follows from `secret`, so that all nodes have the
    /// same; and where it followed from another, it is made anew: who had that secret knew it.
    ///
    /// # Errors
    ///
    /// [`TokenError`] names the file and what is wrong with it.
    pub(crate) fn load(
        data: &Path,
        secret: &Secret,
        named: Option<&Path>,
    ) -> Result<Self, TokenError> {
        let what = ("operator's token", "the operator has another token");
        let file = match named {
            Some(path) => PrivateFile::at(path.to_owned(), data, what.0, what.1),
            None => PrivateFile::beside(data, ".operator", what.0, what.1),
        };
        let io = |(path, why)| TokenError::Io { path, why };
        let derived = || format!("{DERIVED}{}", hex(&secret.derive("operator")));
        let write = |token: &str| file.make(format!("{token}\n").as_bytes()).map_err(io);
        let (mut made, mut stale) = (false, false);
        // One more for the end of the line.
        let token = match file.read(MAX_CHARS as u64 + 1).map_err(io)? {
            Found::Bytes(bytes, opened) => {
                let token =
                    parse(&bytes).ok_or_else(|| TokenError::NotAToken(file.path.clone()))?;
                file.guard(&opened).map_err(io)?;
                if named.is_none() && token.starts_with(DERIVED) && token != derived() {
                    stale = true;
                    derived()
                } else {
                    token
                }
            }
            Found::NoFile => return Err(TokenError::NotAToken(file.path)),
            Found::Nothing if named.is_some() => {
                return Err(io((file.path, io::ErrorKind::NotFound.into())));
            }
            Found::Nothing => {
                write(&derived())?;
                made = true;
                derived()
            }
        };
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let mark = hex(&digest[..8]);
        let renewed = stale.then_some(token);
        Ok(Self { digest, mark, path: file.path, made, renewed })
    }

    /// Puts a token that is another now into its file, and says so: once the start has come to
    /// something.
    pub(crate) fn renew(&mut self, data: &Path) {
        let Some(token) = self.renewed.take() else { return };
        let file = PrivateFile::at(self.path.clone(), data, "", "");
        let path = self.path.display();
        match file.make(format!("{token}\n").as_bytes()) {
            Ok(()) => tracing::warn!(
                file = %path,
                "the operator's token followed from another signing secret; it is another now"
            ),
            Err((_, why)) => tracing::error!(
                file = %path, %why,
                "the operator's token is another now, and cannot be written"
            ),
        }
    }

    /// Where the token is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether this is the token.
    pub(in crate::web) fn has(&self, token: &str) -> bool {
        // Of digests, so that not even the length tells anything.
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        self.digest.ct_eq(&digest).into()
    }

    /// What tells the token from others, and proves nothing.
    pub(in crate::web) fn mark(&self) -> &str {
        &self.mark
    }

    /// Ends a start that came to nothing: a token that it made goes.
    pub(crate) fn discard(self) {
        if self.made {
            let _ = fs::remove_file(self.path);
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    bytes.iter().fold(String::new(), |mut digits, byte| {
        write!(digits, "{byte:02x}").expect("a string takes all");
        digits
    })
}

fn parse(bytes: &[u8]) -> Option<String> {
    let token = std::str::from_utf8(bytes).ok()?.trim_ascii();
    let fits = (MIN_CHARS..=MAX_CHARS).contains(&token.len());
    (fits && token.bytes().all(|byte| byte.is_ascii_graphic())).then(|| token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_follows_from_the_secret_and_is_told_from_others() {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("hubbub.db");
        let secret = Secret::load(&data).unwrap();
        let operator = Operator::load(&data, &secret, None).unwrap();
        let written = fs::read_to_string(home.path().join("hubbub.db.operator")).unwrap();
        let token = written.strip_suffix('\n').unwrap();
        assert_eq!(token.len(), DERIVED.len() + 64);
        assert!(operator.has(token) && !operator.has(&token[..63]) && !operator.has(""));
        assert!(Operator::load(&data, &secret, None).unwrap().has(token));
        fs::remove_file(home.path().join("hubbub.db.operator")).unwrap();
        assert!(Operator::load(&data, &secret, None).unwrap().has(token), "as on another node");

        fs::remove_file(home.path().join("hubbub.db.secret")).unwrap();
        let other = Secret::load(&data).unwrap();
        let mut operator = Operator::load(&data, &other, None).unwrap();
        operator.renew(&data);
        let rewritten = fs::read_to_string(home.path().join("hubbub.db.operator")).unwrap();
        assert!(operator.has(rewritten.trim()) && !operator.has(token), "it ends with its secret");
        fs::write(home.path().join("hubbub.db.operator"), "correct-horse-battery\n").unwrap();
        let own = Operator::load(&data, &secret, None).unwrap();
        assert!(own.has("correct-horse-battery"), "one of one's own stays");
    }

    #[test]
    fn what_is_no_token_is_refused_and_one_of_ones_own_is_taken() {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("hubbub.db");
        let secret = Secret::load(&data).unwrap();
        let file = home.path().join("token");
        let load = || Operator::load(&data, &secret, Some(&file));
        assert!(load().is_err(), "there is none, and none is made");
        assert!(!file.exists());
        for wrong in ["", "short", "sixteen chars or", &"x".repeat(300), "seventeen\u{e9}chars"] {
            fs::write(&file, wrong).unwrap();
            let said = load().err().unwrap().to_string();
            assert!(said.contains("16 to 256") && !said.contains("sixteen"), "{said}");
        }
        fs::write(&file, "  correct-horse-battery\r\n").unwrap();
        assert!(load().unwrap().has("correct-horse-battery"));
    }
}
