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
//! It is made of two parts that are kept apart, so that many nodes can share a sequencer and each
//! keep a store: [`store`] keeps entries at the seq that it is told, [`sequencer`] chooses the seq
//! and the epoch. What [`followers`] have not read, and what [`holds`] hold, is not trimmed.

mod change;
mod copy;
mod find;
mod followers;
mod holds;
mod numbers;
mod rulebook;
mod rules;
mod scan;
mod sequencer;
mod store;
mod tail;
#[cfg(test)]
mod tests;

use std::{path::Path, time::Duration};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_stream::Stream;

use crate::message::{Draft, Entry, Epoch, Message, RoomName, Seq};
use crate::metrics::Metrics;
#[cfg(feature = "nats")]
use crate::nats::Link;
use crate::shutdown::Shutdown;

pub use copy::{Copied, CopyError, backup, restore};
pub(crate) use holds::Hold;
pub(crate) use rulebook::{Rulebook, Seen};
pub(crate) use sequencer::{AppendError, Ruled};
pub use store::Totals;
pub(crate) use store::{Around, Chosen, Gap, Newest, OpenError, Page, ReadError, Signed};
pub use store::{Changed, Revision};

use followers::Followers;
use holds::Holds;
use sequencer::{Local, Sequencer};
pub(crate) use sequencer::{Reach, Readiness};
use store::{Lane, Store, Writer};
pub(crate) use store::{PRIVATE, beside};
use tail::Tail;

/// How much of the past is kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Messages kept per room, at least 1.
    pub keep: u64,
    /// Age up to which messages are kept; `None` for ever.
    pub ttl: Option<Duration>,
}

/// How many trimmed messages per room are remembered by place and key (about 130 bytes each) at
/// least: long enough for a tab that slept over a busy day to be
/// told a number, and for every client's retry.
const MIN_REMEMBERED: u64 = 10_000;

/// How many trimmed messages per room are remembered, where so many are kept: as many, or
/// [`MIN_REMEMBERED`], whichever is more.
pub(crate) fn remembered(keep: u64) -> u64 {
    keep.max(MIN_REMEMBERED)
}

/// For how long after a send its key is known on every node, be its message kept or not.
pub(crate) const SHARED_KEY_TIME: Duration = Duration::from_mins(2);

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
    followers: Followers,
    holds: Holds,
    tail: Tail,
    rulebook: Rulebook,
    checked: Option<Duration>,
    stop: Shutdown,
}

impl Journal {
    /// Opens the journal in the SQLite file at `path` and makes it where there is none.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says what is wrong with the file, in words for an operator.
    pub fn open(path: &Path, retention: Retention, metrics: Metrics) -> Result<Self, OpenError> {
        let (followers, holds) = (Followers::default(), Holds::default());
        let writer = Writer::open(path, retention, followers.clone(), holds.clone())?;
        let (path, checked, stop) = (writer.path().to_owned(), writer.checked(), writer.stop());
        let rulebook = rules::read(&writer)?;
        let (local, tail) = Local::start(writer, rulebook.clone(), metrics)?;
        let sequencer = Sequencer::Local(local);
        let store = Store::open(&path, sequencer.epoch().clone()).inspect_err(|_| {
            if let Some(writer) = sequencer.end() {
                writer.discard();
            }
        })?;
        Ok(Self { store, sequencer, followers, holds, tail, rulebook, checked, stop })
    }

    /// Opens one node's part of a journal that many share, in the SQLite file at `path`.
    ///
    /// # Errors
    ///
    /// As [`Journal::open`], and where NATS cannot be used.
    #[cfg(feature = "nats")]
    pub(crate) async fn open_shared(
        path: &Path,
        retention: Retention,
        link: &Link,
        metrics: Metrics,
    ) -> Result<Self, OpenError> {
        let (followers, holds) = (Followers::default(), Holds::default());
        let writer = Writer::open(path, retention, followers.clone(), holds.clone())?;
        let (path, checked, stop) = (writer.path().to_owned(), writer.checked(), writer.stop());
        let prepared = sequencer::prepare(link, writer, retention).await?;
        let store = Store::open(&path, prepared.epoch().clone())?;
        let rulebook = rules::read(prepared.writer())?;
        let (shared, tail) = prepared.start(store.clone(), rulebook.clone(), metrics).await?;
        let sequencer = Sequencer::Shared(shared);
        Ok(Self { store, sequencer, followers, holds, tail, rulebook, checked, stop })
    }

    /// Where the data is, all links followed.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.store.path()
    }

    /// How long the file was checked when it was opened; `None` where it is as it was left.
    #[must_use]
    pub fn checked(&self) -> Option<Duration> {
        self.checked
    }

    /// How long the file is, with what is not folded into it yet, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.store.size()
    }

    /// How many messages are kept, and in how many rooms.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the file cannot be read.
    pub async fn totals(&self) -> Result<Totals, ReadError> {
        #[expect(clippy::redundant_closure_for_method_calls, reason = "it is of one lifetime only")]
        let reading = self.store.read(Lane::Page, |reader| reader.totals());
        reading.await
    }

    /// The epoch that this journal was born with.
    #[must_use]
    pub fn epoch(&self) -> &Epoch {
        self.sequencer.epoch()
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

    /// What a draft is that was sent before under its key; `None` where it was not, or something else
    /// was.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the file cannot be read.
    pub(crate) async fn sent_before(&self, draft: Draft) -> Result<Option<Appended>, ReadError> {
        self.store.read(Lane::Page, move |reader| reader.sent_before(&draft)).await
    }

    /// Up to `limit` entries of `room` after `seq`, oldest first; fewer where they are long.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the file cannot be read.
    pub async fn after(&self, room: &RoomName, seq: Seq, limit: usize) -> Result<Page, ReadError> {
        let room = room.clone();
        self.store.read(Lane::Replay, move |reader| reader.after(&room, seq, limit)).await
    }

    /// Up to `limit` messages of `room`, the newest before `seq` or of all, oldest first; fewer
    /// where they are long.
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
        self.store.read(Lane::Page, move |reader| reader.before(&room, seq, limit)).await
    }

    /// The place after which the `count` newest messages of `room` stand, or all that are kept.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the file cannot be read.
    pub async fn before_newest(&self, room: &RoomName, count: usize) -> Result<Seq, ReadError> {
        let room = room.clone();
        self.store.read(Lane::Page, move |reader| reader.before_newest(&room, count)).await
    }

    /// Whether there is such a room: one that a message was sent to.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the file cannot be read.
    pub async fn has(&self, room: &RoomName) -> Result<bool, ReadError> {
        let room = room.clone();
        self.store.read(Lane::Page, move |reader| reader.has(&room)).await
    }

    /// Up to `limit` rooms that were written to, those with the newest messages first, and when
    /// that was.
    ///
    /// # Errors
    ///
    /// [`ReadError`] when the file cannot be read.
    pub async fn rooms(&self, limit: usize) -> Result<Vec<(RoomName, Timestamp)>, ReadError> {
        self.store.read(Lane::Page, move |reader| reader.rooms(limit)).await
    }

    /// Every entry after `seq`, of all rooms, in order, and then each new one as soon as it is
    /// durable; in batches. Ends when the journal is closed. A batch that cannot be read is an
    /// error, and is tried again when the next is asked for.
    ///
    /// What is not followed yet is not trimmed, until the stream is dropped; `name` is the
    /// follower's alone.
    ///
    /// `unwanted` is asked with each new place whether nobody wants what is up to there; then it
    /// is not read at all.
    pub fn follow<F>(
        &self,
        name: &'static str,
        mut seq: Seq,
        unwanted: F,
    ) -> impl Stream<Item = Result<Vec<Entry>, ReadError>> + use<F>
    where
        F: Fn(Seq) -> bool,
    {
        /// Bounds the memory of one batch (4,000 characters each: 8 MB at the very most).
        const MAX_BATCH: usize = 512;
        let (store, tail) = (self.store.clone(), self.tail.clone());
        let mut committed: watch::Receiver<Seq> = self.sequencer.committed();
        let follower = self.followers.register(name, seq);
        async_stream::stream! {
            loop {
                let last = *committed.borrow_and_update();
                while seq < last {
                    if unwanted(last) {
                        seq = last;
                        follower.advance(seq);
                        break;
                    }
                    let found = match tail.after(seq, MAX_BATCH) {
                        Some(entries) => Ok(entries),
                        None => {
                            store.read(Lane::Follow, move |reader| reader.follow(seq, MAX_BATCH)).await
                        }
                    };
                    match found {
                        Ok(entries) => {
                            // Trimmed before it registered: nothing is left to pass on up to there.
                            let Some(newest) = entries.last() else { break };
                            seq = newest.seq();
                            follower.advance(seq);
                            yield Ok(entries);
                        }
                        Err(why) => yield Err(why),
                    }
                }
                if committed.changed().await.is_err() {
                    return;
                }
            }
        }
    }

    /// Keeps what `room` has after `seq` from being trimmed for as long as the answer is kept.
    /// What is being trimmed at this very moment may still go.
    #[must_use = "dropped, it holds nothing"]
    pub fn hold(&self, room: &RoomName, seq: Seq) -> Hold {
        self.holds.hold(room, seq)
    }

    /// Whether a message could be stored now.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.sequencer.ready()
    }

    /// Whether other nodes have it as well.
    pub(crate) fn is_shared(&self) -> bool {
        self.sequencer.is_shared()
    }

    /// What could be done with it now.
    pub(crate) fn readiness(&self) -> Readiness {
        self.sequencer.readiness()
    }

    /// Waits until this node has what another had: everything up to `seq`, for so long at most. A
    /// journal of one node has what it has.
    pub(crate) async fn reach(&self, seq: Seq, patience: Duration) -> Reach {
        self.sequencer.reach(seq, patience).await
    }

    /// Waits until this node has everything up to `seq`, for so long at most.
    pub(crate) async fn wait_for(&self, seq: Seq, patience: Duration) {
        let mut committed = self.sequencer.committed();
        let reached = async { committed.wait_for(|last| *last >= seq).await.is_ok() };
        let _ = tokio::time::timeout(patience, reached).await;
    }

    /// Completes when the journal is to be opened anew: the stream behind it is another one.
    pub(crate) async fn renewed(&self) {
        self.sequencer.renewed().await;
    }

    /// Whether the writer has ended, after which nothing is followed any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.sequencer.committed().has_changed().is_err()
    }

    /// Completes when nothing can be stored any more: the journal was closed, or what writes it
    /// failed. Then [`Journal::ready`] is false.
    pub async fn ended(&self) {
        self.sequencer.ended().await;
    }

    /// The end is near: nobody waits any longer for a lock that another program holds on the data.
    pub(crate) fn stop_waiting(&self) {
        self.stop.begin();
    }

    /// Closes a journal that nobody came to use, and removes what opening it has made. Blocks.
    pub fn abandon(self) {
        self.store.close_idle();
        if let Some(writer) = self.sequencer.end() {
            writer.discard();
        }
    }

    /// Stores what was accepted, ends the writer and closes the file. Later sends are refused.
    pub async fn close(&self) {
        let writer = self.sequencer.close().await;
        // SQLite folds the log into the file when its last connection closes: ours, after these.
        self.store.close().await;
        if let Some(Err(why)) = writer.map(Writer::close) {
            tracing::error!(%why, "the journal could not be closed cleanly; nothing is lost");
        }
    }
}
