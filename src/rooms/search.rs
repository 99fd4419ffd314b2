//! Finding again what was said.

use std::{sync::Arc, time::Duration};

use super::{Caller, Pass, Refusal, Rooms};
use crate::{
    journal::Around,
    message::{RoomName, Seq},
    search::{Asked, Found, Query, SearchError, Within},
};

/// Hidden rooms that the index leaves out by itself: each is a list that is gone through. Hits of further
/// ones are left out one by one.
const MAX_WITHOUT: usize = 64;

/// Before a search is tried again that did not end in time.
const RETRY_DELAY: Duration = Duration::from_secs(1);

impl From<SearchError> for Refusal {
    fn from(why: SearchError) -> Self {
        match why {
            SearchError::Slow => Self::Full(RETRY_DELAY),
            SearchError::Read(why) => Self::Read(why),
        }
    }
}

impl Rooms {
    /// Looks for messages in `room`, or in all that `caller` may read, by its own pass or one of
    /// `passes`; up to `limit`, the newest first.
    ///
    /// # Errors
    ///
    /// [`Refusal`], by the rules of access, where it takes too long, or where the journal cannot be read.
    pub(crate) async fn search(
        &self,
        caller: &Caller,
        passes: &[Arc<Pass>],
        room: Option<&RoomName>,
        query: Query,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Found, Refusal> {
        let may_read = |room: &RoomName| {
            let mut its = passes.iter().filter(|pass| pass.room == *room);
            self.check_read(caller, room).is_ok()
                || its.any(|pass| {
                    let caller = Caller { pass: Some(Arc::clone(pass)), ..caller.clone() };
                    self.check_read(&caller, room).is_ok()
                })
        };
        let within = if let Some(room) = room {
            self.check_read(caller, room)?;
            Within::Room(room.clone())
        } else {
            let mut without = self.0.access.rulebook().private(MAX_WITHOUT);
            without.retain(|room| !may_read(room));
            Within::All { without }
        };
        let permit = self.0.limits.reading(caller.ip).await;
        let sees = |room: &RoomName| {
            // It has messages.
            self.0.access.note_open(room);
            may_read(room)
        };
        let asked = Asked { query, within, before, limit };
        Ok(self.0.search.find(self.journal(), asked, permit, sees).await?)
    }

    /// How many places of the journal cannot be found yet.
    pub(crate) fn search_lag(&self) -> u64 {
        self.0.search.lag(self.journal().last())
    }

    /// Up to `count` messages before one of `room`, and as many after it.
    ///
    /// # Errors
    ///
    /// [`Refusal`], by the rules of access or where the journal cannot be read.
    pub(crate) async fn around(
        &self,
        caller: &Caller,
        room: &RoomName,
        seq: Seq,
        count: usize,
    ) -> Result<Around, Refusal> {
        self.check_read(caller, room)?;
        let _turn = self.0.limits.reading(caller.ip).await;
        Ok(self.journal().around(room, seq, count).await?)
    }
}
