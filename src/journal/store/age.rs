//! Trimming by age, by a clock that is a guess.
//!
//! The order of messages is that of their seqs. When one was sent is only what the clock said then,
//! and it may have been wrong, as may be what it says now. So a message is never younger than those
//! after it; one that is stamped later than now is judged by them, and where there are none, by how
//! long it has been seen; and a clock that has just jumped is not believed at once.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    read::signed,
    rooms::{Room, room_columns},
    tend::STEP_TIME,
    trim::MAX_AT_ONCE,
    write::Batch,
};

/// How far the clock may go apart from the time that has passed before it has jumped: more than it
/// is slewed by between two looks, or than a busy machine keeps a thread waiting.
const MAX_DRIFT: Duration = Duration::from_secs(10);

/// How long a clock that has jumped must run evenly before anything is trimmed by it: what sets
/// clocks has put it right by then, or somebody meant it.
const SETTLING_TIME: Duration = Duration::from_mins(10);

/// Rooms with old messages that may not be trimmed yet, which one step passes over.
const MAX_BLOCKED: usize = 256;

/// Rooms whose messages are all stamped later than now, that are kept in sight.
const MAX_AHEAD: usize = 64;

/// The columns of a [`Room`], of the first after one that may have old messages.
pub(super) const SELECT_OLD: &str = concat!(
    "SELECT ",
    room_columns!(),
    " FROM rooms WHERE oldest_sent_at >= ?1 AND oldest_sent_at < ?2
     AND (oldest_sent_at > ?1 OR id > ?3) ORDER BY oldest_sent_at, id LIMIT 1"
);

/// Those of rooms that have nothing else than messages from the future.
const SELECT_AHEAD: &str = concat!(
    "SELECT ",
    room_columns!(),
    " FROM rooms WHERE oldest_sent_at > ?1 ORDER BY oldest_sent_at, id LIMIT ?2"
);

/// What is remembered from one step to the next.
pub(super) struct Age {
    /// The time and number of the last room that was passed over in search of old messages.
    passed: (i64, i64),
    /// Rooms whose messages are all stamped later than now: since when that is seen, and up to
    /// which message.
    ahead: HashMap<i64, (Instant, u64)>,
    /// The last look at the clock.
    looked: Option<(Instant, Timestamp)>,
    jumped: Option<Instant>,
}

impl Default for Age {
    fn default() -> Self {
        Self { passed: (i64::MIN, 0), ahead: HashMap::new(), looked: None, jumped: None }
    }
}

impl Age {
    /// Takes a look at the clock, which says `now` at `at`.
    pub(super) fn look(&mut self, now: Timestamp, at: Instant) {
        if let Some((at_before, before)) = self.looked.replace((at, now)) {
            let passed = at.saturating_duration_since(at_before).as_secs_f64();
            let drift = now.duration_since(before).as_secs_f64() - passed;
            if drift.abs() > MAX_DRIFT.as_secs_f64() {
                tracing::warn!(drift_s = drift, "the clock has jumped");
                self.jumped = Some(at);
            }
        }
    }

    /// Whether the clock has run evenly for a while, for what is kept for `ttl`.
    pub(super) fn believes(&self, at: Instant, ttl: Duration) -> bool {
        let settled = SETTLING_TIME.min(ttl);
        self.jumped.is_none_or(|jumped| at.saturating_duration_since(jumped) >= settled)
    }
}

impl Batch<'_> {
    /// Trims messages that are older than `ttl`, those first whose rooms wait longest; answers
    /// whether it came further.
    pub(super) fn trim_by_age(&mut self, now: i64, ttl: Duration) -> Result<bool, rusqlite::Error> {
        let until = Instant::now() + STEP_TIME;
        let cutoff = now.saturating_sub(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
        let mut came_further = false;
        let mut blocked = 0;
        while Instant::now() < until && blocked < MAX_BLOCKED {
            let Some(found) = self.next_old(cutoff)? else {
                self.chores.age.passed = (i64::MIN, 0);
                return Ok(self.trim_ahead(now, ttl)? || came_further);
            };
            let place = (found.oldest_sent_at.unwrap_or(i64::MIN), found.id.unwrap_or(0));
            let (old, dropped) = self.drop_old(found, now, |connection, room| {
                count_old(connection, room, cutoff, now)
            })?;
            if dropped < old {
                // Somebody has yet to read it.
                self.chores.age.passed = place;
                blocked += 1;
            }
            came_further |= dropped == old || dropped > 0;
        }
        Ok(came_further)
    }

    /// Trims what was stamped later than now and has been seen for `ttl`, by the time that passed.
    /// It was never sent later than it was seen.
    fn trim_ahead(&mut self, now: i64, ttl: Duration) -> Result<bool, rusqlite::Error> {
        let found: Vec<Room> = self
            .transaction
            .prepare_cached(SELECT_AHEAD)?
            .query_map(params![now, MAX_AHEAD], Room::from_row)?
            .collect::<Result<_, _>>()?;
        self.chores.age.ahead.retain(|id, _| found.iter().any(|room| room.id == Some(*id)));
        let mut came_further = false;
        for room in found {
            let (Some(id), seen) = (room.id, Instant::now()) else { continue };
            let (since, upto) = *self.chores.age.ahead.entry(id).or_insert((seen, room.last_seq));
            if seen.saturating_duration_since(since) >= ttl {
                let (_, dropped) = self
                    .drop_old(room, now, |connection, room| count_upto(connection, room, upto))?;
                came_further |= dropped > 0;
                if dropped == 0 {
                    // What is left came later; or somebody has yet to read it.
                    self.chores.age.ahead.remove(&id);
                }
            }
        }
        Ok(came_further)
    }

    /// Takes as many of a room's oldest messages out of it as `count` says; answers how many those
    /// are, and how many went.
    pub(super) fn drop_old(
        &mut self,
        mut found: Room,
        now: i64,
        count: impl Fn(&Connection, &Room) -> Result<u64, rusqlite::Error>,
    ) -> Result<(u64, u64), rusqlite::Error> {
        self.rooms.change();
        let name = found.name.clone();
        let room = self.rooms.peek(&name).unwrap_or(&mut found);
        let old = count(&self.transaction, room)?;
        let dropped = self.trim.drop_oldest(&self.transaction, room, old)?;
        if dropped == 0 && old > 0 {
            return Ok((old, 0));
        }
        self.trim.empty(&self.transaction, room, MAX_AT_ONCE)?;
        room.oldest_sent_at = oldest_sent_at(&self.transaction, room, now)?;
        room.save_trimmed(&self.transaction)?;
        if self.trim.is_due(room) {
            self.chores.add(&name);
        }
        Ok((old, dropped))
    }

    /// The next room that may have messages from before `cutoff`.
    fn next_old(&self, cutoff: i64) -> Result<Option<Room>, rusqlite::Error> {
        let (oldest, id) = self.chores.age.passed;
        self.transaction
            .prepare_cached(SELECT_OLD)?
            .query_row(params![oldest, cutoff, id], Room::from_row)
            .optional()
    }
}

/// How many of a room's oldest messages are from before `cutoff`, of as many as are looked at.
///
/// One that is stamped later than now is older than those after it.
pub(super) fn count_old(
    connection: &Connection,
    room: &Room,
    cutoff: i64,
    now: i64,
) -> Result<u64, rusqlite::Error> {
    let mut kept = connection.prepare_cached(
        "SELECT sent_at FROM entries WHERE room = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
    )?;
    let params = params![room.id, signed(room.dropped_seq), signed(MAX_AT_ONCE)];
    let mut rows = kept.query(params)?;
    let (mut seen, mut old) = (0, 0);
    while let Some(row) = rows.next()? {
        seen += 1;
        match row.get::<_, i64>(0)? {
            sent_at if sent_at < cutoff => old = seen,
            sent_at if sent_at > now => {}
            _ => return Ok(old),
        }
    }
    if old < seen && first_stamped(connection, room, now)?.is_some_and(|next| next < cutoff) {
        old = seen;
    }
    Ok(old)
}

/// How many of a room's messages there are up to a place, of as many as are trimmed at once.
pub(super) fn count_upto(
    connection: &Connection,
    room: &Room,
    upto: u64,
) -> Result<u64, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM entries
             WHERE room = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq LIMIT ?4)",
        )?
        .query_row(
            params![room.id, signed(room.dropped_seq), signed(upto), signed(MAX_AT_ONCE)],
            |row| row.get(0),
        )
}

/// When the oldest message of a room was sent, or, where that is stamped later than now, the first
/// after it that is not.
fn oldest_sent_at(
    connection: &Connection,
    room: &Room,
    now: i64,
) -> Result<Option<i64>, rusqlite::Error> {
    match first_stamped(connection, room, i64::MAX)? {
        Some(first) if first > now => Ok(first_stamped(connection, room, now)?.or(Some(first))),
        first => Ok(first),
    }
}

/// The time of a room's first message that is stamped no later than `now`. Passes over those that
/// are: few, unless the clock was wrong for long.
fn first_stamped(
    connection: &Connection,
    room: &Room,
    now: i64,
) -> Result<Option<i64>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT sent_at FROM entries WHERE room = ?1 AND seq > ?2 AND sent_at <= ?3
             ORDER BY seq LIMIT 1",
        )?
        .query_row(params![room.id, signed(room.dropped_seq), now], |row| row.get(0))
        .optional()
}
