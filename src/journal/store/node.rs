//! What the store of a node has that follows a shared stream: it keeps what it is told, at the seq that
//! it is told, and can begin anew from what the stream has.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    ReadError, WriteError,
    change::Changed,
    found::{self, Found},
    lock::PRIVATE,
    open::OpenError,
    read::{Reader, signed},
    rules::ERASED_RULE,
    write::{Batch, Writer},
};
use crate::{
    journal::Retention,
    message::{Author, Entry, Epoch, Key, Ruling, Seq},
};

/// The one row of a node's own, and what is to be gone from the stream. They are in the files of nodes
/// only.
const CREATE: &str = "
    CREATE TABLE IF NOT EXISTS node (filled INTEGER NOT NULL, anew INTEGER NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS erasures (seq INTEGER PRIMARY KEY, key TEXT NOT NULL) STRICT;
";

/// How a node's store stands to the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Up to where the stream went when the node began with it.
    pub filled: Seq,
    /// Whether the node missed what the stream has no more, and has to begin anew.
    pub anew: bool,
}

/// What became of an entry that a stream brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// It is stored.
    Stored,
    /// Its key is another entry's that is kept; here is what that is.
    Skipped(Found),
    /// It is a change, and this came of it.
    Changed(Changed),
}

impl Writer {
    /// Makes it one of a node that follows a stream. What is lost with the power comes again, so a
    /// commit need not be synced.
    pub(crate) fn follow(&mut self) -> Result<(), rusqlite::Error> {
        self.synchronous = "normal";
        self.connection.pragma_update(None, "synchronous", self.synchronous)?;
        self.connection.execute_batch(CREATE)
    }

    /// How it stands; `None` where it was never one of a node.
    pub(crate) fn standing(&self) -> Result<Option<Standing>, rusqlite::Error> {
        let mut statement = self.connection.prepare("SELECT filled, anew FROM node")?;
        let standing = statement
            .query_row([], |row| Ok(Standing { filled: Seq::new(row.get(0)?), anew: row.get(1)? }));
        standing.optional()
    }

    /// Says how it stands.
    pub(crate) fn set_standing(&self, standing: Standing) -> Result<(), rusqlite::Error> {
        set_standing(&self.connection, standing)
    }

    /// The newest entry's place and key, where there is one.
    pub(crate) fn newest_key(&self) -> Result<Option<(Seq, Key)>, rusqlite::Error> {
        // A change's key is the store's own, and another on the stream.
        let newest = "SELECT seq, key FROM entries WHERE key > '!' ORDER BY seq DESC LIMIT 1";
        let mut statement = self.connection.prepare(newest)?;
        let found = statement.query_row([], |row| {
            let (seq, key): (u64, String) = (row.get(0)?, row.get(1)?);
            Ok((Seq::new(seq), Key::stored(&key)))
        });
        found.optional()
    }

    /// Puts all there is into a file of its own beside the data, named after the epoch.
    pub(crate) fn set_aside(&self, epoch: &Epoch) -> Result<std::path::PathBuf, OpenError> {
        let path = self.lock().beside(&format!(".{}", epoch.as_str()));
        let io = |why| OpenError::io(&path, why);
        // SQLite takes an empty file for a new one, and this one is for nobody else to read.
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(PRIVATE).open(&path).map_err(io)?;
        let name = path.to_string_lossy().into_owned();
        let copied = self.connection.execute("VACUUM INTO ?1", [name]);
        copied.map(|_| path.clone()).map_err(|why| OpenError::sqlite(&path, why))
    }

    /// Its rules are on no stream yet.
    pub(crate) fn put_rules_again(&self) -> Result<(), rusqlite::Error> {
        self.connection.execute("UPDATE rules SET seq = 0", []).map(|_| ())
    }

    /// Forgets all there is, but for rules that are to be put again, and begins before the first place
    /// of a stream that goes up to `filled`. Where the stream is the `same` as before, what was done
    /// stays noted: it has not all of it any more.
    pub(crate) fn begin_anew(&mut self, filled: Seq, same: bool) -> Result<(), WriteError> {
        let transaction = self.connection.transaction()?;
        transaction.execute_batch(
            "DELETE FROM entries; DELETE FROM rooms; DELETE FROM erasures;
             UPDATE rules SET seq = 0; UPDATE journal SET last = 0, forgotten_seq = 0;",
        )?;
        if !same {
            transaction.execute("DELETE FROM acts", [])?;
        }
        set_standing(&transaction, Standing { filled, ..Standing::default() })?;
        transaction.commit()?;
        self.forgot();
        Ok(())
    }
}

/// What is to be gone from the stream: what stands at a place, where it has this key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Erasure {
    pub seq: Seq,
    pub key: Key,
}

impl Writer {
    /// Some of what is to be gone from the stream.
    pub(crate) fn erasures(&self, limit: usize) -> Result<Vec<Erasure>, rusqlite::Error> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT seq, key FROM erasures ORDER BY seq LIMIT ?1")?;
        let found = statement.query_map([limit], |row| {
            let (seq, key): (u64, String) = (row.get(0)?, row.get(1)?);
            Ok(Erasure { seq: Seq::new(seq), key: Key::stored(&key) })
        })?;
        found.collect()
    }

    /// This is gone from it.
    pub(crate) fn erased(&mut self, seq: Seq) -> Result<(), WriteError> {
        let batch = self.batch()?;
        batch
            .transaction
            .prepare_cached("DELETE FROM erasures WHERE seq = ?1")?
            .execute([signed(seq.get())])?;
        batch.commit_without_seq()
    }
}

/// What is looked for: what stands under a key.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub key: Key,
    /// What is to be sent under it.
    pub entry: Entry,
}

impl Reader<'_> {
    /// What stands under each key in its room, trimmed or not, and whether it is the same.
    pub(crate) fn find(&self, wanted: &[Wanted]) -> Result<Vec<Option<Applied>>, ReadError> {
        wanted.iter().map(|wanted| self.find_one(wanted)).collect()
    }

    fn find_one(&self, Wanted { key, entry }: &Wanted) -> Result<Option<Applied>, ReadError> {
        let mut statement = self.moment.prepare_cached("SELECT id FROM rooms WHERE name = ?1")?;
        let room: Option<i64> =
            statement.query_row([entry.room().as_str()], |row| row.get(0)).optional()?;
        let Some(room) = room else { return Ok(None) };
        let found = found::find(&self.moment, room, key, entry.columns()).optional()?;
        Ok(found.map(Applied::Skipped))
    }
}

impl Batch<'_> {
    /// Stores an entry at the place that a stream gave it, unless its key is another's that is among
    /// those its room keeps: every node sees those, also one that began late, so all decide alike.
    pub(crate) fn apply(
        &mut self,
        key: &Key,
        entry: &Entry,
        author: Option<Author>,
        retention: Retention,
    ) -> Result<Applied, rusqlite::Error> {
        if let Entry::Change(change) = entry {
            return Ok(Applied::Changed(self.apply_change(change)?));
        }
        let Some(found) = self.insert(key, entry, author)? else { return Ok(Applied::Stored) };
        if self.is_kept(entry, &found, retention)? {
            // The engine forgets keys, after minutes or by an election. Removed, the message would be
            // left there a second time, and shown by nodes that begin later.
            self.note_erasure(entry.seq(), key)?;
            return Ok(Applied::Skipped(found));
        }
        // No client's key has a space in it.
        self.transaction
            .prepare_cached("UPDATE entries SET key = key || ' ' || seq WHERE seq = ?1")?
            .execute([signed(found.seq.get())])?;
        let again = self.insert(key, entry, author)?;
        debug_assert!(again.is_none(), "the key is free");
        Ok(Applied::Stored)
    }

    /// Puts a ruling that a stream brings; what it replaces is to be gone from there.
    pub(crate) fn apply_rule(
        &mut self,
        seq: Seq,
        at: Timestamp,
        ruling: &Ruling,
    ) -> Result<(), rusqlite::Error> {
        match self.rule(seq, at, ruling)? {
            None | Some(Seq::ZERO) => Ok(()),
            Some(replaced) => {
                let key = Key::stored(&format!("{ERASED_RULE}{}", ruling.key));
                self.note_erasure(replaced, &key)
            }
        }
    }

    /// Notes that what stands at a place of the stream is to be gone from there.
    pub(super) fn note_erasure(&self, seq: Seq, key: &Key) -> Result<(), rusqlite::Error> {
        self.transaction
            .prepare_cached("INSERT OR REPLACE INTO erasures (seq, key) VALUES (?1, ?2)")?
            .execute(params![signed(seq.get()), key.as_str()])
            .map(|_| ())
    }

    /// Notes that the stream has nothing any more at `upto`, or before it: rooms of which something
    /// comes later may have had messages up to there, and how many, nobody here knows.
    pub(crate) fn note_hole(&self, upto: Seq) -> Result<(), rusqlite::Error> {
        self.transaction
            .prepare_cached("UPDATE journal SET forgotten_seq = max(forgotten_seq, ?1)")?
            .execute([signed(upto.get())])
            .map(|_| ())
    }

    /// Whether what was found under an entry's key is among those that its room keeps when the entry
    /// comes.
    fn is_kept(
        &mut self,
        entry: &Entry,
        found: &Found,
        retention: Retention,
    ) -> Result<bool, rusqlite::Error> {
        let room = self.rooms.get(&self.transaction, entry.room())?;
        let n: u64 = self
            .transaction
            .prepare_cached("SELECT n FROM entries WHERE seq = ?1")?
            .query_row(params![signed(found.seq.get())], |row| row.get(0))?;
        let newest = room.sent.saturating_sub(n) < retention.keep;
        let age = entry.sent_at().duration_since(found.sent_at);
        let young = retention.ttl.is_none_or(|ttl| age.unsigned_abs() <= ttl);
        Ok(newest && young)
    }

    /// Says how the node stands, and makes that durable; nothing else was done in the batch.
    pub(crate) fn commit_standing(self, standing: Standing) -> Result<(), WriteError> {
        set_standing(&self.transaction, standing)?;
        self.commit_without_seq()
    }
}

fn set_standing(connection: &Connection, standing: Standing) -> Result<(), rusqlite::Error> {
    connection.execute("DELETE FROM node", [])?;
    let Standing { filled, anew } = standing;
    let values = params![signed(filled.get()), anew];
    connection.execute("INSERT INTO node VALUES (?1, ?2)", values).map(|_| ())
}
