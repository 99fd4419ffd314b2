//! `application/x-ndjson`: one JSON object a line.

use serde::Serialize;

use crate::{
    journal::Gap,
    message::{Message, People},
};

/// The message's object. JSON escapes every control, and [`json`] what else ends a line for some, so
/// the object stays on its line.
pub(super) fn message(out: &mut String, message: &Message) {
    out.push_str(&message_object(message));
    out.push('\n');
}

/// Word of what is gone, on a line of its own.
pub(super) fn gap(out: &mut String, gap: Gap) {
    out.push_str(&gap_object(gap));
    out.push('\n');
}

/// `{"id","seq","room","name","text","sent_at"}`.
pub(super) fn message_object(message: &Message) -> String {
    json(message)
}

/// `{"gap":100}`, or `{"gap":null}` where the number is not known.
pub(super) fn gap_object(gap: Gap) -> String {
    json(&serde_json::json!({ "gap": gap.gone }))
}

/// `{"count":2,"names":["ann","bob"]}`.
pub(super) fn people_object(people: &People) -> String {
    json(people)
}

/// A value as JSON in which nothing ends a line for anybody. U+2028 and U+2029 may stand in JSON as
/// they are, but Python's `str.splitlines` ends a line there, and httpx's `iter_lines` by it; so it
/// does at U+0085.
pub(crate) fn json(value: &impl Serialize) -> String {
    // Only a map key that is no string, or a writer that fails, could fail; there is neither.
    let mut json = serde_json::to_string(value).unwrap_or_default();
    // Outside of its strings JSON has no such character.
    for (separator, escaped) in
        [("\u{2028}", "\\u2028"), ("\u{2029}", "\\u2029"), ("\u{85}", "\\u0085")]
    {
        if json.contains(separator) {
            json = json.replace(separator, escaped);
        }
    }
    json
}
