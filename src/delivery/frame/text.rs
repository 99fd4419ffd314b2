//! `text/plain`: a log to read in a terminal.

use std::fmt::Write as _;

use crate::{journal::Gap, message::Message, view};

/// What further lines of a text begin with, so that none can pass for a message's first.
const INDENT: &str = "    ";

/// `2026-11-24T04:15:07Z ann: hi`, further lines indented. Only `\n` ends a line in a [`Text`], as
/// it does for a terminal and for `grep`; every other character stays as it was sent.
///
/// [`Text`]: crate::message::Text
pub(super) fn message(out: &mut String, message: &Message) {
    let at = message.sent_at.strftime("%Y-%m-%dT%H:%M:%SZ");
    let _ = write!(out, "{at} {}: ", message.name);
    for c in message.text.as_str().chars() {
        out.push(c);
        if c == '\n' {
            out.push_str(INDENT);
        }
    }
    out.push('\n');
}

/// A line that no message looks like.
pub(super) fn gap(out: &mut String, gap: Gap) {
    let _ = writeln!(out, "--- {}", view::message::gone(gap.gone));
}
