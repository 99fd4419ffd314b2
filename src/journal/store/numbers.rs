//! How many messages of a room stand between two places: a subtraction, since they are numbered.

use rusqlite::{OptionalExtension as _, params};

use super::{
    ReadError,
    read::{Reader, signed},
};
use crate::message::{RoomName, Seq};

impl Reader<'_> {
    /// See [`Journal::sent_between`](crate::journal::Journal::sent_between).
    pub(crate) fn sent_between(
        &self,
        cursors: &[(RoomName, Seq)],
        upto: Option<Seq>,
    ) -> Result<Vec<i64>, ReadError> {
        let upto = upto.unwrap_or(Seq::new(u64::MAX));
        let between = cursors.iter().map(|(name, after)| {
            let Some(room) = self.room(name)? else { return Ok(0) };
            let mut number = self.moment.prepare_cached(
                "SELECT n FROM entries WHERE room = ?1 AND seq <= ?2 ORDER BY seq DESC LIMIT 1",
            )?;
            let mut number = |seq: Seq| -> Result<i64, ReadError> {
                let n = number.query_row(params![room.id, signed(seq.get())], |row| row.get(0));
                // What is trimmed is not there to be read.
                Ok(n.optional()?.unwrap_or(0).max(signed(room.dropped)))
            };
            Ok(number(upto)? - number(*after)?)
        });
        between.collect()
    }
}
