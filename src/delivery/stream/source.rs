//! What a stream is made from.

use std::collections::VecDeque;

use super::{Cursor, LiveStream, Unread};
use crate::{
    delivery::{
        frame::Representation,
        hub::{Hub, ReaderTag},
    },
    journal::Journal,
    message::{RoomName, Seq},
    metrics::Metrics,
};

/// Where a reader begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// With what is sent from now on.
    Now,
    /// After the message at this seq.
    After(Seq),
    /// With a gap of unknown size, then all that is kept: the reader's cursor means nothing here.
    Lost,
}

impl Start {
    /// Up to where the reader has everything.
    pub(crate) fn seq(self, journal: &Journal) -> Seq {
        match self {
            Self::Now => journal.last(),
            Self::After(seq) => seq,
            Self::Lost => Seq::ZERO,
        }
    }
}

/// What a reader gets.
pub(crate) struct Wanted {
    /// Which room.
    pub room: RoomName,
    /// From where.
    pub start: Start,
    /// How it is written.
    pub representation: Representation,
    /// Whether word of who is here is wanted, which only an event stream can carry.
    pub presence: bool,
    /// What tells it from others.
    pub tag: ReaderTag,
    /// What it is told of other rooms.
    pub unread: Option<Unread>,
}

/// What every stream is made from; clones share it.
#[derive(Clone)]
pub(crate) struct Source {
    /// The past.
    pub journal: Journal,
    /// The present, and the end.
    pub hub: Hub,
    /// What is counted.
    pub metrics: Metrics,
}

impl Source {
    /// Opens a stream. From when this returns, nothing that is sent is missed. `held` is dropped
    /// with the stream: by it others see that this reader is there.
    pub(crate) fn open<H: Send + 'static>(&self, wanted: Wanted, held: H) -> LiveStream {
        let live = self.hub.subscribe(&wanted.room, wanted.presence, wanted.tag);
        // Read after subscribing: whatever is newer passes the ring.
        let sent = wanted.start.seq(&self.journal);
        let cursor = Cursor {
            began: sent,
            sent,
            lost: wanted.start == Start::Lost,
            count: 0,
            recent: VecDeque::new(),
            had: Vec::new(),
            pages: Vec::new(),
        };
        let metrics = self.metrics.clone();
        let epoch = self.journal.epoch().clone();
        let opening = wanted.representation.opening(&wanted.room);
        let held = Box::new(held);
        let mut stream =
            LiveStream::new(live, cursor, wanted.representation, opening, epoch, metrics, held);
        stream.unread = wanted.unread.map(Box::new);
        stream
    }
}
