//! One reader: catches up, goes live, and catches up again when it fell behind.
//!
//! All of it is reading from a cursor, [`Reader::sent`]: what the ring has is taken from there,
//! what it lacks is replayed from the journal. First open, reconnect and lag are one path, so
//! nothing is left out and nothing comes twice by construction.

use std::convert::Infallible;

use bytes::Bytes;
use tokio::sync::watch;
use tokio_stream::Stream;

use crate::{
    frame::{self, Frame},
    hub::{Hub, Subscription},
    journal::{Journal, ReadError},
    message::{RoomName, Seq},
    shutdown::Shutdown,
};

/// Messages read from the journal at once: large enough to be worth a reading, small enough that
/// thousands of readers that catch up together fit in memory (1 MB each with the longest texts).
const PAGE: usize = 256;

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
        let subscription = self.hub.subscribe(&room);
        let (sent, lost) = match start {
            // Read after subscribing: whatever is newer passes the ring.
            Start::Now => (self.journal.last(), false),
            Start::After(seq) => (seq, false),
            Start::Lost => (Seq::ZERO, true),
        };
        let pulse = self.pulse.clone();
        let reader = Reader { journal: self.journal.clone(), room, sent, lost };
        run(reader, subscription, self.shutdown.clone(), pulse)
    }
}

/// A reader's place.
struct Reader {
    journal: Journal,
    room: RoomName,
    /// The cursor: everything up to here was handed over, or was never due.
    sent: Seq,
    /// Whether its cursor meant nothing, and all that is kept is still to come.
    lost: bool,
}

fn run(
    mut reader: Reader,
    mut live: Subscription<Frame>,
    shutdown: Shutdown,
    mut pulse: watch::Receiver<()>,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    pulse.mark_unchanged();
    async_stream::stream! {
        yield Ok(frame::opening());
        if reader.lost {
            yield Ok(frame::gap(None, reader.journal.epoch()));
        }
        loop {
            match live.after(reader.sent, TAKE) {
                None => match reader.replay().await {
                    Ok(pieces) => {
                        for piece in pieces {
                            yield Ok(piece);
                        }
                    }
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
                        reader.sent = crate::hub::Item::seq(&frame);
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

impl Reader {
    /// One page from the journal, and word of a gap before it.
    async fn replay(&mut self) -> Result<Vec<Bytes>, ReadError> {
        let page = self.journal.after(&self.room, self.sent, PAGE).await?;
        self.sent = page.upto;
        // A reader whose cursor meant nothing was told so already, before this first page.
        let lost = std::mem::take(&mut self.lost);
        let gap = page.gap.filter(|_| !lost);
        let gap = gap.map(|gap| frame::gap(gap.gone, self.journal.epoch()));
        let messages = page.messages.into_iter().map(|m| Frame::new(m).event_stream());
        Ok(gap.into_iter().chain(messages).collect())
    }
}
