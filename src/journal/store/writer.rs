use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{
    super::Retention,
    open::Mark,
    reader::{signed, text, time},
};
use crate::message::{Draft, Epoch, Message, MessageId, Name, Seq, Text};

/// How many trimmed messages per room are remembered by place and key (about 60 bytes each), or
/// as many as are kept, whichever is more: long enough for a tab that slept over a busy day to be
/// told a number, and for every client's retry.
const REMEMBERED: u64 = 10_000;

/// Freed pages that stay in the file for reuse: 4 MB, which a burst of sends fills again.
const SPARE_PAGES: u64 = 1_000;

/// The writing side: there is one, and it holds the only connection that writes.
pub struct Writer {
    connection: Connection,
    epoch: Epoch,
    retention: Retention,
    /// What may be trimmed.
    followed: Followed,
    /// Locked while the store is open, so that no second process gives out the same seqs.
    mark: Mark,
}

/// How far the journal was followed. What goes out live is read from the store, so nothing is
/// trimmed before that, however little is kept.
#[derive(Clone)]
pub struct Followed(Arc<AtomicU64>);

impl Followed {
    /// By nobody: nothing waits to be read.
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(u64::MAX)))
    }

    /// Notes that everything up to `seq` was read.
    pub fn upto(&self, seq: Seq) {
        self.0.store(seq.get(), Ordering::Relaxed);
    }

    fn get(&self) -> Seq {
        Seq::new(self.0.load(Ordering::Relaxed))
    }
}

/// What stands under a [`Draft`]'s key.
pub enum Found {
    /// This message, still kept.
    Kept(Message),
    /// A message that was trimmed since; what it said is gone.
    Dropped {
        /// Its id.
        id: MessageId,
        /// When it was sent.
        sent_at: Timestamp,
    },
}

/// A room's row.
pub struct Room {
    /// Its number, once it was written to.
    id: Option<i64>,
    /// How many messages it was ever sent.
    sent: u64,
    /// How many of them were trimmed.
    dropped: u64,
}

/// Changes that become visible and durable together.
pub struct Batch<'a> {
    transaction: Transaction<'a>,
    epoch: &'a Epoch,
    mark: &'a Mark,
    followed: Seq,
    keep: u64,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        epoch: Epoch,
        retention: Retention,
        followed: Followed,
        mark: Mark,
    ) -> Result<Self, rusqlite::Error> {
        // The log is folded into the file every 4,000 pages (16 MB), SQLite's own being 1,000: a
        // page that many commits changed is then copied once. Nothing larger is left behind.
        connection.pragma_update(None, "wal_autocheckpoint", 4000)?;
        connection.pragma_update(None, "journal_size_limit", 16 << 20)?;
        Ok(Self { connection, epoch, retention, followed, mark })
    }

    /// The highest seq that was ever stored, trimmed or not.
    pub fn last(&self) -> Result<Seq, rusqlite::Error> {
        self.connection.query_row("SELECT last FROM journal", [], |row| row.get(0)).map(Seq::new)
    }

    /// Begins a batch. Dropped without [`Batch::commit`], it never was.
    pub fn batch(&mut self) -> Result<Batch<'_>, rusqlite::Error> {
        Ok(Batch {
            transaction: self.connection.transaction()?,
            epoch: &self.epoch,
            mark: &self.mark,
            followed: self.followed.get(),
            keep: self.retention.keep,
        })
    }

    /// Trims up to `most` messages that are beyond the count or the age kept, and hands freed
    /// pages back; answers whether something may be left to do.
    pub fn trim(&mut self, most: u64, now: Timestamp) -> Result<bool, rusqlite::Error> {
        let ttl = self.retention.ttl;
        let batch = self.batch()?;
        let trimmed = batch.trim_by_count(most)?
            + ttl.map_or(Ok(0), |ttl| batch.trim_by_age(most, now, ttl))?;
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
        Ok(trimmed > 0 || surplus > 0)
    }

    /// Proves that the disk takes a write, by making one that changes nothing.
    pub fn probe(&mut self) -> Result<(), rusqlite::Error> {
        let batch = self.batch()?;
        batch.transaction.execute("UPDATE journal SET last = last", [])?;
        batch.commit_without_seq()
    }

    /// Moves the log into the file, so that it is whole by itself.
    pub fn close(self) -> Result<(), rusqlite::Error> {
        self.connection.close().map_err(|(_, why)| why)
    }
}

#[cfg(test)]
impl Writer {
    /// Makes SQLite refuse to grow the file, as it does when the disk is full.
    pub fn fill_the_disk(&self, full: bool) {
        let pages: i64 =
            self.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        let most = if full { pages } else { i64::from(u32::MAX) - 1 };
        let set = self.connection.pragma_update_and_check(None, "max_page_count", most, |_| Ok(()));
        set.unwrap();
    }

    /// How many messages the file holds.
    pub fn count(&self) -> u64 {
        let count =
            self.connection.query_row("SELECT count(*) FROM messages", [], |row| row.get(0));
        count.unwrap()
    }
}

impl Batch<'_> {
    /// The room that a draft is for, as it is in this batch.
    pub fn room(&self, draft: &Draft) -> Result<Room, rusqlite::Error> {
        let known = self
            .transaction
            .prepare_cached("SELECT id, sent, dropped FROM rooms WHERE name = ?1")?
            .query_row([draft.room.as_str()], |row| {
                Ok(Room { id: Some(row.get(0)?), sent: row.get(1)?, dropped: row.get(2)? })
            })
            .optional()?;
        Ok(known.unwrap_or(Room { id: None, sent: 0, dropped: 0 }))
    }

    /// What is stored under the draft's key in its room, if anything.
    pub fn find(&self, room: &Room, draft: &Draft) -> Result<Option<Found>, rusqlite::Error> {
        let Some(id) = room.id else { return Ok(None) };
        let found = self
            .transaction
            .prepare_cached(
                "SELECT seq, sent_at, name, text FROM messages WHERE room = ?1 AND key = ?2",
            )?
            .query_row(params![id, draft.key.as_str()], |row| {
                Ok(Found::Kept(Message {
                    id: self.id(Seq::new(row.get(0)?)),
                    room: draft.room.clone(),
                    sent_at: time(row.get(1)?).unwrap_or_default(),
                    name: Name::stored(text(row, 2)?),
                    text: Text::stored(text(row, 3)?),
                }))
            })
            .optional()?;
        if found.is_some() || room.dropped == 0 {
            return Ok(found);
        }
        self.transaction
            .prepare_cached("SELECT seq, sent_at FROM dropped WHERE room = ?1 AND key = ?2")?
            .query_row(params![id, draft.key.as_str()], |row| {
                Ok(Found::Dropped {
                    id: self.id(Seq::new(row.get(0)?)),
                    sent_at: time(row.get(1)?).unwrap_or_default(),
                })
            })
            .optional()
    }

    /// Stores `draft` at `seq`, which must be above every seq stored before, and trims the room's
    /// oldest messages beyond the number kept: two at most for each one stored, so that a room
    /// that is over catches up and no send waits for it.
    pub fn insert(
        &self,
        seq: Seq,
        room: &Room,
        draft: &Draft,
        sent_at: Timestamp,
    ) -> Result<Message, rusqlite::Error> {
        let (id, sent) = (self.count(room, draft, sent_at)?, room.sent + 1);
        let mut insert = self.transaction.prepare_cached(
            "INSERT INTO messages (seq, room, n, key, sent_at, name, text)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        insert.execute(params![
            signed(seq.get()),
            id,
            sent,
            draft.key.as_str(),
            sent_at.as_millisecond(),
            draft.name.as_str(),
            draft.text.as_str(),
        ])?;
        let over = (sent - room.dropped).saturating_sub(self.keep);
        self.drop_oldest(id, over.min(2))?;
        Ok(Message {
            id: self.id(seq),
            room: draft.room.clone(),
            name: draft.name.clone(),
            text: draft.text.clone(),
            sent_at,
        })
    }

    /// Counts one more message in the room, and gives the number of its row.
    ///
    /// Not as one statement: an upsert that returns the row SQLite would prepare to undo half of,
    /// with 64 KB of memory taken and given back each time.
    fn count(&self, room: &Room, draft: &Draft, now: Timestamp) -> Result<i64, rusqlite::Error> {
        let now = now.as_millisecond();
        if let Some(id) = room.id {
            self.transaction
                .prepare_cached(
                    "UPDATE rooms SET sent = sent + 1, last_sent_at = ?2 WHERE id = ?1",
                )?
                .execute([id, now])?;
            return Ok(id);
        }
        self.transaction
            .prepare_cached(
                "INSERT INTO rooms (name, sent, dropped, dropped_seq, last_sent_at)
                 VALUES (?1, 1, 0, 0, ?2)",
            )?
            .insert(params![draft.room.as_str(), now])
    }

    /// Makes the batch durable; `last` is the highest seq in it.
    pub fn commit(self, last: Seq) -> Result<(), rusqlite::Error> {
        self.transaction
            .prepare_cached("UPDATE journal SET last = ?1")?
            .execute([signed(last.get())])?;
        let mark = self.mark;
        self.commit_without_seq()?;
        mark.note(last.get());
        Ok(())
    }

    fn id(&self, seq: Seq) -> MessageId {
        MessageId::new(self.epoch.clone(), seq)
    }

    fn commit_without_seq(self) -> Result<(), rusqlite::Error> {
        self.transaction.commit()
    }

    /// Trims rooms that hold more than is kept, which only a smaller `--keep` than before leaves.
    fn trim_by_count(&self, most: u64) -> Result<u64, rusqlite::Error> {
        let over: Option<(i64, u64)> = self
            .transaction
            .prepare_cached(
                "SELECT id, sent - dropped - ?1 FROM rooms WHERE sent - dropped > ?1 LIMIT 1",
            )?
            .query_row([signed(self.keep)], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((room, over)) = over else { return Ok(0) };
        self.drop_oldest(room, over.min(most))
    }

    /// Trims messages older than `ttl`, of the room that has the oldest.
    fn trim_by_age(
        &self,
        most: u64,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<u64, rusqlite::Error> {
        let age = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
        let cutoff = now.as_millisecond().saturating_sub(age);
        let oldest: Option<(i64, i64)> = self
            .transaction
            .prepare_cached("SELECT room, sent_at FROM messages ORDER BY seq LIMIT 1")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((room, _)) = oldest.filter(|(_, sent_at)| *sent_at < cutoff) else {
            return Ok(0);
        };
        let mut old = self
            .transaction
            .prepare_cached("SELECT sent_at FROM messages WHERE room = ?1 ORDER BY seq LIMIT ?2")?;
        let mut rows = old.query(params![room, signed(most)])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            if row.get::<_, i64>(0)? >= cutoff {
                break;
            }
            count += 1;
        }
        self.drop_oldest(room, count)
    }

    /// Moves the `count` oldest messages of a room, or as many as were followed, to what is
    /// remembered of it, and forgets the oldest of that.
    fn drop_oldest(&self, room: i64, count: u64) -> Result<u64, rusqlite::Error> {
        if count == 0 {
            return Ok(0);
        }
        let (count, upto): (u64, Option<i64>) = self
            .transaction
            .prepare_cached(
                "SELECT count(*), max(seq) FROM (
                     SELECT seq FROM messages WHERE room = ?1 AND seq <= ?3 ORDER BY seq LIMIT ?2
                 )",
            )?
            .query_row(params![room, signed(count), signed(self.followed.get())], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        let Some(upto) = upto else { return Ok(0) };
        self.transaction
            .prepare_cached(
                "INSERT INTO dropped SELECT room, seq, n, key, sent_at FROM messages
                 WHERE room = ?1 AND seq <= ?2",
            )?
            .execute(params![room, upto])?;
        self.transaction
            .prepare_cached("DELETE FROM messages WHERE room = ?1 AND seq <= ?2")?
            .execute(params![room, upto])?;
        let dropped: u64 = self
            .transaction
            .prepare_cached(
                "UPDATE rooms SET dropped = dropped + ?2, dropped_seq = ?3 WHERE id = ?1
                 RETURNING dropped",
            )?
            .query_row(params![room, signed(count), upto], |row| row.get(0))?;
        // By place, oldest first: the rows are few and stand together, so no index on `n` is due.
        let remembered = self.keep.max(REMEMBERED);
        self.transaction
            .prepare_cached(
                "DELETE FROM dropped WHERE room = ?1 AND seq IN (
                     SELECT seq FROM dropped WHERE room = ?1 ORDER BY seq LIMIT ?2
                 ) AND n <= ?3",
            )?
            .execute(params![room, signed(count), signed(dropped.saturating_sub(remembered))])?;
        Ok(count)
    }
}
