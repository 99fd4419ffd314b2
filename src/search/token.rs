//! What words a text has: what the index holds, what a query asks for and what is marked in a hit is
//! taken apart here alone, so that the three agree.
//!
//! A word is a run of letters and digits in lower case, without the accents and vowel points that
//! people leave out when they type. Scripts that part no words (Chinese, Japanese, Thai and the like)
//! and Korean, whose words carry endings, are taken two characters at a time, each with the next one:
//! so two characters are found wherever they stand.

use std::ops::Range;

use unicode_normalization::char::{compose, decompose_compatible, is_combining_mark};

use crate::message::{is_ignorable, is_unspaced};

/// Bytes of a word that count: nobody types more, and what is longer is no word but an address, a
/// digest or a file.
const MAX_WORD_BYTES: usize = 64;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word between others.
    Word,
    /// Two characters of a run, and where in the text the first of them ends.
    Pair { first_end: usize },
    /// The last character of a run, so that each begins a token. Whether it is the only one.
    Last { alone: bool },
}

/// What a character is, in this.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Nothing: neither a part of a word nor the end of one.
    Ignored,
    /// A part of a word.
    Letter,
    /// A part of a run without spaces.
    Unspaced,
    /// The end of a word.
    Other,
}

/// Gives each token of a text, and where it stands in it.
pub(super) fn each(text: &str, emit: impl FnMut(&str, Range<usize>, Kind)) {
    let mut scan = Scan { emit, word: String::new(), at: 0..0, run: Vec::new() };
    for (start, c) in text.char_indices() {
        let at = start..start + c.len_utf8();
        if c.is_ascii_alphanumeric() {
            scan.letter(c.to_ascii_lowercase(), at);
        } else if c.is_ascii() {
            scan.end();
        } else {
            decompose_compatible(c, |part| scan.take(part, at.clone()));
        }
    }
    scan.end();
}

/// Writes each token of a text, with a space behind it.
pub(super) fn write(text: &str, tokens: &mut String) {
    each(text, |token, _, _| {
        tokens.push_str(token);
        tokens.push(' ');
    });
}

struct Scan<E> {
    emit: E,
    /// The word that goes on, as it is folded.
    word: String,
    at: Range<usize>,
    /// The run that goes on.
    run: Vec<(char, Range<usize>)>,
}

impl<E: FnMut(&str, Range<usize>, Kind)> Scan<E> {
    fn take(&mut self, c: char, at: Range<usize>) {
        match class(c) {
            Class::Ignored => {
                // What is left out still belongs to what it stands on.
                if let Some((_, last)) = self.run.last_mut() {
                    last.end = at.end;
                } else if !self.word.is_empty() {
                    self.at.end = at.end;
                }
            }
            Class::Letter => {
                for upper in c.to_uppercase() {
                    for lower in upper.to_lowercase() {
                        if class(lower) == Class::Letter {
                            self.letter(lower, at.clone());
                        }
                    }
                }
            }
            Class::Unspaced => self.unspaced(c, at),
            Class::Other => self.end(),
        }
    }

    fn letter(&mut self, c: char, at: Range<usize>) {
        if !self.run.is_empty() {
            self.end();
        }
        if self.word.is_empty() {
            self.at = at.clone();
        }
        self.at.end = at.end;
        if self.word.len() + c.len_utf8() <= MAX_WORD_BYTES {
            self.word.push(c);
        }
    }

    fn unspaced(&mut self, c: char, at: Range<usize>) {
        if !self.word.is_empty() {
            self.end();
        }
        // A syllable that was taken apart, or a sign on the character before.
        if let Some((last, its)) = self.run.last_mut()
            && let Some(whole) = compose(*last, c)
        {
            (*last, its.end) = (whole, at.end);
            return;
        }
        self.run.push((c, at));
    }

    fn end(&mut self) {
        if !self.word.is_empty() {
            (self.emit)(&self.word, self.at.clone(), Kind::Word);
            self.word.clear();
        }
        let alone = self.run.len() == 1;
        for (place, (c, at)) in self.run.iter().enumerate() {
            self.word.push(*c);
            if let Some((next, its)) = self.run.get(place + 1) {
                self.word.push(*next);
                (self.emit)(&self.word, at.start..its.end, Kind::Pair { first_end: at.end });
            } else {
                (self.emit)(&self.word, at.clone(), Kind::Last { alone });
            }
            self.word.clear();
        }
        self.run.clear();
    }
}

fn class(c: char) -> Class {
    if is_left_out(c) || (is_ignorable(c) && c != '\u{200b}') {
        Class::Ignored
    } else if is_unspaced(c) {
        Class::Unspaced
    } else if c.is_alphanumeric() || is_combining_mark(c) {
        Class::Letter
    } else {
        Class::Other
    }
}

/// Accents, and the points of Hebrew and Arabic: the blocks of combining marks that stand for none but
/// the alphabets in which people leave them out; and the stroke that makes an Arabic word longer.
fn is_left_out(c: char) -> bool {
    matches!(
        c,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{487}' | '\u{591}'..='\u{5bd}' | '\u{5bf}'
            | '\u{5c1}'..='\u{5c2}' | '\u{5c4}'..='\u{5c5}' | '\u{5c7}' | '\u{610}'..='\u{61a}'
            | '\u{640}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6dc}'
            | '\u{6df}'..='\u{6e4}' | '\u{6e7}'..='\u{6e8}' | '\u{6ea}'..='\u{6ed}'
            | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
            | '\u{fe20}'..='\u{fe2f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tokens(text: &str) -> Vec<String> {
        let mut tokens = Vec::new();
        each(text, |token, _, _| tokens.push(token.to_owned()));
        tokens
    }

    #[test]
    fn words_are_folded_and_what_is_no_letter_parts_them() {
        for (text, expected) in [
            ("Hello, World!", &["hello", "world"][..]),
            ("Café CAFE\u{301} naïve Ångström", &["cafe", "cafe", "naive", "angstrom"]),
            ("Straße STRASSE", &["strasse", "strasse"]),
            ("ΣΊΣΥΦΟΣ σίσυφος", &["σισυφοσ", "σισυφοσ"]),
            ("İstanbul ISTANBUL ıstanbul", &["istanbul", "istanbul", "istanbul"]),
            ("Ёлка елка", &["елка", "елка"]),
            ("ｆｕｌｌ ﬁne x² Ⅷ", &["full", "fine", "x2", "viii"]),
            ("snake_case don't C++ 3.14", &["snake", "case", "don", "t", "c", "3", "14"]),
            ("co\u{ad}operate می\u{200c}خواهم", &["cooperate", "میخواهم"]),
            ("مُحَمَّد محمد", &["محمد", "محمد"]),
            ("हिन्दी", &["हिन्दी"]),
            ("😀 -- \" * ()", &[]),
        ] {
            assert_eq!(tokens(text), expected, "{text}");
        }
    }

    #[test]
    fn scripts_without_spaces_are_taken_two_at_a_time_and_each_character_begins_a_token() {
        for (text, expected) in [
            ("東京都", &["東京", "京都", "都"][..]),
            ("東", &["東"]),
            ("in東京by", &["in", "東京", "京", "by"]),
            ("ガガ ｶﾞガ カ\u{3099}", &["ガガ", "ガ", "ガガ", "ガ", "ガ"]),
            ("한글", &["한글", "글"]),
            ("\u{1112}\u{1161}\u{11ab}글", &["한글", "글"]),
            ("ไทย", &["ไท", "ทย", "ย"]),
        ] {
            assert_eq!(tokens(text), expected, "{text}");
        }
    }

    #[test]
    fn a_word_of_thousands_of_characters_counts_by_its_beginning() {
        assert_eq!(tokens(&"x".repeat(4000)), ["x".repeat(MAX_WORD_BYTES)]);
        let odd = format!("x{}", "é".repeat(100));
        assert_eq!(tokens(&odd), [format!("x{}", "e".repeat(63))]);
    }

    proptest! {
        #[test]
        fn of_any_text_each_token_stands_where_it_says_and_comes_again_from_there(
            text in "(?s)(\\PC|.|[a-zé東京カﾞ한 \u{301}\u{200d}]){0,40}"
        ) {
            let mut all = Vec::new();
            each(&text, |token, at, kind| all.push((token.to_owned(), at, kind)));
            for (token, at, kind) in all {
                prop_assert!(!token.is_empty() && token.len() <= MAX_WORD_BYTES);
                prop_assert!(token.chars().all(|c| !c.is_ascii() || c.is_ascii_alphanumeric()));
                let again = tokens(&text[at]);
                // What is one character of the text may be two words.
                prop_assert!(again.contains(&token) || kind == Kind::Word, "{:?} {:?}", token, again);
            }
        }

        #[test]
        fn capitals_make_no_difference(text in "[a-zäöüßéñçа-яёα-ω ]{0,30}") {
            prop_assert_eq!(tokens(&text.to_uppercase()), tokens(&text));
        }
    }
}
