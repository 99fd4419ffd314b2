//! What goes: messages beyond the number or the age that is kept, and at last their tombstones.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::{
    read::{signed, text},
    write::{Batch, Room, Writer},
};
use crate::message::RoomName;

/// How many trimmed messages per room are remembered by place and key (about 100 bytes each), or
/// as many as are kept, whichever is more: long enough for a tab that slept over a busy day to be
/// told a number, and for every client's retry.
const REMEMBERED: u64 = 10_000;

/// Freed pages that stay in the file for reuse: 4 MB, which a burst of sends fills again.
const SPARE_PAGES: u64 = 1_000;

impl Writer {
    /// Trims up to `most` messages that are beyond the count or the age kept, and hands freed
    /// pages back; answers whether something may be left to do.
    pub fn trim(&mut self, most: u64, now: Timestamp) -> Result<bool, rusqlite::Error> {
        let cutoff = self.retention.ttl.map(|ttl| {
            let age = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
            now.as_millisecond().saturating_sub(age)
        });
        let batch = self.batch()?;
        let trimmed = batch.trim_by_count(most)?
            | cutoff.map_or(Ok(false), |cutoff| batch.trim_by_age(most, cutoff))?;
        batch.commit_without_seq()?;

        let free: u64 =
            self.connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
        let surplus = free.saturating_sub(SPARE_PAGES).min(most);
        if surplus > 0 {
            // The pragma frees one page per step; `execute` would stop after the first.
            let mut statement =
                self.connection.prepare(&format!("PRAGMA incremental_vacuum({surplus})"))?;
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
        }
        Ok(trimmed || surplus > 0)
    }
}

impl Batch<'_> {
    /// Trims a room that holds more than is kept, which only a smaller `--keep` than before leaves;
    /// answers whether there was something to trim.
    fn trim_by_count(&self, most: u64) -> Result<bool, rusqlite::Error> {
        let over = self
            .transaction
            .prepare_cached("SELECT name FROM rooms WHERE sent - dropped > ?1 LIMIT 1")?
            .query_row([signed(self.keep)], |row| Ok(RoomName::stored(text(row, 0)?)))
            .optional()?;
        let Some(name) = over else { return Ok(false) };
        let room = self.room(&name)?;
        let over = (room.sent - room.dropped).saturating_sub(self.keep);
        Ok(self.drop_oldest(&room, over.min(most))? > 0)
    }

    /// Trims messages sent before `cutoff`, of the room that may have the oldest; answers whether
    /// it came any further.
    fn trim_by_age(&self, most: u64, cutoff: i64) -> Result<bool, rusqlite::Error> {
        let oldest = self
            .transaction
            .prepare_cached(
                "SELECT name FROM rooms WHERE oldest_sent_at < ?1 ORDER BY oldest_sent_at LIMIT 1",
            )?
            .query_row([cutoff], |row| Ok(RoomName::stored(text(row, 0)?)))
            .optional()?;
        let Some(name) = oldest else { return Ok(false) };
        let room = self.room(&name)?;
        let mut kept = self.transaction.prepare_cached(
            "SELECT sent_at FROM entries WHERE room = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
        )?;
        let mut rows = kept.query(params![room.id, signed(room.dropped_seq), signed(most)])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            if row.get::<_, i64>(0)? >= cutoff {
                break;
            }
            count += 1;
        }
        drop(rows);
        if count > 0 && self.drop_oldest(&room, count)? == 0 {
            return Ok(false);
        }
        self.transaction
            .prepare_cached(
                "UPDATE rooms SET oldest_sent_at = (
                     SELECT sent_at FROM entries e
                     WHERE e.room = rooms.id AND e.seq > rooms.dropped_seq ORDER BY e.seq LIMIT 1
                 ) WHERE id = ?1",
            )?
            .execute([room.id])?;
        Ok(true)
    }

    /// Makes tombstones of the `count` oldest messages of a room, or of as many as were followed
    /// and are not held, and forgets the oldest of those there were.
    pub(super) fn drop_oldest(&self, room: &Room, count: u64) -> Result<u64, rusqlite::Error> {
        let Some(id) = room.id.filter(|_| count > 0) else { return Ok(0) };
        let limit = self.followed.min(self.holds.lowest(&room.name));
        let mut oldest = self.transaction.prepare_cached(
            "SELECT seq, n, key, sent_at, digest(name, body) FROM entries
             WHERE room = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq LIMIT ?4",
        )?;
        let params = params![id, signed(room.dropped_seq), signed(limit.get()), signed(count)];
        let tombstones = oldest.query_map(params, |row| {
            let (seq, n): (i64, u64) = (row.get(0)?, row.get(1)?);
            Ok((seq, n, row.get(2)?, row.get(3)?, row.get(4)?))
        })?;
        let tombstones: Vec<(_, _, String, i64, String)> = tombstones.collect::<Result<_, _>>()?;
        let Some(&(seq, n, ..)) = tombstones.last() else { return Ok(0) };
        // Not by an update: SQLite leaves a page as it is when a row in it becomes short, so a
        // tombstone would go on filling what its message did.
        self.transaction
            .prepare_cached("DELETE FROM entries WHERE room = ?1 AND seq > ?2 AND seq <= ?3")?
            .execute(params![id, signed(room.dropped_seq), seq])?;
        let mut insert = self.transaction.prepare_cached(
            "INSERT INTO entries (seq, room, n, key, sent_at, name, body, kind)
             VALUES (?1, ?2, ?3, ?4, ?5, '', ?6, 0)",
        )?;
        for (seq, n, key, sent_at, digest) in tombstones {
            insert.execute(params![seq, id, n, key, sent_at, digest])?;
        }
        self.transaction
            .prepare_cached(
                "UPDATE rooms SET dropped = ?2, dropped_seq = ?3, emptied_seq = ?3 WHERE id = ?1",
            )?
            .execute(params![id, signed(n), seq])?;
        self.forget(id, count, n.saturating_sub(self.keep.max(REMEMBERED)))?;
        Ok(n - room.dropped)
    }

    /// Removes up to `count` of a room's tombstones, those of its first `n` messages.
    fn forget(&self, room: i64, count: u64, n: u64) -> Result<(), rusqlite::Error> {
        if n == 0 {
            return Ok(());
        }
        let mut oldest = self
            .transaction
            .prepare_cached("SELECT seq, n FROM entries WHERE room = ?1 ORDER BY seq LIMIT ?2")?;
        let mut rows = oldest.query(params![room, signed(count)])?;
        let mut upto: Option<i64> = None;
        while let Some(row) = rows.next()? {
            if row.get::<_, u64>(1)? > n {
                break;
            }
            upto = Some(row.get(0)?);
        }
        drop(rows);
        if let Some(upto) = upto {
            self.transaction
                .prepare_cached("DELETE FROM entries WHERE room = ?1 AND seq <= ?2")?
                .execute(params![room, upto])?;
        }
        Ok(())
    }
}
