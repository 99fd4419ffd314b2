use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::ReadError;
use crate::message::{
    Columns, EDIT, Entry, Epoch, Message, MessageId, Place, REMOVAL, RoomName, Seq,
};

/// A reading at one moment.
pub(crate) struct Reader<'a> {
    pub(super) moment: Transaction<'a>,
    pub(super) epoch: &'a Epoch,
}

/// Entries after a place, oldest first.
#[derive(Clone, Debug)]
pub struct Page {
    /// What the reader missed for good, before the first of these messages.
    pub gap: Option<Gap>,
    /// The messages, as they are by now, and the changes of those and of earlier ones.
    pub entries: Vec<Entry>,
    /// The place that the reader has when it has these: the last entry's, or, where nothing
    /// more was there, the journal's newest at that moment.
    pub upto: Seq,
    /// The journal's newest place at that moment: the messages are as they were then.
    pub as_of: Seq,
}

#[cfg(test)]
impl Page {
    /// Its messages, without the changes.
    pub fn messages(&self) -> Vec<Message> {
        let messages = self.entries.iter().filter_map(|entry| match entry {
            Entry::Message(message) => Some(message.clone()),
            Entry::Change(_) => None,
        });
        messages.collect()
    }
}

/// Messages after a cursor that the journal no longer keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// How many; `None` when that is no longer known.
    pub gone: Option<u64>,
}

/// The newest messages before a place, oldest first.
#[derive(Clone, Debug)]
pub struct Newest {
    /// The messages.
    pub messages: Vec<Message>,
    /// Whether older ones are kept.
    pub more: bool,
    /// The journal's newest place at that moment: where a stream goes on from.
    pub upto: Seq,
}

/// What a journal holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Messages that are kept.
    pub messages: u64,
    /// Rooms that have any.
    pub rooms: u64,
}

/// What is known of a room.
pub(super) struct Room {
    pub(super) id: i64,
    sent: u64,
    pub(super) dropped: u64,
    pub(super) dropped_seq: u64,
    born_seq: u64,
}

/// How many bytes one page of [`Reader::after`] has at most when it is shown, and a message more:
/// thousands of readers that catch up together hold a page each.
const PAGE_BYTES: usize = 64 * 1024;

/// The same of [`Reader::before`]: a page of fifty long messages, and an answer that is no more than
/// that, whatever they are.
pub(super) const NEWEST_BYTES: usize = 256 * 1024;

pub(super) const COLUMNS: &str = "e.seq, e.sent_at, e.kind, e.name, e.body";

/// Whether a row is a message: [`REMOVAL`] and [`EDIT`] are not.
pub(super) const IS_MESSAGE: &str = "e.kind NOT IN (2, 3)";

const _: () = assert!(REMOVAL == 2 && EDIT == 3);

/// What a query found.
pub(super) struct Rows {
    pub(super) entries: Vec<Entry>,
    /// The place of the last row.
    last: Option<Seq>,
    count: usize,
    /// Whether those are all.
    pub(super) all: bool,
}

/// The rooms that have messages, by an index that has no others.
pub(super) const SELECT_ROOMS: &str = "SELECT name, last_sent_at FROM rooms WHERE sent > dropped
    ORDER BY last_seq DESC LIMIT ?1";

impl Totals {
    /// Reads every room's row, in any schema there was.
    pub(super) fn read(connection: &Connection) -> Result<Self, rusqlite::Error> {
        let sum =
            "SELECT coalesce(sum(sent - dropped), 0), count(*) FROM rooms WHERE sent > dropped";
        connection.query_row(sum, [], |row| Ok(Self { messages: row.get(0)?, rooms: row.get(1)? }))
    }
}

impl<'a> Reader<'a> {
    pub(super) fn begin(
        connection: &'a mut Connection,
        epoch: &'a Epoch,
    ) -> Result<Self, ReadError> {
        Ok(Self { moment: connection.transaction()?, epoch })
    }

    /// See [`Journal::after`](crate::journal::Journal::after).
    pub(crate) fn after(&self, name: &RoomName, seq: Seq, limit: usize) -> Result<Page, ReadError> {
        let last = self.last()?;
        let Some(room) = self.room(name)? else {
            // There may have been such a room; see `forget`.
            let gap = (seq < self.forgotten()?).then_some(Gap { gone: None });
            return Ok(Page { gap, entries: Vec::new(), upto: last.max(seq), as_of: last });
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM entries e WHERE room = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3"
        );
        let from = seq.get().max(room.dropped_seq);
        let rows = self.rows(name, &sql, params![room.id, signed(from), limit], PAGE_BYTES)?;
        let upto = match rows.last {
            Some(newest) if !rows.all || rows.count == limit => newest,
            _ => last.max(seq),
        };
        Ok(Page { gap: self.gap(&room, seq)?, entries: rows.entries, upto, as_of: last })
    }

    /// See [`Journal::before`](crate::journal::Journal::before).
    pub(crate) fn before(
        &self,
        name: &RoomName,
        seq: Option<Seq>,
        limit: usize,
    ) -> Result<Newest, ReadError> {
        let upto = self.last()?;
        let Some(room) = self.room(name)? else {
            return Ok(Newest { messages: Vec::new(), more: false, upto });
        };
        let before = seq.map_or(i64::MAX, |seq| signed(seq.get()));
        let sql = format!(
            "SELECT {COLUMNS} FROM entries e WHERE room = ?1 AND seq > ?2 AND seq < ?3
             AND {IS_MESSAGE} ORDER BY seq DESC LIMIT ?4"
        );
        let params = params![room.id, signed(room.dropped_seq), before, limit + 1];
        let rows = self.rows(name, &sql, params, NEWEST_BYTES)?;
        let messages = rows.entries.into_iter().filter_map(|entry| match entry {
            Entry::Message(message) => Some(message),
            Entry::Change(_) => None,
        });
        let mut messages: Vec<Message> = messages.collect();
        let more = !rows.all || messages.len() > limit;
        messages.truncate(limit);
        messages.reverse();
        Ok(Newest { messages, more, upto })
    }

    /// See [`Journal::before_newest`](crate::journal::Journal::before_newest).
    pub(crate) fn before_newest(&self, name: &RoomName, count: usize) -> Result<Seq, ReadError> {
        let Some(room) = self.room(name)? else { return self.last() };
        let mut statement = self.moment.prepare_cached(&format!(
            "SELECT seq FROM entries e WHERE room = ?1 AND seq > ?2 AND {IS_MESSAGE}
             ORDER BY seq DESC LIMIT 1 OFFSET ?3"
        ))?;
        let next: Option<u64> = statement
            .query_row(params![room.id, signed(room.dropped_seq), count], |row| row.get(0))
            .optional()?;
        Ok(Seq::new(next.unwrap_or(room.dropped_seq)))
    }

    /// See [`Journal::has`](crate::journal::Journal::has).
    pub(crate) fn has(&self, name: &RoomName) -> Result<bool, ReadError> {
        Ok(self.room(name)?.is_some())
    }

    /// See [`Journal::rooms`](crate::journal::Journal::rooms).
    pub(crate) fn rooms(&self, limit: usize) -> Result<Vec<(RoomName, Timestamp)>, ReadError> {
        let mut statement = self.moment.prepare_cached(SELECT_ROOMS)?;
        let mut rows = statement.query([limit])?;
        let mut rooms = Vec::new();
        while let Some(row) = rows.next()? {
            rooms.push((RoomName::stored(text(row, 0)?), time(row.get(1)?)));
        }
        Ok(rooms)
    }

    /// See [`Journal::totals`](crate::journal::Journal::totals).
    pub(crate) fn totals(&self) -> Result<Totals, ReadError> {
        Ok(Totals::read(&self.moment)?)
    }

    /// Up to `limit` entries of all rooms after `seq`.
    pub(crate) fn follow(&self, seq: Seq, limit: usize) -> Result<Vec<Entry>, ReadError> {
        let mut statement = self.moment.prepare_cached(&format!(
            "SELECT {COLUMNS}, r.name FROM entries e JOIN rooms r ON r.id = e.room
             WHERE e.seq > ?1 AND e.kind <> 0 ORDER BY e.seq LIMIT ?2"
        ))?;
        let mut rows = statement.query(params![signed(seq.get()), limit])?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next()? {
            let room = RoomName::stored(text(row, 5)?);
            // What is followed is not trimmed, so each change's message is there.
            entries.extend(self.entry(row, &room)?);
        }
        Ok(entries)
    }

    pub(super) fn last(&self) -> Result<Seq, ReadError> {
        let mut statement = self.moment.prepare_cached("SELECT last FROM journal")?;
        Ok(Seq::new(statement.query_row([], |row| row.get(0))?))
    }

    /// Up to here, a room without a row may have had messages.
    fn forgotten(&self) -> Result<Seq, ReadError> {
        let mut statement = self.moment.prepare_cached("SELECT forgotten_seq FROM journal")?;
        Ok(Seq::new(statement.query_row([], |row| row.get(0))?))
    }

    pub(super) fn room(&self, name: &RoomName) -> Result<Option<Room>, ReadError> {
        let mut statement = self.moment.prepare_cached(
            "SELECT id, sent, dropped, dropped_seq, born_seq FROM rooms WHERE name = ?1",
        )?;
        let room = statement.query_row([name.as_str()], |row| {
            Ok(Room {
                id: row.get(0)?,
                sent: row.get(1)?,
                dropped: row.get(2)?,
                dropped_seq: row.get(3)?,
                born_seq: row.get(4)?,
            })
        });
        Ok(room.optional()?)
    }

    /// What a reader at `seq` missed for good: the trimmed messages after it. Their number is
    /// the count of all trimmed ones less the count up to `seq`, where that is remembered.
    fn gap(&self, room: &Room, seq: Seq) -> Result<Option<Gap>, ReadError> {
        if seq.get() >= room.dropped_seq {
            return Ok(None);
        }
        if seq.get() < room.born_seq {
            return Ok(Some(Gap { gone: None }));
        }
        if seq == Seq::ZERO {
            return Ok(Some(Gap { gone: Some(room.dropped) }));
        }
        let mut at_or_before = self.moment.prepare_cached(
            "SELECT n FROM entries WHERE room = ?1 AND seq <= ?2 ORDER BY seq DESC LIMIT 1",
        )?;
        let mut seen: Option<u64> = at_or_before
            .query_row(params![room.id, signed(seq.get())], |row| row.get(0))
            .optional()?;
        if seen.is_none() {
            // Nothing remembered at or before it: known only when the memory reaches the start.
            let mut oldest = self
                .moment
                // A change, whose key begins with a space, tells nothing of its message's place.
                .prepare_cached(
                    "SELECT CASE WHEN key < '!' THEN 0 ELSE n END FROM entries WHERE room = ?1
                     ORDER BY seq LIMIT 1",
                )?;
            let n: Option<u64> = oldest.query_row([room.id], |row| row.get(0)).optional()?;
            seen = (n == Some(1)).then_some(0);
        }
        debug_assert!(room.dropped <= room.sent);
        Ok(Some(Gap { gone: seen.map(|seen| room.dropped.saturating_sub(seen)) }))
    }

    /// The entries that `sql` finds, until their texts fill `most` bytes when they are shown.
    pub(super) fn rows(
        &self,
        room: &RoomName,
        sql: &str,
        params: impl rusqlite::Params,
        most: usize,
    ) -> Result<Rows, ReadError> {
        let mut statement = self.moment.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        let mut found = Rows { entries: Vec::new(), last: None, count: 0, all: true };
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            if bytes >= most {
                found.all = false;
                break;
            }
            found.count += 1;
            found.last = Some(Seq::new(row.get(0)?));
            if let Some(entry) = self.entry(row, room)? {
                bytes += match &entry {
                    Entry::Message(message) => message.text.shown_bytes(),
                    Entry::Change(change) => change.message.text.shown_bytes(),
                };
                found.entries.push(entry);
            }
        }
        Ok(found)
    }

    /// The entry in a row that begins with [`COLUMNS`]; `None` for the edit of a message that was
    /// trimmed since.
    pub(super) fn entry(&self, row: &Row<'_>, room: &RoomName) -> Result<Option<Entry>, ReadError> {
        let seq = row.get(0)?;
        let id = MessageId::new(self.epoch.clone(), Seq::new(seq));
        let at = time(row.get(1)?);
        let columns = Columns { kind: row.get(2)?, name: text(row, 3)?, body: text(row, 4)? };
        if matches!(columns.kind, REMOVAL | EDIT) {
            let change = self.change(id, at, columns, room)?;
            return Ok(change.map(Entry::Change));
        }
        let place = Place { id, room: room.clone(), sent_at: at };
        let message = Entry::from_columns(place, columns);
        Ok(Some(Entry::Message(message.map_err(|why| ReadError::Unknown { seq, why })?)))
    }
}

/// A column's text, borrowed from the row.
pub(super) fn text<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a str, rusqlite::Error> {
    Ok(row.get_ref(column)?.as_str()?)
}

/// A time as it is stored, in milliseconds since 1970. Beyond what a calendar here has, it is the last
/// one or the first: a time is for people to read, and keeps no message from them.
pub(super) fn time(milliseconds: i64) -> Timestamp {
    let edge = if milliseconds > 0 { Timestamp::MAX } else { Timestamp::MIN };
    Timestamp::from_millisecond(milliseconds).unwrap_or(edge)
}

/// SQLite's integers are signed; a place beyond them is beyond every message.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
