//! Rooms whose rules say what is kept of them: for less long than elsewhere, or nothing from before a
//! place.

use std::{
    collections::HashMap,
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
    short: HashMap<RoomName, Duration>,
    /// Up to where nothing is kept, until that is done.
    emptied: HashMap<RoomName, u64>,
}

impl Special {
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
    pub(super) fn trim_special(&mut self, now: i64) -> Result<bool, rusqlite::Error> {
        if !self.chores.special.loaded {
            self.load_special()?;
        }
        let until = Instant::now() + STEP_TIME;
        let mut came_further = false;
        let short: Vec<_> = self.chores.special.short.clone().into_iter().collect();
        for (name, keep) in short {
            if Instant::now() > until {
                return Ok(true);
            }
            let keep = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
            let cutoff = now.saturating_sub(keep);
            let room = Room::load(&self.transaction, &name)?;
            if room.id.is_some() && room.oldest_sent_at.is_some_and(|oldest| oldest < cutoff) {
                let (_, dropped) = self.drop_old(room, now, |connection, room| {
                    count_old(connection, room, cutoff, now)
                })?;
                came_further |= dropped > 0;
            }
        }
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
