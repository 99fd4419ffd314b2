use sha2::{Digest as _, Sha256};

/// Who sent a message, as far as that is kept: enough to know a tab again that comes back, and nothing
/// by which somebody else could be it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Author([u8; Self::BYTES]);

impl Author {
    /// What it takes, of SHA-256's 32: nobody finds a tab's id of 128 random bits by these.
    pub const BYTES: usize = 16;

    /// The author of what the tab with this id sends.
    #[must_use]
    pub fn of_tab(id: &str) -> Self {
        let digest = Sha256::new().chain_update("tab ").chain_update(id).finalize();
        let mut bytes = [0; Self::BYTES];
        bytes.copy_from_slice(&digest[..Self::BYTES]);
        Self(bytes)
    }

    /// The author in these bytes, where they are one.
    #[must_use]
    pub fn stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its bytes as digits, for a header.
    #[cfg(feature = "nats")]
    pub(crate) fn to_hex(self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.0))
    }

    /// The author in such digits.
    #[cfg(feature = "nats")]
    pub(crate) fn from_hex(digits: &str) -> Option<Self> {
        let number = u128::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 32)?;
        Some(Self(number.to_be_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tab_is_known_again_and_no_other_is_it() {
        let author = Author::of_tab("0123456789abcdef0123456789abcdef");
        assert_eq!(Author::of_tab("0123456789abcdef0123456789abcdef"), author);
        assert_ne!(Author::of_tab("0123456789abcdef0123456789abcdee"), author);
        assert_eq!(Author::stored(author.as_bytes()), Some(author));
        assert_eq!(Author::stored(b"short"), None);
    }

    #[cfg(feature = "nats")]
    #[test]
    fn its_digits_read_back_as_itself() {
        let author = Author::of_tab("a");
        assert_eq!(Author::from_hex(&author.to_hex()), Some(author));
        for digits in ["", "0", "+0123456789abcdef0123456789abcdef", &"x".repeat(32)] {
            assert_eq!(Author::from_hex(digits), None, "{digits}");
        }
    }
}
