//! One reader: catches up, goes live, and catches up again when it fell behind.
//!
//! All of it is reading from a cursor, the reader's `sent`: what the ring has is taken from there,
//! what it lacks is replayed from the journal. First open, reconnect and lag are one path, so
//! nothing is left out and nothing comes twice by construction.

#[cfg(test)]
mod handover;

use std::convert::Infallible;

use bytes::Bytes;
use tokio::sync::watch;
use tokio_stream::Stream;

use crate::{
    frame::{self, Frame},
    hub::{Hub, Item as _, Subscription},
    journal::{Journal, Page, ReadError},
    message::{Epoch, RoomName, Seq},
    shutdown::Shutdown,
};

/// Messages read from the journal at once: enough to be worth a reading (the journal ends a page
/// earlier where texts are long), few enough that thousands can catch up together.
const PAGE: usize = 512;

/// Frames taken from the ring under one lock.
const TAKE: usize = 64;

/// Where a reader begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With what is sent from now on.
    Now,
    /// After the message at this place.
    After(Seq),
    /// With a gap of unknown size, then all that is kept: the reader's cursor means nothing here.
    Lost,
}

/// What every stream is made from; clones share it.
#[derive(Clone)]
pub struct Source {
    /// The past.
    pub journal: Journal,
    /// The present.
    pub hub: Hub<Frame>,
    /// The end.
    pub shutdown: Shutdown,
    /// Changes whenever it is time for a comment: one clock for all streams.
    pub pulse: watch::Receiver<()>,
}

impl Source {
    /// Opens the stream of a room. From when this returns, nothing that is sent is missed.
    pub fn open(
        &self,
        room: RoomName,
        start: Start,
    ) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + use<> {
        let Self { journal, hub, shutdown, pulse } = self.clone();
        let live = hub.subscribe(&room);
        let (sent, lost) = match start {
            // Read after subscribing: whatever is newer passes the ring.
            Start::Now => (journal.last(), false),
            Start::After(seq) => (seq, false),
            Start::Lost => (Seq::ZERO, true),
        };
        run(Reader { past: journal, room, sent, lost }, live, shutdown, pulse)
    }
}

/// What a reader needs of the journal: all that the tests of the hand-over put in its place, to
/// stop it at every point.
trait Past: Send + 'static {
    fn after(
        &self,
        room: &RoomName,
        seq: Seq,
        limit: usize,
    ) -> impl Future<Output = Result<Page, ReadError>> + Send;
    fn epoch(&self) -> &Epoch;
}

impl Past for Journal {
    fn after(
        &self,
        room: &RoomName,
        seq: Seq,
        limit: usize,
    ) -> impl Future<Output = Result<Page, ReadError>> + Send {
        Journal::after(self, room, seq, limit)
    }

    fn epoch(&self) -> &Epoch {
        Journal::epoch(self)
    }
}

/// A reader's place.
struct Reader<P> {
    past: P,
    room: RoomName,
    /// The cursor: everything up to here was handed over, or was never due.
    sent: Seq,
    /// Whether its cursor meant nothing, and all that is kept is still to come.
    lost: bool,
}

fn run<P: Past>(
    mut reader: Reader<P>,
    mut live: Subscription<Frame>,
    shutdown: Shutdown,
    mut pulse: watch::Receiver<()>,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + use<P> {
    pulse.mark_unchanged();
    async_stream::stream! {
        yield Ok(frame::opening());
        if reader.lost {
            yield Ok(frame::gap(None, reader.past.epoch()));
        }
        loop {
            match live.after(reader.sent, TAKE) {
                None => match reader.replay().await {
                    Ok(page) if page.is_empty() => {}
                    Ok(page) => yield Ok(page),
                    Err(why) => {
                        // The reader comes back with its cursor; until then nothing is skipped.
                        tracing::error!(%why, room = %reader.room, "a stream was ended");
                        return;
                    }
                },
                Some(frames) if frames.is_empty() => {
                    tokio::select! {
                        biased;
                        () = shutdown.begun() => return,
                        () = live.changed() => {}
                        _ = pulse.changed() => yield Ok(frame::keep_alive()),
                    }
                }
                Some(frames) => {
                    for frame in frames {
                        reader.sent = frame.seq();
                        yield Ok(frame.event_stream());
                    }
                }
            }
            if shutdown.has_begun() {
                return;
            }
        }
    }
}

impl<P: Past> Reader<P> {
    /// One page from the journal in one piece, word of a gap before it; empty where nothing was
    /// due up to where it reaches.
    async fn replay(&mut self) -> Result<Bytes, ReadError> {
        let page = self.past.after(&self.room, self.sent, PAGE).await?;
        self.sent = page.upto;
        // A reader whose cursor meant nothing was told so already, before this first page.
        let lost = std::mem::take(&mut self.lost);
        let gap = page.gap.filter(|_| !lost);
        Ok(frame::page(gap, self.past.epoch(), &page.messages))
    }
}
