//! The JSON object that carries fields, and what can be wrong with it.

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value as Json;

use super::Value;

/// A JSON object with all that it holds: serde_json's own keeps the last of what comes twice.
pub(super) struct Object(pub Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Object;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut pairs = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Json>()? {
                    let value = match value {
                        Json::String(text) => Value::Text(text),
                        _ => Value::NotAString,
                    };
                    pairs.push((name, value));
                }
                Ok(Object(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// What is wrong with a JSON text, and where, without a word of it. The parser's own words speak to
/// who writes parsers ("expected ident"), and tell half a surrogate pair by what it lacks.
pub(super) fn mistake(text: &str, why: &serde_json::Error) -> String {
    if text.trim().is_empty() {
        return "The body is empty. Send one JSON object.".into();
    }
    if why.is_data() {
        return "Send one JSON object, with a string for each field.".into();
    }
    let at = format!("at line {}, column {}", why.line(), why.column());
    if why.is_eof() {
        return format!("This JSON breaks off {at}: a quote or a bracket is not closed.");
    }
    let words = why.to_string();
    let says = |word: &str| words.starts_with(word);
    if says("lone leading surrogate") || says("unexpected end of hex escape") {
        format!(
            "This JSON has half a surrogate pair {at}: \\ud800 to \\udfff are characters only in pairs."
        )
    } else if says("control character") {
        format!(
            "This JSON has a line break or another control character in a string {at}: write \\n."
        )
    } else if says("invalid escape") {
        format!("This JSON has a backslash {at} before what it cannot stand before: write \\\\.")
    } else if says("key must be a string") {
        format!("This is not JSON {at}: a field's name stands between double quotes.")
    } else if says("trailing comma") {
        format!("This is not JSON {at}: no comma may stand behind the last field.")
    } else if says("trailing characters") {
        format!("Send one JSON object: there is more after its end, {at}.")
    } else if says("number out of range") {
        format!("This JSON has a number {at} that is too large.")
    } else if says("recursion limit") {
        format!("This JSON is nested too deeply {at}.")
    } else {
        format!("This is not JSON {at}.")
    }
}
