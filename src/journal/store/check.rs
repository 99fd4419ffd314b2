//! Whether a file is what was left here, and whole.

use std::{
    io,
    os::unix::fs::FileExt as _,
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::Connection;

use super::{
    fingerprint::{self, Fingerprint, OFFSET as MARK_BYTES},
    lock::Lock,
    migrate::{self, SCHEMA_VERSION},
    open::OpenError,
    read::Totals,
};

/// What speaks for the data and its log before they are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// They are as hubbub left them, as far as some pages tell.
    AsLeft {
        /// The highest seq that was given out here, where it is known.
        upto: u64,
    },
    /// Nothing: they come from elsewhere, or from a hubbub that noted nothing.
    Nothing {
        /// Whether there is a log.
        log: bool,
    },
}

/// Looks at what was noted beside the data. Reads some pages only, whatever the size of the file.
///
/// # Errors
///
/// [`OpenError::Apart`] where the log belongs to another file.
pub(super) fn evidence(lock: &Lock) -> Result<Evidence, OpenError> {
    let io = |why| OpenError::io(lock.path(), why);
    let log = lock.beside("-wal");
    let has_log = fingerprint::has_pages(&log);
    // SQLite removes the log of an empty file, and all that it holds.
    let is_empty = lock.data().metadata().map_err(io)?.len() == 0;
    if is_empty && has_log {
        return Err(OpenError::Apart(lock.path().to_owned()));
    }
    let Some(noted) = Fingerprint::noted(lock.mark()).map_err(io)? else {
        return Ok(Evidence::Nothing { log: has_log });
    };
    let as_left = Evidence::AsLeft { upto: noted_seq(lock).map_err(io)? };
    if noted.matches(lock.data()).map_err(io)? {
        return Ok(as_left);
    }
    match has_log {
        false => Ok(Evidence::Nothing { log: false }),
        true if noted.is_explained_by(&log, lock.data()).map_err(io)? => Ok(as_left),
        true => Err(OpenError::Apart(lock.path().to_owned())),
    }
}

/// The highest seq that was noted beside the data; 0 where there is none, as with a node's.
fn noted_seq(lock: &Lock) -> io::Result<u64> {
    let mut bytes = [0; MARK_BYTES];
    let length = lock.mark().read_at(&mut bytes, 0)?;
    let noted = str::from_utf8(&bytes[..length]).unwrap_or_default();
    Ok(noted.split_ascii_whitespace().next().and_then(|seq| seq.parse().ok()).unwrap_or(0))
}

fn last(connection: &Connection, path: &Path) -> Result<u64, OpenError> {
    let last = connection.query_row("SELECT last FROM journal", [], |row| row.get(0));
    last.map_err(|why| OpenError::sqlite(path, why))
}

/// Checks the journal that is open where nothing speaks for it, and answers how long that took.
pub(super) fn unless_as_left(
    connection: &Connection,
    path: &Path,
    evidence: Evidence,
) -> Result<Option<Duration>, OpenError> {
    let version = migrate::identify(connection, path)?;
    match (evidence, version) {
        (_, 0) => Ok(None),
        // Where some is missing, a log was cut off, which may have left a part of a checkpoint.
        (Evidence::AsLeft { upto }, _) if last(connection, path)? >= upto => Ok(None),
        (Evidence::AsLeft { .. }, _) => content(connection, path, version, true).map(Some),
        (Evidence::Nothing { log }, _) => content(connection, path, version, log).map(Some),
    }
}

/// Checks a journal by itself: what it holds, and how long the check took.
///
/// # Errors
///
/// [`OpenError`] where it is none, or not whole.
pub(crate) fn inspect(
    connection: &Connection,
    path: &Path,
    with_log: bool,
) -> Result<(Totals, Duration), OpenError> {
    let version = migrate::identify(connection, path)?;
    if version == 0 {
        return Err(OpenError::NotAJournal(path.to_owned()));
    }
    let took = content(connection, path, version, with_log)?;
    let totals = Totals::read(connection).map_err(|why| OpenError::sqlite(path, why))?;
    Ok((totals, took))
}

/// Reads all of it, and changes nothing. The rules are those of this schema; a journal of an earlier
/// one is held to SQLite's own.
fn content(
    connection: &Connection,
    path: &Path,
    version: i64,
    with_log: bool,
) -> Result<Duration, OpenError> {
    let sqlite = |why| OpenError::sqlite(path, why);
    let damaged = |why: &str| OpenError::Damaged { path: path.to_owned(), why: why.to_owned() };
    let begun = Instant::now();
    // The quick one finds pages that are lost or used twice, and counts the rows of each index; the
    // other looks each row up in each, and takes five times as long.
    let check = if with_log { "integrity_check" } else { "quick_check" };
    let found: String = connection
        .query_row(&format!("PRAGMA {check}(1)"), [], |row| row.get(0))
        .map_err(sqlite)?;
    if found != "ok" {
        return Err(damaged(found.lines().last().unwrap_or_default()));
    }
    let rules = if version == SCHEMA_VERSION { &RULES[..] } else { &[] };
    for (sql, wrong) in rules {
        if connection.query_row(sql, [], |row| row.get(0)).map_err(sqlite)? {
            return Err(damaged(wrong));
        }
    }
    Ok(begun.elapsed())
}

/// What must not be, found by indexes. The newest message is removed only with its room, which is
/// noted: else its tombstone stays. A rule that is put has its place in the log of what was done. What a
/// node follows has places without either.
const RULES: [(&str, &str); 3] = [
    ("SELECT count(*) <> 1 FROM journal", "it has no highest seq"),
    (
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'node')
             THEN last < coalesce((SELECT max(seq) FROM entries), 0)
             ELSE last NOT IN (
                 max(coalesce((SELECT max(seq) FROM entries), 0),
                     coalesce((SELECT max(seq) FROM acts), 0)),
                 forgotten_seq) END
         FROM journal",
        "its newest message and its highest seq differ",
    ),
    (
        "SELECT EXISTS (SELECT 1 FROM rooms WHERE sent < dropped OR sent < coalesce(
             (SELECT n FROM entries WHERE room = rooms.id ORDER BY seq DESC LIMIT 1), 0))",
        "a room has more messages than it was sent",
    ),
];
