//! One reader: catches up, goes live, and catches up again when it fell behind.
//!
//! All of it is reading from a cursor, the reader's `sent`: what the ring has is taken from there,
//! what it lacks is replayed from the journal. First open, reconnect and lag are one path, so
//! nothing is left out and nothing comes twice by construction.

#[cfg(test)]
mod handover;

use std::{
    collections::VecDeque,
    convert::Infallible,
    ops::Range,
    time::{Duration, Instant},
};

use bytes::Bytes;
use rand::RngExt as _;
use tokio::sync::watch;
use tokio_stream::Stream;

use crate::{
    frame::{self, Frame, Representation},
    hub::{Hub, Item as _, Subscription},
    journal::{Gap, Journal, Page, ReadError},
    message::{Epoch, MessageId, RoomName, Seq},
    metrics::Metrics,
    shutdown::Shutdown,
};

/// Messages read from the journal at once: enough to be worth a reading (the journal ends a page
/// earlier where texts are long), few enough that thousands can catch up together.
const PAGE: usize = 512;

/// Frames taken from the ring under one lock.
const TAKE: usize = 64;

/// The life of a document without an end, in messages and in time: a browser holds all of it in
/// memory. Then it goes on with the next, from its cursor.
const LIFE: (u64, Duration) = (10_000, Duration::from_hours(1));

/// Messages that the next document repeats from the one before, so that it does not begin empty.
const CONTEXT: usize = 50;

/// How soon, in milliseconds, a reader is asked to come back when the server stops: time for a
/// restart, spread so that ten thousand tabs come at four a millisecond and not at once.
const COME_BACK: Range<u64> = 500..3000;

fn pause() -> Duration {
    Duration::from_millis(rand::rng().random_range(COME_BACK))
}

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

/// What a reader asks for.
pub struct Asked {
    /// Which room.
    pub room: RoomName,
    /// From where.
    pub start: Start,
    /// How it is written.
    pub representation: Representation,
    /// Whether word of who is here is wanted, which only an event stream has a place for.
    pub presence: bool,
}

/// What every stream is made from; clones share it.
#[derive(Clone)]
pub struct Source {
    /// The past.
    pub journal: Journal,
    /// The present.
    pub hub: Hub<Frame>,
    /// What is counted.
    pub metrics: Metrics,
    /// The end.
    pub shutdown: Shutdown,
    /// Changes whenever it is time for a comment: one clock for all streams.
    pub pulse: watch::Receiver<()>,
}

impl Source {
    /// Opens a stream. From when this returns, nothing that is sent is missed. `held` is dropped
    /// with the stream: by it others see that this reader is there.
    pub fn open<H: Send + 'static>(
        &self,
        asked: Asked,
        held: H,
    ) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + use<H> {
        let Self { journal, hub, metrics, shutdown, pulse } = self.clone();
        let live = hub.subscribe(&asked.room);
        let (sent, lost) = match asked.start {
            // Read after subscribing: whatever is newer passes the ring.
            Start::Now => (journal.last(), false),
            Start::After(seq) => (seq, false),
            Start::Lost => (Seq::ZERO, true),
        };
        let Asked { room, representation, presence, .. } = asked;
        let reader = Reader {
            past: journal,
            room,
            representation,
            presence,
            sent,
            lost,
            taken: 0,
            recent: VecDeque::new(),
        };
        run(reader, live, metrics, shutdown, pulse, held)
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
    representation: Representation,
    presence: bool,
    /// The cursor: everything up to here was handed over, or was never due.
    sent: Seq,
    /// Whether its cursor meant nothing, and all that is kept is still to come.
    lost: bool,
    /// How many messages it was given.
    taken: u64,
    /// The last few of them, where the next document begins; empty for other representations.
    recent: VecDeque<Seq>,
}

fn run<P: Past, H: Send + 'static>(
    mut reader: Reader<P>,
    mut live: Subscription<Frame>,
    metrics: Metrics,
    shutdown: Shutdown,
    mut pulse: watch::Receiver<()>,
    held: H,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + use<P, H> {
    pulse.mark_unchanged();
    let representation = reader.representation;
    let born = Instant::now();
    async_stream::stream! {
        let _held = held;
        let opening = representation.opening(&reader.room);
        if !opening.is_empty() {
            yield Ok(opening);
        }
        if reader.lost {
            metrics.gap();
            yield Ok(representation.page(Some(Gap { gone: None }), reader.past.epoch(), &[]));
        }
        loop {
            match live.after(reader.sent, TAKE) {
                None => match reader.replay(&metrics).await {
                    Ok(page) if page.is_empty() => {}
                    Ok(page) => yield Ok(page),
                    Err(why) => {
                        // The reader comes back with its cursor; until then nothing is skipped.
                        tracing::error!(%why, room = %reader.room, "a stream was ended");
                        return;
                    }
                },
                Some(frames) if frames.is_empty() => {
                    if reader.presence && let Some(notice) = live.notice() {
                        yield Ok(notice);
                    }
                    tokio::select! {
                        biased;
                        () = shutdown.begun() => {}
                        () = live.changed() => {}
                        _ = pulse.changed() => yield Ok(representation.keep_alive()),
                    }
                }
                Some(frames) => {
                    for frame in frames {
                        reader.took(frame.seq());
                        reader.sent = frame.seq();
                        if frame.seq() > live.since()
                            && let Some(took) = frame.handed_over()
                        {
                            metrics.fanned_out(took);
                        }
                        yield Ok(frame.bytes(representation));
                    }
                }
            }
            if shutdown.has_begun() {
                let farewell = representation.farewell(&reader.onward(), pause());
                if !farewell.is_empty() {
                    yield Ok(farewell);
                }
                return;
            }
            // Looked at with every message and comment: no timer of its own is due.
            if representation == Representation::Html
                && (reader.taken >= LIFE.0 || born.elapsed() >= LIFE.1)
            {
                yield Ok(frame::onward(&reader.onward()));
                return;
            }
        }
    }
}

impl<P: Past> Reader<P> {
    /// One page from the journal in one piece, word of a gap before it; empty where nothing was
    /// due up to where it reaches.
    async fn replay(&mut self, metrics: &Metrics) -> Result<Bytes, ReadError> {
        let page = self.past.after(&self.room, self.sent, PAGE).await?;
        self.sent = page.upto;
        for message in &page.messages {
            self.took(message.seq());
        }
        // A reader whose cursor meant nothing was told so already, before this first page.
        let lost = std::mem::take(&mut self.lost);
        let gap = page.gap.filter(|_| !lost);
        metrics.replayed();
        if gap.is_some() {
            metrics.gap();
        }
        Ok(self.representation.page(gap, self.past.epoch(), &page.messages))
    }

    fn took(&mut self, seq: Seq) {
        self.taken += 1;
        if self.representation == Representation::Html {
            if self.recent.len() > CONTEXT {
                self.recent.pop_front();
            }
            self.recent.push_back(seq);
        }
    }

    /// The cursor of the next document: nothing after it is lost, and a little comes again.
    fn onward(&self) -> MessageId {
        let seq = self.recent.front().copied().unwrap_or(self.sent);
        MessageId::new(self.past.epoch().clone(), seq)
    }
}
