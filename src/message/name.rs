use std::{fmt, sync::Arc};

use unicode_normalization::UnicodeNormalization;

/// The name that a tab sends under: 1 to 32 characters, trimmed, in Unicode's composed form (NFC).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// Why a name cannot be taken; the text is the sentence that stands beside the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing is left after trimming, or nothing that can be seen.
    #[error("Please enter a name.")]
    Blank,
    /// More than [`Name::MAX_CHARS`] characters.
    #[error("A name is at most 32 characters.")]
    TooLong,
    /// A control character, or one that reorders or hides the text around it.
    #[error("A name cannot contain control or invisible characters.")]
    Control,
    /// More marks on one letter than any script needs.
    #[error("A name cannot stack that many marks on one letter.")]
    Marks,
}

impl Name {
    /// The most characters (Unicode scalar values) that a name has: what fits a line on a phone.
    pub const MAX_CHARS: usize = 32;

    /// The most combining marks in a row: Vietnamese and pointed Hebrew need two or three, and
    /// more than four grow out of their own line over other people's messages.
    const MAX_MARKS: usize = 4;

    /// Takes a name as somebody typed it: composes it (NFC) and trims it.
    ///
    /// # Errors
    ///
    /// [`InvalidName`] says why it cannot be taken.
    pub fn parse(raw: &str) -> Result<Self, InvalidName> {
        let name: String = raw.trim().nfc().collect();
        if name.chars().count() > Self::MAX_CHARS {
            return Err(InvalidName::TooLong);
        }
        if name.chars().any(is_disruptive) {
            return Err(InvalidName::Control);
        }
        if name.chars().all(|c| c.is_whitespace() || is_joiner(c)) {
            return Err(InvalidName::Blank);
        }
        let mut marks = 0;
        for c in name.chars() {
            marks = if unicode_normalization::char::is_combining_mark(c) { marks + 1 } else { 0 };
            if marks > Self::MAX_MARKS {
                return Err(InvalidName::Marks);
            }
        }
        Ok(Self(name.into()))
    }

    /// What the journal holds was parsed when it came in; were the rules stricter by now, it must
    /// still be readable.
    pub(crate) fn stored(raw: &str) -> Self {
        Self(raw.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `c` would change how the text around it reads: controls, bidirectional marks,
/// embeddings, overrides and isolates (Unicode Standard Annex #9), and characters without a width
/// of their own. The joiners that emoji and Persian are spelled with are not among them.
fn is_disruptive(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
                | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{2800}'
        )
}

/// Characters that are fine inside a name and are nothing alone: joiners, variation selectors.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{34f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_is_accepted_is_within_the_rules_and_parses_to_itself(raw in "\\PC{0,40}|.{0,40}") {
            if let Ok(name) = Name::parse(&raw) {
                let text = name.as_str();
                prop_assert!((1..=Name::MAX_CHARS).contains(&text.chars().count()));
                prop_assert_eq!(text.trim(), text);
                prop_assert!(!text.chars().any(char::is_control));
                prop_assert!(unicode_normalization::is_nfc(text));
                prop_assert_eq!(Name::parse(text), Ok(name.clone()));
            }
        }

        #[test]
        fn ordinary_names_are_taken(raw in "[\\p{Lu}\\p{Ll}0-9]{1,16}") {
            prop_assert!(Name::parse(&["  ", &raw, "\t"].concat()).is_ok());
        }
    }

    #[test]
    fn composed_and_decomposed_spellings_are_one_name() {
        assert_eq!(Name::parse("e\u{301}va"), Name::parse("\u{e9}va"));
    }

    #[test]
    fn people_and_emoji_keep_their_spelling() {
        for name in ["ann", "Zoë", "李雷", "ليلى", "Đặng", "👩‍💻 dev", "می‌خواهم", "O'Neil <3"]
        {
            assert_eq!(Name::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn what_hides_or_reorders_is_refused() {
        for (raw, why) in [
            ("", InvalidName::Blank),
            (" \u{3000}\n", InvalidName::Blank),
            ("\u{200d}", InvalidName::Blank),
            ("a\nb", InvalidName::Control),
            ("a\0b", InvalidName::Control),
            ("a\u{85}b", InvalidName::Control),
            ("ann\u{202e}bob", InvalidName::Control),
            ("ann\u{2067}", InvalidName::Control),
            ("an\u{200b}n", InvalidName::Control),
            ("z\u{335}\u{336}\u{337}\u{338}\u{339}", InvalidName::Marks),
            ("123456789012345678901234567890123", InvalidName::TooLong),
        ] {
            assert_eq!(Name::parse(raw), Err(why), "{raw:?}");
        }
    }
}
