//! The rooms that are written to, in the writer's memory: there is one writer, so what it wrote
//! need not be read again.

use std::collections::{HashMap, VecDeque};

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::read::{signed, text};
use crate::message::RoomName;

/// Rooms that are remembered between batches: some 200 bytes each. One that is not costs a batch
/// one look into the file.
const MAX_KNOWN: usize = 4096;

/// What a room's row holds, in the order of [`room_columns`].
#[derive(Clone, Debug)]
pub(super) struct Room {
    /// The row's number, once there is one.
    pub id: Option<i64>,
    pub name: RoomName,
    /// How many messages it was ever sent.
    pub sent: u64,
    /// How many of them were trimmed.
    pub dropped: u64,
    /// The place of the last that was.
    pub dropped_seq: u64,
    /// Up to here, what was trimmed is tombstones.
    pub emptied_seq: u64,
    /// When it was last written to, in milliseconds.
    pub last_sent_at: i64,
    /// No kept message is known to be older than this.
    pub oldest_sent_at: Option<i64>,
    /// The place of its newest entry.
    pub last_seq: u64,
    /// Of what was trimmed, how many are no tombstones yet.
    pub pending: u64,
    /// How many were stored in this batch.
    pub stored: u64,
}

/// The columns of a [`Room`].
macro_rules! room_columns {
    () => {
        "id, name, sent, dropped, dropped_seq, emptied_seq, last_sent_at, oldest_sent_at,
         last_seq"
    };
}
pub(crate) use room_columns;

impl Room {
    fn new(name: &RoomName) -> Self {
        Self {
            id: None,
            name: name.clone(),
            sent: 0,
            dropped: 0,
            dropped_seq: 0,
            emptied_seq: 0,
            last_sent_at: 0,
            oldest_sent_at: None,
            last_seq: 0,
            pending: 0,
            stored: 0,
        }
    }

    pub(super) fn from_row(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        let (dropped, dropped_seq, emptied_seq) = (row.get(3)?, row.get(4)?, row.get(5)?);
        Ok(Self {
            id: Some(row.get(0)?),
            name: RoomName::stored(text(row, 1)?),
            sent: row.get(2)?,
            dropped,
            dropped_seq,
            emptied_seq,
            last_sent_at: row.get(6)?,
            oldest_sent_at: row.get(7)?,
            last_seq: row.get(8)?,
            // How many those are is not kept: as many as there can be, so they are next.
            pending: if emptied_seq < dropped_seq { dropped } else { 0 },
            stored: 0,
        })
    }

    /// Reads it, or gives one without a row.
    pub(super) fn load(connection: &Connection, name: &RoomName) -> Result<Self, rusqlite::Error> {
        let mut statement = connection.prepare_cached(concat!(
            "SELECT ",
            room_columns!(),
            " FROM rooms WHERE name = ?1"
        ))?;
        let found = statement.query_row([name.as_str()], Self::from_row).optional()?;
        Ok(found.unwrap_or_else(|| Self::new(name)))
    }

    /// Makes its row, and gives the number of it.
    pub(super) fn create(&mut self, connection: &Connection) -> Result<i64, rusqlite::Error> {
        if let Some(id) = self.id {
            return Ok(id);
        }
        let (id, forgotten) = connection
            .prepare_cached(
                "INSERT INTO rooms (name, sent, dropped, dropped_seq, emptied_seq, born_seq,
                 last_sent_at) SELECT ?1, 0, 0, forgotten_seq, forgotten_seq, forgotten_seq, 0
                 FROM journal RETURNING id, dropped_seq",
            )?
            .query_row([self.name.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        self.id = Some(id);
        (self.dropped_seq, self.emptied_seq) = (forgotten, forgotten);
        Ok(id)
    }

    /// Writes what changes with every batch.
    pub(super) fn save(&self, connection: &Connection) -> Result<(), rusqlite::Error> {
        connection
            .prepare_cached(
                "UPDATE rooms SET sent = ?2, dropped = ?3, dropped_seq = ?4, emptied_seq = ?5,
                 last_sent_at = ?6, last_seq = ?7 WHERE id = ?1",
            )?
            .execute(params![
                self.id,
                signed(self.sent),
                signed(self.dropped),
                signed(self.dropped_seq),
                signed(self.emptied_seq),
                self.last_sent_at,
                signed(self.last_seq),
            ])
            .map(|_| ())
    }

    /// Writes what changes when a room is trimmed by age.
    pub(super) fn save_trimmed(&self, connection: &Connection) -> Result<(), rusqlite::Error> {
        connection
            .prepare_cached(
                "UPDATE rooms SET dropped = ?2, dropped_seq = ?3, emptied_seq = ?4,
                 oldest_sent_at = ?5 WHERE id = ?1",
            )?
            .execute(params![
                self.id,
                signed(self.dropped),
                signed(self.dropped_seq),
                signed(self.emptied_seq),
                self.oldest_sent_at,
            ])
            .map(|_| ())
    }

    /// Writes its oldest message's time, which rarely changes and has an index to be kept.
    pub(super) fn save_oldest(&self, connection: &Connection) -> Result<(), rusqlite::Error> {
        connection
            .prepare_cached("UPDATE rooms SET oldest_sent_at = ?2 WHERE id = ?1")?
            .execute(params![self.id, self.oldest_sent_at])
            .map(|_| ())
    }

    /// How many messages it has.
    pub(super) fn kept(&self) -> u64 {
        self.sent - self.dropped
    }
}

/// The rooms that were written to of late.
#[derive(Default)]
pub(super) struct Rooms {
    known: HashMap<RoomName, Known>,
    /// Their names, for the one that is forgotten next: whoever was used since it was here last
    /// goes round once more (the clock algorithm).
    round: VecDeque<RoomName>,
    /// Whether a batch has changed them that is not committed.
    unsure: bool,
}

struct Known {
    room: Room,
    used: bool,
}

impl Rooms {
    /// A batch begins. Where the one before was not committed, nothing is known any more.
    pub(super) fn begin(&mut self) {
        if self.unsure {
            self.known.clear();
            self.round.clear();
            self.unsure = false;
        }
        while self.known.len() > MAX_KNOWN {
            let Some(name) = self.round.pop_front() else { break };
            match self.known.get_mut(&name) {
                Some(known) if known.used => {
                    known.used = false;
                    self.round.push_back(name);
                }
                _ => drop(self.known.remove(&name)),
            }
        }
    }

    /// It changes a room.
    pub(super) fn change(&mut self) {
        self.unsure = true;
    }

    /// It was committed.
    pub(super) fn committed(&mut self) {
        self.unsure = false;
    }

    /// A room, read from the file where it is not known.
    pub(super) fn get(
        &mut self,
        connection: &Connection,
        name: &RoomName,
    ) -> Result<&mut Room, rusqlite::Error> {
        if let Some(known) = self.known.get_mut(name) {
            known.used = true;
        } else {
            let room = Room::load(connection, name)?;
            self.round.push_back(name.clone());
            self.known.insert(name.clone(), Known { room, used: false });
        }
        Ok(self.known.get_mut(name).map(|known| &mut known.room).expect("it was put there"))
    }

    /// A room has no row any more.
    pub(super) fn forget(&mut self, name: &RoomName) {
        self.known.remove(name);
    }

    /// A room, if it is known: for what goes through all rooms, and should push none out.
    pub(super) fn peek(&mut self, name: &RoomName) -> Option<&mut Room> {
        self.known.get_mut(name).map(|known| &mut known.room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rooms_that_are_written_to_stay_known_and_their_number_is_bounded() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE rooms (id INTEGER PRIMARY KEY, name, sent, dropped, dropped_seq,
                 emptied_seq, last_sent_at, oldest_sent_at, last_seq)",
            )
            .unwrap();
        let name = |number: usize| RoomName::parse(&format!("room-{number}")).unwrap();
        let mut rooms = Rooms::default();
        for number in 0..3 * MAX_KNOWN {
            rooms.begin();
            rooms.change();
            rooms.get(&connection, &name(number)).unwrap().sent = 7;
            rooms.get(&connection, &name(0)).unwrap();
            rooms.committed();
            assert!(rooms.known.len() <= MAX_KNOWN + 2 && rooms.round.len() <= MAX_KNOWN + 2);
        }
        assert_eq!(rooms.peek(&name(0)).map(|room| room.sent), Some(7));
        assert!(rooms.peek(&name(1)).is_none());

        rooms.begin();
        rooms.change();
        rooms.get(&connection, &name(0)).unwrap().sent = 8;
        rooms.begin();
        let read = rooms.get(&connection, &name(0)).unwrap();
        assert_eq!(read.sent, 0, "what was not committed is read again");
    }
}
