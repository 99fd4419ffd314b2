//! `application/x-ndjson`: one JSON object a line.

use serde::Serialize;

use crate::{
    journal::Gap,
    message::{Change, Message, People, State},
};

/// The message's object. JSON escapes every control, and [`json`] what else ends a line for some, so
/// the object stays on its line.
pub(super) fn message(out: &mut String, message: &Message) {
    out.push_str(&message_object(message));
    out.push('\n');
}

/// Word of a change, on a line of its own.
pub(super) fn change(out: &mut String, change: &Change) {
    out.push_str(&change_object(change));
    out.push('\n');
}

/// Word of what is gone, on a line of its own.
pub(super) fn gap(out: &mut String, gap: Gap) {
    out.push_str(&gap_object(gap));
    out.push('\n');
}

/// `{"id","seq","room","name","text","sent_at"}`, with `"mark"` where the name has one.
pub(super) fn message_object(message: &Message) -> String {
    json(message)
}

/// `{"removed":"k3v9x2mq-17","id","seq","room","at"}`, or `{"edited":"k3v9x2mq-17","text",…}`. The
/// first is the message's id, `id` the place of the change, which a reader comes back with.
pub(super) fn change_object(change: &Change) -> String {
    #[derive(Serialize)]
    struct Object<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        removed: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        edited: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<&'a str>,
        id: String,
        seq: u64,
        room: &'a str,
        name: &'a str,
        at: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        mark: Option<&'a str>,
    }
    let Change { id, changed_at, message, .. } = change;
    let is_removed = message.state == State::Removed;
    let of = message.id.to_string();
    let (removed, edited) = if is_removed { (Some(of), None) } else { (None, Some(of)) };
    json(&Object {
        removed,
        edited,
        text: (!is_removed).then(|| message.text.as_str()),
        id: id.to_string(),
        seq: id.seq().get(),
        room: message.room.as_str(),
        name: message.name.as_str(),
        at: format!("{changed_at:.3}"),
        mark: message.name.mark(),
    })
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
