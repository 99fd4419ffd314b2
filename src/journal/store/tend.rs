//! What the writer does beside the sends, a few milliseconds at a time: rooms that are over the
//! number kept, messages that are too old, tombstones that are due, pages to give back.

use std::{
    collections::{HashSet, VecDeque},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use rusqlite::{ErrorCode, params};

use super::{
    WriteError,
    age::Age,
    open::LOCK_TIMEOUT,
    read::{signed, text},
    rooms::Room,
    special::Special,
    trim::MAX_AT_ONCE,
    write::{Batch, Writer},
};
use crate::message::RoomName;

/// How long each part of one step takes: what a send may have to wait for.
pub(super) const STEP_TIME: Duration = Duration::from_millis(3);

/// Rooms that are remembered to have something to be done: some 100 bytes each. Where there are
/// more, all rooms are looked through again.
const MAX_DUE: usize = 4096;

/// Rooms that one look goes through, while it looks through all of them: some tenths of a
/// millisecond.
const MAX_SWEPT: i64 = 4096;

/// Freed pages that stay in the file for reuse: 4 MB, which a burst of sends fills again.
const SPARE_PAGES: u64 = 1_000;

/// Freed pages that are handed back at once: a few milliseconds.
const MAX_FREED: u64 = 64;

/// What there is to do, as far as is known.
pub(in crate::journal) struct Chores {
    /// Rooms that have something, in turn.
    due: VecDeque<RoomName>,
    known: HashSet<RoomName>,
    /// The last room seen while all of them are looked through: when the file was opened, since
    /// less may be kept than before and tombstones may be left to make; and when more rooms had
    /// something than were remembered.
    sweep: Option<i64>,
    sweep_again: bool,
    pub(super) age: Age,
    pub(super) special: Special,
}

impl Default for Chores {
    fn default() -> Self {
        Self {
            due: VecDeque::new(),
            known: HashSet::new(),
            sweep: Some(0),
            sweep_again: false,
            age: Age::default(),
            special: Special::default(),
        }
    }
}

impl Chores {
    /// Notes a room that has something.
    pub(in crate::journal) fn add(&mut self, room: &RoomName) {
        if self.known.contains(room) {
            return;
        }
        if self.due.len() < MAX_DUE {
            self.known.insert(room.clone());
            self.due.push_back(room.clone());
        } else {
            self.sweep_again = true;
        }
    }

    fn next(&mut self) -> Option<RoomName> {
        let room = self.due.pop_front()?;
        self.known.remove(&room);
        Some(room)
    }
}

impl Writer {
    /// One step of it; answers whether another would come further now. Where somebody else has
    /// the file locked, there is nothing to do: it is tried again the next time.
    ///
    /// The clock says `now` at the moment `at`.
    ///
    /// It is not synced, but by the next batch: what a power cut undoes of it is done again.
    ///
    /// # Panics
    ///
    /// When batches could no longer be synced.
    pub(in crate::journal) fn tend(
        &mut self,
        now: Timestamp,
        at: Instant,
    ) -> Result<bool, WriteError> {
        self.look();
        self.wait_for_locks(Duration::ZERO)?;
        self.connection.pragma_update(None, "synchronous", "normal")?;
        let outcome = self.step(now, at);
        let synced = self.connection.pragma_update(None, "synchronous", self.synchronous);
        synced.expect("outside of a transaction it can be set");
        self.wait_for_locks(LOCK_TIMEOUT)?;
        match outcome {
            Err(WriteError::Sqlite(why))
                if why.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) =>
            {
                Ok(false)
            }
            outcome => outcome,
        }
    }

    fn step(&mut self, now: Timestamp, at: Instant) -> Result<bool, WriteError> {
        let ttl = self.retention.ttl;
        let mut batch = self.batch()?;
        let mut came_further = batch.do_due()?;
        batch.chores.age.look(now, at);
        if let Some(ttl) = ttl
            && batch.chores.age.believes(at, ttl)
        {
            came_further |= batch.trim_by_age(now.as_millisecond(), ttl)?;
            came_further |= batch.forget_rooms(now.as_millisecond(), ttl)?;
        }
        came_further |= batch.forget_rules(now.as_millisecond())?;
        came_further |= batch.trim_special(now.as_millisecond(), at)?;
        let noted = batch.sweep()?;
        if came_further {
            batch.commit_without_seq()?;
        } else {
            batch.rooms.committed(); // They are as they were.
            drop(batch);
        }
        let freed = self.free_pages()?;
        self.erase()?;
        Ok(came_further | noted | freed)
    }

    /// Hands freed pages back to the file system.
    fn free_pages(&self) -> Result<bool, rusqlite::Error> {
        let free: u64 =
            self.connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
        let surplus = free.saturating_sub(SPARE_PAGES).min(MAX_FREED);
        if surplus > 0 {
            // The pragma frees one page per step; `execute` would stop after the first.
            let mut statement =
                self.connection.prepare(&format!("PRAGMA incremental_vacuum({surplus})"))?;
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
        }
        Ok(surplus > 0)
    }
}

impl Batch<'_> {
    /// Does what is due in the rooms that are noted; answers whether it came further.
    fn do_due(&mut self) -> Result<bool, rusqlite::Error> {
        let until = Instant::now() + STEP_TIME;
        let mut came_further = false;
        for _ in 0..self.chores.due.len() {
            if Instant::now() > until {
                break;
            }
            let Some(name) = self.chores.next() else { break };
            let mut read;
            self.rooms.change();
            let room = if let Some(room) = self.rooms.peek(&name) {
                room
            } else {
                read = Room::load(&self.transaction, &name)?;
                &mut read
            };
            let before = (room.dropped_seq, room.emptied_seq);
            let over = self.trim.over(room).min(MAX_AT_ONCE);
            self.trim.drop_oldest(&self.transaction, room, over)?;
            self.trim.empty(&self.transaction, room, MAX_AT_ONCE)?;
            if before != (room.dropped_seq, room.emptied_seq) {
                room.save(&self.transaction)?;
                came_further = true;
            }
            if self.trim.is_due(room) {
                self.chores.add(&name);
            }
        }
        Ok(came_further)
    }

    /// Looks through some rooms for those that have something, and notes them; answers whether
    /// another step would come further.
    fn sweep(&mut self) -> Result<bool, rusqlite::Error> {
        if self.chores.sweep.is_none() && self.chores.sweep_again {
            (self.chores.sweep, self.chores.sweep_again) = (Some(0), false);
        }
        let Some(from) = self.chores.sweep else { return Ok(false) };
        let upto = from.saturating_add(MAX_SWEPT);
        let mut due = self.transaction.prepare_cached(
            "SELECT id, name FROM rooms WHERE id > ?1 AND id <= ?2
             AND (sent - dropped > ?3 OR emptied_seq < dropped_seq) ORDER BY id",
        )?;
        let mut rows = due.query(params![from, upto, signed(self.trim.keep)])?;
        let mut noted = false;
        while let Some(row) = rows.next()? {
            if self.chores.due.len() >= MAX_DUE {
                // What is noted must be done first.
                self.chores.sweep = Some(row.get::<_, i64>(0)? - 1);
                return Ok(noted);
            }
            self.chores.add(&RoomName::stored(text(row, 1)?));
            noted = true;
        }
        let last: Option<i64> =
            self.transaction.query_row("SELECT max(id) FROM rooms", [], |row| row.get(0))?;
        self.chores.sweep = last.filter(|last| *last > upto).map(|_| upto);
        Ok(noted || self.chores.sweep.is_some())
    }
}
