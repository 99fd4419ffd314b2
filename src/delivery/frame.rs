//! A frame: one event, encoded once in each representation that somebody reads, its bytes shared
//! by all its readers.
//!
//! Whatever a text holds, it cannot open a line, a field, a tag or an event of its own: each
//! representation folds or escapes what its parsers know.

mod event_stream;
mod html;
mod ndjson;
mod text;

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::{
    delivery::hub::Item,
    journal::Gap,
    message::People,
    message::{Epoch, Message, MessageId, RoomName, Seq},
};

/// How a stream is written. In the order in which the server prefers them, where a reader takes
/// several alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Representation {
    /// `text/event-stream`, for htmx and `EventSource`.
    EventStream,
    /// `application/x-ndjson`, for scripts.
    NdJson,
    /// `text/plain`, for terminals.
    Text,
    /// `text/html` without an end, for browsers without script.
    Html,
}

impl Representation {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::EventStream, Self::NdJson, Self::Text, Self::Html];

    /// Its name in `?format=`.
    pub(crate) fn format(self) -> &'static str {
        match self {
            Self::EventStream => "sse",
            Self::NdJson => "ndjson",
            Self::Text => "text",
            Self::Html => "html",
        }
    }

    /// Its media type, without parameters.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::EventStream => "text/event-stream",
            Self::NdJson => "application/x-ndjson",
            Self::Text => "text/plain",
            Self::Html => "text/html",
        }
    }

    /// What `Content-Type` says. An event stream is UTF-8 by its standard and names no charset.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
            other => other.media_type(),
        }
    }

    /// What opens a stream of `room`.
    pub(crate) fn opening(self, room: &RoomName) -> Bytes {
        match self {
            Self::EventStream => event_stream::opening(),
            Self::NdJson | Self::Text => Bytes::new(),
            Self::Html => html::opening(room),
        }
    }

    /// What keeps the connection from looking dead, and shows nothing.
    pub(crate) fn keep_alive(self) -> Bytes {
        Bytes::from_static(match self {
            // A comment.
            Self::EventStream => b":\n\n",
            // An empty line, which parsers of the format pass over.
            Self::NdJson => b"\n",
            // Where a line begins, a carriage return moves nothing on a terminal.
            Self::Text => b"\r",
            Self::Html => b"<!-- -->\n",
        })
    }

    /// Messages for one reader that catches up, in one piece, and before them word of what is
    /// gone: frames of their own would live too short to be shared.
    pub(crate) fn page(self, gap: Option<Gap>, epoch: &Epoch, messages: &[Message]) -> Bytes {
        // A short text's frame has about 200 bytes.
        let mut page = String::with_capacity(messages.len() * 256);
        if let Some(gap) = gap {
            match self {
                Self::EventStream => event_stream::gap(&mut page, gap, epoch),
                Self::NdJson => ndjson::gap(&mut page, gap),
                Self::Text => text::gap(&mut page, gap),
                Self::Html => html::gap(&mut page, gap, epoch),
            }
        }
        for message in messages {
            self.message(&mut page, message);
        }
        page.into()
    }

    /// What a reader is told when the server stops: to come back in `pause`, which is another for
    /// each, so that they do not all knock at once. Empty where a representation has no word for
    /// it.
    pub(crate) fn farewell(self, cursor: &MessageId, pause: Duration) -> Bytes {
        match self {
            Self::EventStream => event_stream::farewell(pause),
            Self::NdJson | Self::Text => Bytes::new(),
            Self::Html => html::next_document(cursor, pause.as_secs().max(1)),
        }
    }

    fn message(self, out: &mut String, message: &Message) {
        match self {
            Self::EventStream => event_stream::message(out, message),
            Self::NdJson => ndjson::message(out, message),
            Self::Text => text::message(out, message),
            Self::Html => html::message(out, message),
        }
    }
}

/// The end of a document that has lived its time: it goes on by itself after `cursor`.
pub(crate) fn next_document(cursor: &MessageId) -> Bytes {
    html::next_document(cursor, 0)
}

/// Word of who is here, for event streams.
pub(crate) fn presence(people: &People) -> Bytes {
    event_stream::presence(people)
}

/// A message as it goes out. Clones share the bytes.
#[derive(Clone)]
pub(crate) struct Frame(Arc<Inner>);

struct Inner {
    message: Message,
    /// When it came out of the journal.
    read_at: Instant,
    /// How many shards of its room's readers it is still to be written to; the last one knows that it
    /// is the last.
    shards: AtomicUsize,
    /// Made when the first reader asks: where nobody reads, nothing is rendered.
    encoded: [OnceLock<Bytes>; Representation::ALL.len()],
}

impl Frame {
    /// The frame of a message, not encoded yet.
    pub(crate) fn new(message: Message) -> Self {
        Self(Arc::new(Inner {
            message,
            read_at: Instant::now(),
            shards: AtomicUsize::new(0),
            encoded: Default::default(),
        }))
    }

    /// It is to be written to the readers of so many shards.
    pub(crate) fn due(&self, shards: usize) {
        self.0.shards.store(shards, Ordering::Relaxed);
    }

    /// It was written to one shard's readers. Says how long the way to all of them took, if this was
    /// the last.
    #[must_use]
    pub(crate) fn delivered_to_one(&self) -> Option<Duration> {
        (self.0.shards.fetch_sub(1, Ordering::Relaxed) == 1).then(|| self.0.read_at.elapsed())
    }

    /// About how many bytes it takes on the wire.
    pub(crate) fn wire_size(&self) -> usize {
        self.0.message.text.as_str().len() + 256
    }

    /// Its bytes in one representation, shared.
    pub(crate) fn bytes(&self, representation: Representation) -> Bytes {
        self.encoded(representation).clone()
    }

    /// Its bytes in one representation.
    pub(crate) fn encoded(&self, representation: Representation) -> &Bytes {
        let encode = || {
            let mut frame = String::new();
            representation.message(&mut frame, &self.0.message);
            frame.into()
        };
        self.0.encoded[representation as usize].get_or_init(encode)
    }
}

impl Item for Frame {
    fn seq(&self) -> Seq {
        self.0.message.seq()
    }

    fn size(&self) -> usize {
        // The text as it is, and rendered once, and what stands around it.
        size_of::<Inner>() + 2 * self.0.message.text.as_str().len() + 512
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Name, Text};

    #[test]
    fn a_frame_is_encoded_once_in_each_representation_that_is_read_and_in_no_other() {
        let frame = Frame::new(Message {
            id: "e-1".parse().unwrap(),
            room: RoomName::parse("lobby").unwrap(),
            name: Name::parse("ann").unwrap(),
            text: Text::parse("hi").unwrap(),
            sent_at: jiff::Timestamp::UNIX_EPOCH,
        });
        for (read, representation) in Representation::ALL.into_iter().enumerate() {
            let encoded = frame.0.encoded.iter().filter(|bytes| bytes.get().is_some());
            assert_eq!(encoded.count(), read);
            let (one, other) = (frame.bytes(representation), frame.clone().bytes(representation));
            assert_eq!(one.as_ptr(), other.as_ptr(), "the same bytes, not a copy");
        }
    }
}
