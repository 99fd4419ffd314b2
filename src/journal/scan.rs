//! The journal for who keeps something of its own beside it. It is no follower: nothing is kept for it,
//! and what was trimmed before it came is of no use to it.

use tokio::sync::watch;

use super::{
    Journal, ReadError,
    store::{Around, Lane, Scan},
};
use crate::message::{Message, RoomName, Seq};

impl Journal {
    /// The newest place, and word of each newer one; of the end, when nothing is written any more.
    pub(crate) fn advances(&self) -> watch::Receiver<Seq> {
        self.sequencer.committed()
    }

    /// Up to `limit` entries of all rooms after `seq`, oldest first; fewer where they have more than
    /// `most` bytes, or were trimmed.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the file cannot be read.
    pub(crate) async fn scan(
        &self,
        seq: Seq,
        limit: usize,
        most: usize,
    ) -> Result<Scan, ReadError> {
        let last = self.last();
        if let Some(entries) = self.tail.after(seq, limit) {
            // All up to `last` were in it before that was said.
            let all = entries.len() < limit;
            let newest = entries.last().map_or(seq, crate::message::Entry::seq);
            return Ok(Scan { entries, upto: if all { newest.max(last) } else { newest } });
        }
        self.store.read(Lane::Follow, move |reader| reader.scan(seq, limit, most)).await
    }

    /// Those of these places that are messages that are kept and not removed, in their order; fewer
    /// where they have more than `most` bytes as they are shown.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the file cannot be read.
    pub(crate) async fn at(&self, seqs: Vec<Seq>, most: usize) -> Result<Vec<Message>, ReadError> {
        self.store.read(Lane::Page, move |reader| reader.at(&seqs, most)).await
    }

    /// All rooms, and up to where the messages of each are no longer kept.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the file cannot be read.
    pub(crate) async fn floors(&self) -> Result<Vec<(RoomName, Seq)>, ReadError> {
        #[expect(clippy::redundant_closure_for_method_calls, reason = "it is of one lifetime only")]
        let reading = self.store.read(Lane::Follow, |reader| reader.floors());
        reading.await
    }

    /// Up to `count` messages of `room` before a place, and as many after it.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the file cannot be read.
    pub(crate) async fn around(
        &self,
        room: &RoomName,
        seq: Seq,
        count: usize,
    ) -> Result<Around, ReadError> {
        let room = room.clone();
        self.store.read(Lane::Page, move |reader| reader.around(&room, seq, count)).await
    }
}
