//! The secret that proves a name without an account, and the mark that comes of it.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use unicode_normalization::UnicodeNormalization as _;

use super::Secret;
use crate::message::{Mark, Name};

/// What somebody proves a name with: 1 to 256 characters, among them one that is no white space. It
/// is not trimmed. There is no way to print it, and nothing keeps it.
pub(in crate::web) struct NameSecret(String);

/// A secret that cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("A secret is at most {} characters.", NameSecret::MAX_CHARS)]
pub(in crate::web) struct InvalidSecret;

impl NameSecret {
    /// The most characters of one: more than a password manager makes.
    const MAX_CHARS: usize = 256;

    /// Takes what was entered; `None` where that is blank. Composed (NFC; RFC 8265, section 4.2.2):
    /// keyboards differ in how they write the same letter.
    ///
    /// # Errors
    ///
    /// [`InvalidSecret`] where it is too long.
    pub(in crate::web) fn parse(raw: &str) -> Result<Option<Self>, InvalidSecret> {
        if raw.trim().is_empty() {
            return Ok(None);
        }
        let secret: String = raw.nfc().collect();
        if secret.chars().count() > Self::MAX_CHARS {
            return Err(InvalidSecret);
        }
        Ok(Some(Self(secret)))
    }
}

impl Secret {
    /// The mark of a name with a secret: the same on each node and after each restart, and on another
    /// server another.
    ///
    /// It is of the HMAC-SHA256 under `derive("mark")` of four parts: the length of the name in bytes,
    /// as 8 bytes with the highest first; the name as it is shown ([`Name::as_str`]), in UTF-8; the
    /// length of the secret, likewise; and the secret. With the lengths no two pairs are the same bytes.
    pub(in crate::web) fn mark(&self, name: &Name, secret: &NameSecret) -> Mark {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.derive("mark")).expect("of any length");
        for part in [name.as_str(), &secret.0] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        Mark::of(&mac.finalize().into_bytes().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(server: &Secret, name: &str, secret: &str) -> String {
        let secret = NameSecret::parse(secret).unwrap().expect("a secret");
        server.mark(&Name::parse(name).unwrap(), &secret).as_str().to_owned()
    }

    #[test]
    fn a_mark_is_of_the_server_the_name_and_the_secret_and_of_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let server = Secret::load(&home.path().join("one.db")).unwrap();
        let again = Secret::load(&home.path().join("one.db")).unwrap();
        let other = Secret::load(&home.path().join("other.db")).unwrap();
        let of_ann = mark(&server, "ann", "s3cret");
        assert_eq!(of_ann.len(), 10);
        assert_eq!(mark(&again, " ann ", "s3cret"), of_ann, "after a restart, and as it is shown");
        for (which, it) in [
            ("server", mark(&other, "ann", "s3cret")),
            ("name", mark(&server, "Ann", "s3cret")),
            ("secret", mark(&server, "ann", "s3creT")),
            ("blank", mark(&server, "ann", " s3cret")),
            ("border", mark(&server, "anns3", "cret")),
        ] {
            assert_ne!(it, of_ann, "another {which}");
        }
        let proven = Name::parse("ann").unwrap().marked(&Mark::verified());
        let secret = NameSecret::parse("s3cret").unwrap().unwrap();
        assert_eq!(
            server.mark(&proven, &secret).as_str(),
            of_ann,
            "an earlier mark is no part of it"
        );
    }

    #[test]
    fn a_mark_stays_what_it_is() {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("hubbub.db");
        std::fs::write(home.path().join("hubbub.db.secret"), [7; 64]).unwrap();
        let server = Secret::load(&data).unwrap();
        assert_eq!(mark(&server, "ann", "s3cret"), "t71jtaawmz");
    }

    #[test]
    fn a_secret_is_one_to_256_characters_and_blank_is_none() {
        for blank in ["", " ", "\t\u{3000}\n"] {
            assert!(NameSecret::parse(blank).unwrap().is_none(), "{blank:?}");
        }
        for secret in ["x", " x ", "\0", &"\u{1f511}".repeat(256)] {
            assert_eq!(NameSecret::parse(secret).unwrap().unwrap().0, secret);
        }
        assert!(NameSecret::parse(&"x".repeat(257)).is_err());
        let composed = NameSecret::parse("e\u{301}").unwrap().unwrap();
        assert_eq!(composed.0, "\u{e9}");
    }
}
