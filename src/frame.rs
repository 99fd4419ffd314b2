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
    message::{Epoch, Message, Seq},
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
                let html = view::message::fragment(message).into_string();
                event(Some(&message.id.to_string()), "NewMessage", &html)
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

/// One event in the format of the WHATWG HTML standard, section 9.2.6 ("Interpreting an event
/// stream"): a line ends with CR, LF or both, so each such line of `data` gets a field of its own.
/// `id` and `name` are ours and hold none.
fn event(id: Option<&str>, name: &str, data: &str) -> Bytes {
    let mut frame = String::with_capacity(data.len() + 96);
    if let Some(id) = id {
        let _ = writeln!(frame, "id: {id}");
    }
    let _ = writeln!(frame, "event: {name}");
    for line in data.replace("\r\n", "\n").split(['\n', '\r']) {
        let _ = writeln!(frame, "data: {line}");
    }
    frame.push('\n');
    frame.into()
}

/// Word of messages that are gone for good.
#[must_use]
pub fn gap(gone: Option<u64>, epoch: &Epoch) -> Bytes {
    event(None, "Gap", &view::message::gap(gone, epoch).into_string())
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
            let frame = event(Some("e-1"), "NewMessage", &raw);
            prop_assert_eq!(data(&frame), raw.replace("\r\n", "\n").replace('\r', "\n"));
        }
    }
}
