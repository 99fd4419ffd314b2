use std::sync::Arc;

use super::visible::is_visible;

/// What is said: 1 to 4,000 characters, something visible among them, without blank lines around
/// it, its lines parted by `\n`. Tabs and indents stay: people paste code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(Arc<str>);

/// Why a text cannot be taken; the text is the sentence that stands beside the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// Nothing in it can be seen.
    #[error("Please enter a message.")]
    Blank,
    /// More than [`Text::MAX_CHARS`] characters.
    #[error("A message is at most 4000 characters.")]
    TooLong,
    /// A control character that is neither a line break nor a tab.
    #[error("A message cannot contain the control character U+{:04X}.", u32::from(*.0))]
    Control(char),
}

impl Text {
    /// The most characters (Unicode scalar values) that a text has: two printed pages.
    pub const MAX_CHARS: usize = 4000;

    /// Takes a text as somebody typed it: folds `\r\n`, which is how forms send a line break
    /// (WHATWG HTML, multipart/form-data and urlencoded alike), to `\n`, and drops blank lines
    /// before it and all white space behind it.
    ///
    /// # Errors
    ///
    /// [`InvalidText`] says why it cannot be taken.
    pub fn parse(raw: &str) -> Result<Self, InvalidText> {
        let text = raw.replace("\r\n", "\n");
        let text = text.trim_end();
        let blank = text.len() - text.trim_start().len();
        let first_line = text[..blank].rfind('\n').map_or(0, |line_break| line_break + 1);
        let text = &text[first_line..];
        // Terminals act on controls, and a carriage return would part a line of an event stream.
        if let Some(control) = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            return Err(InvalidText::Control(control));
        }
        if !text.chars().any(is_visible) {
            return Err(InvalidText::Blank);
        }
        if text.chars().count() > Self::MAX_CHARS {
            return Err(InvalidText::TooLong);
        }
        Ok(Self(text.into()))
    }

    /// What the journal holds was parsed when it came in; were the rules stricter by now, it must
    /// still be readable.
    pub(crate) fn stored(raw: &str) -> Self {
        Self(raw.into())
    }

    /// How many bytes it takes at most where it is shown: as markup, in which some characters are
    /// written with five bytes or six, and addresses stand twice; or as JSON. A room full of texts
    /// made for that is eighty times what its texts are.
    #[must_use]
    pub fn shown_bytes(&self) -> usize {
        let bytes = |byte| match byte {
            b'&' => 5,
            b'<' | b'>' => 4,
            b'"' => 6,
            b'\\' | b'\n' | b'\t' => 2,
            _ => 1,
        };
        let once: usize = self.0.bytes().map(bytes).sum();
        let links = self.0.matches("://").count() * 80; // What is around each.
        if links > 0 { 2 * once + links } else { once }
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
        fn a_text_loses_blank_lines_around_it_and_nothing_else(
            raw in "(\\PC|\r\n|\n|\t| ){0,80}", lead in "( |\t){0,3}", word in "[a-z]{1,5}"
        ) {
            let typed = ["\n \n\r\n", &lead, &word, &raw, " \r\n\t\n"].concat();
            let expected = [&lead, &word, &raw.replace("\r\n", "\n")].map(String::as_str).concat();
            let expected = expected.trim_end();
            let text = Text::parse(&typed).unwrap();
            prop_assert_eq!(text.as_str(), expected);
            prop_assert_eq!(Text::parse(expected), Ok(text), "what was taken is kept as it is");
        }

        #[test]
        fn no_control_but_a_line_break_or_a_tab_passes(raw in "(?s).{0,80}") {
            if let Ok(text) = Text::parse(&raw) {
                let mut chars = text.as_str().chars();
                prop_assert!(chars.all(|c| matches!(c, '\n' | '\t') || !c.is_control()));
            }
        }
    }

    #[test]
    fn the_limit_counts_characters_and_not_bytes() {
        let longest = "😀".repeat(Text::MAX_CHARS);
        assert!(Text::parse(&format!(" \n{longest} \r\n")).is_ok());
        assert_eq!(Text::parse(&format!("{longest}!")), Err(InvalidText::TooLong));
    }

    #[test]
    fn code_keeps_its_tabs_and_its_first_indent() {
        let code = "    if x:\n\t\treturn  1";
        assert_eq!(Text::parse(&format!("\r\n\n{code}\n\n")).unwrap().as_str(), code);
        assert_eq!(Text::parse("\ta\tb\t").unwrap().as_str(), "\ta\tb");
    }

    #[test]
    fn other_controls_are_refused_by_name_wherever_they_stand() {
        for (raw, which) in [
            ("a\0", "U+0000"),
            ("a\rb", "U+000D"),
            ("\u{1b}[31mred", "U+001B"),
            ("a\u{85}b", "U+0085"),
            ("a\u{7f}", "U+007F"),
        ] {
            let why = Text::parse(raw).unwrap_err().to_string();
            assert_eq!(why, format!("A message cannot contain the control character {which}."));
        }
    }

    #[test]
    fn what_shows_as_nothing_is_blank() {
        for raw in [
            " \r\n \u{3000}",
            "\u{200b}",
            "\u{2800}",
            "\u{3164}",
            "\u{ad}",
            "\u{202e}",
            "\u{feff}",
            "\u{200b} \u{2800}\n\u{e0100}",
            "\u{17b5}",
            "\u{1d173}",
            "\u{1d159}",
            "\u{fffc}\u{13442}",
        ] {
            assert_eq!(Text::parse(raw), Err(InvalidText::Blank), "{raw:?}");
        }
        for raw in ["\u{200b}a", "👩\u{200d}💻", "می\u{200c}خواهم", "\u{301}"] {
            assert_eq!(Text::parse(raw).unwrap().as_str(), raw);
        }
    }
}
