//! Rules, and the log of what was done: in tables of their own beside the entries.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::{
    ReadError,
    read::{Reader, signed, text, time},
    write::{Batch, Writer},
};
use crate::message::{Act, Logged, RoomName, Rule, RuleKey, Ruling, Seq, StandingRule};

/// Lines of the operator's log that are kept: some 100 bytes each, and years of what one does.
const MAX_LOGGED: i64 = 100_000;

/// What a stream calls the place of a ruling, before the rule's key, among what is to be gone from it.
#[cfg(feature = "nats")]
pub(crate) const ERASED_RULE: &str = "rule ";

impl Batch<'_> {
    /// Puts a ruling at `seq`, which must be above every seq stored before, in the place of what
    /// stands under its key; answers the place of that.
    pub(crate) fn rule(
        &mut self,
        seq: Seq,
        at: Timestamp,
        ruling: &Ruling,
    ) -> Result<Option<Seq>, rusqlite::Error> {
        let key = ruling.key.to_string();
        let before = self.ruled(&ruling.key)?;
        let mut delete = self.transaction.prepare_cached("DELETE FROM rules WHERE key = ?1")?;
        delete.execute([&key])?;
        if let (RuleKey::Room(room), Some(Rule::Room(rules))) = (&ruling.key, &ruling.rule) {
            self.chores.special.note(room, rules);
        }
        if let Some(rule) = &ruling.rule {
            let until = rule.until().map(Timestamp::as_millisecond);
            self.transaction
                .prepare_cached(
                    "INSERT INTO rules (key, seq, until, body) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![key, signed(seq.get()), until, rule.encode()])?;
        }
        if before.is_some() {
            self.overwritten()?;
        }
        self.log(seq, at, &ruling.act)?;
        Ok(before)
    }

    /// The place of what stands under a rule's key.
    pub(crate) fn ruled(&self, key: &RuleKey) -> Result<Option<Seq>, rusqlite::Error> {
        let mut found = self.transaction.prepare_cached("SELECT seq FROM rules WHERE key = ?1")?;
        let seq: Option<u64> = found.query_row([key.to_string()], |row| row.get(0)).optional()?;
        Ok(seq.map(Seq::new))
    }

    /// Something is to be gone from the log of the file as well.
    pub(super) fn overwritten(&self) -> Result<(), rusqlite::Error> {
        let mut note = self.transaction.prepare_cached("UPDATE journal SET erased = erased + 1")?;
        note.execute([]).map(|_| ())
    }

    /// Notes what was done, unless it is noted: a stream may bring it again.
    pub(super) fn log(&self, seq: Seq, at: Timestamp, act: &Act) -> Result<(), rusqlite::Error> {
        let Act { by, what, room, target } = act;
        self.transaction
            .prepare_cached(
                "INSERT OR IGNORE INTO acts (seq, at, by, what, room, target)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                signed(seq.get()),
                at.as_millisecond(),
                by,
                what,
                room.as_ref().map(RoomName::as_str),
                target
            ])?;
        self.transaction
            .prepare_cached("DELETE FROM acts WHERE line <= (SELECT max(line) FROM acts) - ?1")?
            .execute([MAX_LOGGED])
            .map(|_| ())
    }

    /// Forgets rules that have ended by themselves; answers whether there were any.
    pub(super) fn forget_rules(&mut self, now: i64) -> Result<bool, rusqlite::Error> {
        let mut delete = self.transaction.prepare_cached("DELETE FROM rules WHERE until < ?1")?;
        let any = delete.execute([now])? > 0;
        drop(delete);
        if any {
            self.overwritten()?;
        }
        Ok(any)
    }
}

impl Writer {
    /// The rules that hold. What cannot be read is passed over, and said: a rule of a later hubbub
    /// would have another schema.
    pub(crate) fn rules(&self) -> Result<Vec<StandingRule>, rusqlite::Error> {
        let mut statement = self.connection.prepare("SELECT key, seq, body FROM rules")?;
        let mut rows = statement.query([])?;
        let mut rules = Vec::new();
        while let Some(row) = rows.next()? {
            let (key, seq) = (text(row, 0)?, row.get::<_, u64>(1)?);
            let read = RuleKey::parse(key).ok_or_else(|| "of an unknown kind".to_owned()).and_then(
                |key| {
                    let rule = Rule::decode(&key, text(row, 2).unwrap_or_default());
                    Ok((key, rule.map_err(|why| why.to_string())?))
                },
            );
            match read {
                Ok((key, rule)) => rules.push(StandingRule { seq: Seq::new(seq), key, rule }),
                Err(why) => tracing::error!(seq, why, "a rule cannot be read, and does not hold"),
            }
        }
        Ok(rules)
    }
}

impl Reader<'_> {
    /// Up to `limit` lines of the log before a place, or the newest, newest first.
    pub(crate) fn log(&self, before: Option<Seq>, limit: usize) -> Result<Vec<Logged>, ReadError> {
        let mut statement = self.moment.prepare_cached(
            "SELECT seq, at, by, what, room, target FROM acts WHERE seq < ?1
             ORDER BY seq DESC LIMIT ?2",
        )?;
        let before = before.map_or(i64::MAX, |seq| signed(seq.get()));
        let found = statement.query_map(params![before, limit], |row| {
            let room: Option<String> = row.get(4)?;
            Ok(Logged {
                seq: Seq::new(row.get(0)?),
                at: time(row.get(1)?),
                act: Act {
                    by: row.get(2)?,
                    what: row.get(3)?,
                    room: room.map(|room| RoomName::stored(&room)),
                    target: row.get(5)?,
                },
            })
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }
}
