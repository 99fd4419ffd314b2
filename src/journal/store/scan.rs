//! Readings for who keeps something of its own beside the journal, and holds nothing back: the search.

use rusqlite::params;

use super::{
    ReadError,
    read::{COLUMNS, IS_MESSAGE, NEWEST_BYTES, Reader, signed, text},
};
use crate::message::{Entry, Message, RoomName, Seq};

/// Entries of all rooms after a place.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    /// Those that are there still, oldest first, as they are by now.
    pub entries: Vec<Entry>,
    /// All up to here that are there are among them.
    pub upto: Seq,
}

/// A message among those around it.
#[derive(Clone, Debug)]
pub(crate) struct Around {
    /// Those before it, oldest first.
    pub before: Vec<Message>,
    /// Whether there are more.
    pub older: bool,
    /// Those after it, oldest first.
    pub after: Vec<Message>,
    /// Whether there are more.
    pub newer: bool,
}

impl Reader<'_> {
    /// Up to `limit` entries of all rooms after `seq`, of some `most` bytes. What was trimmed is not
    /// among them, nor what changed it.
    pub(crate) fn scan(&self, seq: Seq, limit: usize, most: usize) -> Result<Scan, ReadError> {
        let last = self.last()?;
        let mut statement = self.moment.prepare_cached(&format!(
            "SELECT {COLUMNS}, r.name FROM entries e JOIN rooms r ON r.id = e.room
             WHERE e.seq > ?1 AND e.kind <> 0 ORDER BY e.seq LIMIT ?2"
        ))?;
        let mut rows = statement.query(params![signed(seq.get()), limit])?;
        let (mut entries, mut count, mut bytes) = (Vec::new(), 0, 0);
        let mut upto = seq;
        while let Some(row) = rows.next()? {
            upto = Seq::new(row.get(0)?);
            let room = RoomName::stored(text(row, 5)?);
            if let Some(entry) = self.entry(row, &room)? {
                bytes += entry.columns().body.len();
                entries.push(entry);
            }
            count += 1;
            if bytes >= most {
                return Ok(Scan { entries, upto });
            }
        }
        Ok(Scan { entries, upto: if count < limit { last.max(seq) } else { upto } })
    }

    /// Those of these places that are messages that are kept and not removed, in their order; some
    /// `most` bytes of them as they are shown.
    pub(crate) fn at(&self, seqs: &[Seq], most: usize) -> Result<Vec<Message>, ReadError> {
        let mut statement = self.moment.prepare_cached(&format!(
            "SELECT {COLUMNS}, r.name FROM entries e JOIN rooms r ON r.id = e.room
             WHERE e.seq = ?1 AND e.seq > r.dropped_seq AND e.kind IN (1, 4)"
        ))?;
        let (mut messages, mut bytes) = (Vec::new(), 0);
        for seq in seqs {
            let mut rows = statement.query([signed(seq.get())])?;
            let Some(row) = rows.next()? else { continue };
            let room = RoomName::stored(text(row, 5)?);
            if let Some(Entry::Message(message)) = self.entry(row, &room)? {
                bytes += message.text.shown_bytes();
                messages.push(message);
                if bytes >= most {
                    break;
                }
            }
        }
        Ok(messages)
    }

    /// Up to where each room's messages are no longer kept.
    pub(crate) fn floors(&self) -> Result<Vec<(RoomName, Seq)>, ReadError> {
        let mut statement = self.moment.prepare_cached("SELECT name, dropped_seq FROM rooms")?;
        let rows = statement
            .query_map([], |row| Ok((RoomName::stored(text(row, 0)?), Seq::new(row.get(1)?))))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Up to `count` messages of a room before a place, and as many after it.
    pub(crate) fn around(
        &self,
        name: &RoomName,
        seq: Seq,
        count: usize,
    ) -> Result<Around, ReadError> {
        let before = self.before(name, Some(seq), count)?;
        let Some(room) = self.room(name)? else {
            return Ok(Around {
                before: before.messages,
                older: false,
                after: Vec::new(),
                newer: false,
            });
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM entries e WHERE room = ?1 AND seq > ?2 AND {IS_MESSAGE}
             ORDER BY seq LIMIT ?3"
        );
        let from = seq.get().max(room.dropped_seq);
        let rows =
            self.rows(name, &sql, params![room.id, signed(from), count + 1], NEWEST_BYTES)?;
        let (all, messages) = (rows.all, rows.entries.into_iter());
        let mut after: Vec<Message> = messages
            .filter_map(|entry| match entry {
                Entry::Message(message) => Some(message),
                Entry::Change(_) => None,
            })
            .collect();
        let newer = !all || after.len() > count;
        after.truncate(count);
        Ok(Around { before: before.messages, older: before.more, after, newer })
    }
}
