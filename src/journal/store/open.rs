use std::{
    fs::{File, TryLockError},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, config::DbConfig};

use crate::message::Epoch;

/// The layout that this program reads and writes, kept in SQLite's `user_version`.
const SCHEMA_VERSION: i64 = 1;

/// How long a statement waits for a lock. Only a backup or a repair by hand can hold one, and only
/// for moments.
const BUSY: Duration = Duration::from_secs(5);

/// One row of `journal`, one row of `rooms` per room that was ever written to.
///
/// `n` counts the messages of one room from 1, so that the number of messages between two places
/// is a subtraction. `dropped` remembers which places were trimmed and under which key, for as
/// many messages as are kept: a late reader is told how many it missed, a late retry is not
/// stored again.
const SCHEMA: &str = "
    CREATE TABLE journal (
        epoch TEXT NOT NULL,
        last INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE rooms (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        sent INTEGER NOT NULL,
        dropped INTEGER NOT NULL,
        dropped_seq INTEGER NOT NULL,
        last_sent_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE messages (
        seq INTEGER PRIMARY KEY,
        room INTEGER NOT NULL REFERENCES rooms (id),
        n INTEGER NOT NULL,
        key TEXT NOT NULL,
        sent_at INTEGER NOT NULL,
        name TEXT NOT NULL,
        text TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX messages_by_room ON messages (room, seq);
    CREATE UNIQUE INDEX messages_by_key ON messages (room, key);
    CREATE TABLE dropped (
        room INTEGER NOT NULL REFERENCES rooms (id),
        seq INTEGER NOT NULL,
        n INTEGER NOT NULL,
        key TEXT NOT NULL,
        sent_at INTEGER NOT NULL,
        PRIMARY KEY (room, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX dropped_by_key ON dropped (room, key);
";

/// Why the journal cannot be opened, in words for the operator who reads it on stderr.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory is missing, or may not be written.
    #[error("--data {}: {why}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        why: io::Error,
    },
    /// Another hubbub has it open.
    #[error("--data {}: another hubbub has this journal open", .0.display())]
    InUse(PathBuf),
    /// Not SQLite, or not a journal.
    #[error("--data {}: this file is not a hubbub journal", .0.display())]
    NotAJournal(PathBuf),
    /// Written by a later version of hubbub.
    #[error(
        "--data {}: this journal has schema version {found}, this hubbub knows up to {SCHEMA_VERSION}; use a newer hubbub", path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its `user_version`.
        found: i64,
    },
    /// The file system is full, read-only, or failing.
    #[error("--data {}: {why}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// SQLite's own words.
        why: rusqlite::Error,
    },
    /// No thread to write with.
    #[error("the journal's thread cannot be started: {0}")]
    Thread(io::Error),
}

impl OpenError {
    pub(in crate::journal) fn sqlite(path: &Path, why: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match why.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotAJournal(path),
            _ => Self::Sqlite { path, why },
        }
    }
}

/// The file beside the data that is locked while it is open, and that remembers the highest seq
/// that was given out here.
///
/// A file of its own: closing any handle on a database file would drop the locks that SQLite
/// holds on it (POSIX advisory locks belong to the process). What it remembers shows, at the next
/// start, that an older copy of the data was put in place: such a journal would give the same ids
/// to other messages, so it gets a new epoch.
pub struct Mark(File);

impl Mark {
    pub(super) fn lock(path: &Path) -> Result<Self, OpenError> {
        let io = |why| OpenError::Io { path: path.to_owned(), why };
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(beside(path, "lock")).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
            Err(TryLockError::Error(why)) => Err(io(why)),
        }
    }

    /// The highest seq that was noted, 0 where none was.
    fn read(&self) -> u64 {
        let mut digits = [0; DIGITS];
        let length = self.0.read_at(&mut digits, 0).unwrap_or(0);
        std::str::from_utf8(&digits[..length]).ok().and_then(|s| s.trim().parse().ok()).unwrap_or(0)
    }

    /// Notes the highest seq, after it was committed. Not synced: after a power cut it may be
    /// lower than the truth, never higher.
    pub(super) fn note(&self, last: u64) {
        if let Err(why) = self.0.write_all_at(format!("{last:>DIGITS$}").as_bytes(), 0) {
            tracing::debug!(%why, "the highest seq could not be noted");
        }
    }
}

/// What every `u64` fits in.
const DIGITS: usize = 20;

/// `hubbub.db` → `hubbub.db.lock`: what belongs to a journal lies beside it under its name.
pub(super) fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

/// The one connection that writes, with everything in place, and the journal's epoch.
pub(super) fn writable(path: &Path, mark: &Mark) -> Result<(Connection, Epoch), OpenError> {
    let sqlite = |why| OpenError::sqlite(path, why);
    // One thread at a time has the connection, so SQLite need not lock at every call.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
    connection.busy_timeout(BUSY).map_err(sqlite)?;
    settle_plans(&connection).map_err(sqlite)?;

    let version: i64 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(sqlite)?;
    match version {
        0 => create(&mut connection, path)?,
        SCHEMA_VERSION => {}
        found if found > SCHEMA_VERSION => {
            return Err(OpenError::Newer { path: path.to_owned(), found });
        }
        _ => return Err(OpenError::NotAJournal(path.to_owned())),
    }

    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .map_err(sqlite)?;
    if mode != "wal" {
        let why = io::Error::other(format!("write-ahead logging is not possible here ({mode})"));
        return Err(OpenError::Io { path: path.to_owned(), why });
    }
    // FULL syncs the log on every commit: what is acknowledged survives a power cut.
    connection.pragma_update(None, "synchronous", "full").map_err(sqlite)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(sqlite)?;

    let found: Option<(String, u64)> = connection
        .query_row("SELECT epoch, last FROM journal", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .map_err(sqlite)?;
    let no_journal = || OpenError::NotAJournal(path.to_owned());
    let (epoch, last) = found.ok_or_else(no_journal)?;
    let mut epoch = Epoch::parse(&epoch).ok_or_else(no_journal)?;
    if mark.read() > last {
        epoch = Epoch::fresh();
        connection.execute("UPDATE journal SET epoch = ?1", [epoch.as_str()]).map_err(sqlite)?;
    }
    mark.note(last);
    Ok((connection, epoch))
}

/// Makes the tables in a file that has none. Somebody else's database is left alone.
fn create(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let sqlite = |why| OpenError::sqlite(path, why);
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(sqlite)?;
    if tables > 0 {
        return Err(OpenError::NotAJournal(path.to_owned()));
    }
    // Freed pages go back to the file system in small steps (`incremental_vacuum`); this can only
    // be chosen while the file is empty.
    connection.pragma_update(None, "auto_vacuum", "incremental").map_err(sqlite)?;
    let transaction = connection.transaction().map_err(sqlite)?;
    transaction.execute_batch(SCHEMA).map_err(sqlite)?;
    transaction
        .execute("INSERT INTO journal (epoch, last) VALUES (?1, 0)", [Epoch::fresh().as_str()])
        .map_err(sqlite)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(sqlite)?;
    transaction.commit().map_err(sqlite)
}

/// A connection for readings.
pub(super) fn readable(path: &Path) -> Result<Connection, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    settle_plans(&connection)?;
    Ok(connection)
}

/// Keeps a statement's first plan. Otherwise SQLite plans it anew whenever other values are bound,
/// in case its statistics (there are none here) favour another index: a quarter of the writer's
/// time.
fn settle_plans(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}
