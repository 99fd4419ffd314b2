//! Who chooses the seq: the part of the journal that several nodes can share.
//!
//! A sequencer owns the epoch and the highest seq, takes drafts, and has the store of its node
//! written. Which of them stands behind a journal is decided when it is opened.

mod health;
#[cfg(feature = "nats")]
mod jetstream;
mod local;

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use super::{
    Appended,
    store::{Changed, Revision, WriteError, Writer},
};
use crate::message::{Draft, Epoch, RoomName, Ruling, Seq};

#[cfg(feature = "nats")]
pub(crate) use jetstream::{Shared, prepare};
pub(crate) use local::Local;

/// Why a draft was not stored, or is not known to be.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// Its key was used for another message.
    #[error("this key was used for another message")]
    KeyReused,
    /// More senders wait than the queue holds.
    #[error("the journal is busy")]
    Busy,
    /// The disk did not answer in time; the message may still be stored.
    #[error("the disk did not answer in {} s", local::APPEND_TIMEOUT.as_secs())]
    TimedOut,
    /// The process stops, and the disk has not answered; the message may still be stored.
    #[error("the disk did not answer before the end")]
    Stopped,
    /// The journal is closed.
    #[error("the journal is closed")]
    Closed,
    /// NATS has not answered for a while; nothing was sent there.
    #[cfg(feature = "nats")]
    #[error("NATS cannot be reached")]
    Unreachable,
    /// NATS did not answer in time, or this node did not see what it took; the message may be stored.
    #[cfg(feature = "nats")]
    #[error("NATS did not answer in {} s", jetstream::APPEND_TIMEOUT.as_secs())]
    Unknown,
    /// This node's own store takes nothing now; nothing was sent.
    #[cfg(feature = "nats")]
    #[error("this node's journal cannot be written")]
    NotWritable,
    /// The disk refused; nothing of the batch was stored.
    #[error("the journal cannot be written: {0}")]
    Disk(Arc<WriteError>),
}

impl AppendError {
    /// Whether the message may be stored all the same, which trying again under its key tells.
    pub(crate) fn is_unsure(&self) -> bool {
        #[cfg(feature = "nats")]
        if matches!(self, Self::Unknown) {
            return true;
        }
        matches!(self, Self::TimedOut | Self::Stopped)
    }
}

/// What could be done now.
#[cfg_attr(not(feature = "nats"), expect(dead_code, reason = "of several nodes"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Everything.
    Ready,
    /// What is stored can be read. What would store more does not answer.
    ReadsOnly,
    /// This node is known to lack what others have.
    Behind,
    /// Nothing can be written.
    Broken,
}

/// How far a node has come, as somebody asks who has seen more.
#[cfg_attr(not(feature = "nats"), expect(dead_code, reason = "of several nodes"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It has that.
    Here,
    /// There is no such thing, or not in this epoch.
    Nowhere,
    /// Others have it, or nobody can say.
    Elsewhere,
}

/// What became of a ruling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ruled {
    /// It holds, since this place.
    Stored(Seq),
    /// Something else stands where it was to be put.
    Conflict,
}

/// A handle on the sequencer; clones share it.
#[derive(Clone)]
pub(super) enum Sequencer {
    /// This process alone.
    Local(Local),
    /// As many nodes as there are, by a stream that they share.
    #[cfg(feature = "nats")]
    Shared(Shared),
}

impl Sequencer {
    /// The epoch that its seqs belong to.
    pub(super) fn epoch(&self) -> &Epoch {
        match self {
            Self::Local(local) => local.epoch(),
            #[cfg(feature = "nats")]
            Self::Shared(shared) => shared.epoch(),
        }
    }

    /// The newest seq that is durable in this node's store, and word of each newer one; word of
    /// the end when nothing is written any more.
    pub(super) fn committed(&self) -> watch::Receiver<Seq> {
        match self {
            Self::Local(local) => local.committed(),
            #[cfg(feature = "nats")]
            Self::Shared(shared) => shared.committed(),
        }
    }

    /// Gives a draft its seq, and answers once it is durable.
    pub(super) async fn append(&self, draft: Draft) -> Result<Appended, AppendError> {
        match self {
            Self::Local(local) => local.append(draft).await,
            #[cfg(feature = "nats")]
            Self::Shared(shared) => shared.append(draft).await,
        }
    }

    /// Changes a message, and answers once that is durable.
    pub(super) async fn change(
        &self,
        room: RoomName,
        target: Seq,
        revision: Revision,
        by: Option<String>,
    ) -> Result<Changed, AppendError> {
        match self {
            Self::Local(local) => local.change(room, target, revision, by).await,
            #[cfg(feature = "nats")]
            Self::Shared(shared) => shared.change(room, target, revision, by).await,
        }
    }

    /// Puts a ruling in the place of what stands under its key, where that stands at `expected`, and
    /// answers once it is durable and holds here.
    pub(super) async fn rule(
        &self,
        ruling: Ruling,
        expected: Option<Seq>,
    ) -> Result<Ruled, AppendError> {
        match self {
            Self::Local(local) => local.rule(ruling, expected).await,
            #[cfg(feature = "nats")]
            Self::Shared(shared) => shared.rule(ruling, expected).await,
        }
    }

    /// Whether other nodes take part.
    pub(super) fn is_shared(&self) -> bool {
        !matches!(self, Self::Local(_))
    }

    /// What could be done now.
    pub(super) fn readiness(&self) -> Readiness {
        match self {
            Self::Local(local) if local.ready() => Readiness::Ready,
            Self::Local(_) => Readiness::Broken,
            #[cfg(feature = "nats")]
            Self::Shared(shared) => shared.readiness(),
        }
    }

    /// Waits until everything up to `seq` is here.
    pub(super) async fn reach(&self, seq: Seq, patience: Duration) -> Reach {
        match self {
            Self::Local(local) => {
                // Nobody else could have more.
                let _ = patience;
                let here = seq <= *local.committed().borrow();
                if here { Reach::Here } else { Reach::Nowhere }
            }
            #[cfg(feature = "nats")]
            Self::Shared(shared) => shared.find(seq, patience).await,
        }
    }

    /// Whether a draft could be stored now.
    pub(super) fn ready(&self) -> bool {
        match self {
            Self::Local(local) => local.ready(),
            #[cfg(feature = "nats")]
            Self::Shared(shared) => shared.ready(),
        }
    }

    /// Completes when the journal is to be opened anew. That of one node never is.
    pub(super) async fn renewed(&self) {
        match self {
            Self::Local(_) => std::future::pending().await,
            #[cfg(feature = "nats")]
            Self::Shared(shared) => shared.renewed().await,
        }
    }

    /// Completes when nothing is written any more: it was closed, or it failed.
    pub(super) async fn ended(&self) {
        match self {
            Self::Local(local) => local.ended().await,
            #[cfg(feature = "nats")]
            Self::Shared(shared) => shared.ended().await,
        }
    }

    /// Stores what was accepted, ends, and gives the store's writer back; `None` where that was
    /// done before, or where it had ended by itself.
    pub(super) async fn close(&self) -> Option<Writer> {
        match self {
            Self::Local(local) => local.close().await,
            #[cfg(feature = "nats")]
            Self::Shared(shared) => shared.close().await,
        }
    }

    /// The same, for who may block.
    pub(super) fn end(&self) -> Option<Writer> {
        match self {
            Self::Local(local) => local.end(),
            #[cfg(feature = "nats")]
            Self::Shared(shared) => shared.end(),
        }
    }
}
