//! Reading who sent what, and what became of it.

use jiff::Timestamp;
use rusqlite::params;

use super::{
    ReadError,
    digest::digest,
    read::{COLUMNS, IS_MESSAGE, NEWEST_BYTES, Reader, signed, text, time},
};
use crate::message::{
    Author, Change, Columns, ERASED_NAME, Entry, First, Key, Message, MessageId, Name, REMOVAL,
    RoomName, Seq, State, Text,
};

/// A message with what proves who sent it.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    /// The message, as it is by now.
    pub message: Message,
    /// What it was sent as, and under which key.
    pub first: First,
    /// The tab that sent it, where it was one.
    pub author: Option<Author>,
}

/// Which messages are meant: those of a room, of an author, and under a name, where these are said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chosen {
    /// Those that are removed as well, whose names are there still.
    pub removed: bool,
    /// The room; `None` for all.
    pub room: Option<RoomName>,
    /// Who sent them.
    pub author: Option<Author>,
    /// Under which name, with whatever mark.
    pub name: Option<Name>,
}

impl Reader<'_> {
    /// A message that is kept, and what proves who sent it.
    pub(crate) fn signed(&self, name: &RoomName, seq: Seq) -> Result<Option<Signed>, ReadError> {
        let Some(room) = self.room(name)?.filter(|room| seq.get() > room.dropped_seq) else {
            return Ok(None);
        };
        let mut statement = self.moment.prepare_cached(&format!(
            "SELECT {COLUMNS}, e.key, e.author, e.first FROM entries e
             WHERE seq = ?1 AND room = ?2 AND {IS_MESSAGE} AND e.kind <> 0"
        ))?;
        let mut rows = statement.query(params![signed(seq.get()), room.id])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let Some(Entry::Message(message)) = self.entry(row, name)? else { return Ok(None) };
        let author = row.get_ref(6)?.as_blob_or_null().map_err(rusqlite::Error::from)?;
        let author = author.and_then(Author::stored);
        let first = row.get_ref(7)?.as_str_or_null().map_err(rusqlite::Error::from)?;
        let digest = || digest(message.name.to_stored(), message.text.as_str());
        let digest = first.map_or_else(digest, ToOwned::to_owned);
        let first = First { key: Key::stored(text(row, 5)?), digest };
        Ok(Some(Signed { message, first, author }))
    }

    /// Up to `limit` of an author's messages that are not removed, oldest first: of the newest of the
    /// room, so that this costs as much in a large one.
    pub(crate) fn sent_by(
        &self,
        name: &RoomName,
        author: Author,
        limit: usize,
    ) -> Result<Vec<Message>, ReadError> {
        const LOOKED_AT: usize = 2000;
        let Some(room) = self.room(name)? else { return Ok(Vec::new()) };
        let sql = format!(
            "SELECT {COLUMNS} FROM (
                 SELECT * FROM entries WHERE room = ?1 AND seq > ?2 ORDER BY seq DESC LIMIT ?3
             ) e WHERE e.author = ?4 AND e.kind IN (1, 4) ORDER BY e.seq DESC LIMIT ?5"
        );
        let params =
            params![room.id, signed(room.dropped_seq), LOOKED_AT, author.as_bytes(), limit];
        let rows = self.rows(name, &sql, params, NEWEST_BYTES)?;
        let messages = rows.entries.into_iter().rev().filter_map(|entry| match entry {
            Entry::Message(message) => Some(message),
            Entry::Change(_) => None,
        });
        Ok(messages.collect())
    }

    /// The places of up to `limit` messages after one that are chosen, and their rooms; oldest first.
    pub(crate) fn places(
        &self,
        of: &Chosen,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<(RoomName, Seq)>, ReadError> {
        let mut statement = self.moment.prepare_cached(
            "SELECT r.name, e.seq FROM entries e JOIN rooms r ON r.id = e.room
             WHERE e.seq > ?1 AND e.seq > r.dropped_seq
             AND (e.kind IN (1, 4) OR (?6 AND e.kind = 5 AND e.name <> ?7))
             AND (?2 IS NULL OR e.room = (SELECT id FROM rooms WHERE name = ?2))
             AND (?3 IS NULL OR e.author = ?3) AND (?4 IS NULL OR e.name = ?4
                 OR substr(e.name, 1, length(?4) + 1) = ?4 || char(31))
             ORDER BY e.seq LIMIT ?5",
        )?;
        let Chosen { removed, room, author, name } = of;
        let params = params![
            signed(after.get()),
            room.as_ref().map(RoomName::as_str),
            author.as_ref().map(Author::as_bytes),
            name.as_ref().map(Name::as_str),
            limit,
            removed,
            ERASED_NAME
        ];
        let found = statement.query_map(params, |row| {
            Ok((RoomName::stored(text(row, 0)?), Seq::new(row.get(1)?)))
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// The change in a row. An edit's text stands with its message, and nowhere else.
    pub(super) fn change(
        &self,
        id: MessageId,
        changed_at: Timestamp,
        columns: Columns<'_>,
        room: &RoomName,
    ) -> Result<Option<Change>, ReadError> {
        let damaged = || ReadError::Damaged(id.seq().get());
        let (of, sent_at) = columns.body.split_once(' ').ok_or_else(damaged)?;
        let of: u64 = of.parse().map_err(|_| damaged())?;
        let sent_at = sent_at.parse().map(time).map_err(|_| damaged())?;
        let (state, text) = if columns.kind == REMOVAL {
            (State::Removed, Text::stored(""))
        } else {
            let mut statement = self.moment.prepare_cached(
                "SELECT body FROM entries WHERE seq = ?1 AND kind NOT IN (0, 2, 3)",
            )?;
            let mut rows = statement.query([signed(of)])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            (State::Edited, Text::stored(self::text(row, 0)?))
        };
        let message = Message {
            id: MessageId::new(self.epoch.clone(), Seq::new(of)),
            room: room.clone(),
            name: Name::stored(columns.name),
            text,
            sent_at,
            state,
        };
        Ok(Some(Change { id, changed_at, message, by: None, first: None }))
    }
}
