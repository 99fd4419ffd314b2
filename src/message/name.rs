use std::{fmt, sync::Arc};

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use super::visible::{is_blank, is_visible};

/// The name that a tab sends under: 1 to 32 characters, something visible among them, in Unicode's
/// composed form (NFC), with single spaces between its words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// Why a name cannot be taken; the text is the sentence that stands beside the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing in it can be seen.
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

    /// Takes a name as somebody typed it: composes it (NFC), trims it, and makes whatever white space
    /// parts its words one space (RFC 8266, section 2.3).
    ///
    /// # Errors
    ///
    /// [`InvalidName`] says why it cannot be taken.
    pub fn parse(raw: &str) -> Result<Self, InvalidName> {
        let name: String = raw.nfc().collect();
        // A line break is none of its white space: somebody pasted something else.
        if name.trim().contains(is_disruptive) || has_stray_tags(&name) {
            return Err(InvalidName::Control);
        }
        let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
        if name.chars().count() > Self::MAX_CHARS {
            return Err(InvalidName::TooLong);
        }
        // A mark alone hangs on whatever stands before it.
        if !name.chars().any(|c| is_visible(c) && !is_combining_mark(c)) {
            return Err(InvalidName::Blank);
        }
        let mut marks = 0;
        for c in name.chars() {
            marks = if is_combining_mark(c) { marks + 1 } else { 0 };
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

/// Whether `c` would change how the text around it reads: controls, bidirectional embeddings,
/// overrides and isolates (Unicode Standard Annex #9), and characters without a width of their own.
/// What names are spelled with is not among them: joiners (emoji, Persian), variation selectors,
/// marks of direction (Hebrew, Arabic), and tags, which make flags.
fn is_disruptive(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{115f}' | '\u{1160}' | '\u{3164}'
                | '\u{ffa0}'
        )
        || is_blank(c)
}

/// Whether tags stand anywhere but in a flag: a black flag, tags, and the tag that ends them
/// (Unicode Technical Standard 51, annex C).
fn has_stray_tags(name: &str) -> bool {
    const FLAG: char = '\u{1f3f4}';
    const END: char = '\u{e007f}';
    let mut in_flag = false;
    let mut before = None;
    for c in name.chars() {
        if matches!(c, '\u{e0000}'..=END) {
            if !in_flag && before != Some(FLAG) {
                return true;
            }
            in_flag = c != END;
        } else if in_flag {
            return true;
        }
        before = Some(c);
    }
    in_flag
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
    fn words_are_parted_by_one_space() {
        assert_eq!(Name::parse(" bob \u{a0} \u{3000}smith ").unwrap().as_str(), "bob smith");
    }

    #[test]
    fn people_and_emoji_keep_their_spelling() {
        let england = "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f} fan";
        let hebrew = "\u{200f}דנה\u{200f}";
        for name in [
            "ann",
            "Zoë",
            "李雷",
            "ليلى",
            "Đặng",
            "👩‍💻 dev",
            "می‌خواهم",
            "O'Neil <3",
            england,
            hebrew,
        ] {
            assert_eq!(Name::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn what_hides_or_reorders_is_refused() {
        for (raw, why) in [
            ("", InvalidName::Blank),
            (" \u{3000}\n", InvalidName::Blank),
            ("\u{200d}", InvalidName::Blank),
            ("\u{17b5}", InvalidName::Blank),
            ("\u{180b}", InvalidName::Blank),
            ("\u{1d173}", InvalidName::Blank),
            ("\u{e0100}", InvalidName::Blank),
            ("\u{301}", InvalidName::Blank),
            ("\u{e49}\u{e49}\u{e49}", InvalidName::Blank),
            ("\u{20dd}", InvalidName::Blank),
            ("ann\u{2800}", InvalidName::Control),
            ("\u{1d159}", InvalidName::Control),
            ("ann\u{13441}", InvalidName::Control),
            ("\u{fffc}", InvalidName::Control),
            ("\u{200f}", InvalidName::Blank),
            ("ann\u{e0067}", InvalidName::Control),
            ("\u{1f3f4}\u{e0067}", InvalidName::Control),
            ("a\tb", InvalidName::Control),
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
