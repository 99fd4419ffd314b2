//! `application/x-ndjson`: one JSON object a line.

use serde::Serialize;

use crate::{
    journal::Gap,
    message::{Message, People},
};

/// The message's object. JSON escapes every control, so the object stays on its line.
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
    object(message)
}

/// `{"gap":100}`, or `{"gap":null}` where the number is not known.
pub(super) fn gap_object(gap: Gap) -> String {
    serde_json::json!({ "gap": gap.gone }).to_string()
}

/// `{"count":2,"names":["ann","bob"]}`.
pub(super) fn people_object(people: &People) -> String {
    object(people)
}

fn object(value: &impl Serialize) -> String {
    // Only a map key that is no string, or a writer that fails, could fail; there is neither.
    serde_json::to_string(value).unwrap_or_default()
}
