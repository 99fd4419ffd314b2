//! Finding rooms by their names.

use jiff::Timestamp;

use super::{Journal, ReadError, store::Lane};
use crate::message::RoomName;

impl Journal {
    /// Up to `limit` rooms that were written to and have `part` in their names, and when that was: of
    /// the ten thousand with the newest messages, in their order; then those whose names begin with it.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the file cannot be read.
    pub(crate) async fn find_rooms(
        &self,
        part: &str,
        limit: usize,
    ) -> Result<Vec<(RoomName, Timestamp)>, ReadError> {
        let part = part.to_owned();
        self.store.read(Lane::Page, move |reader| reader.find_rooms(&part, limit)).await
    }
}
