//! Entries on their way into the index.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::{super::token, CHUNK, MAX_ROOMS, Need, create, table};
use crate::message::{Message, RoomName, State};

/// Entries that are taken in together.
pub(super) struct Batch<'a> {
    pub connection: &'a Connection,
    pub rooms: &'a mut HashMap<RoomName, i64>,
    pub newest: Option<u64>,
    pub tokens: &'a mut String,
}

impl Batch<'_> {
    pub(super) fn add(&mut self, message: &Message) -> Result<(), rusqlite::Error> {
        let chunk = message.seq().get() / CHUNK;
        if self.newest.is_none_or(|newest| newest < chunk) {
            self.connection.execute_batch(&create(&table(chunk)))?;
            self.connection.execute("INSERT INTO chunks (id, need) VALUES (?1, 0)", [chunk])?;
            if let Some(complete) = self.newest.replace(chunk) {
                note(self.connection, complete, Need::Tidy)?;
            }
        }
        self.put(message)
    }

    /// Puts a message's words there, which has none yet.
    fn put(&mut self, message: &Message) -> Result<(), rusqlite::Error> {
        let seq = message.seq().get();
        let table = table(seq / CHUNK);
        let room = format!("r{}", self.room(&message.room)?);
        self.tokens.clear();
        token::write(message.text.as_str(), self.tokens);
        self.connection
            .prepare_cached(&format!(
                "INSERT INTO {table} (rowid, room, text) VALUES (?1, ?2, ?3)"
            ))?
            .execute(params![seq, room, &*self.tokens])?;
        Ok(())
    }

    /// A message is another by now: it has other words, or none.
    pub(super) fn change(&mut self, message: &Message) -> Result<(), rusqlite::Error> {
        let seq = message.seq().get();
        let chunk = seq / CHUNK;
        let name = table(chunk);
        // What is not in it was trimmed, or its chunk dropped.
        let exists: bool = self
            .connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM chunks WHERE id = ?1)")?
            .query_row([chunk], |row| row.get(0))?;
        if !exists {
            return Ok(());
        }
        let gone = self
            .connection
            .prepare_cached(&format!("DELETE FROM {name} WHERE rowid = ?1"))?
            .execute([seq])?;
        if gone == 0 {
            return Ok(());
        }
        note(self.connection, chunk, Need::Forget)?;
        if message.state == State::Removed { Ok(()) } else { self.put(message) }
    }

    fn room(&mut self, name: &RoomName) -> Result<i64, rusqlite::Error> {
        if let Some(id) = self.rooms.get(name) {
            return Ok(*id);
        }
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO rooms (name, dropped) VALUES (?1, 0)")?
            .execute([name.as_str()])?;
        let id = self
            .connection
            .prepare_cached("SELECT id FROM rooms WHERE name = ?1")?
            .query_row([name.as_str()], |row| row.get(0))?;
        if self.rooms.len() >= MAX_ROOMS {
            self.rooms.clear();
        }
        self.rooms.insert(name.clone(), id);
        Ok(id)
    }
}

fn note(connection: &Connection, chunk: u64, need: Need) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached("UPDATE chunks SET need = max(need, ?2) WHERE id = ?1")?
        .execute(params![chunk, need as i64])?;
    Ok(())
}

/// Takes a room's messages out of all chunks, those after `from` and up to `upto`.
pub(super) fn delete(
    connection: &Connection,
    room: i64,
    from: u64,
    upto: u64,
) -> Result<(), rusqlite::Error> {
    let chunks: Vec<u64> = connection
        .prepare_cached("SELECT id FROM chunks WHERE id >= ?1 AND id <= ?2")?
        .query_map([from / CHUNK, upto / CHUNK], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for chunk in chunks {
        let table = table(chunk);
        let gone = connection
            .prepare_cached(&format!(
                "DELETE FROM {table} WHERE rowid IN (
                     SELECT rowid FROM {table} WHERE {table} MATCH ?1 AND rowid > ?2 AND rowid <= ?3
                 )"
            ))?
            .execute(params![format!("room : \"r{room}\""), from, upto])?;
        if gone > 0 {
            note(connection, chunk, Need::Tidy)?;
        }
    }
    Ok(())
}
