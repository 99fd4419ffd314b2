//! What stands under a key that comes again.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    super::Appended,
    ReadError,
    digest::digest,
    read::{Reader, text, time},
    write::TRIMMED,
};
use crate::message::{
    Columns, Draft, EDITED, Entry, Key, Message, MessageId, REMOVED, Seq, State, Text, now,
};

/// What stands under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The entry's place.
    pub seq: Seq,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// Whether it is the same as what is sent now, as far as is known of it.
    pub same: bool,
    /// What it is by now, where that is something else than what was sent first.
    pub changed: Option<(State, Text)>,
}

impl Found {
    /// The answer to a send that was stored before, whose message would else be this; `None` where
    /// something else was sent under its key.
    pub(crate) fn answer(self, sent: Message) -> Option<Appended> {
        let Self { seq, sent_at, same: true, changed } = self else { return None };
        let (state, text) = changed.unwrap_or((State::Sent, sent.text));
        let id = MessageId::new(sent.id.epoch().clone(), seq);
        let message = Message { id, text, sent_at, state, ..sent };
        Some(Appended { message, fresh: false })
    }
}

impl Reader<'_> {
    /// What a draft is that was sent before, and be it trimmed by now; `None` where it was not, or
    /// something else was sent under its key.
    pub(crate) fn sent_before(&self, draft: &Draft) -> Result<Option<Appended>, ReadError> {
        let Some(room) = self.room(&draft.room)? else { return Ok(None) };
        let message = Message {
            id: MessageId::new(self.epoch.clone(), Seq::ZERO),
            room: draft.room.clone(),
            name: draft.name.clone(),
            text: draft.text.clone(),
            sent_at: now(),
            state: State::Sent,
        };
        let entry = Entry::Message(message.clone());
        let found = find(&self.moment, room.id, &draft.key, entry.columns()).optional()?;
        Ok(found.and_then(|found| found.answer(message)))
    }
}

/// What is stored in the room under this key, beside what was to be stored.
pub(super) fn find(
    connection: &Connection,
    room: i64,
    key: &Key,
    sent: Columns<'_>,
) -> Result<Found, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT seq, sent_at, kind, name, body, first FROM entries
             WHERE room = ?1 AND key = ?2",
        )?
        .query_row(params![room, key.as_str()], |row| {
            let (kind, name, body) = (row.get(2)?, text(row, 3)?, text(row, 4)?);
            let is_first = |first: &str| first == digest(sent.name, sent.body);
            let changed = match kind {
                EDITED => Some((State::Edited, Text::stored(body))),
                REMOVED => Some((State::Removed, Text::stored(""))),
                _ => None,
            };
            Ok(Found {
                seq: Seq::new(row.get(0)?),
                sent_at: time(row.get(1)?),
                same: match kind {
                    TRIMMED => body.is_empty() || is_first(body),
                    EDITED | REMOVED => {
                        let first = row.get_ref(5)?.as_str_or_null()?;
                        first.is_some_and(|first| first.is_empty() || is_first(first))
                    }
                    _ => sent == Columns { kind, name, body },
                },
                changed,
            })
        })
}
