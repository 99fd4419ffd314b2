//! Finding rooms by their names, in a bounded time: there may be a million of them.

use jiff::Timestamp;
use rusqlite::params;

use super::{
    ReadError,
    read::{Reader, text, time},
};
use crate::message::RoomName;

/// Rooms that are looked through for a part of a name: all that most servers have, in some ten
/// milliseconds.
const MAX_SEARCHED_ROOMS: usize = 10_000;

/// Rooms that are looked through of those whose names begin so: in no order of the table's, each costs
/// several times as much.
const MAX_BEGINNINGS: usize = 2_000;

/// Of the rooms with the newest messages, those with a part of a name.
pub(super) const SELECT_NEWEST: &str = "SELECT name, last_sent_at FROM
    (SELECT name, last_sent_at, last_seq FROM rooms WHERE sent > dropped
     ORDER BY last_seq DESC LIMIT ?2)
    WHERE instr(name, ?1) > 0 ORDER BY last_seq DESC LIMIT ?3";

/// Of the rooms whose names begin so, those that have messages. What a name has of characters, all are
/// less than a brace.
pub(super) const SELECT_BEGINNING: &str = "SELECT name, last_sent_at FROM
    (SELECT name, last_sent_at, sent, dropped FROM rooms
     WHERE name >= ?1 AND name < ?1 || '{' ORDER BY name LIMIT ?2)
    WHERE sent > dropped ORDER BY name LIMIT ?3";

impl Reader<'_> {
    /// See [`Journal::find_rooms`](crate::journal::Journal::find_rooms).
    pub(crate) fn find_rooms(
        &self,
        part: &str,
        limit: usize,
    ) -> Result<Vec<(RoomName, Timestamp)>, ReadError> {
        let mut rooms: Vec<(RoomName, Timestamp)> = Vec::new();
        for (sql, most) in [(SELECT_NEWEST, MAX_SEARCHED_ROOMS), (SELECT_BEGINNING, MAX_BEGINNINGS)]
        {
            let mut statement = self.moment.prepare_cached(sql)?;
            let mut rows = statement.query(params![part, most, limit])?;
            while rooms.len() < limit
                && let Some(row) = rows.next()?
            {
                let name = RoomName::stored(text(row, 0)?);
                if !rooms.iter().any(|(had, _)| *had == name) {
                    rooms.push((name, time(row.get(1)?)));
                }
            }
        }
        Ok(rooms)
    }
}
