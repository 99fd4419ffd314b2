//! The index's file, as its one writer has it open.
//!
//! It is a SQLite database of its own beside the data, and holds nothing that the journal has not:
//! whatever is wrong with it, it is thrown away and made anew. `mark` says of which journal it is and up
//! to which place that was taken in, in the same transaction as what was.
//!
//! The words stand in FTS5 tables without the texts, one for each [`CHUNK`] of places. So the newest
//! hits are found without a look at older ones, even of a word that is in all messages; what is removed
//! is forgotten by writing a chunk anew and not all there is; and of a chunk whose messages are no
//! longer kept the table is dropped. Room `room` is a token `r{room}`.

mod batch;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fs, io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OptionalExtension as _, params};

use super::Halt;
use crate::{
    journal::{PRIVATE, beside},
    message::{Entry, Epoch, RoomName, Seq, State},
};
use batch::{Batch, delete};

/// Places of one table: of so many messages FTS5 writes a table anew in some tenths of a second, and
/// a million messages are 16 tables to look into.
pub(super) const CHUNK: u64 = 1 << 16;

/// What tells the file from others (SQLite's `application_id`), and its layout from later ones.
const APPLICATION: i64 = 0x6875_6273;
const VERSION: i64 = 1;

/// What FTS5 gathers in memory before it writes: its own 1 MB would have a table written in many
/// pieces, to be merged later.
const GATHERED_BYTES: usize = 16 << 20;

/// Statements that are kept prepared: those of the newest tables.
const MAX_STATEMENTS: usize = 32;

/// Freed pages that stay in the file: 16 MB, what a chunk takes that is written anew.
const SPARE_PAGES: u64 = 4096;

/// How long a lock is waited for: nobody else writes, and searches are short.
const LOCK_TIMEOUT: Duration = Duration::from_millis(100);

/// How often SQLite asks whether to go on, in instructions: some tens of microseconds.
pub(super) const HALT_OPS: i32 = 1000;

/// What is wrong with the file, or its disk.
#[derive(Debug, thiserror::Error)]
pub(super) enum IndexError {
    /// SQLite's own error.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The operating system's.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Another file is there, or none.
    #[error("the file was removed or replaced")]
    Gone,
    /// A search could not read it.
    #[error("the file is damaged")]
    Damaged,
    /// A bug.
    #[error("what writes it panicked")]
    Panicked,
    /// It holds something else than what this program puts there.
    #[error("the file is not an index of this journal's")]
    Foreign,
}

/// What a chunk needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// It has words of messages that are no longer kept, or is in pieces.
    Tidy = 1,
    /// It has words that are to be nowhere.
    Forget = 2,
}

/// The statement that makes a chunk's table. All the words are ours: whatever is not ASCII is a part
/// of them to this tokenizer, and nothing is folded twice.
pub(super) fn create(table: &str) -> String {
    format!(
        "CREATE VIRTUAL TABLE {table} USING fts5(
             room, text, content='', contentless_delete=1, tokenize='ascii'
         );
         INSERT INTO {table} ({table}, rank) VALUES ('hashsize', {GATHERED_BYTES});"
    )
}

/// The table of a chunk.
pub(super) fn table(chunk: u64) -> String {
    format!("words_{chunk}")
}

/// The open file.
pub(super) struct Index {
    connection: Connection,
    path: PathBuf,
    /// Device and inode.
    file: (u64, u64),
    /// Numbers of rooms; of so many that it is begun anew beyond that.
    rooms: HashMap<RoomName, i64>,
    /// The newest table that is there.
    newest: Option<u64>,
    tokens: String,
}

/// Rooms whose numbers are kept in memory: some 100 bytes each.
const MAX_ROOMS: usize = 10_000;

impl Index {
    /// Opens the index of this journal, and makes it where there is none; and up to which place it has
    /// come. What is there and is no index of this journal's is [`IndexError::Foreign`].
    pub(super) fn open(
        path: &Path,
        epoch: &Epoch,
        last: Seq,
        halt: Halt,
    ) -> Result<(Self, Seq), IndexError> {
        if fs::symlink_metadata(path).is_ok_and(|known| !known.is_file()) {
            return Err(IndexError::Foreign);
        }
        // SQLite would give it to everybody to read.
        let file = fs::File::options().create(true).append(true).mode(PRIVATE).open(path)?;
        let known = file.metadata()?;
        drop(file);
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(LOCK_TIMEOUT)?;
        connection.pragma_update(None, "temp_store", "memory")?;
        connection.pragma_update(None, "secure_delete", true)?;
        if known.len() == 0 {
            connection.pragma_update(None, "auto_vacuum", "incremental")?;
        }
        let mode: String =
            connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
        if mode != "wal" {
            return Err(
                io::Error::other(format!("write-ahead logging is not possible ({mode})")).into()
            );
        }
        // What a power cut takes is read again.
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.pragma_update(None, "journal_size_limit", 16 << 20)?;
        connection.set_prepared_statement_cache_capacity(MAX_STATEMENTS);
        let number =
            |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
        match (number("application_id")?, number("user_version")?) {
            (APPLICATION, VERSION) => {}
            (0, 0) if known.len() == 0 => lay_out(&mut connection, epoch)?,
            _ => return Err(IndexError::Foreign),
        }
        let (its, upto): (String, u64) =
            connection.query_row("SELECT epoch, seq FROM mark", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        if its != epoch.as_str() || upto > last.get() {
            return Err(IndexError::Foreign);
        }
        let newest = connection.query_row("SELECT max(id) FROM chunks", [], |row| row.get(0))?;
        connection.progress_handler(HALT_OPS, Some(move || halt.is_given()))?;
        let index = Self {
            connection,
            path: path.to_owned(),
            file: (known.dev(), known.ino()),
            rooms: HashMap::new(),
            newest,
            tokens: String::new(),
        };
        Ok((index, Seq::new(upto)))
    }

    /// Takes in entries of the journal, and that all up to `upto` were.
    pub(super) fn take_in(&mut self, entries: &[Entry], upto: Seq) -> Result<(), IndexError> {
        let Self { connection, rooms, newest, tokens, .. } = self;
        let transaction = connection.transaction()?;
        let mut batch = Batch { connection: &transaction, rooms, newest: *newest, tokens };
        for entry in entries {
            match entry {
                Entry::Message(message) if message.state != State::Removed => batch.add(message)?,
                Entry::Message(_) => {}
                Entry::Change(change) => batch.change(&change.message)?,
            }
        }
        let reached = batch.newest;
        transaction
            .prepare_cached("UPDATE mark SET seq = ?1")?
            .execute([i64::try_from(upto.get()).unwrap_or(i64::MAX)])?;
        let committed = transaction.commit();
        if committed.is_err() {
            self.rooms.clear();
        }
        committed?;
        self.newest = reached;
        Ok(())
    }

    /// Takes out what rooms no longer keep: what is in none of these, or not after its place.
    pub(super) fn trim(&mut self, floors: &[(RoomName, Seq)], upto: Seq) -> Result<(), IndexError> {
        let floors: HashMap<&str, u64> =
            // What is not taken in yet is looked at again when it is.
            floors.iter().map(|(room, floor)| (room.as_str(), (*floor).min(upto).get())).collect();
        let behind: Vec<(i64, u64, Option<u64>)> = {
            let mut rooms =
                self.connection.prepare_cached("SELECT id, name, dropped FROM rooms")?;
            let mut rows = rooms.query([])?;
            let mut behind = Vec::new();
            while let Some(row) = rows.next()? {
                let (id, name, dropped) = (row.get(0)?, row.get_ref(1)?, row.get(2)?);
                let name = name.as_str().map_err(rusqlite::Error::from)?;
                let floor = floors.get(name).copied();
                if floor.is_none_or(|floor| floor > dropped) {
                    behind.push((id, dropped, floor));
                }
            }
            behind
        };
        if behind.is_empty() {
            return Ok(());
        }
        let transaction = self.connection.transaction()?;
        for (room, dropped, floor) in behind {
            delete(&transaction, room, dropped, floor.unwrap_or(upto.get()))?;
            if let Some(floor) = floor {
                let mut moved =
                    transaction.prepare_cached("UPDATE rooms SET dropped = ?2 WHERE id = ?1")?;
                moved.execute(params![room, floor])?;
            } else {
                self.rooms.clear();
                transaction.prepare_cached("DELETE FROM rooms WHERE id = ?1")?.execute([room])?;
            }
        }
        Ok(transaction.commit()?)
    }

    /// The chunk that is to be written anew first, and why.
    pub(super) fn needy(&self) -> Result<Option<(u64, Need)>, IndexError> {
        let mut found = self.connection.prepare_cached(
            "SELECT id, need FROM chunks WHERE need > 0 ORDER BY need DESC, id DESC LIMIT 1",
        )?;
        let found = found.query_row([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)));
        let need = |need| if need == Need::Forget as i64 { Need::Forget } else { Need::Tidy };
        Ok(found.optional()?.map(|(chunk, its)| (chunk, need(its))))
    }

    /// Writes a chunk anew, without what was taken out of it.
    pub(super) fn renew(&mut self, chunk: u64) -> Result<(), IndexError> {
        let table = table(chunk);
        let transaction = self.connection.transaction()?;
        let is_empty = transaction
            .query_row(&format!("SELECT 1 FROM {table}_docsize LIMIT 1"), [], |_| Ok(()))
            .optional()?
            .is_none();
        if is_empty && self.newest.is_some_and(|newest| newest > chunk) {
            transaction.execute_batch(&format!("DROP TABLE {table}"))?;
            transaction.execute("DELETE FROM chunks WHERE id = ?1", [chunk])?;
        } else {
            transaction
                .execute(&format!("INSERT INTO {table} ({table}) VALUES ('optimize')"), [])?;
            transaction.execute("UPDATE chunks SET need = 0 WHERE id = ?1", [chunk])?;
        }
        transaction.commit()?;
        let free: u64 =
            self.connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
        let surplus = free.saturating_sub(SPARE_PAGES);
        if surplus > 0 {
            // It frees one page a step.
            let freed = format!("PRAGMA incremental_vacuum({surplus})");
            let mut freed = self.connection.prepare(&freed)?;
            let mut rows = freed.query([])?;
            while rows.next()?.is_some() {}
        }
        Ok(())
    }

    /// Empties the log, where what is to be nowhere stands as well; whether nobody read in it.
    pub(super) fn empty_log(&self) -> Result<bool, IndexError> {
        let busy: i64 =
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        Ok(busy == 0)
    }

    /// Looks whether the file is still the one that was opened.
    pub(super) fn look(&self) -> Result<(), IndexError> {
        match fs::symlink_metadata(&self.path) {
            Ok(known) if (known.dev(), known.ino()) == self.file => Ok(()),
            _ => Err(IndexError::Gone),
        }
    }
}

/// Removes an index, whatever is in it.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    // The log first: of a file without it nothing is missing that anybody believes.
    for file in [beside(path, "-wal"), beside(path, "-shm"), path.to_owned()] {
        match fs::remove_file(file) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
            _ => {}
        }
    }
    Ok(())
}

fn lay_out(connection: &mut Connection, epoch: &Epoch) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(
        "CREATE TABLE mark (epoch TEXT NOT NULL, seq INTEGER NOT NULL) STRICT;
         CREATE TABLE rooms (
             id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, dropped INTEGER NOT NULL
         ) STRICT;
         CREATE TABLE chunks (id INTEGER PRIMARY KEY, need INTEGER NOT NULL) STRICT;
         CREATE INDEX chunks_by_need ON chunks (need DESC, id DESC) WHERE need > 0;",
    )?;
    transaction.execute("INSERT INTO mark (epoch, seq) VALUES (?1, 0)", [epoch.as_str()])?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}
