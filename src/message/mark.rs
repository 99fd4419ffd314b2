//! The mark beside a name that was proven.

use unicode_normalization::UnicodeNormalization as _;

use super::visible::is_ignorable;

/// Crockford's base 32: no i, l, o or u, which are mistaken for others when read aloud.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Characters of a mark that comes of a secret: 50 bits.
const CHARS: usize = 10;

/// The mark of a name that was verified before the request came here. It has not as many characters
/// as one that comes of a secret, so that none ever is this.
const VERIFIED: &str = "verified";

/// What stands beside a name that was proven: 10 characters that only the same name with the same
/// secret has on this server, or `verified`. It says who one is, and gives no right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark(Box<str>);

impl Mark {
    /// The mark of a name and a secret, of which this is a message authentication code: its first 50
    /// bits, five for each character.
    ///
    /// # Panics
    ///
    /// Never: 32 bytes are more than 8.
    #[must_use]
    pub fn of(mac: &[u8; 32]) -> Self {
        let (first, _) = mac.split_first_chunk().expect("32 bytes");
        let bits = u64::from_be_bytes(*first) >> (64 - 5 * CHARS);
        let digit = |place: usize| (bits >> (5 * (CHARS - 1 - place))) & 31;
        let digits = (0..CHARS).map(|place| usize::try_from(digit(place)).unwrap_or_default());
        Self(digits.map(|digit| char::from(ALPHABET[digit])).collect())
    }

    /// That of a name that a proxy vouches for.
    #[must_use]
    pub fn verified() -> Self {
        Self(VERIFIED.into())
    }

    /// Its characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether this is a mark.
pub(super) fn is_mark(raw: &str) -> bool {
    raw == VERIFIED || (raw.len() == CHARS && raw.bytes().all(|byte| ALPHABET.contains(&byte)))
}

/// Whether a name looks as if it had a mark (`ann#k3v9x2mq7t`), or would give a secret away that its
/// bearer takes a `#` to hide (`ann#s3cret`): a `#` between what are no spaces, or one before what is
/// a mark. `#1 fan`, `ann #2` and `C#` mean nothing of the kind.
pub(super) fn looks_marked(name: &str) -> bool {
    /// Behind a `#` it makes a key of a telephone, which is an emoji.
    const KEYCAP: char = '\u{20e3}';
    let seen = |c: &char| !is_ignorable(*c);
    let is_joined = |c: Option<char>| c.is_some_and(|c| !c.is_whitespace());
    name.char_indices().filter(|(_, c)| is_hash(*c)).any(|(at, c)| {
        let (before, behind) = (&name[..at], &name[at + c.len_utf8()..]);
        let next = behind.chars().find(seen);
        if is_joined(before.chars().rfind(seen)) && is_joined(next) && next != Some(KEYCAP) {
            return true;
        }
        let word = behind.nfkc().take_while(|c| !c.is_whitespace()).filter(seen);
        is_mark(&word.collect::<String>().to_lowercase())
    })
}

/// Whether `c` is a number sign, as some keyboards have it, or what is taken for one.
pub(super) fn is_hash(c: char) -> bool {
    matches!(c, '#' | '\u{fe5f}' | '\u{ff03}' | '\u{266f}' | '\u{22d5}' | '\u{2317}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_fifty_bits_in_ten_characters() {
        assert_eq!(Mark::of(&[0; 32]).as_str(), "0000000000");
        assert_eq!(Mark::of(&[0xff; 32]).as_str(), "zzzzzzzzzz");
        let mut mac = [0; 32];
        mac[6] = 0b0100_0000;
        assert_eq!(Mark::of(&mac).as_str(), "0000000001", "the fiftieth bit counts");
        mac[6] = 0b0011_1111;
        assert_eq!(Mark::of(&mac).as_str(), "0000000000", "and none behind it");
        mac[0] = 0b0000_1000;
        assert_eq!(Mark::of(&mac).as_str(), "1000000000");
    }

    #[test]
    fn what_is_ten_characters_of_the_alphabet_is_a_mark_and_verified_is_another() {
        for mark in ["k3v9x2mq7t", "verified", Mark::of(&[7; 32]).as_str()] {
            assert!(is_mark(mark), "{mark}");
        }
        for other in ["", "k3v9x2mq7", "k3v9x2mq7t0", "k3v9x2mq7l", "K3V9X2MQ7T", "Verified"] {
            assert!(!is_mark(other), "{other}");
        }
    }

    #[test]
    fn a_secret_behind_a_hash_and_what_looks_like_a_mark_are_known_and_other_hashes_are_not() {
        for name in [
            "ann#s3cret",
            "ann##s3cret",
            "##s3cret",
            "ann bob#s3 cret",
            "ann#\u{200d}s3cret",
            "ann\u{200f}#s3cret",
            "ann\0#s3cret",
            "李#密",
            "ann\u{ff03}s3cret",
            "ann\u{fe5f}s3cret",
            "ann\u{266f}k3v9x2mq7t",
            "ann #k3v9x2mq7t",
            "#k3v9x2mq7t ann",
            "#K3V9X2MQ7T",
            "ann #verified",
            "ann \u{ff03}\u{ff4b}3v9x2mq7t",
            "ann #k3v9\u{200d}x2mq7t",
        ] {
            assert!(looks_marked(name), "{name:?}");
        }
        for name in [
            "ann",
            "#1 fan",
            "ann #2",
            "ann # bob",
            "C#",
            "#",
            "\u{200f}#1",
            "#\u{fe0f}\u{20e3}",
            "ann#\u{fe0f}\u{20e3}",
            "#k3v9x2mq7",
            "verified",
            "ann k3v9x2mq7t",
        ] {
            assert!(!looks_marked(name), "{name:?}");
        }
    }
}
