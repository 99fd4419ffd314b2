//! A frame: one event, encoded once in each representation that somebody reads, its bytes shared
//! by all its readers.
//!
//! Whatever a text holds, it cannot open a line, a field, a tag or an event of its own: each
//! representation folds or escapes what its parsers know.

mod encoded;
mod event_stream;
mod html;
mod ndjson;
mod notice;
mod text;
mod unread;

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    delivery::hub::Item,
    journal::Gap,
    message::People,
    message::{Change, Entry, Epoch, MessageId, RoomName, Seq},
    sink::Chunk,
};
use event_stream::Data;

pub(crate) use encoded::Encoded;
pub(crate) use ndjson::json;
pub(crate) use notice::Notice;

/// How a stream is written. In the order in which the server prefers them, where a reader takes
/// several alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Representation {
    /// `text/event-stream`, for htmx and `EventSource`.
    EventStream,
    /// The same with JSON in its events, for programs that have a library for event streams. Only
    /// its name asks for it: its media type means [`Representation::EventStream`].
    EventStreamJson,
    /// `application/x-ndjson`, for scripts.
    NdJson,
    /// `text/plain`, for terminals.
    Text,
    /// `text/html` without an end, for browsers without script.
    Html,
}

impl Representation {
    /// All of them.
    pub(crate) const ALL: [Self; 5] =
        [Self::EventStream, Self::EventStreamJson, Self::NdJson, Self::Text, Self::Html];

    /// Its name in `?format=`.
    pub(crate) fn format(self) -> &'static str {
        match self {
            Self::EventStream => "sse",
            Self::EventStreamJson => "sse-json",
            Self::NdJson => "ndjson",
            Self::Text => "text",
            Self::Html => "html",
        }
    }

    /// Its media type, without parameters.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::EventStream | Self::EventStreamJson => "text/event-stream",
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

    /// Whether it can tell who is here.
    pub(crate) fn carries_presence(self) -> bool {
        matches!(self, Self::EventStream | Self::EventStreamJson)
    }

    /// What opens a stream of `room`.
    pub(crate) fn opening(self, room: &RoomName) -> Chunk {
        match self {
            Self::EventStream | Self::EventStreamJson => event_stream::opening(),
            Self::NdJson | Self::Text => Chunk::default(),
            Self::Html => html::opening(room),
        }
    }

    /// What keeps the connection from looking dead, and says nothing.
    pub(crate) fn keep_alive(self) -> Chunk {
        static KEEP_ALIVES: LazyLock<[Chunk; Representation::ALL.len()]> = LazyLock::new(|| {
            Representation::ALL.map(|representation| {
                Chunk::new(match representation {
                    // A comment.
                    Representation::EventStream | Representation::EventStreamJson => ":\n\n",
                    // An empty line, which parsers of the format pass over. No message looks like
                    // it, and the next one begins a line of its own: `grep` finds each.
                    Representation::NdJson | Representation::Text => "\n",
                    Representation::Html => "<!-- -->\n",
                })
            })
        });
        KEEP_ALIVES[self as usize].clone()
    }

    /// Entries for one reader that catches up, in one piece, and before them word of what is
    /// gone: frames of their own would live too short to be shared.
    pub(crate) fn page(self, gap: Option<Gap>, epoch: &Epoch, entries: &[Entry]) -> Chunk {
        // A short text's frame has about 200 bytes.
        Chunk::encode(entries.len() * 256, |page| {
            if let Some(gap) = gap {
                match self {
                    Self::EventStream => event_stream::gap(page, gap, epoch, Data::Html),
                    Self::EventStreamJson => event_stream::gap(page, gap, epoch, Data::Json),
                    Self::NdJson => ndjson::gap(page, gap),
                    Self::Text => text::gap(page, gap),
                    Self::Html => html::gap(page, gap, epoch),
                }
            }
            for entry in entries {
                self.entry(page, entry);
            }
        })
    }

    /// What a reader is told when the server stops: to come back in `pause`, which is another for
    /// each, so that they do not all knock at once. Empty where a representation has no word for
    /// it.
    pub(crate) fn farewell(self, cursor: &MessageId, pause: Duration) -> Chunk {
        match self {
            Self::EventStream | Self::EventStreamJson => event_stream::farewell(pause),
            Self::NdJson | Self::Text => Chunk::default(),
            Self::Html => html::next_document(cursor, pause.as_secs().max(1)),
        }
    }

    /// Word of who is here; empty where it cannot be told.
    fn presence(self, people: &People) -> Chunk {
        Chunk::encode(256, |out| match self {
            Self::EventStream => event_stream::presence(out, people, Data::Html),
            Self::EventStreamJson => event_stream::presence(out, people, Data::Json),
            Self::NdJson | Self::Text | Self::Html => {}
        })
    }

    fn entry(self, out: &mut String, entry: &Entry) {
        match entry {
            Entry::Message(message) => match self {
                Self::EventStream => event_stream::message(out, message, Data::Html),
                Self::EventStreamJson => event_stream::message(out, message, Data::Json),
                Self::NdJson => ndjson::message(out, message),
                Self::Text => text::message(out, message),
                Self::Html => html::message(out, message),
            },
            Entry::Change(change) => match self {
                Self::EventStream => event_stream::change(out, change, Data::Html),
                Self::EventStreamJson => event_stream::change(out, change, Data::Json),
                Self::NdJson => ndjson::change(out, change),
                Self::Text => text::change(out, change),
                // What was parsed cannot be taken back: the next document is without it.
                Self::Html => {}
            },
        }
    }
}

/// The end of a document that has lived its time: it goes on by itself after `cursor`, in so many
/// seconds.
pub(crate) fn next_document(cursor: &MessageId, seconds: u64) -> Chunk {
    html::next_document(cursor, seconds)
}

/// A message, or the change of one, as it goes out. Clones share the bytes.
#[derive(Clone)]
pub(crate) struct Frame(Arc<Inner>);

struct Inner {
    entry: Entry,
    /// The seq of the change that made a message what it is here; zero for one that was read as it is.
    as_of: Seq,
    /// When it came out of the journal.
    read_at: Instant,
    /// How many shards of its room's readers it is still to be written to; the last one knows that it
    /// is the last.
    shards: AtomicUsize,
    /// Made when the first reader asks: where nobody reads, nothing is rendered.
    encoded: Encoded,
}

impl Frame {
    /// The frame of an entry, not encoded yet.
    pub(crate) fn new(entry: Entry) -> Self {
        Self::as_of(entry, Seq::ZERO)
    }

    fn as_of(entry: Entry, as_of: Seq) -> Self {
        Self(Arc::new(Inner {
            entry,
            as_of,
            read_at: Instant::now(),
            shards: AtomicUsize::new(0),
            encoded: Encoded::default(),
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
        self.0.entry.columns().body.len() + 256
    }

    /// The seq of the change that it has in it already, where that is known.
    pub(crate) fn has_change(&self) -> Option<Seq> {
        Some(self.0.as_of).filter(|seq| *seq > Seq::ZERO)
    }

    /// What it tells.
    pub(crate) fn entry(&self) -> &Entry {
        &self.0.entry
    }

    /// The change that it tells of, where it is one.
    pub(crate) fn change(&self) -> Option<&Change> {
        match &self.0.entry {
            Entry::Message(_) => None,
            Entry::Change(change) => Some(change),
        }
    }

    /// Its bytes in one representation, shared.
    pub(crate) fn chunk(&self, representation: Representation) -> &Chunk {
        let entry = &self.0.entry;
        let encode = || Chunk::encode(self.wire_size(), |out| representation.entry(out, entry));
        self.0.encoded.get_or_encode(representation, encode)
    }
}

impl Item for Frame {
    fn seq(&self) -> Seq {
        self.0.entry.seq()
    }

    fn size(&self) -> usize {
        // The text as it is, and rendered once, and what stands around it.
        size_of::<Inner>() + 2 * self.0.entry.columns().body.len() + 512
    }

    fn replaces(&self) -> Option<(Seq, Self)> {
        let change = self.change()?;
        let message = Entry::Message(change.message.clone());
        Some((change.target(), Self::as_of(message, change.id.seq())))
    }

    fn concerns(&self, target: Seq) -> bool {
        self.change().is_some_and(|change| change.target() == target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        message::{Message, Name, State, Text},
        sink::Framing,
    };

    #[test]
    fn a_frame_is_encoded_once_in_each_representation_that_is_read_and_in_no_other() {
        let frame = Frame::new(Entry::Message(Message {
            id: "e-1".parse().unwrap(),
            room: RoomName::parse("lobby").unwrap(),
            name: Name::parse("ann").unwrap(),
            text: Text::parse("hi").unwrap(),
            sent_at: jiff::Timestamp::UNIX_EPOCH,
            state: State::Sent,
        }));
        for (read, representation) in Representation::ALL.into_iter().enumerate() {
            assert_eq!(frame.0.encoded.count(), read);
            let other = frame.clone();
            for framing in [Framing::Bare, Framing::Chunked] {
                let one = frame.chunk(representation).framed(framing);
                let other = other.chunk(representation).framed(framing);
                assert_eq!(one.as_ptr(), other.as_ptr(), "the same bytes, not a copy");
            }
        }
    }
}
