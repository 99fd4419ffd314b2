use std::{
    fs::{File, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use super::migrate::{self, SCHEMA_VERSION};

/// How long a statement waits for a lock. Only a backup or a repair by hand can hold one. Senders
/// wait as well, a little longer than this, so that the lock alone refuses none of them.
pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_secs(9);

/// Read and written by its owner.
const PRIVATE: u32 = 0o600;

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

/// The file beside the data that is locked while it is open, so that no second process writes.
///
/// A file of its own: closing any handle on a database file would drop the locks that SQLite
/// holds on it (POSIX advisory locks belong to the process).
pub(crate) struct Lock(File);

impl Lock {
    /// Takes it.
    pub(crate) fn take(path: &Path) -> Result<Self, OpenError> {
        let lock = beside(path, "lock");
        let io = |why| OpenError::Io { path: lock.clone(), why };
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false).mode(PRIVATE);
        let file = options.open(&lock).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
            Err(TryLockError::Error(why)) => Err(io(why)),
        }
    }

    /// The file, for what is noted in it. The lock is held for as long as either is.
    pub(crate) fn file(&self) -> io::Result<File> {
        self.0.try_clone()
    }
}

/// `hubbub.db` → `hubbub.db.lock`: what belongs to a journal lies beside it under its name.
fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

/// Makes the journal's file where there is none, for nobody else to read, whatever the umask: what
/// SQLite lays beside it has the mode of the file itself. One that is there keeps its mode: to whom
/// it was opened by hand is its owner's business.
fn make(path: &Path) -> Result<(), OpenError> {
    match File::options().write(true).create_new(true).mode(PRIVATE).open(path) {
        Err(why) if why.kind() != io::ErrorKind::AlreadyExists => {
            Err(OpenError::Io { path: path.to_owned(), why })
        }
        _ => Ok(()),
    }
}

/// The one connection that writes, with everything in place.
pub(super) fn writable(path: &Path) -> Result<Connection, OpenError> {
    let sqlite = |why| OpenError::sqlite(path, why);
    make(path)?;
    // One thread at a time has the connection, so SQLite need not lock at every call.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
    connection.busy_timeout(LOCK_TIMEOUT).map_err(sqlite)?;
    settle(&connection).map_err(sqlite)?;
    migrate::migrate(&mut connection, path)?;

    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .map_err(sqlite)?;
    if mode != "wal" {
        let why = io::Error::other(format!("write-ahead logging is not possible here ({mode})"));
        return Err(OpenError::Io { path: path.to_owned(), why });
    }
    // FULL syncs the log on every commit: what is acknowledged survives a power cut.
    connection.pragma_update(None, "synchronous", "full").map_err(sqlite)?;
    // The one writer gives each entry the number of a row that it has before it, and rooms stay.
    // Checked, each insert would look for that row, and each deletion gather its rows first.
    connection.pragma_update(None, "foreign_keys", false).map_err(sqlite)?;
    // The log is folded into the file every 4,000 pages (16 MB), SQLite's own being 1,000: a page
    // that many commits changed is then copied once. Nothing larger is left behind.
    connection.pragma_update(None, "wal_autocheckpoint", 4000).map_err(sqlite)?;
    connection.pragma_update(None, "journal_size_limit", 16 << 20).map_err(sqlite)?;
    // What a full room of the default size changes with each send, and some more: 16 MB, where
    // SQLite's own 2 are read again and again.
    connection.pragma_update(None, "cache_size", -(16 << 10)).map_err(sqlite)?;
    Ok(connection)
}

/// A connection for readings.
pub(super) fn readable(path: &Path) -> Result<Connection, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(LOCK_TIMEOUT)?;
    settle(&connection)?;
    Ok(connection)
}

/// What every connection is told.
fn settle(connection: &Connection) -> Result<(), rusqlite::Error> {
    // Keeps a statement's first plan. Otherwise SQLite plans it anew whenever other values are
    // bound, in case its statistics (there are none here) favour another index: a quarter of the
    // writer's time.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // Else it makes, and removes, files in a directory that may be full or read-only.
    connection.pragma_update(None, "temp_store", "memory")
}
