//! The journal: the durable, ordered log of all messages.
//!
//! The contract, in words, for whatever engine stands behind it:
//!
//! - [`Journal::append`] answers once the message is on disk and synced, and gives a repeated key
//!   the first message: nothing is stored twice.
//! - A message gets the next [`Seq`] of one rising sequence over all rooms. Seqs are never given
//!   twice, not after a restart and not after everything was trimmed.
//! - A reader sees messages only when they are durable, whole, and in the order of their seqs: who
//!   has seen a seq will never see a smaller one appear.
//! - Reading never waits for the writer.
//!
//! It is made of two parts that are kept apart, so that many nodes can one day share a sequencer
//! and each keep a store: [`store`] keeps messages at the seq that it is told, [`local`] chooses
//! the seq.

mod local;
mod store;

use std::{path::Path, time::Duration};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_stream::Stream;

use crate::message::{Draft, Epoch, Message, RoomName, Seq};
use crate::metrics::Metrics;

pub use local::AppendError;
pub use store::{Gap, Newest, OpenError, Page, ReadError};

use local::Sequencer;
use store::Store;

/// How much of the past is kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Messages kept per room, at least 1.
    pub keep: u64,
    /// Age up to which messages are kept; `None` for ever.
    pub ttl: Option<Duration>,
}

/// What became of a [`Draft`].
#[derive(Clone, Debug)]
pub struct Appended {
    /// The accepted message: the first one, where the key had been sent before.
    pub message: Message,
    /// Whether this call stored it.
    pub fresh: bool,
}

/// A handle on the open journal; clones share it.
#[derive(Clone)]
pub struct Journal {
    store: Store,
    sequencer: Sequencer,
}

impl Journal {
    /// Opens the journal in the SQLite file at `path` and makes it where there is none.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says what is wrong with the file, in words for an operator.
    pub fn open(path: &Path, retention: Retention, metrics: Metrics) -> Result<Self, OpenError> {
        let (store, writer) = Store::open(path, retention)?;
        let last = writer.last().map_err(|why| OpenError::sqlite(path, why))?;
        let sequencer = Sequencer::start(writer, last, metrics)?;
        Ok(Self { store, sequencer })
    }

    /// The epoch that this journal was born with.
    #[must_use]
    pub fn epoch(&self) -> &Epoch {
        self.store.epoch()
    }

    /// The newest message's place; everything up to it is readable.
    #[must_use]
    pub fn last(&self) -> Seq {
        *self.sequencer.committed().borrow()
    }

    /// Stores a message and answers once it is on disk.
    ///
    /// # Errors
    ///
    /// [`AppendError`]. Where it leaves open whether the message was stored, trying again under
    /// the same key settles it.
    pub async fn append(&self, draft: Draft) -> Result<Appended, AppendError> {
        self.sequencer.append(draft).await
    }

    /// Up to `limit` messages of `room` after `seq`, oldest first; fewer where they are long.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the file cannot be read.
    pub async fn after(&self, room: &RoomName, seq: Seq, limit: usize) -> Result<Page, ReadError> {
        let room = room.clone();
        self.store.read(move |reader| reader.after(&room, seq, limit)).await
    }

    /// Up to `limit` messages of `room`, the newest before `seq` or of all, oldest first.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the file cannot be read.
    pub async fn before(
        &self,
        room: &RoomName,
        seq: Option<Seq>,
        limit: usize,
    ) -> Result<Newest, ReadError> {
        let room = room.clone();
        self.store.read(move |reader| reader.before(&room, seq, limit)).await
    }

    /// The place after which the `count` newest messages of `room` stand, or all that are kept.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the file cannot be read.
    pub async fn before_newest(&self, room: &RoomName, count: usize) -> Result<Seq, ReadError> {
        let room = room.clone();
        self.store.read(move |reader| reader.before_newest(&room, count)).await
    }

    /// Up to `limit` rooms that were written to, those with the newest messages first, and when
    /// that was.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the file cannot be read.
    pub async fn rooms(&self, limit: usize) -> Result<Vec<(RoomName, Timestamp)>, ReadError> {
        self.store.read(move |reader| reader.rooms(limit)).await
    }

    /// Every message after `seq`, of all rooms, in order, and then each new one as soon as it is
    /// durable; in batches. Ends when the journal is closed. What was not followed yet is not
    /// trimmed: there is one follower.
    ///
    /// `unwanted` is asked with each new place whether nobody wants what is up to there; then it
    /// is not read at all.
    pub fn follow<F>(
        &self,
        mut seq: Seq,
        unwanted: F,
    ) -> impl Stream<Item = Result<Vec<Message>, ReadError>> + use<F>
    where
        F: Fn(Seq) -> bool,
    {
        /// Bounds the memory of one batch (4,000 characters each: 8 MB at the very most).
        const BATCH: usize = 512;
        let store = self.store.clone();
        let mut committed: watch::Receiver<Seq> = self.sequencer.committed();
        self.store.followed().upto(seq);
        async_stream::try_stream! {
            loop {
                let last = *committed.borrow_and_update();
                while seq < last {
                    if unwanted(last) {
                        seq = last;
                        store.followed().upto(seq);
                        break;
                    }
                    let messages = store.read(move |reader| reader.follow(seq, BATCH)).await?;
                    // Trimmed before it could be followed: nothing is left to pass on up to there.
                    let Some(newest) = messages.last() else { break };
                    seq = newest.seq();
                    store.followed().upto(seq);
                    yield messages;
                }
                if committed.changed().await.is_err() {
                    return;
                }
            }
        }
    }

    /// Whether a message could be stored now.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.sequencer.ready()
    }

    /// Whether the writer has ended, after which nothing is followed any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.sequencer.committed().has_changed().is_err()
    }

    /// Stores what was accepted, ends the writer and closes the file. Later sends are refused.
    pub async fn close(&self) {
        let Some(writer) = self.sequencer.close().await else { return };
        // SQLite folds the log into the file when its last connection closes: ours, after these.
        self.store.close().await;
        if let Err(why) = writer.close() {
            tracing::error!(%why, "the journal could not be closed cleanly; nothing is lost");
        }
    }
}
