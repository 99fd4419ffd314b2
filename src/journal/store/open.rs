use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use super::{
    check::{self, Evidence},
    migrate::{self, SCHEMA_VERSION},
};

/// How long a statement waits for a lock. Only a backup or a repair by hand can hold one. Senders
/// wait as well, a little longer than this, so that the lock alone refuses none of them.
pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_secs(9);

/// How long the writer waits for one at a time: then it looks whether it is to stop.
pub(super) const LOCK_TURN: Duration = Duration::from_millis(100);

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
    /// The log beside it is another file's.
    #[error(
        "--data {path}: this file and {path}-wal do not belong together, as where a copy was put in the place of a file whose log was left; run `hubbub restore COPY`, or remove {path}-wal to take this file as it is",
        path = .0.display()
    )]
    Apart(PathBuf),
    /// It contradicts itself.
    #[error(
        "--data {}: this journal is damaged, or a mixture of two ({why}); run `hubbub restore COPY` to go back to a copy",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found first.
        why: String,
    },
    /// The file system is full.
    #[error("--data {}: the disk is full", .0.display())]
    Full(PathBuf),
    /// The file system is read-only, or failing.
    #[error("--data {}: {why}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// SQLite's own words.
        why: rusqlite::Error,
    },
    /// NATS, which nodes share.
    #[cfg(feature = "nats")]
    #[error(transparent)]
    Nats(#[from] crate::nats::LinkError),
    /// No thread to write with.
    #[error("the journal's thread cannot be started: {0}")]
    Thread(io::Error),
}

impl OpenError {
    pub(in crate::journal) fn sqlite(path: &Path, why: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match why.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotAJournal(path),
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path, why: why.to_string() },
            Some(ErrorCode::DiskFull) => Self::Full(path),
            _ => Self::Sqlite { path, why },
        }
    }

    /// The same, on a disk that is full: SQLite does not always know that this is why.
    pub(super) fn or_full(self) -> Self {
        match self {
            Self::Sqlite { path, why }
                if why.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) =>
            {
                Self::Full(path)
            }
            // SQLite's as well.
            Self::Io { path, why } if why.kind() == io::ErrorKind::Other => Self::Full(path),
            why => why,
        }
    }

    pub(in crate::journal) fn io(path: &Path, why: io::Error) -> Self {
        let path = path.to_owned();
        match why.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full(path),
            _ => Self::Io { path, why },
        }
    }
}

/// The one connection that writes, with everything in place; and how long the data was checked,
/// where it was. What is refused is left as it was, its log as well.
pub(super) fn writable(
    path: &Path,
    evidence: Evidence,
) -> Result<(Connection, Option<Duration>), OpenError> {
    let sqlite = |why| OpenError::sqlite(path, why);
    // One thread at a time has the connection, so SQLite need not lock at every call.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
    connection.busy_timeout(LOCK_TIMEOUT).map_err(sqlite)?;
    settle(&connection).map_err(sqlite)?;
    fold_when_closed(&connection, false).map_err(sqlite)?;
    // Checkpoints are `Watch`'s.
    connection.pragma_update(None, "wal_autocheckpoint", 0).map_err(sqlite)?;
    let checked = check::unless_as_left(&connection, path, evidence)?;
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
    // What is removed is overwritten, wherever in the file it stood.
    connection.pragma_update(None, "secure_delete", true).map_err(sqlite)?;
    // Nothing larger than a log of the usual length is left behind.
    connection.pragma_update(None, "journal_size_limit", 16 << 20).map_err(sqlite)?;
    // What a full room of the default size changes with each send, and some more: 16 MB, where
    // SQLite's own 2 are read again and again.
    connection.pragma_update(None, "cache_size", -(16 << 10)).map_err(sqlite)?;
    fold_when_closed(&connection, true).map_err(sqlite)?;
    Ok((connection, checked))
}

/// Whether the log is folded into the file and removed when the last connection closes.
pub(crate) fn fold_when_closed(connection: &Connection, fold: bool) -> Result<(), rusqlite::Error> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !fold).map(|_| ())
}

/// A connection for readings.
pub(super) fn readable(path: &Path) -> Result<Connection, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(LOCK_TIMEOUT)?;
    settle(&connection)?;
    Ok(connection)
}

/// The file by itself, as if it had no log: for a look at what a checkpoint has put there. It takes
/// no locks.
pub(super) fn alone(path: &Path) -> Result<Connection, rusqlite::Error> {
    use std::{fmt::Write as _, os::unix::ffi::OsStrExt as _};

    let mut name = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' => name.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => name.push(char::from(*byte)),
            // RFC 3986, section 2.1.
            byte => write!(name, "%{byte:02X}").expect("a string takes all"),
        }
    }
    name.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(name, flags)?;
    // Else a file is refused that lacks its last pages, which are in the log.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, true)?;
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
