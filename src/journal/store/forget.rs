//! Rooms that nobody writes to any more: their rows go, and what is remembered of their messages.
//!
//! Anybody can make a room by a word. Without this, a file whose messages all go by their age would
//! still grow with each.

use std::time::{Duration, Instant};

use rusqlite::{OptionalExtension, params};

use super::{
    read::signed,
    rooms::{Room, room_columns},
    tend::STEP_TIME,
    trim::{self, MAX_AT_ONCE},
    write::Batch,
};

/// How long it is remembered of a room without messages which ones it had: a tab that slept over a
/// week's holiday is told how many it missed, and a retry is known. Later, a cursor of such a room is
/// told of a gap of unknown size.
const REMEMBERED_TIME: Duration = Duration::from_hours(7 * 24);

/// The columns of a [`Room`], of the one that is silent for longest.
const SELECT_SILENT: &str = concat!(
    "SELECT ",
    room_columns!(),
    " FROM rooms WHERE sent = dropped AND last_sent_at < ?1 ORDER BY last_sent_at LIMIT 1"
);

impl Batch<'_> {
    /// Forgets rooms whose last message was sent [`REMEMBERED_TIME`] before it became too old to
    /// keep; answers whether it came further.
    pub(super) fn forget_rooms(
        &mut self,
        now: i64,
        ttl: Duration,
    ) -> Result<bool, rusqlite::Error> {
        let until = Instant::now() + STEP_TIME;
        let time = i64::try_from((ttl + REMEMBERED_TIME).as_millis()).unwrap_or(i64::MAX);
        let cutoff = now.saturating_sub(time);
        let mut came_further = false;
        while Instant::now() < until {
            let silent = self
                .transaction
                .prepare_cached(SELECT_SILENT)?
                .query_row([cutoff], Room::from_row)
                .optional()?;
            let Some(room) = silent else { break };
            self.forget(&room)?;
            came_further = true;
        }
        Ok(came_further)
    }

    /// Removes some of what is remembered of a room's messages, and its row where that was all.
    fn forget(&mut self, room: &Room) -> Result<(), rusqlite::Error> {
        self.rooms.change();
        // Its last entry may be a change, which is not what it was written to last.
        let last: Option<u64> = self
            .transaction
            .prepare_cached("SELECT max(seq) FROM entries WHERE room = ?1")?
            .query_row([room.id], |row| row.get(0))?;
        let last = last.unwrap_or_default().max(room.last_seq);
        let upto = trim::nth(&self.transaction, room, 0, last, MAX_AT_ONCE)?;
        let range = params![room.id, 0, signed(upto.unwrap_or(last))];
        self.transaction.prepare_cached(trim::DELETE)?.execute(range)?;
        // Before the last of them goes, which may be the newest of all.
        self.transaction
            .prepare_cached("UPDATE journal SET forgotten_seq = max(forgotten_seq, ?1)")?
            .execute([signed(last)])?;
        if upto.is_none() {
            self.transaction
                .prepare_cached("DELETE FROM rooms WHERE id = ?1")?
                .execute([room.id])?;
            self.rooms.forget(&room.name);
        }
        Ok(())
    }
}
