//! Changes of messages that are stored: what was said is overwritten where it stands.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::{
    read::{signed, text, time},
    write::{Batch, TRIMMED},
};
use crate::message::{
    Act, Change, Columns, EDIT, EDITED, ERASED_NAME, First, Key, Message, MessageId, Name, REMOVAL,
    REMOVED, RoomName, Seq, State, Text,
};

/// What a message is to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revision {
    /// Its text goes.
    Remove,
    /// Its text goes, and who said it as well.
    Erase,
    /// It gets this text.
    Edit(Text),
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It is stored.
    Stored(Change),
    /// The message had been removed before; nothing is stored.
    Removed,
    /// There is no such message in the room, or it is no longer kept.
    Missing,
}

/// The key of a message's change: no client's has a space in it.
pub(crate) fn key_of(target: Seq) -> Key {
    Key::stored(&format!(" {target}"))
}

impl Batch<'_> {
    /// Changes the message of `room` at `target`, and notes that at `id`, whose seq must be above
    /// every seq stored before.
    pub(crate) fn change(
        &mut self,
        (id, changed_at): (MessageId, Timestamp),
        room: &RoomName,
        target: Seq,
        revision: &Revision,
        by: Option<&str>,
    ) -> Result<Changed, rusqlite::Error> {
        let known = self.rooms.get(&self.transaction, room)?;
        let (Some(room_id), dropped_seq, n) = (known.id, known.dropped_seq, known.sent) else {
            return Ok(Changed::Missing);
        };
        if target.get() <= dropped_seq {
            return Ok(Changed::Missing);
        }
        let found = self
            .transaction
            .prepare_cached(
                "SELECT kind, name, body, sent_at, key FROM entries
                 WHERE seq = ?1 AND room = ?2",
            )?
            .query_row(params![signed(target.get()), room_id], |row| {
                let columns =
                    Columns { kind: row.get(0)?, name: text(row, 1)?, body: text(row, 2)? };
                Ok((
                    columns.kind,
                    Name::stored(columns.name),
                    time(row.get(3)?),
                    // What it was is not to be found again by trying: its key alone tells a retry.
                    First { key: Key::stored(text(row, 4)?), digest: String::new() },
                ))
            })
            .optional()?;
        let Some((kind, name, sent_at, first)) = found else { return Ok(Changed::Missing) };
        match kind {
            TRIMMED | REMOVAL | EDIT => return Ok(Changed::Missing),
            REMOVED if *revision != Revision::Erase || name.as_str() == ERASED_NAME => {
                return Ok(Changed::Removed);
            }
            _ => {}
        }
        let (state, text) = match revision {
            Revision::Remove | Revision::Erase => (State::Removed, Text::stored("")),
            Revision::Edit(text) => (State::Edited, text.clone()),
        };
        let name = if *revision == Revision::Erase { Name::stored(ERASED_NAME) } else { name };
        self.overwrite(target, state, (&name, &text), &first)?;
        let message = Message {
            id: MessageId::new(id.epoch().clone(), target),
            room: room.clone(),
            name,
            text,
            sent_at,
            state,
        };
        let by = by.map(ToOwned::to_owned);
        let change = Change { id, changed_at, message, by, first: Some(first) };
        self.note_change(room_id, n, &change)?;
        Ok(Changed::Stored(change))
    }

    /// The same, as a stream brings it. A node that never had a removed message notes that there was one,
    /// and under which key.
    #[cfg(feature = "nats")]
    pub(super) fn apply_change(&mut self, change: &Change) -> Result<Changed, rusqlite::Error> {
        let Change { id, changed_at, message, by, first } = change;
        let (room, target) = (&message.room, message.seq());
        let revision = match message.state {
            State::Removed if message.name.as_str() == ERASED_NAME => Revision::Erase,
            State::Removed => Revision::Remove,
            _ => Revision::Edit(message.text.clone()),
        };
        self.replaced = None;
        let place = (id.clone(), *changed_at);
        let changed = self.change(place, room, target, &revision, by.as_deref())?;
        if let Some(replaced) = self.replaced {
            self.note_erasure(replaced, &key_of(target))?;
        }
        match (&revision, first) {
            (Revision::Remove | Revision::Erase, Some(first)) => {
                self.note_erasure(target, &first.key)?;
            }
            // Its text came too late to be anybody's.
            (Revision::Edit(_), _) if changed == Changed::Removed => {
                self.note_erasure(id.seq(), &key_of(target))?;
            }
            _ => {}
        }
        let (Changed::Missing, Revision::Remove | Revision::Erase, Some(first)) =
            (&changed, &revision, first)
        else {
            return Ok(changed);
        };
        self.rooms.change();
        let known = self.rooms.get(&self.transaction, room)?;
        let room_id = known.create(&self.transaction)?;
        if known.dropped == 0 && target.get() <= known.dropped_seq {
            // Nothing was trimmed here: the hole that the erased message left was taken for what is
            // not known, and now it is.
            known.dropped_seq = target.get() - 1;
            known.emptied_seq = known.emptied_seq.min(known.dropped_seq);
            known.save(&self.transaction)?;
        }
        let (n, dropped_seq) = (known.sent, known.dropped_seq);
        if known.last_sent_at < changed_at.as_millisecond() {
            known.last_sent_at = changed_at.as_millisecond();
            known.save(&self.transaction)?;
        }
        if target.get() <= dropped_seq {
            return Ok(changed);
        }
        self.transaction
            .prepare_cached(
                "INSERT OR IGNORE INTO entries (seq, room, n, key, sent_at, name, body, kind, first)
                 SELECT ?1, ?2, coalesce((SELECT n FROM entries WHERE room = ?2 AND seq < ?1
                     ORDER BY seq DESC LIMIT 1), 0), ?3, ?4, ?5, '', ?6, ?7",
            )?
            .execute(params![
                signed(target.get()),
                room_id,
                first.key.as_str(),
                message.sent_at.as_millisecond(),
                message.name.to_stored(),
                REMOVED,
                first.digest
            ])?;
        self.note_change(room_id, n, change)?;
        Ok(Changed::Stored(change.clone()))
    }

    /// Puts another text in the place of a message's. A row that is shorter, or another, is written
    /// anew, and what it was is overwritten (`secure_delete`).
    fn overwrite(
        &self,
        target: Seq,
        state: State,
        (name, text): (&Name, &Text),
        first: &First,
    ) -> Result<(), rusqlite::Error> {
        let kind = if state == State::Removed { REMOVED } else { EDITED };
        self.transaction
            .prepare_cached(
                "UPDATE entries SET kind = ?2, name = ?3, body = ?4, first = ?5 WHERE seq = ?1",
            )?
            .execute(params![
                signed(target.get()),
                kind,
                name.to_stored(),
                text.as_str(),
                first.digest
            ])?;
        self.overwritten()
    }

    /// Stores a change, in the place of an earlier one of its message: who has not had that has this
    /// one to come. It has the `n` of the message before it.
    fn note_change(&mut self, room: i64, n: u64, change: &Change) -> Result<(), rusqlite::Error> {
        let Change { id, changed_at, message, .. } = change;
        let (key, kind) = (
            key_of(message.seq()),
            match message.state {
                State::Removed => REMOVAL,
                _ => EDIT,
            },
        );
        let earlier: Option<u64> = self
            .transaction
            .prepare_cached("DELETE FROM entries WHERE room = ?1 AND key = ?2 RETURNING seq")?
            .query_row(params![room, key.as_str()], |row| row.get(0))
            .optional()?;
        self.replaced = earlier.map(Seq::new);
        let body = format!("{} {}", message.seq(), message.sent_at.as_millisecond());
        self.transaction
            .prepare_cached(
                "INSERT INTO entries (seq, room, n, key, sent_at, name, body, kind)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                signed(id.seq().get()),
                room,
                signed(n),
                key.as_str(),
                changed_at.as_millisecond(),
                message.name.to_stored(),
                body,
                kind
            ])?;
        let Some(by) = &change.by else { return Ok(()) };
        let act = Act {
            by: by.clone(),
            what: if kind == REMOVAL { "remove" } else { "edit" }.to_owned(),
            room: Some(message.room.clone()),
            target: Some(message.id.to_string()),
        };
        self.log(id.seq(), *changed_at, &act)
    }
}
