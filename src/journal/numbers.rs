//! How many messages were sent since somebody looked.

use super::{
    Journal, ReadError,
    store::{Lane, Numbers},
};
use crate::message::{RoomName, Seq};

impl Journal {
    /// How far the messages of each room are numbered at a place, and at `upto` or its newest, which may
    /// be before that place.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the file cannot be read.
    pub(crate) async fn numbers(
        &self,
        cursors: Vec<(RoomName, Seq)>,
        upto: Option<Seq>,
    ) -> Result<Vec<Numbers>, ReadError> {
        self.store.read(Lane::Page, move |reader| reader.numbers(&cursors, upto)).await
    }
}
