//! How a room's oldest messages go, in three steps: they are no longer counted and read, then
//! tombstones, then forgotten.
//!
//! The first costs nothing beyond a look at an index, since the room's row is written with each
//! batch anyway; it happens with the batch that brings more than is kept. The others change pages
//! that no send changes, so they wait until there is a chunk to do at once.

use rusqlite::{Connection, OptionalExtension, params};

use super::{super::holds::Holds, read::signed, rooms::Room};
use crate::message::Seq;

/// Messages that become tombstones together. A lone sender pays a hundredth of four pages a
/// message instead of four; more would not be felt.
pub(super) const CHUNK: u64 = 128;

/// Messages that are trimmed at most before somebody else gets a turn.
pub(super) const MAX_AT_ONCE: u64 = CHUNK;

/// Bytes of a body from which on its tombstone is a new row. SQLite leaves a page as it is when a
/// row in it becomes shorter, so tombstones of long texts would go on filling what their messages
/// did; and a short text is not worth the three indexes that a new row is put into.
const LONG_BODY: u64 = 200;

/// What a chunk of entries is, for each statement on one: those of a room between two places.
macro_rules! chunk {
    ($($sql:literal)+) => {
        concat!($($sql, " ",)+ "WHERE room = ?1 AND seq > ?2 AND seq <= ?3")
    };
}

const SELECT_NTH: &str =
    concat!(chunk!("SELECT seq FROM entries"), " ORDER BY seq LIMIT 1 OFFSET ?4 - 1");
const COUNT: &str = chunk!("SELECT count(*), max(seq) FROM entries");
const EMPTY_SHORT: &str = concat!(
    chunk!(
        "UPDATE entries SET kind = 0, body = coalesce(first, digest(name, body)), name = '',"
        "author = NULL, first = NULL"
    ),
    " AND kind <> 0 AND octet_length(body) < ?4"
);
const SELECT_LONG: &str = concat!(
    chunk!("SELECT seq, n, key, sent_at, coalesce(first, digest(name, body)) FROM entries"),
    " AND kind <> 0"
);
pub(super) const DELETE: &str = chunk!("DELETE FROM entries");
const SELECT_FIRST: &str = "SELECT n FROM entries WHERE room = ?1 ORDER BY seq LIMIT 1";

/// Statements that run with batches: none may build a table of its own for a while.
#[cfg(test)]
pub(super) const STATEMENTS: [&str; 6] =
    [SELECT_NTH, COUNT, EMPTY_SHORT, SELECT_LONG, DELETE, SELECT_FIRST];

/// What may be trimmed.
pub(super) struct Trim<'a> {
    /// Messages kept per room.
    pub keep: u64,
    /// Up to where every follower has read.
    pub followed: Seq,
    pub holds: &'a Holds,
}

impl Trim<'_> {
    /// How many messages a room has beyond what is kept.
    pub(super) fn over(&self, room: &Room) -> u64 {
        room.kept().saturating_sub(self.keep)
    }

    /// Whether there is something to do in a room when there is time.
    pub(super) fn is_due(&self, room: &Room) -> bool {
        room.pending > 0 || self.over(room) > 0
    }

    /// Takes up to `count` oldest entries of a room out of it, no more than were followed and are
    /// not held; answers how many. The room's row is the caller's to write.
    pub(super) fn drop_oldest(
        &self,
        connection: &Connection,
        room: &mut Room,
        count: u64,
    ) -> Result<u64, rusqlite::Error> {
        let limit = self.followed.min(self.holds.lowest(&room.name));
        if count == 0 || limit.get() <= room.dropped_seq {
            return Ok(0);
        }
        let found = nth(connection, room, room.dropped_seq, limit.get(), count)?;
        let (dropped, upto) = if let Some(seq) = found {
            (count, Some(seq))
        } else {
            let range = params![room.id, signed(room.dropped_seq), signed(limit.get())];
            connection
                .prepare_cached(COUNT)?
                .query_row(range, |row| Ok((row.get(0)?, row.get(1)?)))?
        };
        let Some(seq) = upto else { return Ok(0) };
        let n: u64 = connection
            .prepare_cached("SELECT n FROM entries WHERE seq = ?1")?
            .query_row([signed(seq)], |row| row.get(0))?;
        room.pending += dropped;
        (room.dropped, room.dropped_seq) = (n, seq);
        Ok(dropped)
    }

    /// Makes tombstones of what was taken out, where a chunk of it has gathered; no more than
    /// `most`.
    pub(super) fn empty_chunk(
        &self,
        connection: &Connection,
        room: &mut Room,
        most: u64,
    ) -> Result<(), rusqlite::Error> {
        if room.pending >= CHUNK { self.empty(connection, room, most) } else { Ok(()) }
    }

    /// Makes tombstones of what was taken out, no more than `most`, and forgets the oldest of
    /// those there were. The room's row is the caller's to write.
    pub(super) fn empty(
        &self,
        connection: &Connection,
        room: &mut Room,
        most: u64,
    ) -> Result<(), rusqlite::Error> {
        if room.pending == 0 {
            return Ok(());
        }
        let (from, mut upto, mut left) = (signed(room.emptied_seq), room.dropped_seq, 0);
        if room.pending > most
            && let Some(seq) = nth(connection, room, room.emptied_seq, upto, most)?
            && seq < upto
        {
            (upto, left) = (seq, room.pending - most);
        }
        let emptied = connection.prepare_cached(EMPTY_SHORT)?.execute(params![
            room.id,
            from,
            signed(upto),
            signed(LONG_BODY)
        ])?;
        if emptied as u64 != room.pending - left {
            bury_long(connection, room, from, signed(upto))?;
        }
        (room.emptied_seq, room.pending) = (upto, left);
        self.forget(connection, room, 2 * most)
    }

    /// Removes up to `most` tombstones beyond what is remembered: more than are made at a time, so
    /// that a room with too many of them catches up.
    fn forget(
        &self,
        connection: &Connection,
        room: &Room,
        most: u64,
    ) -> Result<(), rusqlite::Error> {
        let forgotten = room.dropped.saturating_sub(crate::journal::remembered(self.keep));
        if forgotten == 0 {
            return Ok(());
        }
        let first: u64 =
            connection.prepare_cached(SELECT_FIRST)?.query_row([room.id], |row| row.get(0))?;
        let surplus = (forgotten + 1).saturating_sub(first).min(most);
        if surplus > 0 {
            let upto = nth(connection, room, 0, room.emptied_seq, surplus)?;
            let upto = upto.unwrap_or(room.emptied_seq);
            connection.prepare_cached(DELETE)?.execute(params![room.id, 0, signed(upto)])?;
        }
        Ok(())
    }
}

/// The place of the `count`-th entry of a room after `from` and up to `upto`.
pub(super) fn nth(
    connection: &Connection,
    room: &Room,
    from: u64,
    upto: u64,
    count: u64,
) -> Result<Option<u64>, rusqlite::Error> {
    connection
        .prepare_cached(SELECT_NTH)?
        .query_row(params![room.id, signed(from), signed(upto), signed(count)], |row| row.get(0))
        .optional()
}

/// Makes tombstones of those entries whose rows are too long to become one.
fn bury_long(
    connection: &Connection,
    room: &Room,
    from: i64,
    upto: i64,
) -> Result<(), rusqlite::Error> {
    let mut long = connection.prepare_cached(SELECT_LONG)?;
    let mut rows = long.query(params![room.id, from, upto])?;
    let mut tombstones: Vec<(i64, i64, String, i64, String)> = Vec::new();
    while let Some(row) = rows.next()? {
        let (key, digest) = (row.get(2)?, row.get(4)?);
        tombstones.push((row.get(0)?, row.get(1)?, key, row.get(3)?, digest));
    }
    drop(rows);
    for (seq, n, key, sent_at, digest) in tombstones {
        connection.prepare_cached(DELETE)?.execute(params![room.id, seq - 1, seq])?;
        connection
            .prepare_cached(
                "INSERT INTO entries (seq, room, n, key, sent_at, name, body, kind)
                 VALUES (?1, ?2, ?3, ?4, ?5, '', ?6, 0)",
            )?
            .execute(params![seq, room.id, n, key, sent_at, digest])?;
    }
    Ok(())
}
