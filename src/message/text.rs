use std::sync::Arc;

/// What is said: 1 to 4,000 characters after trimming, lines parted by `\n`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(Arc<str>);

/// Why a text cannot be taken; the text is the sentence that stands beside the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// Nothing is left after trimming.
    #[error("Please enter a message.")]
    Blank,
    /// More than [`Text::MAX_CHARS`] characters.
    #[error("A message is at most 4000 characters.")]
    TooLong,
    /// A control character that is no line break.
    #[error("A message cannot contain control characters.")]
    Control,
}

impl Text {
    /// The most characters (Unicode scalar values) that a text has: two printed pages.
    pub const MAX_CHARS: usize = 4000;

    /// Takes a text as somebody typed it: folds `\r\n`, which is how forms send a line break
    /// (WHATWG HTML, multipart/form-data and urlencoded alike), to `\n`, and trims it.
    ///
    /// # Errors
    ///
    /// [`InvalidText`] says why it cannot be taken.
    pub fn parse(raw: &str) -> Result<Self, InvalidText> {
        let text = raw.replace("\r\n", "\n");
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidText::Blank);
        }
        if text.chars().count() > Self::MAX_CHARS {
            return Err(InvalidText::TooLong);
        }
        // Terminals act on controls, and a carriage return would part a line of an event stream.
        if text.chars().any(|c| c.is_control() && c != '\n') {
            return Err(InvalidText::Control);
        }
        Ok(Self(text.into()))
    }

    /// What the journal holds was parsed when it came in; were the rules stricter by now, it must
    /// still be readable.
    pub(crate) fn stored(raw: &str) -> Self {
        Self(raw.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_text_is_trimmed_and_folded_and_otherwise_untouched(raw in "(\\PC|\r\n|\n| ){0,80}") {
            let expected = raw.replace("\r\n", "\n");
            let expected = expected.trim();
            match Text::parse(&raw) {
                Ok(text) => prop_assert_eq!(text.as_str(), expected),
                Err(InvalidText::Blank) => prop_assert!(expected.is_empty()),
                Err(why) => prop_assert!(false, "{why:?}"),
            }
        }

        #[test]
        fn no_control_but_a_line_break_passes(raw in "(?s).{0,80}") {
            if let Ok(text) = Text::parse(&raw) {
                prop_assert!(text.as_str().chars().all(|c| c == '\n' || !c.is_control()));
            }
        }
    }

    #[test]
    fn the_limit_counts_characters_and_not_bytes() {
        let longest = "😀".repeat(Text::MAX_CHARS);
        assert!(Text::parse(&format!("  {longest}\r\n")).is_ok());
        assert_eq!(Text::parse(&format!("{longest}!")), Err(InvalidText::TooLong));
    }

    #[test]
    fn controls_are_refused_wherever_they_stand() {
        for raw in ["a\0", "a\rb", "a\tb", "\u{1b}[31mred", "a\u{85}b", "a\u{7f}"] {
            assert_eq!(Text::parse(raw), Err(InvalidText::Control), "{raw:?}");
        }
        assert_eq!(Text::parse(" \r\n \u{3000}"), Err(InvalidText::Blank));
    }
}
