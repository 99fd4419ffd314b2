//! `text/plain`: a log to read in a terminal.

use std::fmt::Write as _;

use crate::{
    journal::Gap,
    message::{Change, Message, State},
    view,
};

/// What further lines of a text begin with, so that none can pass for a message's first.
const INDENT: &str = "    ";

/// `2026-11-24T04:15:07Z ann: hi`, further lines indented. Only `\n` ends a line in a [`Text`], as
/// it does for a terminal and for `grep`; every other character stays as it was sent. A name that was
/// proven has its mark behind it, `ann#k3v9x2mq7t`, which no name can look like.
///
/// [`Text`]: crate::message::Text
pub(super) fn message(out: &mut String, message: &Message) {
    match message.state {
        State::Removed => return removed(out, message),
        State::Sent | State::Edited => head(out, message),
    }
    lines(out, message.text.as_str());
    if message.state == State::Edited {
        out.push_str(" (edited)");
    }
    out.push('\n');
}

/// A line that no message looks like, which names the message by its beginning.
pub(super) fn change(out: &mut String, change: &Change) {
    let message = &change.message;
    if message.state == State::Removed {
        return removed(out, message);
    }
    out.push_str("--- edited: ");
    head(out, message);
    lines(out, message.text.as_str());
    out.push('\n');
}

fn removed(out: &mut String, message: &Message) {
    out.push_str("--- removed: ");
    head(out, message);
    let _ = writeln!(out, "{}", view::message::REMOVED);
}

fn head(out: &mut String, message: &Message) {
    let at = message.sent_at.strftime("%Y-%m-%dT%H:%M:%SZ");
    let _ = write!(out, "{at} {}", message.name);
    // No name has a `#` before what is not a space.
    if let Some(mark) = message.name.mark() {
        let _ = write!(out, "#{mark}");
    }
    out.push_str(": ");
}

fn lines(out: &mut String, text: &str) {
    for c in text.chars() {
        out.push(c);
        if c == '\n' {
            out.push_str(INDENT);
        }
    }
}

/// A line that no message looks like.
pub(super) fn gap(out: &mut String, gap: Gap) {
    let _ = writeln!(out, "--- {}", view::message::gone(gap.gone));
}
