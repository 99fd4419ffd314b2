//! One reader: catches up, goes live, and catches up again when it fell behind.
//!
//! All of it is reading from a cursor, the reader's `sent`: what the ring has is taken from there,
//! what it lacks is replayed from the journal. First open, reconnect and lag are one path, so
//! nothing is left out and nothing comes twice by construction.

#[cfg(test)]
mod handover;

use std::{
    collections::VecDeque,
    ops::Range,
    time::{Duration, Instant},
};

use bytes::Bytes;
use rand::RngExt as _;
use tokio_stream::Stream;

use crate::{
    delivery::frame::{self, Frame, Representation},
    delivery::hub::{Hub, Item as _, Next, ReaderTag, Subscription},
    journal::{Gap, Journal, Page, ReadError},
    message::{Epoch, MessageId, RoomName, Seq},
    metrics::Metrics,
};

/// Messages read from the journal at once: enough to be worth a reading (the journal ends a page
/// earlier where texts are long), few enough that thousands can catch up together.
const MAX_PAGE_MESSAGES: usize = 512;

/// Messages in a document without an end, which a browser holds in memory as a whole. Then it goes
/// on with the next, from its cursor.
const MAX_DOCUMENT_MESSAGES: u64 = 10_000;

/// How long such a document lives.
const MAX_DOCUMENT_AGE: Duration = Duration::from_hours(1);

/// Messages that the next document repeats from the one before, so that it does not begin empty.
const REPEATED_MESSAGES: usize = 50;

/// How soon, in milliseconds, a reader is wanted to come back when the server stops: time for a
/// restart, spread so that ten thousand tabs come at four a millisecond and not at once.
const RECONNECT_DELAY_MS: Range<u64> = 500..3000;

fn reconnect_delay() -> Duration {
    Duration::from_millis(rand::rng().random_range(RECONNECT_DELAY_MS))
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

/// What a reader gets.
pub struct Wanted {
    /// Which room.
    pub room: RoomName,
    /// From where.
    pub start: Start,
    /// How it is written.
    pub representation: Representation,
    /// Whether word of who is here is wanted, which only an event stream has a place for.
    pub presence: bool,
    /// What tells it from others.
    pub tag: ReaderTag,
}

/// What every stream is made from; clones share it.
#[derive(Clone)]
pub struct Source {
    /// The past.
    pub journal: Journal,
    /// The present, and the end.
    pub hub: Hub<Frame>,
    /// What is counted.
    pub metrics: Metrics,
}

impl Source {
    /// Opens a stream. From when this returns, nothing that is sent is missed. `held` is dropped
    /// with the stream: by it others see that this reader is there.
    pub fn open<H: Send + 'static>(
        &self,
        wanted: Wanted,
        held: H,
    ) -> impl Stream<Item = Bytes> + Send + use<H> {
        let (journal, metrics) = (self.journal.clone(), self.metrics.clone());
        let live = self.hub.subscribe(&wanted.room, wanted.presence, wanted.tag);
        let (sent, lost) = match wanted.start {
            // Read after subscribing: whatever is newer passes the ring.
            Start::Now => (journal.last(), false),
            Start::After(seq) => (seq, false),
            Start::Lost => (Seq::ZERO, true),
        };
        let Wanted { room, representation, .. } = wanted;
        let reader = Reader {
            past: journal,
            room,
            representation,
            sent,
            lost,
            count: 0,
            recent: VecDeque::new(),
        };
        run(reader, live, metrics, held)
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
    /// The cursor: everything up to here was handed over, or was never due.
    sent: Seq,
    /// Whether its cursor meant nothing, and all that is kept is still to come.
    lost: bool,
    /// How many messages it was given.
    count: u64,
    /// The last few of them, where the next document begins; empty for other representations.
    recent: VecDeque<Seq>,
}

fn run<P: Past, H: Send + 'static>(
    mut reader: Reader<P>,
    mut live: Subscription<Frame>,
    metrics: Metrics,
    held: H,
) -> impl Stream<Item = Bytes> + Send + use<P, H> {
    let representation = reader.representation;
    let opened = Instant::now();
    async_stream::stream! {
        let _held = held;
        let opening = representation.opening(&reader.room);
        if !opening.is_empty() {
            yield opening;
        }
        if reader.lost {
            metrics.gap();
            yield representation.page(Some(Gap { gone: None }), reader.past.epoch(), &[]);
        }
        loop {
            let piece = match live.next(reader.sent).await {
                Next::Item(frame) => {
                    reader.note(frame.seq());
                    reader.sent = frame.seq();
                    if frame.seq() > live.since()
                        && let Some(took) = frame.delivered_to_one()
                    {
                        metrics.fanned_out(took);
                    }
                    frame.bytes(representation)
                }
                Next::Behind => match reader.replay(&metrics).await {
                    Ok(page) => page,
                    Err(why) => {
                        // The reader comes back with its cursor; until then nothing is skipped.
                        tracing::error!(%why, room = %reader.room, "a stream was ended");
                        return;
                    }
                },
                Next::Notice(notice) => notice,
                Next::Tick => representation.keep_alive(),
                Next::Evicted => return,
                Next::End => {
                    let farewell = representation.farewell(&reader.next_document(), reconnect_delay());
                    if !farewell.is_empty() {
                        yield farewell;
                    }
                    return;
                }
            };
            // Empty where nothing was due up to where a page of the past reaches.
            if !piece.is_empty() {
                yield piece;
            }
            // Looked at with every message and comment: no timer of its own is due.
            if representation == Representation::Html
                && (reader.count >= MAX_DOCUMENT_MESSAGES || opened.elapsed() >= MAX_DOCUMENT_AGE)
            {
                yield frame::next_document(&reader.next_document());
                return;
            }
        }
    }
}

impl<P: Past> Reader<P> {
    /// One page from the journal in one piece, word of a gap before it; empty where nothing was
    /// due up to where it reaches.
    async fn replay(&mut self, metrics: &Metrics) -> Result<Bytes, ReadError> {
        let page = self.past.after(&self.room, self.sent, MAX_PAGE_MESSAGES).await?;
        self.sent = page.upto;
        for message in &page.messages {
            self.note(message.seq());
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

    fn note(&mut self, seq: Seq) {
        self.count += 1;
        if self.representation == Representation::Html {
            if self.recent.len() > REPEATED_MESSAGES {
                self.recent.pop_front();
            }
            self.recent.push_back(seq);
        }
    }

    /// The cursor of the next document: nothing after it is lost, and a little comes again.
    fn next_document(&self) -> MessageId {
        let seq = self.recent.front().copied().unwrap_or(self.sent);
        MessageId::new(self.past.epoch().clone(), seq)
    }
}
