//! Changing what was said, and who may.

use super::{AppendError, Changed, Chosen, Journal, ReadError, Revision, Signed, store::Lane};
use crate::message::{Author, Message, RoomName, Seq};

impl Journal {
    /// Changes the message of `room` at `target` for good, and answers once that is on disk. What it
    /// said is then in no part of the journal that is read, and moments later nowhere on the disk. Where
    /// somebody else than its author does it, the log of what was done says who.
    ///
    /// # Errors
    ///
    /// [`AppendError`]. Trying again settles what it leaves open.
    pub async fn change(
        &self,
        room: &RoomName,
        target: Seq,
        revision: Revision,
        by: Option<String>,
    ) -> Result<Changed, AppendError> {
        self.sequencer.change(room.clone(), target, revision, by).await
    }

    /// A message that is kept, and what proves who sent it.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the file cannot be read.
    pub(crate) async fn signed(
        &self,
        room: &RoomName,
        seq: Seq,
    ) -> Result<Option<Signed>, ReadError> {
        let room = room.clone();
        self.store.read(Lane::Page, move |reader| reader.signed(&room, seq)).await
    }

    /// Up to `limit` messages after a place that are chosen, and their rooms, oldest first.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the file cannot be read.
    pub(crate) async fn places(
        &self,
        of: Chosen,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<(RoomName, Seq)>, ReadError> {
        self.store.read(Lane::Page, move |reader| reader.places(&of, after, limit)).await
    }

    /// Messages of `room` that a tab sent and that are not removed, among the newest; oldest first.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the file cannot be read.
    pub(crate) async fn sent_by(
        &self,
        room: &RoomName,
        author: Author,
        limit: usize,
    ) -> Result<Vec<Message>, ReadError> {
        let room = room.clone();
        self.store.read(Lane::Page, move |reader| reader.sent_by(&room, author, limit)).await
    }
}
