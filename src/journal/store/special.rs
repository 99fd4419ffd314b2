//! Rooms whose rules say what is kept of them: for less long than elsewhere, or nothing from before a
//! place.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    time::{Duration, Instant},
};

use super::{
    age::{count_old, count_upto},
    read::text,
    rooms::Room,
    tend::STEP_TIME,
    write::Batch,
};
use crate::message::{RoomName, RoomRules, Rule, RuleKey};

/// What is to be done, as far as the rules are known.
#[derive(Default)]
pub(in crate::journal) struct Special {
    /// Whether the rules of the file were looked at.
    loaded: bool,
    /// For how long messages are kept.
    short: BTreeMap<RoomName, Duration>,
    /// The last of these that was looked at, while they are gone through, and since when they are.
    passed: Option<(RoomName, Instant)>,
    /// When they are gone through again.
    again_at: Option<Instant>,
    /// Up to where nothing is kept, until that is done.
    emptied: HashMap<RoomName, u64>,
}

impl Special {
    /// The next room that is to be looked at; `None` after the last, and then not again before nine times
    /// as long has passed as they took together.
    fn next(&mut self) -> Option<(RoomName, Duration)> {
        let begun = self.passed.as_ref().map_or_else(Instant::now, |(_, begun)| *begun);
        let after = self.passed.take();
        let after = after.as_ref().map_or(Bound::Unbounded, |(room, _)| Bound::Excluded(room));
        let next = self.short.range((after, Bound::Unbounded)).next();
        let next = next.map(|(room, keep)| (room.clone(), *keep));
        match &next {
            Some((room, _)) => self.passed = Some((room.clone(), begun)),
            None => self.again_at = Some(Instant::now() + 9 * begun.elapsed()),
        }
        next
    }

    /// Takes in the rules of a room.
    pub(super) fn note(&mut self, room: &RoomName, rules: &RoomRules) {
        match rules.keep() {
            Some(keep) => drop(self.short.insert(room.clone(), keep)),
            None => drop(self.short.remove(room)),
        }
        if rules.emptied > 0 {
            self.emptied.insert(room.clone(), rules.emptied);
        }
    }
}

impl Batch<'_> {
    /// Trims what the rules of rooms say; answers whether it came further.
    pub(super) fn trim_special(&mut self, now: i64, at: Instant) -> Result<bool, rusqlite::Error> {
        if !self.chores.special.loaded {
            self.load_special()?;
        }
        let came_further = self.trim_emptied(now)?;
        Ok(self.trim_short(now, at)? || came_further)
    }

    /// Trims what is too old by a room's own rule, in some of those rooms.
    fn trim_short(&mut self, now: i64, at: Instant) -> Result<bool, rusqlite::Error> {
        let begun = Instant::now();
        if self.chores.special.again_at.is_some_and(|again_at| begun < again_at) {
            return Ok(false);
        }
        let mut came_further = false;
        while let Some((name, keep)) = self.chores.special.next() {
            let keep_ms = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
            let cutoff = now.saturating_sub(keep_ms);
            let room = Room::load(&self.transaction, &name)?;
            if room.id.is_some()
                && room.oldest_sent_at.is_some_and(|oldest| oldest < cutoff)
                && self.chores.age.believes(at, keep)
            {
                let (_, dropped) = self.drop_old(room, now, |connection, room| {
                    count_old(connection, room, cutoff, now)
                })?;
                came_further |= dropped > 0;
            }
            if begun.elapsed() > STEP_TIME {
                return Ok(true);
            }
        }
        Ok(came_further)
    }

    /// Trims what is to be gone of rooms that were emptied.
    fn trim_emptied(&mut self, now: i64) -> Result<bool, rusqlite::Error> {
        let mut came_further = false;
        let emptied: Vec<_> = self.chores.special.emptied.clone().into_iter().collect();
        for (name, upto) in emptied {
            let room = Room::load(&self.transaction, &name)?;
            if room.id.is_none() || room.dropped_seq >= upto {
                self.chores.special.emptied.remove(&name);
                continue;
            }
            let (old, dropped) =
                self.drop_old(room, now, |connection, room| count_upto(connection, room, upto))?;
            if old == 0 {
                self.chores.special.emptied.remove(&name);
            }
            came_further |= dropped > 0;
        }
        Ok(came_further)
    }

    fn load_special(&mut self) -> Result<(), rusqlite::Error> {
        let mut statement =
            self.transaction.prepare("SELECT key, body FROM rules WHERE key LIKE 'room %'")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let Some(key @ RuleKey::Room(_)) = RuleKey::parse(text(row, 0)?) else { continue };
            let Ok(Rule::Room(rules)) = Rule::decode(&key, text(row, 1)?) else { continue };
            if let RuleKey::Room(room) = &key {
                self.chores.special.note(room, &rules);
            }
        }
        self.chores.special.loaded = true;
        Ok(())
    }
}
