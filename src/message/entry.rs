//! What a journal holds, and how it is written down.
//!
//! Two forms, one of them made of the other. A store keeps [`Columns`]: a kind's number, a name
//! and a body, beside what every entry has (seq, room, key, time). A stream that several nodes
//! share carries the same columns as one JSON object with a version, `{"v":1,"kind":1,…}`. The
//! kind's number says how its body is to be read: a new form of a kind gets a number of its own,
//! and `v` rises only when the object around it changes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Key, Message, MessageId, Name, RoomName, Seq, Text};

/// The version of [`Entry::encode`].
const VERSION: u64 = 1;

/// The number of [`Entry::Message`]. 0 is never an entry's: a store marks with it what it trimmed.
const MESSAGE: i64 = 1;

/// One entry of the journal. Each has a seq; messages alone are counted, kept and shown as such.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Entry {
    /// Somebody said something.
    Message(Message),
}

/// An entry as a store keeps it, beside its seq, room, key and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns<'a> {
    /// What it is, and the version of its body; at least 1.
    pub kind: i64,
    /// Who did it.
    pub name: &'a str,
    /// The rest: a message's text.
    pub body: &'a str,
}

/// What every entry has, of whatever kind, beside its [`Columns`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its id, and with it its seq.
    pub id: MessageId,
    /// Its room.
    pub room: RoomName,
    /// When the journal took it, in milliseconds.
    pub sent_at: Timestamp,
}

/// Bytes that are no entry of this program's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A later hubbub wrote it.
    #[error("an entry of version {0}; this hubbub knows version {VERSION}")]
    Version(u64),
    /// A later hubbub wrote it.
    #[error("an entry of kind {0}, which this hubbub does not know")]
    Kind(i64),
    /// Damaged, or no entry at all.
    #[error("not an entry: {0}")]
    Malformed(String),
}

/// The object on the wire. Its fields are those of version 1, no more and no fewer.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    v: u64,
    kind: i64,
    room: String,
    key: String,
    /// Milliseconds since 1970.
    sent_at: i64,
    name: std::borrow::Cow<'a, str>,
    body: std::borrow::Cow<'a, str>,
}

/// What every version has.
#[derive(Deserialize)]
struct Versioned {
    v: u64,
}

impl Entry {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &MessageId {
        match self {
            Self::Message(message) => &message.id,
        }
    }

    /// Its place in the journal.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.id().seq()
    }

    /// Its room.
    #[must_use]
    pub fn room(&self) -> &RoomName {
        match self {
            Self::Message(message) => &message.room,
        }
    }

    /// When the journal took it.
    #[must_use]
    pub fn sent_at(&self) -> Timestamp {
        match self {
            Self::Message(message) => message.sent_at,
        }
    }

    /// The same entry at another time: where a stream is shared, its clock is.
    #[must_use]
    pub fn at(self, sent_at: Timestamp) -> Self {
        match self {
            Self::Message(message) => Self::Message(Message { sent_at, ..message }),
        }
    }

    /// What a store keeps of it.
    #[must_use]
    pub fn columns(&self) -> Columns<'_> {
        match self {
            Self::Message(message) => {
                Columns { kind: MESSAGE, name: message.name.as_str(), body: message.text.as_str() }
            }
        }
    }

    /// The entry that was kept so.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Kind`] for a kind of a later hubbub.
    pub fn from_columns(place: Place, columns: Columns<'_>) -> Result<Self, DecodeError> {
        let Place { id, room, sent_at } = place;
        match columns.kind {
            MESSAGE => Ok(Self::Message(Message {
                id,
                room,
                name: Name::stored(columns.name),
                text: Text::stored(columns.body),
                sent_at,
            })),
            kind => Err(DecodeError::Kind(kind)),
        }
    }

    /// It and its key as bytes that need nothing else to be read, but for the id: a shared stream
    /// gives the seq when the bytes are already made.
    ///
    /// # Panics
    ///
    /// Never: strings and numbers are JSON.
    #[must_use]
    pub fn encode(&self, key: &Key) -> Vec<u8> {
        let Columns { kind, name, body } = self.columns();
        let wire = Wire {
            v: VERSION,
            kind,
            room: self.room().as_str().to_owned(),
            key: key.as_str().to_owned(),
            sent_at: self.sent_at().as_millisecond(),
            name: name.into(),
            body: body.into(),
        };
        serde_json::to_vec(&wire).expect("strings and numbers are JSON")
    }

    /// The entry and the key in these bytes, which stand at `id`.
    ///
    /// Room, key, name and text are not parsed anew: a node took them by its rules, and were ours
    /// stricter by now, the nodes would no longer hold the same.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] for whatever [`Self::encode`] does not give.
    pub fn decode(bytes: &[u8], id: MessageId) -> Result<(Self, Key), DecodeError> {
        let malformed = |why: serde_json::Error| DecodeError::Malformed(why.to_string());
        let Versioned { v } = serde_json::from_slice(bytes).map_err(malformed)?;
        if v != VERSION {
            return Err(DecodeError::Version(v));
        }
        let wire: Wire<'_> = serde_json::from_slice(bytes).map_err(malformed)?;
        let sent_at = Timestamp::from_millisecond(wire.sent_at)
            .map_err(|why| DecodeError::Malformed(why.to_string()))?;
        let place = Place { id, room: RoomName::stored(&wire.room), sent_at };
        let columns = Columns { kind: wire.kind, name: &wire.name, body: &wire.body };
        Ok((Self::from_columns(place, columns)?, Key::stored(&wire.key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Epoch;
    use proptest::prelude::*;

    fn id(seq: u64) -> MessageId {
        MessageId::new(Epoch::parse("k3v9x2mq").unwrap(), Seq::new(seq))
    }

    fn message(name: &str, text: &str, sent_at: i64) -> Option<Entry> {
        Some(Entry::Message(Message {
            id: id(7),
            room: RoomName::parse("lobby").unwrap(),
            name: Name::parse(name).ok()?,
            text: Text::parse(text).ok()?,
            sent_at: Timestamp::from_millisecond(sent_at).unwrap(),
        }))
    }

    proptest! {
        #[test]
        fn an_entry_reads_back_as_itself(
            name in "\\PC{1,32}",
            text in "(\\PC|\n){1,80}",
            sent_at in 0..253_402_300_799_999i64,
            key in "[!-~]{1,255}",
        ) {
            let Some(entry) = message(&name, &text, sent_at) else { return Ok(()) };
            let key = Key::parse(&key).unwrap();
            let read = Entry::decode(&entry.encode(&key), id(7));
            prop_assert_eq!(read, Ok((entry.clone(), key)));
            let place =
                Place { id: id(7), room: entry.room().clone(), sent_at: entry.sent_at() };
            prop_assert_eq!(Entry::from_columns(place, entry.columns()), Ok(entry));
        }

        #[test]
        fn any_bytes_are_an_entry_or_an_error(bytes: Vec<u8>) {
            let _ = Entry::decode(&bytes, id(1));
        }

        #[test]
        fn an_entry_with_one_byte_changed_is_an_entry_or_an_error(at: usize, byte: u8) {
            let mut bytes = message("ann", "hi", 0).unwrap().encode(&Key::fresh());
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok((entry, key)) = Entry::decode(&bytes, id(1)) {
                prop_assert_eq!(Entry::decode(&entry.encode(&key), id(1)), Ok((entry, key)));
            }
        }

        #[test]
        fn any_kind_but_ours_is_refused_by_name(kind: i64) {
            prop_assume!(kind != MESSAGE);
            let place = Place {
                id: id(1),
                room: RoomName::parse("lobby").unwrap(),
                sent_at: Timestamp::UNIX_EPOCH,
            };
            let columns = Columns { kind, name: "ann", body: "hi" };
            prop_assert_eq!(Entry::from_columns(place, columns), Err(DecodeError::Kind(kind)));
        }
    }

    #[test]
    fn a_message_on_the_wire_stays_what_it_is() {
        // Nodes of two versions share a stream: these bytes may never read as something else.
        let bytes =
            br#"{"v":1,"kind":1,"room":"lobby","key":"k","sent_at":5,"name":"ann","body":"hi"}"#;
        let entry = message("ann", "hi", 5).unwrap();
        let key = Key::parse("k").unwrap();
        assert_eq!(entry.encode(&key), bytes);
        assert_eq!(Entry::decode(bytes, id(7)), Ok((entry, key)));
    }

    #[test]
    fn what_a_later_hubbub_wrote_is_refused_by_its_number() {
        let decode = |wire: &str| Entry::decode(wire.as_bytes(), id(1)).unwrap_err();
        assert_eq!(decode(r#"{"v":2,"what":"else"}"#), DecodeError::Version(2));
        let kind = r#"{"v":1,"kind":9,"room":"a","key":"k","sent_at":0,"name":"","body":""}"#;
        assert_eq!(decode(kind), DecodeError::Kind(9));
        let field =
            r#"{"v":1,"kind":1,"room":"a","key":"k","sent_at":0,"name":"","body":"","x":1}"#;
        assert!(matches!(decode(field), DecodeError::Malformed(_)));
        let year = format!(
            r#"{{"v":1,"kind":1,"room":"a","key":"k","sent_at":{},"name":"","body":""}}"#,
            i64::MAX
        );
        assert!(matches!(decode(&year), DecodeError::Malformed(_)));
    }
}
