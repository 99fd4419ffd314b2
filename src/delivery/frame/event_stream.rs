//! `text/event-stream`: events of the WHATWG HTML standard, section 9.2.6.

use std::{fmt::Write as _, sync::LazyLock, time::Duration};

use super::ndjson;
use crate::{
    journal::Gap,
    message::People,
    message::{Change, Epoch, Message, MessageId, State},
    sink::Chunk,
    view,
};

/// What stands in the data of events.
#[derive(Clone, Copy)]
pub(super) enum Data {
    /// What a page swaps in.
    Html,
    /// The objects of `application/x-ndjson`.
    Json,
}

/// How long to wait before coming back, in milliseconds, and a comment, so that whatever buffers
/// in between sees bytes at once.
pub(super) fn opening() -> Chunk {
    static OPENING: LazyLock<Chunk> = LazyLock::new(|| Chunk::new("retry: 1000\n: hubbub\n\n"));
    OPENING.clone()
}

/// Id, `NewMessage`, and the message.
pub(super) fn message(out: &mut String, message: &Message, data: Data) {
    let data = match data {
        Data::Html => view::message::fragment(message).into_string(),
        Data::Json => ndjson::message_object(message),
    };
    event(out, Some(&message.id), "NewMessage", &data);
}

/// Id, `MessageRemoved` or `MessageEdited`, and the message as it is now: it goes in the place of the
/// one that a page has.
pub(super) fn change(out: &mut String, change: &Change, data: Data) {
    let name =
        if change.message.state == State::Removed { "MessageRemoved" } else { "MessageEdited" };
    let data = match data {
        Data::Html => view::message::fragment(&change.message).into_string(),
        Data::Json => ndjson::change_object(change),
    };
    event(out, Some(&change.id), name, &data);
}

/// `Gap`, which moves no cursor and so has no id.
pub(super) fn gap(out: &mut String, gap: Gap, epoch: &Epoch, data: Data) {
    let data = match data {
        Data::Html => view::message::gap(gap.gone, epoch).into_string(),
        Data::Json => ndjson::gap_object(gap),
    };
    event(out, None, "Gap", &data);
}

/// `PresenceChanged`, which is about now and so has no id.
pub(super) fn presence(out: &mut String, people: &People, data: Data) {
    let data = match data {
        Data::Html => view::presence::list(people, true).into_string(),
        Data::Json => ndjson::people_object(people),
    };
    event(out, None, "PresenceChanged", &data);
}

/// `Unread`, which is about now and so has no id: a room and its numbers, in JSON for pages as well.
pub(super) fn unread(out: &mut String, object: &str) {
    event(out, None, "Unread", object);
}

/// When to come back. With a name, since htmx passes over a `retry:` that is no part of an event;
/// and without data, so that `EventSource` dispatches none.
pub(super) fn farewell(pause: Duration) -> Chunk {
    Chunk::new(&format!("event: Closing\nretry: {}\n\n", pause.as_millis()))
}

/// One event. A line ends with CR, LF or both, so each such line of `data` gets a field of its
/// own. `id` and `name` are ours and hold none.
fn event(out: &mut String, id: Option<&MessageId>, name: &str, data: &str) {
    if let Some(id) = id {
        let _ = writeln!(out, "id: {id}");
    }
    let _ = writeln!(out, "event: {name}");
    // CR and LF together end one line, not two.
    for line in data.split("\r\n").flat_map(|part| part.split(['\n', '\r'])) {
        out.push_str("data: ");
        out.push_str(line);
        out.push('\n');
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads an event's data the way the standard says.
    fn data(frame: &str) -> String {
        assert!(frame.ends_with("\n\n"), "one blank line ends the event");
        let lines: Vec<_> = frame.trim_end_matches('\n').split(['\r', '\n']).collect();
        let values = lines.iter().filter_map(|line| line.strip_prefix("data: "));
        assert_eq!(lines.len(), values.clone().count() + 2, "only id, event and data: {frame:?}");
        values.collect::<Vec<_>>().join("\n")
    }

    proptest! {
        #[test]
        fn any_data_comes_out_as_it_went_in(raw in "(?s)(.|\r|\n|\r\n|data: |id: ){0,40}x") {
            let mut frame = String::new();
            event(&mut frame, Some(&"e-1".parse().unwrap()), "NewMessage", &raw);
            prop_assert_eq!(data(&frame), raw.replace("\r\n", "\n").replace('\r', "\n"));
        }
    }
}
