use std::{fmt::Write as _, path::Path};

use jiff::Timestamp;
use rusqlite::{
    Connection, OptionalExtension, Transaction, functions::FunctionFlags, params, types::ValueRef,
};
use sha2::{Digest as _, Sha256};

use super::{
    super::{Retention, followers::Followers, holds::Holds},
    open::{self, Lock, OpenError},
    read::{signed, text, time},
};
use crate::message::{Columns, Entry, Epoch, Key, RoomName, Seq};

/// The kind of a tombstone: an entry that was trimmed.
pub(super) const TRIMMED: i64 = 0;

/// The writing side: there is one, and it holds the only connection that writes.
pub struct Writer {
    pub(super) connection: Connection,
    pub(super) retention: Retention,
    followers: Followers,
    holds: Holds,
    lock: Lock,
}

/// What stands under a key.
pub struct Found {
    /// The entry's place.
    pub seq: Seq,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// Whether it is the same as what is sent now, as far as is known of it.
    pub same: bool,
}

/// A room's row.
pub struct Room {
    pub(super) name: RoomName,
    /// Its number, once it was written to.
    pub(super) id: Option<i64>,
    /// How many messages it was ever sent.
    pub(super) sent: u64,
    /// How many of them were trimmed.
    pub(super) dropped: u64,
    /// The place of the last that was.
    pub(super) dropped_seq: u64,
}

/// Changes that become visible and durable together.
pub struct Batch<'a> {
    pub(super) transaction: Transaction<'a>,
    pub(super) keep: u64,
    /// Up to where every follower has read.
    pub(super) followed: Seq,
    pub(super) holds: &'a Holds,
}

impl Writer {
    /// Opens the file at `path` and makes what is missing.
    pub fn open(
        path: &Path,
        retention: Retention,
        followers: Followers,
        holds: Holds,
    ) -> Result<Self, OpenError> {
        // First: it shows whether the file is another process's.
        let lock = Lock::take(path)?;
        let connection = open::writable(path)?;
        define_digest(&connection).map_err(|why| OpenError::sqlite(path, why))?;
        Ok(Self { connection, retention, followers, holds, lock })
    }

    /// What keeps other processes from writing.
    pub fn lock(&self) -> &Lock {
        &self.lock
    }

    /// The highest seq that was ever stored, trimmed or not.
    pub fn last(&self) -> Result<Seq, rusqlite::Error> {
        self.connection.query_row("SELECT last FROM journal", [], |row| row.get(0)).map(Seq::new)
    }

    /// The epoch that it was told; `None` in a new file, or where none can be read.
    pub fn epoch(&self) -> Result<Option<Epoch>, rusqlite::Error> {
        let found: Option<String> = self
            .connection
            .query_row("SELECT epoch FROM journal", [], |row| row.get(0))
            .optional()?;
        Ok(found.and_then(|epoch| Epoch::parse(&epoch)))
    }

    /// Tells it the epoch that its seqs belong to.
    pub fn set_epoch(&self, epoch: &Epoch) -> Result<(), rusqlite::Error> {
        self.connection.execute("UPDATE journal SET epoch = ?1", [epoch.as_str()]).map(|_| ())
    }

    /// Begins a batch. Dropped without [`Batch::commit`], it never was.
    pub fn batch(&mut self) -> Result<Batch<'_>, rusqlite::Error> {
        Ok(Batch {
            transaction: self.connection.transaction()?,
            keep: self.retention.keep,
            followed: self.followers.slowest(),
            holds: &self.holds,
        })
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

    /// How many entries the file holds.
    pub fn count(&self) -> u64 {
        let count = self.connection.query_row("SELECT count(*) FROM entries", [], |row| row.get(0));
        count.unwrap()
    }
}

impl Batch<'_> {
    /// A room, as it is in this batch.
    pub fn room(&self, name: &RoomName) -> Result<Room, rusqlite::Error> {
        let known = self
            .transaction
            .prepare_cached("SELECT id, sent, dropped, dropped_seq FROM rooms WHERE name = ?1")?
            .query_row([name.as_str()], |row| {
                Ok(Room {
                    name: name.clone(),
                    id: Some(row.get(0)?),
                    sent: row.get(1)?,
                    dropped: row.get(2)?,
                    dropped_seq: row.get(3)?,
                })
            })
            .optional()?;
        let unknown = || Room { name: name.clone(), id: None, sent: 0, dropped: 0, dropped_seq: 0 };
        Ok(known.unwrap_or_else(unknown))
    }

    /// What is stored in the room under this key, if anything, beside what is to be stored now.
    pub fn find(
        &self,
        room: &Room,
        key: &Key,
        sent: Columns<'_>,
    ) -> Result<Option<Found>, rusqlite::Error> {
        let Some(id) = room.id else { return Ok(None) };
        self.transaction
            .prepare_cached(
                "SELECT seq, sent_at, kind, name, body FROM entries WHERE room = ?1 AND key = ?2",
            )?
            .query_row(params![id, key.as_str()], |row| {
                let (kind, name, body) = (row.get(2)?, text(row, 3)?, text(row, 4)?);
                Ok(Found {
                    seq: Seq::new(row.get(0)?),
                    sent_at: time(row.get(1)?).unwrap_or_default(),
                    same: match kind {
                        TRIMMED => body.is_empty() || body == digest(sent.name, sent.body),
                        _ => sent == Columns { kind, name, body },
                    },
                })
            })
            .optional()
    }

    /// Stores `entry` at its seq, which must be above every seq stored before, and trims the
    /// room's oldest messages beyond the number kept: two at most for each one stored, so that a
    /// room that is over catches up and no send waits for it.
    pub fn insert(&self, mut room: Room, key: &Key, entry: &Entry) -> Result<(), rusqlite::Error> {
        let sent_at = entry.sent_at().as_millisecond();
        let id = self.count(&mut room, sent_at)?;
        let Columns { kind, name, body } = entry.columns();
        let mut insert = self.transaction.prepare_cached(
            "INSERT INTO entries (seq, room, n, key, sent_at, name, body, kind)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        let seq = signed(entry.seq().get());
        insert.execute(params![seq, id, room.sent, key.as_str(), sent_at, name, body, kind])?;
        let over = (room.sent - room.dropped).saturating_sub(self.keep);
        self.drop_oldest(&room, over.min(2))?;
        Ok(())
    }

    /// Counts one more message in the room, and gives the number of its row.
    ///
    /// Not as one statement: an upsert that returns the row SQLite would prepare to undo half of,
    /// with 64 KB of memory taken and given back each time.
    fn count(&self, room: &mut Room, now: i64) -> Result<i64, rusqlite::Error> {
        room.sent += 1;
        if let Some(id) = room.id {
            self.transaction
                .prepare_cached(
                    "UPDATE rooms SET sent = sent + 1, last_sent_at = ?2 WHERE id = ?1",
                )?
                .execute([id, now])?;
            self.transaction
                .prepare_cached(
                    "UPDATE rooms SET oldest_sent_at = ?2
                     WHERE id = ?1 AND (oldest_sent_at IS NULL OR oldest_sent_at > ?2)",
                )?
                .execute([id, now])?;
            return Ok(id);
        }
        self.transaction
            .prepare_cached(
                "INSERT INTO rooms (name, sent, dropped, dropped_seq, last_sent_at, oldest_sent_at)
                 VALUES (?1, 1, 0, 0, ?2, ?2)",
            )?
            .insert(params![room.name.as_str(), now])
    }

    /// Makes the batch durable; `last` is the highest seq in it.
    pub fn commit(self, last: Seq) -> Result<(), rusqlite::Error> {
        self.transaction
            .prepare_cached("UPDATE journal SET last = ?1")?
            .execute([signed(last.get())])?;
        self.commit_without_seq()
    }

    pub(super) fn commit_without_seq(self) -> Result<(), rusqlite::Error> {
        self.transaction.commit()
    }
}

/// What is kept of a name and a body that were trimmed, for a retry to be known by: 64 bits, since
/// it only ever tells two entries of one key apart.
fn digest(name: &str, body: &str) -> String {
    // A name has no line breaks: no two pairs are one string.
    let digest = Sha256::new().chain_update(name).chain_update("\n").chain_update(body).finalize();
    digest[..8].iter().fold(String::with_capacity(16), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The same as a function of SQL's.
fn define_digest(connection: &Connection) -> Result<(), rusqlite::Error> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("digest", 2, flags, |arguments| {
        let text = |at| match arguments.get_raw(at) {
            ValueRef::Text(bytes) => String::from_utf8_lossy(bytes),
            _ => "".into(),
        };
        Ok(digest(&text(0), &text(1)))
    })
}
