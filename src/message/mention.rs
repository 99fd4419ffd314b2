//! Whom a text names: an `@` and a name, as a word of its own, and not in code. `list.js` marks it by
//! the same rule for the one it names.

use std::collections::HashSet;

use unicode_normalization::char::is_combining_mark;

use super::{Message, Name, Piece, Text, pieces};

/// How many `@` of a text are looked at: more than anybody names at once, and a text of nothing else is
/// no work.
const MAX_MENTIONS: usize = 16;

/// All but who says it that a message may name, as [`folded`] answers it.
#[must_use]
pub(crate) fn mentioned(message: &Message) -> HashSet<String> {
    let mut named = mentions(&message.text);
    if !named.is_empty() {
        named.remove(&folded(message.name.as_str()));
    }
    named
}

/// All that the text may name. A name can have spaces, and which there are is not known here: `@Ben
/// Okafor` may name Ben, or Ben Okafor.
fn mentions(text: &Text) -> HashSet<String> {
    let mut named = HashSet::new();
    if !text.as_str().contains('@') {
        return named;
    }
    let plain = pieces(text.as_str()).into_iter().filter_map(|piece| match piece {
        Piece::Plain(plain) => Some(plain),
        Piece::Code { .. } => None,
    });
    let places = plain.flat_map(|plain| plain.match_indices('@').map(move |(at, _)| (plain, at)));
    for (plain, at) in places.take(MAX_MENTIONS) {
        if plain[..at].chars().next_back().is_some_and(is_of_word) {
            continue;
        }
        let rest = &plain[at + 1..];
        let ends = rest.char_indices().skip(1).take(Name::MAX_CHARS - 1).map(|(end, _)| end);
        let whole = rest.char_indices().nth(Name::MAX_CHARS).map_or(rest.len(), |(end, _)| end);
        for end in ends.chain((whole > 0).then_some(whole)) {
            if !rest[end..].chars().next().is_some_and(is_of_word) {
                named.insert(folded(&rest[..end]));
            }
        }
    }
    named
}

/// A name as it stands among those that [`mentioned`] answers: which case it is in says nothing.
#[must_use]
pub(crate) fn folded(name: &str) -> String {
    name.to_lowercase()
}

/// Whether a character goes on with a word that is before it. Scripts that put no spaces between words
/// end none.
fn is_of_word(c: char) -> bool {
    (c.is_alphanumeric() || c == '_' || is_combining_mark(c)) && !is_unspaced(c)
}

/// Whether a character is of a script that puts no spaces between words: Thai, Lao, Burmese, Khmer;
/// Hangul; bopomofo, kana and their marks; Chinese characters.
#[must_use]
pub(crate) fn is_unspaced(c: char) -> bool {
    matches!(
        c,
        '\u{e01}'..='\u{e3a}' | '\u{e40}'..='\u{e4e}' | '\u{e81}'..='\u{ecf}'
            | '\u{edc}'..='\u{edf}' | '\u{1000}'..='\u{103f}' | '\u{1050}'..='\u{108f}'
            | '\u{109a}'..='\u{109f}' | '\u{1780}'..='\u{17d3}' | '\u{17d7}'
            | '\u{1100}'..='\u{11ff}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}'
            | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{3029}'
            | '\u{3041}'..='\u{309a}' | '\u{309d}'..='\u{309f}' | '\u{30a1}'..='\u{30fa}'
            | '\u{30fc}'..='\u{318e}' | '\u{31a0}'..='\u{31bf}' | '\u{31f0}'..='\u{31ff}'
            | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{3ffff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_named_as_a_word_of_its_own_and_not_in_code() {
        let names = |text: &str, name: &str| mentions(&Text::stored(text)).contains(&folded(name));
        for (text, name) in [
            ("@ann", "ann"),
            ("@ANN: hi", "Ann"),
            ("hi @ann, and you?", "ann"),
            ("(@ann)", "ann"),
            ("@Ben Okafor is here", "Ben Okafor"),
            ("@Ben Okafor is here", "Ben"),
            ("@李雷你好", "李雷"),
            ("你好@李雷", "李雷"),
            ("@ann's", "ann"),
            ("@12345678901234567890123456789012!", "12345678901234567890123456789012"),
            ("`@ben` and @ann", "ann"),
        ] {
            assert!(names(text, name), "{text}");
        }
        for (text, name) in [
            ("ann", "ann"),
            ("@anna", "ann"),
            ("@ann_b", "ann"),
            ("mail@ann", "ann"),
            ("@ ann", "ann"),
            ("`@ann`", "ann"),
            ("```\n@ann\n```", "ann"),
            ("@annë", "ann"),
            ("@", "ann"),
            ("@123456789012345678901234567890123", "12345678901234567890123456789012"),
        ] {
            assert!(!names(text, name), "{text}");
        }
    }

    #[test]
    fn a_text_of_nothing_else_is_no_work() {
        let all = Text::stored(&"@".repeat(4_000));
        assert!(mentions(&all).len() <= MAX_MENTIONS * Name::MAX_CHARS);
    }
}
