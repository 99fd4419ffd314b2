use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// Who sent a message, as far as that is kept: enough to know a tab again that comes back, and the
/// browser that it was in; and nothing by which somebody else could be it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Author([u8; Self::BYTES]);

impl Author {
    /// What it takes.
    pub const BYTES: usize = 16;

    /// Of these, what tells the tab: the beginning of SHA-256 of its id.
    const TAB_BYTES: usize = 10;

    /// The digits at the end of a tab's id that are the same for all tabs of a browser.
    pub const BROWSER_DIGITS: usize = 2 * (Self::BYTES - Self::TAB_BYTES);

    /// The author of what the tab with this id sends.
    #[must_use]
    pub fn of_tab(id: &str) -> Self {
        let digest = Sha256::new().chain_update("tab ").chain_update(id).finalize();
        let mut bytes = [0; Self::BYTES];
        bytes[..Self::TAB_BYTES].copy_from_slice(&digest[..Self::TAB_BYTES]);
        let end = id.len().checked_sub(Self::BROWSER_DIGITS).and_then(|at| id.get(at..));
        let number = end.and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0);
        bytes[Self::TAB_BYTES..].copy_from_slice(&number.to_be_bytes()[2..]);
        Self(bytes)
    }

    /// The digits of a browser with this id, for the ids of its tabs.
    #[must_use]
    pub fn browser_digits(browser: &str) -> String {
        let digest = Sha256::new().chain_update("browser ").chain_update(browser).finalize();
        digest[..Self::BROWSER_DIGITS / 2].iter().fold(String::new(), |mut digits, byte| {
            let _ = write!(digits, "{byte:02x}");
            digits
        })
    }

    /// The digits of the browser that the tab was in, where that is known.
    #[must_use]
    pub fn browser(self) -> Option<String> {
        let bytes = &self.0[Self::TAB_BYTES..];
        let number = bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        (number != 0).then(|| format!("{number:0width$x}", width = Self::BROWSER_DIGITS))
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

    #[test]
    fn all_tabs_of_a_browser_are_known_as_its_own() {
        let (one, other) = (Author::browser_digits("one"), Author::browser_digits("other"));
        let tab = |first: &str, browser: &str| Author::of_tab(&format!("{first:0>20}{browser}"));
        assert_eq!(tab("1", &one).browser().as_deref(), Some(&*one));
        assert_eq!(tab("2", &one).browser(), tab("1", &one).browser());
        assert_ne!(tab("1", &one), tab("2", &one));
        assert_ne!(tab("1", &other).browser(), tab("1", &one).browser());
        assert_eq!(Author::of_tab("7").browser(), None);
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
