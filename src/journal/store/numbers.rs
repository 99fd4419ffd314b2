//! Which numbers the messages of a room have: how many stand between two places is a subtraction.

use rusqlite::{OptionalExtension as _, params};

use super::{
    ReadError,
    read::{Reader, signed},
};
use crate::message::{RoomName, Seq};

/// Which message of its room, counted from the first, is the last at two places. Of those that are
/// trimmed none is after the first place, and of those that were removed each is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// At the place that was asked about.
    pub seen: i64,
    /// At the end of what is looked at.
    pub last: i64,
}

impl Reader<'_> {
    /// See [`Journal::numbers`](crate::journal::Journal::numbers).
    pub(crate) fn numbers(
        &self,
        cursors: &[(RoomName, Seq)],
        upto: Option<Seq>,
    ) -> Result<Vec<Numbers>, ReadError> {
        let upto = upto.unwrap_or(Seq::new(u64::MAX));
        let between = cursors.iter().map(|(name, after)| {
            let Some(room) = self.room(name)? else {
                return Ok(Numbers { seen: 0, last: 0 });
            };
            let mut number = self.moment.prepare_cached(
                "SELECT n FROM entries WHERE room = ?1 AND seq <= ?2 ORDER BY seq DESC LIMIT 1",
            )?;
            let mut number = |seq: Seq| -> Result<i64, ReadError> {
                let n = number.query_row(params![room.id, signed(seq.get())], |row| row.get(0));
                // What is trimmed is not there to be read.
                Ok(n.optional()?.unwrap_or(0).max(signed(room.dropped)))
            };
            Ok(Numbers { seen: number(*after)?, last: number(upto)? })
        });
        between.collect()
    }
}
