//! `application/x-ndjson`: one JSON object a line.

use crate::{journal::Gap, message::Message};

/// The message's object. JSON escapes every control, so the object stays on its line.
pub(super) fn message(out: &mut String, message: &Message) {
    // Only a map key that is no string, or a writer that fails, could fail; there is neither.
    out.push_str(&serde_json::to_string(message).unwrap_or_default());
    out.push('\n');
}

/// `{"gap":100}`, or `{"gap":null}` where the number is not known.
pub(super) fn gap(out: &mut String, gap: Gap) {
    out.push_str(&serde_json::json!({ "gap": gap.gone }).to_string());
    out.push('\n');
}
