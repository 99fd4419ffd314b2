//! What a journal holds, and how it is written down.
//!
//! Two forms, one of them made of the other. A store keeps [`Columns`]: a kind's number, a name
//! and a body, beside what every entry has (seq, room, key, time). A stream that several nodes
//! share carries the same columns as one JSON object with a version, `{"v":1,"kind":1,…}`. The
//! kind's number says how its body is to be read: a new form of a kind gets a number of its own,
//! and `v` rises only when the object around it changes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Change, First, Key, Message, MessageId, Name, RoomName, Seq, State, Text};

/// The version of [`Entry::encode`].
const VERSION: u64 = 1;

/// The number of [`Entry::Message`]. 0 is never an entry's: a store marks with it what it trimmed.
const MESSAGE: i64 = 1;

/// The number of a [`Change`] that removes a message. Its body is a [`ChangeBody`].
pub(crate) const REMOVAL: i64 = 2;

/// The number of a [`Change`] that gives a message another text.
pub(crate) const EDIT: i64 = 3;

/// The number of a message that was edited. In a store only: on a stream stand the first and the edit.
pub(crate) const EDITED: i64 = 4;

/// The number of a message that was removed. In a store only, and without a text.
pub(crate) const REMOVED: i64 = 5;

/// One entry of the journal. Each has a seq; messages alone are counted, kept and shown as such.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Entry {
    /// Somebody said something.
    Message(Message),
    /// What somebody said is another from here on.
    Change(Change),
}

/// An entry as a store keeps it, beside its seq, room, key and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns<'a> {
    /// What it is, and the version of its body; at least 1.
    pub kind: i64,
    /// Who did it, in the stored form of a name.
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

/// The body of a [`Change`] on the wire: the rest of what the object around it has no place for.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ChangeBody<'a> {
    /// The seq of the message.
    of: u64,
    /// When that was sent, in milliseconds since 1970.
    sent_at: i64,
    /// An edit's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<std::borrow::Cow<'a, str>>,
    /// The key and the digest of what is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    /// Who did it, where that was not its author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<String>,
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
            Self::Change(change) => &change.id,
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
            Self::Change(change) => &change.message.room,
        }
    }

    /// When the journal took it.
    #[must_use]
    pub fn sent_at(&self) -> Timestamp {
        match self {
            Self::Message(message) => message.sent_at,
            Self::Change(change) => change.changed_at,
        }
    }

    /// The same entry at another time: where a stream is shared, its clock is.
    #[must_use]
    pub fn at(self, sent_at: Timestamp) -> Self {
        match self {
            Self::Message(message) => Self::Message(Message { sent_at, ..message }),
            Self::Change(change) => Self::Change(Change { changed_at: sent_at, ..change }),
        }
    }

    /// What a store keeps of it; of a change less, since its message is there.
    #[must_use]
    pub fn columns(&self) -> Columns<'_> {
        match self {
            Self::Message(message) => Columns {
                kind: match message.state {
                    State::Sent => MESSAGE,
                    State::Edited => EDITED,
                    State::Removed => REMOVED,
                },
                name: message.name.to_stored(),
                body: message.text.as_str(),
            },
            Self::Change(Change { message, .. }) => Columns {
                kind: if message.state == State::Removed { REMOVAL } else { EDIT },
                name: message.name.to_stored(),
                body: message.text.as_str(),
            },
        }
    }

    /// The message that was kept so.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Kind`] for a kind of a later hubbub.
    pub fn from_columns(place: Place, columns: Columns<'_>) -> Result<Message, DecodeError> {
        let Place { id, room, sent_at } = place;
        let (state, text) = match columns.kind {
            MESSAGE => (State::Sent, columns.body),
            EDITED => (State::Edited, columns.body),
            REMOVED => (State::Removed, ""),
            kind => return Err(DecodeError::Kind(kind)),
        };
        let (name, text) = (Name::stored(columns.name), Text::stored(text));
        Ok(Message { id, room, name, text, sent_at, state })
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
        let body = match self {
            Self::Message(_) => body.into(),
            Self::Change(change) => ChangeBody::of(change).into(),
        };
        let wire = Wire {
            v: VERSION,
            kind,
            room: self.room().as_str().to_owned(),
            key: key.as_str().to_owned(),
            sent_at: self.sent_at().as_millisecond(),
            name: name.into(),
            body,
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
        let key = Key::stored(&wire.key);
        match wire.kind {
            MESSAGE => {
                let columns = Columns { kind: MESSAGE, name: &wire.name, body: &wire.body };
                Ok((Self::Message(Self::from_columns(place, columns)?), key))
            }
            REMOVAL | EDIT => {
                let body: ChangeBody<'_> = serde_json::from_str(&wire.body).map_err(malformed)?;
                let name = Name::stored(&wire.name);
                Ok((Self::Change(body.read(wire.kind, place, name)?), key))
            }
            kind => Err(DecodeError::Kind(kind)),
        }
    }
}

impl ChangeBody<'_> {
    fn of(change: &Change) -> String {
        let Change { message, first, by, .. } = change;
        let edited = message.state != State::Removed;
        let body = ChangeBody {
            of: message.seq().get(),
            sent_at: message.sent_at.as_millisecond(),
            text: edited.then(|| message.text.as_str().into()),
            key: first.as_ref().map(|first| first.key.as_str().to_owned()),
            digest: first.as_ref().map(|first| first.digest.clone()),
            by: by.clone(),
        };
        serde_json::to_string(&body).expect("strings and numbers are JSON")
    }

    fn read(self, kind: i64, place: Place, name: Name) -> Result<Change, DecodeError> {
        let malformed = |why: &str| DecodeError::Malformed(why.to_owned());
        let Place { id, room, sent_at: changed_at } = place;
        let sent_at = Timestamp::from_millisecond(self.sent_at);
        let (state, text) = match (kind, self.text) {
            (REMOVAL, None) => (State::Removed, Text::stored("")),
            (EDIT, Some(text)) => (State::Edited, Text::stored(&text)),
            _ => return Err(malformed("an edit has a text, and a removal has none")),
        };
        if self.of >= id.seq().get() {
            return Err(malformed("a change comes after its message"));
        }
        let message = Message {
            id: MessageId::new(id.epoch().clone(), Seq::new(self.of)),
            room,
            name,
            text,
            sent_at: sent_at.map_err(|why| malformed(&why.to_string()))?,
            state,
        };
        let first = self.key.zip(self.digest);
        let first = first.map(|(key, digest)| First { key: Key::stored(&key), digest });
        Ok(Change { id, changed_at, message, by: self.by, first })
    }
}

#[cfg(test)]
mod tests;
