//! How many messages were sent since somebody looked.

use super::{Journal, ReadError, store::Lane};
use crate::message::{RoomName, Seq};

impl Journal {
    /// How many messages each room has after a place, and up to `upto` or its newest; of those that are
    /// trimmed none is counted, and of those that were removed each. Below zero where `upto` is before
    /// that place.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the file cannot be read.
    pub(crate) async fn sent_between(
        &self,
        cursors: Vec<(RoomName, Seq)>,
        upto: Option<Seq>,
    ) -> Result<Vec<i64>, ReadError> {
        self.store.read(Lane::Page, move |reader| reader.sent_between(&cursors, upto)).await
    }
}
