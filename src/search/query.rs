//! What somebody looks for: read from what they typed, asked of the index, and marked in what is found.

use std::ops::Range;

use super::token::{self, Kind};

/// What is looked for: each of these phrases, in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query(Vec<Phrase>);

/// Tokens that stand one behind the other.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Phrase {
    /// At least one.
    tokens: Vec<String>,
    /// Whether the last one is the beginning of a word.
    prefix: bool,
}

/// A token of a text, and where it stands.
struct Token {
    word: String,
    at: Range<usize>,
    kind: Kind,
}

/// Why something cannot be looked for; the text is the sentence that stands beside the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidQuery {
    /// More than [`Query::MAX_CHARS`].
    #[error("A search takes at most {} characters.", Query::MAX_CHARS)]
    TooLong,
    /// More than [`Query::MAX_WORDS`].
    #[error("A search takes at most {} words.", Query::MAX_WORDS)]
    TooMany,
    /// Nothing in it is a word.
    #[error("A search takes words: something with letters or digits in it.")]
    NoWords,
}

/// The least characters of a word that it is the beginning of longer ones: of one letter, everything
/// would be.
const MIN_PREFIX_CHARS: usize = 2;

impl Query {
    /// The most characters of a query: two sentences.
    pub(crate) const MAX_CHARS: usize = 200;

    /// The most words, or quoted phrases: each is a list that is gone through.
    pub(crate) const MAX_WORDS: usize = 16;

    /// Takes what somebody typed. What stands in quotation marks is a phrase, and the last word may be
    /// the beginning of one, where no space follows. No other character means anything.
    ///
    /// # Errors
    ///
    /// [`InvalidQuery`] says why it cannot be looked for.
    pub(crate) fn parse(raw: &str) -> Result<Self, InvalidQuery> {
        if raw.chars().count() > Self::MAX_CHARS {
            return Err(InvalidQuery::TooLong);
        }
        let open = !raw.ends_with(char::is_whitespace);
        let parts = parts(raw);
        let count = parts.len();
        let phrases = parts.into_iter().enumerate().filter_map(|(place, (part, is_quoted))| {
            Phrase::of(part, open && !is_quoted && place + 1 == count)
        });
        let phrases: Vec<Phrase> = phrases.collect();
        match phrases.len() {
            0 => Err(InvalidQuery::NoWords),
            1..=Self::MAX_WORDS => Ok(Self(phrases)),
            _ => Err(InvalidQuery::TooMany),
        }
    }

    /// The same for the index, as its query language has it: strings alone, with nothing in them but
    /// what tokens are made of.
    pub(super) fn expression(&self) -> String {
        let phrases = self.0.iter().map(|Phrase { tokens, prefix }| {
            format!("\"{}\"{}", tokens.join(" "), if *prefix { " *" } else { "" })
        });
        format!("text : ({})", phrases.collect::<Vec<_>>().join(" AND "))
    }

    /// Where in a text is what was looked for, in order and apart from each other; `None` where some of
    /// it is not there.
    pub(super) fn marks(&self, text: &str) -> Option<Vec<Range<usize>>> {
        let mut all: Vec<Token> = Vec::new();
        token::each(text, |word, at, kind| all.push(Token { word: word.to_owned(), at, kind }));
        let mut marks: Vec<Range<usize>> = Vec::new();
        for phrase in &self.0 {
            let length = phrase.tokens.len();
            let found = all.windows(length).filter(|window| phrase.is(window));
            let before = marks.len();
            marks.extend(found.map(|window| window[0].at.start..phrase.end(&window[length - 1])));
            if marks.len() == before {
                return None;
            }
        }
        marks.sort_unstable_by_key(|mark| (mark.start, mark.end));
        let mut apart: Vec<Range<usize>> = Vec::new();
        for mark in marks {
            match apart.last_mut() {
                Some(last) if mark.start <= last.end => last.end = last.end.max(mark.end),
                _ => apart.push(mark),
            }
        }
        Some(apart)
    }
}

impl Phrase {
    /// The phrase of a part; `None` where it has no tokens. `open` is whether its last word may go on.
    fn of(part: &str, open: bool) -> Option<Self> {
        let mut tokens = Vec::new();
        let mut last = None;
        token::each(part, |token, _, kind| {
            tokens.push(token.to_owned());
            last = Some(kind);
        });
        let prefix = match last? {
            Kind::Word | Kind::Pair { .. } => {
                open && tokens.last()?.chars().count() >= MIN_PREFIX_CHARS
            }
            // A run may go on in what is found, and its last character is in the pair before.
            Kind::Last { alone: false } => {
                tokens.pop();
                false
            }
            Kind::Last { alone: true } => true,
        };
        Some(Self { tokens, prefix })
    }

    fn is(&self, window: &[Token]) -> bool {
        let last = self.tokens.len() - 1;
        self.tokens.iter().zip(window).enumerate().all(|(place, (token, Token { word, .. }))| {
            if self.prefix && place == last { word.starts_with(token) } else { word == token }
        })
    }

    /// Where it ends in a text, whose token `last` is its last: of a word that goes on, the whole is
    /// meant; of a run, the one character.
    fn end(&self, last: &Token) -> usize {
        match last.kind {
            Kind::Pair { first_end } if self.prefix => first_end,
            _ => last.at.end,
        }
    }
}

/// The words and quoted phrases of what somebody typed, and whether each was quoted. A quotation mark
/// that nothing closes parts words, as a space does.
fn parts(raw: &str) -> Vec<(&str, bool)> {
    let is_quote = |c: char| matches!(c, '"' | '\u{201c}' | '\u{201d}' | '\u{201e}');
    let mut pieces: Vec<&str> = raw.split(is_quote).collect();
    // An even number of marks leaves an odd number of pieces.
    let rest = if pieces.len().is_multiple_of(2) { pieces.pop() } else { None };
    let mut parts = Vec::new();
    for (place, piece) in pieces.into_iter().enumerate() {
        if place % 2 == 1 {
            parts.push((piece, true));
        } else {
            parts.extend(piece.split_whitespace().map(|word| (word, false)));
        }
    }
    parts.extend(rest.unwrap_or_default().split_whitespace().map(|word| (word, false)));
    parts.retain(|(part, _)| !part.trim().is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rusqlite::Connection;

    use super::*;

    fn query(raw: &str) -> Query {
        Query::parse(raw).unwrap_or_else(|why| panic!("{raw:?}: {why}"))
    }

    #[test]
    fn words_are_quoted_the_last_may_go_on_and_a_phrase_is_one() {
        for (raw, expected) in [
            ("hubb", "text : (\"hubb\" *)"),
            ("hubb ", "text : (\"hubb\")"),
            ("Café au", "text : (\"cafe\" AND \"au\" *)"),
            ("\"blue boat\"", "text : (\"blue boat\")"),
            ("a \u{201c}Blue Boat\u{201d} b", "text : (\"a\" AND \"blue boat\" AND \"b\")"),
            ("don't", "text : (\"don t\")"),
            ("snake_case", "text : (\"snake case\" *)"),
            ("東京", "text : (\"東京\")"),
            ("東京都庁", "text : (\"東京 京都 都庁\")"),
            ("東", "text : (\"東\" *)"),
            ("\"東京 tower\"", "text : (\"東京 京 tower\")"),
            ("\"open", "text : (\"open\" *)"),
            (
                "a AND NOT b* OR text:c",
                "text : (\"a\" AND \"and\" AND \"not\" AND \"b\" AND \"or\" AND \"text c\")",
            ),
            ("- * boat ()", "text : (\"boat\")"),
        ] {
            assert_eq!(query(raw).expression(), expected, "{raw}");
        }
    }

    #[test]
    fn too_much_and_nothing_are_refused() {
        assert_eq!(Query::parse(&"x".repeat(201)), Err(InvalidQuery::TooLong));
        assert_eq!(Query::parse(&"a ".repeat(17)), Err(InvalidQuery::TooMany));
        assert!(Query::parse(&"a ".repeat(16)).is_ok());
        for raw in ["", "   ", "\"", "\"\"", "* - ()", "😀", "\0"] {
            assert_eq!(Query::parse(raw), Err(InvalidQuery::NoWords), "{raw:?}");
        }
    }

    #[test]
    fn what_was_looked_for_is_marked_in_the_text_as_it_stands_there() {
        for (raw, text, expected) in [
            ("cafe", "Das Café, cafés", &["Café", "cafés"][..]),
            ("\"blue boat\"", "a Blue, boat blue", &["Blue, boat"]),
            ("東京", "大東京都", &["東京"]),
            ("東京都", "大東京都", &["東京都"]),
            ("都", "東京都", &["都"]),
            ("東", "大東京都", &["東"]),
            ("大", "大東大 大", &["大", "大", "大"]),
            ("東", "東東京", &["東東"]),
            ("カ", "ｶﾞｶ カナ", &["ｶ", "カ"]),
            ("ガ", "ｶﾞナカ\u{3099}ナ", &["ｶﾞ", "カ\u{3099}"]),
            ("by東", "by東京", &["by東"]),
            ("e\u{301}t", "ete\u{301} éte", &["ete\u{301}", "éte"]),
            ("a b", "b a", &["b", "a"]),
        ] {
            let marks = query(raw).marks(text).unwrap_or_else(|| panic!("{raw} in {text}"));
            let marked: Vec<&str> = marks.into_iter().map(|mark| &text[mark]).collect();
            assert_eq!(marked, expected, "{raw} in {text}");
        }
        for (raw, text) in [("boat ", "boats"), ("\"a b\"", "b a"), ("a b", "a"), ("京東", "東京")]
        {
            assert_eq!(query(raw).marks(text), None, "{raw} in {text}");
        }
    }

    fn index() -> Connection {
        let index = Connection::open_in_memory().unwrap();
        index.execute_batch(&super::super::index::create("words")).unwrap();
        index
    }

    proptest! {
        /// Syntax and all.
        #[test]
        fn no_query_is_an_error_of_the_index(
            raw in "(\\PC|[\"'*:^(){}+-]|AND|OR|NOT|NEAR|text|room| ){0,20}|(?s).{0,40}"
        ) {
            if let Ok(query) = Query::parse(&raw) {
                let index = index();
                let found = index.query_row(
                    "SELECT count(*) FROM words WHERE words MATCH ?1",
                    [query.expression()],
                    |row| row.get::<_, u64>(0),
                );
                prop_assert_eq!(found, Ok(0), "{}", query.expression());
            }
        }

        /// What is marked here is what the index finds, and nothing else.
        #[test]
        fn the_index_finds_what_is_marked(
            text in "([a-c]|é|東|京|都| |\"|[-_.]){0,12}", raw in "([a-c]|é|東|京|都| |\"|-){1,6}"
        ) {
            if let Ok(query) = Query::parse(&raw) {
                let index = index();
                let mut tokens = String::new();
                token::write(&text, &mut tokens);
                index
                    .execute("INSERT INTO words (rowid, room, text) VALUES (1, 'r1', ?1)", [tokens])
                    .unwrap();
                let found: u64 = index
                    .query_row("SELECT count(*) FROM words WHERE words MATCH ?1", [query.expression()], |row| row.get(0))
                    .unwrap();
                let marks = query.marks(&text);
                prop_assert_eq!(found == 1, marks.is_some(), "{}", query.expression());
                for mark in marks.into_iter().flatten() {
                    prop_assert!(!text[mark].is_empty());
                }
            }
        }
    }
}
