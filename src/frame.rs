//! A frame: one event, encoded once, its bytes shared by all its readers.
//!
//! Whatever a text holds, it cannot open a line, a field or an event of its own: every line end
//! that a parser knows is folded into the frame's own lines.

use std::{
    fmt::Write as _,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;

use crate::{
    hub::Item,
    journal::Gap,
    message::{Epoch, Message, MessageId, Seq},
    view,
};

/// A message as it goes out. Clones share the bytes.
#[derive(Clone)]
pub struct Frame(Arc<Inner>);

struct Inner {
    message: Message,
    /// Made when the first reader asks: where nobody reads, nothing is rendered.
    event_stream: OnceLock<Bytes>,
}

impl Frame {
    /// The frame of a message, not encoded yet.
    #[must_use]
    pub fn new(message: Message) -> Self {
        Self(Arc::new(Inner { message, event_stream: OnceLock::new() }))
    }

    /// As `text/event-stream`: id, `NewMessage`, and the message's HTML.
    #[must_use]
    pub fn event_stream(&self) -> Bytes {
        let Inner { message, event_stream } = &*self.0;
        event_stream
            .get_or_init(|| {
                let mut frame = String::new();
                new_message(&mut frame, message);
                frame.into()
            })
            .clone()
    }
}

impl Item for Frame {
    fn seq(&self) -> Seq {
        self.0.message.seq()
    }
}

/// What opens an event stream: how long to wait before coming back, in milliseconds, and a
/// comment, so that whatever buffers in between sees bytes at once.
#[must_use]
pub fn opening() -> Bytes {
    Bytes::from_static(b"retry: 1000\n: hubbub\n\n")
}

/// A comment that keeps the connection from looking dead.
#[must_use]
pub fn keep_alive() -> Bytes {
    Bytes::from_static(b":\n\n")
}

/// Word of messages that are gone for good.
#[must_use]
pub fn gap(gone: Option<u64>, epoch: &Epoch) -> Bytes {
    let mut frame = String::new();
    event(&mut frame, None, "Gap", &view::message::gap(gone, epoch).into_string());
    frame.into()
}

/// Messages for one reader that catches up, in one piece: frames of their own would live too
/// short to be shared.
#[must_use]
pub fn page(gap: Option<Gap>, epoch: &Epoch, messages: &[Message]) -> Bytes {
    // A short text's frame has about 200 bytes.
    let mut page = String::with_capacity(messages.len() * 256);
    if let Some(gap) = gap {
        event(&mut page, None, "Gap", &view::message::gap(gap.gone, epoch).into_string());
    }
    for message in messages {
        new_message(&mut page, message);
    }
    page.into()
}

fn new_message(out: &mut String, message: &Message) {
    let html = view::message::fragment(message).into_string();
    event(out, Some(&message.id), "NewMessage", &html);
}

/// Writes one event in the format of the WHATWG HTML standard, section 9.2.6 ("Interpreting an
/// event stream"): a line ends with CR, LF or both, so each such line of `data` gets a field of
/// its own. `id` and `name` are ours and hold none.
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
    fn data(frame: &[u8]) -> String {
        let text = std::str::from_utf8(frame).unwrap();
        assert!(text.ends_with("\n\n"), "one blank line ends the event");
        let lines: Vec<_> = text.trim_end_matches('\n').split(['\r', '\n']).collect();
        let values = lines.iter().filter_map(|line| line.strip_prefix("data: "));
        assert_eq!(lines.len(), values.clone().count() + 2, "only id, event and data: {text:?}");
        values.collect::<Vec<_>>().join("\n")
    }

    proptest! {
        #[test]
        fn any_data_comes_out_as_it_went_in(raw in "(?s)(.|\r|\n|\r\n|data: |id: ){0,40}x") {
            let mut frame = String::new();
            event(&mut frame, Some(&"e-1".parse().unwrap()), "NewMessage", &raw);
            prop_assert_eq!(data(frame.as_bytes()), raw.replace("\r\n", "\n").replace('\r', "\n"));
        }
    }
}
