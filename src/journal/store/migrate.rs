//! The tables, and how a file of an earlier hubbub gets them.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::open::OpenError;

/// Each step from one layout to the next; a file's `user_version` counts those it has had. A step
/// that was released is never changed.
///
/// Not by the crate that does this for rusqlite: it follows it at a distance, which pins the
/// SQLite that we ship.
const STEPS: [&str; 6] = [
    // One row of `journal`, one row of `rooms` per room that was ever written to. `n` counts the
    // messages of one room from 1, so that the number of messages between two places is a
    // subtraction.
    "
    CREATE TABLE journal (
        epoch TEXT NOT NULL,
        last INTEGER NOT NULL
    ) STRICT;
    INSERT INTO journal (epoch, last) VALUES ('', 0);
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
    ",
    // Messages become entries of several kinds, whose numbers and bodies are
    // `message::Entry`'s. Renaming and adding write no row.
    //
    // What was trimmed stays where it was, as a tombstone: kind 0, no name, and for a body the
    // digest of what it was (nothing for those of version 1, which kept none). It tells how many
    // messages a late reader missed, and a late retry from a new message. Everything of a room up
    // to `dropped_seq` is trimmed; up to `emptied_seq` it is a tombstone too, and between the two
    // a row waits to become one, so that one statement does many.
    //
    // An entry that is no message takes the `n` of the message before it, and has a key like
    // every other.
    //
    // `oldest_sent_at` is never later than the first kept message of the room was sent, and NULL
    // where none is kept: whoever trims by age looks at the rooms that may have something old.
    "
    ALTER TABLE messages RENAME TO entries;
    ALTER TABLE entries RENAME COLUMN text TO body;
    ALTER TABLE entries ADD COLUMN kind INTEGER NOT NULL DEFAULT 1;
    INSERT OR IGNORE INTO entries (seq, room, n, key, sent_at, name, body, kind)
        SELECT seq, room, n, key, sent_at, '', '', 0 FROM dropped ORDER BY seq;
    DROP TABLE dropped;
    ALTER TABLE rooms ADD COLUMN emptied_seq INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE rooms ADD COLUMN oldest_sent_at INTEGER;
    UPDATE rooms SET emptied_seq = dropped_seq, oldest_sent_at = (
        SELECT sent_at FROM entries WHERE room = rooms.id AND seq > dropped_seq
        ORDER BY seq LIMIT 1
    );
    CREATE INDEX rooms_by_last_sent_at ON rooms (last_sent_at) WHERE sent > dropped;
    CREATE INDEX rooms_by_oldest_sent_at ON rooms (oldest_sent_at);
    ",
    // Which room was written to last is told by seqs: a clock that was ahead had one in front for
    // as long.
    "
    ALTER TABLE rooms ADD COLUMN last_seq INTEGER NOT NULL DEFAULT 0;
    UPDATE rooms SET last_seq =
        coalesce((SELECT max(seq) FROM entries WHERE room = rooms.id), dropped_seq);
    DROP INDEX rooms_by_last_sent_at;
    CREATE INDEX rooms_by_last_seq ON rooms (last_seq) WHERE sent > dropped;
    ",
    // A room that nobody wrote to for long is forgotten, when none of its messages is kept. Up to
    // `forgotten_seq` there may have been messages of rooms that have no row; a row that is made
    // later notes it as `born_seq`: what there was up to there is not known.
    "
    ALTER TABLE journal ADD COLUMN forgotten_seq INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE rooms ADD COLUMN born_seq INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX rooms_by_silence ON rooms (last_sent_at) WHERE sent = dropped;
    ",
    // Messages can be changed. `author` is who may, as far as the key does not prove it; `first` is
    // not NULL once it is something else (kinds 4 and 5): a retry is known by its key then. A change is an entry (kinds 2 and 3) whose body is the seq and the time of its message,
    // and whose key is a space and that seq: there is one of a message at most, the last.
    //
    // `erased` counts the times that something was to be gone from the disk: the log holds it until
    // all of it is folded into the file.
    "
    ALTER TABLE entries ADD COLUMN author BLOB;
    ALTER TABLE entries ADD COLUMN first TEXT;
    ALTER TABLE journal ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;
    ",
    // Rules, by what they are about; `until` is when one ends by itself. What was done, for the
    // operator: `line` counts them as they come, which on a node that has to catch up may be late.
    "
    CREATE TABLE rules (
        key TEXT PRIMARY KEY,
        seq INTEGER NOT NULL,
        until INTEGER,
        body TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX rules_by_until ON rules (until) WHERE until IS NOT NULL;
    CREATE TABLE acts (
        line INTEGER PRIMARY KEY,
        seq INTEGER NOT NULL,
        at INTEGER NOT NULL,
        by TEXT NOT NULL,
        what TEXT NOT NULL,
        room TEXT,
        target TEXT
    ) STRICT;
    CREATE UNIQUE INDEX acts_by_seq ON acts (seq);
    UPDATE entries SET first = '' WHERE first IS NOT NULL;
    ",
];

/// The layout that this program reads and writes, kept in SQLite's `user_version`.
#[expect(clippy::cast_possible_wrap, reason = "a handful")]
pub(super) const SCHEMA_VERSION: i64 = STEPS.len() as i64;

/// The schema version of what is there, 0 for an empty file. Somebody else's database, and a later
/// hubbub's, is left alone.
pub(super) fn identify(connection: &Connection, path: &Path) -> Result<i64, OpenError> {
    let sqlite = |why| OpenError::sqlite(path, why);
    let version: i64 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(sqlite)?;
    let tables = |named: &str| -> Result<i64, OpenError> {
        let sql = format!("SELECT count(*) FROM sqlite_schema WHERE {named}");
        connection.query_row(&sql, [], |row| row.get(0)).map_err(sqlite)
    };
    if version > SCHEMA_VERSION {
        return Err(OpenError::Newer { path: path.to_owned(), found: version });
    }
    let ours = match version {
        0 => tables("true")? == 0,
        1.. => tables("type = 'table' AND name IN ('journal', 'rooms')")? == 2,
        _ => false,
    };
    if ours { Ok(version) } else { Err(OpenError::NotAJournal(path.to_owned())) }
}

/// Brings the tables of an older file, or of a new one, to [`SCHEMA_VERSION`], in one
/// transaction.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let sqlite = |why| OpenError::sqlite(path, why);
    let version = identify(connection, path)?;
    let steps = usize::try_from(version).ok().and_then(|had| STEPS.get(had..));
    let steps = steps.ok_or_else(|| OpenError::NotAJournal(path.to_owned()))?;
    if steps.is_empty() {
        return Ok(());
    }
    if version == 0 {
        // Freed pages go back to the file system in small steps (`incremental_vacuum`); this can
        // only be chosen while the file is empty.
        connection.pragma_update(None, "auto_vacuum", "incremental").map_err(sqlite)?;
    } else {
        tracing::info!("bringing the journal from schema version {version} to {SCHEMA_VERSION}");
    }
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
    for step in steps {
        transaction.execute_batch(step).map_err(sqlite)?;
    }
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(sqlite)?;
    transaction.commit().map_err(sqlite)
}
