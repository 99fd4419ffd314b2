//! Looking into the index: the newest places first, chunk by chunk.

use std::time::Instant;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, params};

use super::{
    Search,
    index::{CHUNK, HALT_OPS, table},
};
use crate::message::{RoomName, Seq};

/// Idle connections that are kept: as many searches run at once on a usual machine.
const MAX_IDLE: usize = 4;

/// What is looked for in the index.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// The words, as the index's query language has them.
    pub words: String,
    /// The room; `None` for all.
    pub room: Option<RoomName>,
    /// Rooms that are passed over.
    pub without: Vec<RoomName>,
}

/// Some places, the newest first.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// They.
    pub seqs: Vec<Seq>,
    /// Where older ones are to be looked for; `None` where there are none.
    pub older: Option<Seq>,
    /// Whether it was interrupted.
    pub in_time: bool,
}

impl Search {
    /// Up to `limit` places before one. Blocks.
    pub(super) fn places(
        &self,
        wanted: &Wanted,
        before: Seq,
        limit: usize,
        until: Instant,
    ) -> Result<Places, rusqlite::Error> {
        let file = self.progress().file;
        if file == 0 {
            return Ok(Places { in_time: true, ..Places::default() });
        }
        let idle = {
            let mut readers = self.readers();
            readers.retain(|(its, _)| *its == file);
            readers.pop()
        };
        let mut connection = match idle {
            Some((_, connection)) => connection,
            None => self.connect()?,
        };
        let halt = self.halt(Some(until));
        connection.progress_handler(HALT_OPS, Some(move || halt.is_given()))?;
        let places = look(&mut connection, wanted, before, limit)?;
        let mut readers = self.readers();
        if readers.len() < MAX_IDLE && self.progress().file == file {
            readers.push((file, connection));
        }
        Ok(places)
    }

    fn connect(&self) -> Result<Connection, rusqlite::Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.0.path, flags)?;
        connection.pragma_update(None, "temp_store", "memory")?;
        Ok(connection)
    }
}

fn look(
    connection: &mut Connection,
    wanted: &Wanted,
    before: Seq,
    limit: usize,
) -> Result<Places, rusqlite::Error> {
    let before = i64::try_from(before.get()).unwrap_or(i64::MAX).unsigned_abs();
    let mut places = Places { in_time: true, ..Places::default() };
    if before == 0 {
        return Ok(places);
    }
    // One moment: a chunk that is dropped meanwhile is there to the end.
    let moment = connection.transaction()?;
    let Some(expression) = expression(&moment, wanted)? else { return Ok(places) };
    let mut chunks =
        moment.prepare_cached("SELECT id FROM chunks WHERE id <= ?1 ORDER BY id DESC")?;
    let mut chunks = chunks.query([(before - 1) / CHUNK])?;
    let mut reached = before;
    while let Some(row) = chunks.next()? {
        let chunk: u64 = row.get(0)?;
        let table = table(chunk);
        let mut found = moment.prepare_cached(&format!(
            "SELECT rowid FROM {table} WHERE {table} MATCH ?1 AND rowid < ?2
             ORDER BY rowid DESC LIMIT ?3"
        ))?;
        let mut rows = found.query(params![expression, before, limit - places.seqs.len()])?;
        loop {
            match rows.next() {
                Ok(Some(row)) => {
                    reached = row.get(0)?;
                    places.seqs.push(Seq::new(reached));
                }
                Ok(None) => break,
                Err(why) if is_interrupted(&why) => {
                    (places.older, places.in_time) = (Some(Seq::new(reached)), false);
                    return Ok(places);
                }
                Err(why) => return Err(why),
            }
        }
        if places.seqs.len() >= limit {
            places.older = Some(Seq::new(reached));
            return Ok(places);
        }
        // All of the chunk was looked through.
        reached = chunk * CHUNK;
    }
    Ok(places)
}

/// The whole expression; `None` where the index has nothing of the room.
fn expression(connection: &Connection, wanted: &Wanted) -> Result<Option<String>, rusqlite::Error> {
    let mut id = connection.prepare_cached("SELECT id FROM rooms WHERE name = ?1")?;
    let mut token = |room: &RoomName| -> Result<Option<String>, rusqlite::Error> {
        let id = id.query_row([room.as_str()], |row| row.get::<_, i64>(0)).optional()?;
        Ok(id.map(|id| format!("\"r{id}\"")))
    };
    let words = &wanted.words;
    if let Some(room) = &wanted.room {
        return Ok(token(room)?.map(|room| format!("room : {room} AND {words}")));
    }
    let without: Result<Vec<_>, _> =
        wanted.without.iter().filter_map(|room| token(room).transpose()).collect();
    let without = without?.join(" OR ");
    Ok(Some(if without.is_empty() {
        words.clone()
    } else {
        format!("({words}) NOT (room : ({without}))")
    }))
}

pub(super) fn is_interrupted(why: &rusqlite::Error) -> bool {
    why.sqlite_error_code() == Some(ErrorCode::OperationInterrupted)
}
