//! Names with values, as queries, forms and JSON objects carry them: each once, in UTF-8, and none
//! that nobody asked for.
//!
//! The decoders of the stack put U+FFFD in the place of bytes that are not UTF-8, and pass over what
//! they do not know. Here neither is silent: a text is stored as it was sent or not at all, and a
//! key that is misspelt does not make a send unsafe to repeat.

mod object;

use super::error::Error;
use crate::message::{MessageId, is_visible};
use object::{Object, mistake};
use percent_encoding::percent_decode;

/// What stands beside a name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Text(String),
    /// Bytes that are not UTF-8: what can be shown of them.
    NotUtf8(String),
    /// In JSON: a number, a list, and so on.
    NotAString,
}

/// The one parameter that is a list.
pub(super) const REPEATED: &str = "room";

/// The id of a message that stands under a name in an address or a form.
pub(super) fn message_id(name: &str, raw: &str) -> Result<MessageId, Error> {
    raw.parse().map_err(|_| {
        Error::Invalid(format!("{name}= takes the id of a message, such as k3v9x2mq-17."))
    })
}

/// What a set of fields is called in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Noun {
    /// Behind the `?`.
    Parameter,
    /// In a body.
    Field,
}

impl Noun {
    fn word(self) -> &'static str {
        match self {
            Self::Parameter => "parameter",
            Self::Field => "field",
        }
    }

    /// It was due and did not come.
    pub(super) fn missing(self, name: &str) -> Error {
        Error::Invalid(format!("The {} {name} is missing.", self.word()))
    }

    /// It came more than once, and nobody can say which is meant.
    pub(super) fn doubled(self, name: &str) -> Error {
        Error::Invalid(format!("The {} {name} came twice.", self.word()))
    }
}

/// Names with values, in the order in which they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    noun: Noun,
    pairs: Vec<(String, Value)>,
}

impl Fields {
    /// What stands in a query or a form (WHATWG URL, section 5.1, but for what is not UTF-8).
    pub(super) fn urlencoded(noun: Noun, raw: &[u8]) -> Self {
        let pieces = raw.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty());
        let pairs = pieces.map(|piece| {
            let mut halves = piece.splitn(2, |byte| *byte == b'=');
            let mut next = || decoded(halves.next().unwrap_or_default());
            let name = next().unwrap_or_else(|shown| shown);
            (name, next().map_or_else(Value::NotUtf8, Value::Text))
        });
        Self { noun, pairs: pairs.collect() }
    }

    /// What a JSON object holds.
    ///
    /// # Errors
    ///
    /// For what is no JSON or no object, in a sentence that quotes nothing of it.
    pub(super) fn json(raw: &[u8]) -> Result<Self, Error> {
        let text = str::from_utf8(raw)
            .map_err(|_| Error::Invalid("This JSON is not UTF-8, which JSON is.".into()))?;
        // A byte order mark, as some editors and shells put before what they write (RFC 8259,
        // section 8.1, lets a reader pass over it).
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let Object(pairs) =
            serde_json::from_str(text).map_err(|why| Error::Invalid(mistake(text, &why)))?;
        Ok(Self { noun: Noun::Field, pairs })
    }

    /// Those whose name is not unwanted.
    pub(super) fn without(mut self, unwanted: impl Fn(&str) -> bool) -> Self {
        self.pairs.retain(|(name, _)| !unwanted(name));
        self
    }

    /// Refuses what is none of `known`, what came twice, and names that are not text; [`REPEATED`] may
    /// come twice as a parameter.
    ///
    /// # Errors
    ///
    /// A sentence that names the first of them.
    pub(super) fn only(&self, known: &[&str], ignored: &[&str]) -> Result<(), Error> {
        for (name, _) in &self.pairs {
            if known.contains(&name.as_str()) {
                if self.noun != Noun::Parameter || name != REPEATED {
                    self.get(name)?;
                }
            } else if !ignored.contains(&name.as_str()) {
                let (noun, name) = (self.noun.word(), shown(name));
                let known = match known {
                    [] => "are none".to_owned(),
                    [one] => format!("is {one}"),
                    [first @ .., last] => format!("are {} and {last}", first.join(", ")),
                };
                let sentence = format!("There is no {noun} {name} here; there {known}.");
                return Err(Error::Invalid(sentence));
            }
        }
        Ok(())
    }

    /// The value beside `name`; `None` where the name did not come.
    ///
    /// # Errors
    ///
    /// Where it came twice, or is not text.
    pub(super) fn get(&self, name: &str) -> Result<Option<&str>, Error> {
        let mut values = self.pairs.iter().filter(|(known, _)| known == name);
        let Some((_, value)) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(self.noun.doubled(name));
        }
        let noun = self.noun.word();
        match value {
            Value::Text(text) => Ok(Some(text)),
            Value::NotUtf8(_) => {
                Err(Error::Invalid(format!("The {noun} {name} is not UTF-8. Send it as UTF-8.")))
            }
            Value::NotAString => {
                Err(Error::Invalid(format!("The {noun} {name} must be a string.")))
            }
        }
    }

    /// The values beside a name that may come several times, in their order; of what is no text, nothing.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let values = self.pairs.iter().filter(move |(known, _)| known == name);
        values.map(|(_, value)| if let Value::Text(text) = value { text.as_str() } else { "" })
    }

    /// What can be shown of the value beside `name`, so that it can be mended.
    pub(super) fn draft(&self, name: &str) -> &str {
        match self.pairs.iter().find(|(known, _)| known == name) {
            Some((_, Value::Text(text) | Value::NotUtf8(text))) => text,
            _ => "",
        }
    }
}

/// The text, or what can be shown of it where it is not UTF-8.
fn decoded(raw: &[u8]) -> Result<String, String> {
    let spaced: Vec<u8> = raw.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    String::from_utf8(percent_decode(&spaced).collect())
        .map_err(|why| String::from_utf8_lossy(why.as_bytes()).into_owned())
}

/// A name that somebody made up, short and as it is, but for what a terminal would act on or nobody
/// could see.
fn shown(name: &str) -> String {
    /// Enough of it to know it again.
    const MAX_SHOWN_CHARS: usize = 32;
    let start = name.chars().take(MAX_SHOWN_CHARS);
    let mut shown: String =
        start.map(|c| if c == ' ' || is_visible(c) { c } else { '\u{fffd}' }).collect();
    if name.chars().count() > MAX_SHOWN_CHARS {
        shown += "…";
    }
    if shown.is_empty() {
        shown += "without a name";
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn percent(byte: u8) -> Vec<char> {
        format!("%{byte:02X}").chars().collect()
    }

    /// As a browser writes it (WHATWG URL, section 5.2): the least that may stay as it is does.
    fn encoded(value: &str) -> String {
        let byte = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => vec![char::from(byte)],
            b' ' => vec!['+'],
            other => percent(other),
        };
        value.bytes().flat_map(byte).collect()
    }

    fn form(raw: &str) -> Fields {
        Fields::urlencoded(Noun::Field, raw.as_bytes())
    }

    fn sentence<T: std::fmt::Debug>(read: Result<T, Error>) -> String {
        read.unwrap_err().sentence().to_owned()
    }

    proptest! {
        #[test]
        fn what_was_entered_is_what_is_read_whatever_stands_beside_it(
            text in "(?s).{0,40}", key in "(?s).{0,10}", other in "[a-z&]{0,10}"
        ) {
            prop_assume!(!other.split('&').any(|name| name == "text" || name == "key"));
            let body = format!("{other}&key={}&text={}&", encoded(&key), encoded(&text));
            let fields = form(&body);
            prop_assert_eq!(fields.get("text").unwrap(), Some(text.as_str()));
            prop_assert_eq!(fields.get("key").unwrap(), Some(key.as_str()));
            let object = serde_json::json!({ "text": text, "key": key }).to_string();
            let fields = Fields::json(object.as_bytes()).unwrap();
            prop_assert_eq!(fields.get("text").unwrap(), Some(text.as_str()));
            prop_assert_eq!(fields.get("key").unwrap(), Some(key.as_str()));
        }

        #[test]
        fn any_bytes_are_fields_or_refused_with_a_sentence(
            body in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..80),
                "(text|key|%|=|&|\\+|%[0-9A-G]{1,2}|é){0,20}".prop_map(String::into_bytes),
                "(\\{|\\}|\"text\"|:|,|\"a\\\\ud800\"|1|null|\\[){0,9}".prop_map(String::into_bytes),
            ]
        ) {
            if let Err(why) = Fields::urlencoded(Noun::Field, &body).get("text") {
                prop_assert!(matches!(why, Error::Invalid(_)), "{:?}", why);
            }
            if let Err(why) = Fields::json(&body) {
                prop_assert!(matches!(why, Error::Invalid(_)), "{:?}", why);
            }
        }

        #[test]
        fn a_value_is_utf_8_or_refused_and_never_changed(bytes: Vec<u8>) {
            let percent: String = bytes.iter().flat_map(|byte| percent(*byte)).collect();
            let fields = form(&format!("text={percent}"));
            let text = String::from_utf8(bytes);
            if let Ok(text) = text {
                prop_assert_eq!(fields.get("text").unwrap(), Some(text.as_str()));
            } else {
                let expected = "The field text is not UTF-8. Send it as UTF-8.";
                prop_assert_eq!(sentence(fields.get("text")), expected);
            }
        }
    }

    #[test]
    fn what_is_not_utf_8_is_refused_and_shown_as_far_as_it_can_be() {
        let fields = form("text=caf%E9+%26+more");
        assert!(fields.get("text").is_err());
        assert_eq!(fields.draft("text"), "caf\u{fffd} & more");
        assert_eq!(fields.draft("key"), "");
    }

    #[test]
    fn what_nobody_asked_for_and_what_came_twice_is_named() {
        let known = ["username", "text", "key"];
        for (body, expected) in [
            ("username=a&text=b", None),
            ("", None),
            ("&&", None),
            ("channel=x&text=b&channel=y", None),
            ("user=a", Some("There is no field user here; there are username, text and key.")),
            ("TEXT=a", Some("There is no field TEXT here; there are username, text and key.")),
            (
                "=a",
                Some("There is no field without a name here; there are username, text and key."),
            ),
            ("text=a&text=a", Some("The field text came twice.")),
            ("key=%ff", Some("The field key is not UTF-8. Send it as UTF-8.")),
            (
                "%1b[31m=a",
                Some("There is no field \u{fffd}[31m here; there are username, text and key."),
            ),
            (
                "it's+\"a\"\\=a",
                Some("There is no field it's \"a\"\\ here; there are username, text and key."),
            ),
        ] {
            let read = form(body).only(&known, &["channel"]);
            assert_eq!(read.err().map(|why| why.sentence().to_owned()).as_deref(), expected);
        }
        let long = form(&"x".repeat(1000)).only(&["a"], &[]);
        let expected = format!("There is no field {}… here; there is a.", "x".repeat(32));
        assert_eq!(sentence(long), expected);
        let query = Fields::urlencoded(Noun::Parameter, b"a=1");
        let expected = "There is no parameter a here; there are none.";
        assert_eq!(sentence(query.only(&[], &[])), expected);
    }

    #[test]
    fn json_that_is_no_object_of_strings_is_refused_in_words() {
        for (body, expected) in [
            ("{\"text\":\"a\",\"text\":\"b\"}", "The field text came twice."),
            ("{\"text\":5}", "The field text must be a string."),
            ("{\"text\":null}", "The field text must be a string."),
            ("{\"text\":[\"secret\"]}", "The field text must be a string."),
            ("[\"secret\"]", "Send one JSON object, with a string for each field."),
            ("\"secret\"", "Send one JSON object, with a string for each field."),
            (
                "{\"text\":\"secret\"",
                "This JSON breaks off at line 1, column 16: a quote or a bracket is not closed.",
            ),
            ("text=secret", "This is not JSON at line 1, column 2."),
            ("", "The body is empty. Send one JSON object."),
            ("{} {}", "Send one JSON object: there is more after its end, at line 1, column 4."),
            (
                "{\"text\":\"\\ud83d secret\"}",
                "This JSON has half a surrogate pair at line 1, column 16: \
                 \\ud800 to \\udfff are characters only in pairs.",
            ),
            (
                "{\"text\":\"\\udc00\"}",
                "This JSON has half a surrogate pair at line 1, column 15: \
                 \\ud800 to \\udfff are characters only in pairs.",
            ),
            (
                "{\"text\":\"a\nb\"}",
                "This JSON has a line break or another control character in a string \
                 at line 2, column 0: write \\n.",
            ),
            (
                "{\"text\":\"C:\\dir\"}",
                "This JSON has a backslash at line 1, column 13 before what it cannot stand before: \
                 write \\\\.",
            ),
            (
                "{text:\"secret\"}",
                "This is not JSON at line 1, column 2: a field's name stands between double quotes.",
            ),
            (
                "{\"text\":\"a\",}",
                "This is not JSON at line 1, column 13: no comma may stand behind the last field.",
            ),
            ("{\"text\":1e999}", "This JSON has a number at line 1, column 13 that is too large."),
        ] {
            let read = Fields::json(body.as_bytes()).and_then(|read| read.get("text").map(drop));
            assert_eq!(sentence(read), expected, "{body}");
        }
        let fields = Fields::json("\u{feff}{\"text\":\"a\"}".as_bytes()).unwrap();
        assert_eq!(fields.get("text").unwrap(), Some("a"), "a byte order mark is passed over");
        let read = Fields::json(b"{\"text\":\"caf\xe9\"}");
        assert_eq!(sentence(read), "This JSON is not UTF-8, which JSON is.");
    }
}
