use std::{fmt, sync::Arc};

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use super::{
    mark::{Mark, is_hash, is_mark, looks_marked},
    visible::{is_blank, is_visible},
};

/// The name that a tab sends under: 1 to 32 characters, something visible among them, in Unicode's
/// composed form (NFC), with single spaces between its words. Where it was proven, a [`Mark`] goes
/// with it wherever it goes, and two names with different marks are not equal.
///
/// Who has a name in a room is told by [`Name::as_str`] alone: a mark gives no right.
// Its stored form, in one allocation: a roster holds very many.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// Between a name and its mark where both are stored: a control character, which no name has. It is
/// less than all that names have, so that the order of the stored forms is that of the names.
const SEPARATOR: char = '\u{1f}';

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
    /// A secret behind a `#`, as boards have it that show a mark instead; or what looks like a mark.
    /// The sentence repeats nothing of it.
    #[error(
        "A name cannot have a # in it like that. A secret goes into the field for it (secret), where \
         nobody sees it."
    )]
    Secret,
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
        // Most are, and a tab's is looked at with each of its requests.
        if is_plain(raw) {
            return Ok(Self(raw.into()));
        }
        let name: String = raw.nfc().collect();
        // Before all else: whoever is told something else may be shown the secret again.
        if looks_marked(&name) {
            return Err(InvalidName::Secret);
        }
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

    /// The name in its stored form, parsed anew: what a cookie says, by the rules as they are.
    ///
    /// # Errors
    ///
    /// As [`Name::parse`].
    pub fn parse_stored(raw: &str) -> Result<Self, InvalidName> {
        let (name, mark) = parted(raw);
        let name = Self::parse(name)?;
        Ok(mark.map_or_else(|| name.clone(), |mark| name.with(mark)))
    }

    /// The name in its stored form ([`Name::to_stored`]). What the journal holds was parsed when it
    /// came in; were the rules stricter by now, it must still be readable.
    pub(crate) fn stored(raw: &str) -> Self {
        Self(raw.into())
    }

    /// The one form in which name and mark are kept and sent on, in the journal and between nodes: the
    /// name, and where there is a mark U+001F and the mark. Without one it is the name as it always was.
    #[must_use]
    pub fn to_stored(&self) -> &str {
        &self.0
    }

    /// The same name with this mark, and with no other.
    #[must_use]
    pub fn marked(&self, mark: &Mark) -> Self {
        self.with(mark.as_str())
    }

    fn with(&self, mark: &str) -> Self {
        Self([self.as_str(), mark].join(SEPARATOR.encode_utf8(&mut [0; 4])).into())
    }

    /// The name, as it is shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        parted(&self.0).0
    }

    /// Whether a proxy vouched for it.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.mark() == Some(Mark::verified().as_str())
    }

    /// What stands before the first `#` of what was entered as a name, or what is taken for one.
    #[must_use]
    pub fn before_hash(raw: &str) -> &str {
        raw.split(is_hash).next().unwrap_or_default().trim_end()
    }

    /// The mark beside it, where it was proven.
    #[must_use]
    pub fn mark(&self) -> Option<&str> {
        parted(&self.0).1
    }
}

/// Whether a name is in letters and digits of ASCII, where all rules hold at a glance.
fn is_plain(raw: &str) -> bool {
    (1..=Name::MAX_CHARS).contains(&raw.len())
        && raw.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The name and the mark in a stored form. Only what [`Name::marked`] makes has one: whatever else has
/// a separator in it is shown whole.
fn parted(stored: &str) -> (&str, Option<&str>) {
    match stored.rsplit_once(SEPARATOR) {
        Some((name, mark))
            if is_mark(mark) && !name.is_empty() && !name.contains(char::is_control) =>
        {
            (name, Some(mark))
        }
        _ => (stored, None),
    }
}

/// The name alone, without its mark.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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
mod tests;
