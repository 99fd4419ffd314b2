//! Reading what was said, and who is here.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use super::{Action, Caller, Refusal, Rooms, Tab, Who};
use crate::{
    journal::Newest,
    message::{People, RoomName, Seq},
};

/// What the list of rooms says of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listed {
    /// How many people are there.
    pub here: usize,
    /// When its newest message was sent, where it has one.
    pub last_sent_at: Option<Timestamp>,
    /// How many rooms were spoken in since.
    rank: usize,
}

impl Rooms {
    /// Whether `caller` may read `room` at all; for answers that are made of what is cached.
    ///
    /// # Errors
    ///
    /// [`Refusal`], by the rules of access.
    pub(crate) fn check_read(&self, caller: &Caller, room: &RoomName) -> Result<(), Refusal> {
        Ok(self.0.access.check_sees(caller, room)?)
    }

    /// Learns whether a room is open that this node did not have when it was started: it may have begun
    /// with nothing, and have it by now.
    ///
    /// # Errors
    ///
    /// [`Refusal`] where the journal cannot be read.
    pub(crate) async fn learn(&self, room: &RoomName) -> Result<(), Refusal> {
        let journal = self.journal();
        if journal.is_shared() && !self.0.access.is_open(room) && journal.has(room).await? {
            self.0.access.note_open(room);
        }
        Ok(())
    }

    /// Whether a tab may be in its room.
    ///
    /// # Errors
    ///
    /// [`Refusal`], by the rules of access.
    pub(crate) fn check_stay(&self, caller: &Caller, tab: &Tab) -> Result<(), Refusal> {
        Ok(self.0.access.check(caller, Action::Stay, &tab.room, Who::of(tab))?)
    }

    /// Up to `limit` messages of `room` before `seq`, or the newest, oldest first.
    ///
    /// # Errors
    ///
    /// [`Refusal`], by the rules of access or where the journal cannot be read.
    pub(crate) async fn messages(
        &self,
        caller: &Caller,
        room: &RoomName,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Newest, Refusal> {
        self.check_read(caller, room)?;
        let _turn = self.0.limits.reading(caller.ip).await;
        Ok(self.journal().before(room, before, limit).await?)
    }

    /// Who is in a room: the same shared value until that changes.
    ///
    /// # Errors
    ///
    /// [`Refusal`], by the rules of access.
    pub(crate) fn people(&self, caller: &Caller, room: &RoomName) -> Result<Arc<People>, Refusal> {
        self.check_read(caller, room)?;
        Ok(self.0.roster.people(room))
    }

    /// Up to `limit` rooms that have people or messages, and `part` in their names: where most people
    /// are comes first, then where somebody spoke last. For a part other than nothing not all are
    /// looked through; see [`Journal::find_rooms`](crate::journal::Journal::find_rooms).
    ///
    /// # Errors
    ///
    /// [`Refusal`] where the journal cannot be read.
    pub(crate) async fn list(
        &self,
        caller: &Caller,
        part: &str,
        limit: usize,
    ) -> Result<Vec<(RoomName, Listed)>, Refusal> {
        let mut rooms: BTreeMap<RoomName, Listed> = BTreeMap::new();
        for (room, here) in self.0.roster.occupied(part, limit) {
            rooms.insert(room, Listed { here, last_sent_at: None, rank: usize::MAX });
        }
        let turn = self.0.limits.reading(caller.ip).await;
        let spoken_in = if part.is_empty() {
            self.journal().rooms(limit).await?
        } else {
            self.journal().find_rooms(part, limit).await?
        };
        drop(turn);
        for (rank, (room, last_sent_at)) in spoken_in.into_iter().enumerate() {
            self.0.access.note_open(&room);
            let here = rooms.get(&room).map_or_else(|| self.0.roster.count(&room), |had| had.here);
            rooms.insert(room, Listed { here, last_sent_at: Some(last_sent_at), rank });
        }
        let mut rooms: Vec<_> = rooms.into_iter().collect();
        rooms.retain(|(room, _)| self.check_read(caller, room).is_ok());
        rooms.sort_by_key(|(_, listed)| (Reverse(listed.here), listed.rank));
        rooms.truncate(limit);
        Ok(rooms)
    }
}
