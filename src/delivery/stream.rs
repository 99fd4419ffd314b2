//! One reader: catches up, goes live, and catches up again when it fell behind.
//!
//! All of it is reading from a cursor: what the ring has is taken from there, what it lacks comes
//! from the journal in pages. First open, reconnect and lag are one path, so nothing is left out and
//! nothing comes twice by construction. While a reader has everything, its room's writer may write to
//! its socket; see [`line`](super::hub::line).

#[cfg(test)]
mod handover;
mod source;
#[cfg(test)]
mod tests;
mod unread;

use std::{
    collections::VecDeque,
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use rand::RngExt as _;
use tokio_stream::Stream;

use super::{
    frame::{self, Representation},
    hub::{CatchUp, Item as _, Next, Outcome, Subscription},
};
use crate::{
    journal::Gap,
    message::{Change, Entry, Epoch, MessageId, Seq},
    metrics::Metrics,
    sink::{Chunk, Framing, Sink},
};

pub(crate) use source::{Source, Start, Wanted};
pub(crate) use unread::{Before, MAX_UNREAD, Other, Standing, Unread};

/// Messages in a document without an end, which a browser holds in memory as a whole. Then it goes
/// on with the next, from its cursor.
const MAX_DOCUMENT_MESSAGES: u64 = 10_000;

/// How long such a document lives.
const MAX_DOCUMENT_AGE: Duration = Duration::from_hours(1);

/// How long a document stands at least before it goes on with one that has changed messages as they are
/// now: in so many seconds it goes on then, which is the least that a refresh has beside none.
const MIN_DOCUMENT_AGE: Duration = Duration::from_secs(1);

/// Messages that the next document repeats from the one before, so that it does not begin empty.
const REPEATED_MESSAGES: usize = 50;

/// How soon, in milliseconds, a reader is wanted to come back when the server stops: time for a
/// restart, spread so that ten thousand tabs come at four a millisecond and not at once.
const RECONNECT_DELAY_MS: Range<u64> = 500..3000;

fn reconnect_delay() -> Duration {
    Duration::from_millis(rand::rng().random_range(RECONNECT_DELAY_MS))
}

/// Where a reader stands, and what it was given.
struct Cursor {
    /// What is after this was due.
    began: Seq,
    /// Everything up to here was handed over, or was never due.
    sent: Seq,
    /// Whether its own cursor meant nothing, and all that is kept is still to come.
    lost: bool,
    /// How many messages it was given.
    count: u64,
    /// The last few of them, where the next document begins; empty for other representations.
    recent: VecDeque<Seq>,
    /// Changes that are still to come and that its document has in it already.
    had: Vec<Seq>,
    /// What its document has of pages: after which place and up to which, and up to which every change is
    /// in it.
    pages: Vec<(Seq, Seq, Seq)>,
}

/// A page that is on its way.
type CatchingUp = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// With all that it was to have: a document that says itself where it goes on, or whose tab left.
    Complete,
    /// In the midst of what is to come.
    Cut,
}

/// One reader's stream, in pieces that are whole events.
pub(crate) struct LiveStream {
    live: Subscription,
    cursor: Cursor,
    representation: Representation,
    /// What comes before anything else.
    opening: VecDeque<Chunk>,
    catching_up: Option<CatchingUp>,
    /// Set once the last piece was given out.
    end: Option<End>,
    opened: Instant,
    epoch: Epoch,
    metrics: Metrics,
    /// What it tells of other rooms.
    unread: Option<Box<Unread>>,
    /// Given back when the stream ends.
    held: Option<Box<dyn Send>>,
}

/// Nothing in it is pinned.
impl Unpin for LiveStream {}

impl LiveStream {
    fn new(
        mut live: Subscription,
        cursor: Cursor,
        representation: Representation,
        opening: Chunk,
        epoch: Epoch,
        metrics: Metrics,
        held: Box<dyn Send>,
    ) -> Self {
        live.hold(cursor.sent);
        let mut first = VecDeque::new();
        if !opening.is_empty() {
            first.push_back(opening);
        }
        if cursor.lost {
            metrics.gap();
            first.push_back(representation.page(Some(Gap { gone: None }), &epoch, &[]));
        }
        Self {
            live,
            cursor,
            representation,
            opening: first,
            catching_up: None,
            end: None,
            opened: Instant::now(),
            epoch,
            metrics,
            unread: None,
            held: Some(held),
        }
    }

    /// From now on the room's writer may write to `sink`, while the stream is parked. An endless
    /// document counts what it holds, so its own task writes it.
    pub(crate) fn attach(&mut self, sink: Arc<dyn Sink>, framing: Framing) {
        if self.representation != Representation::Html {
            self.live.attach(sink, framing, self.representation);
        }
    }

    /// Lets the room's writer write to the sink. All that was given out is written, and the stream
    /// has nothing more.
    pub(crate) fn park(&mut self) {
        if self.catching_up.is_none() && self.opening.is_empty() && self.end.is_none() {
            self.live.park(self.cursor.sent);
        }
    }

    /// Takes the sink back, where the room's writer may write to it, before the stream is polled
    /// again. Gives what is to be written first: what the sink did not take of the last write.
    pub(crate) fn unpark(&mut self) -> Bytes {
        self.live.unpark(&mut self.cursor.sent)
    }

    /// Whether the stream, which has ended, is complete. One that was cut goes on elsewhere, and
    /// its reader is to know that.
    pub(crate) fn is_complete(&self) -> bool {
        self.end == Some(End::Complete)
    }

    fn next_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Chunk>> {
        if let Some(piece) = self.opening.pop_front() {
            return Poll::Ready(Some(piece));
        }
        if self.end.is_some() {
            self.held = None;
            return Poll::Ready(None);
        }
        // Looked at with every message and comment: no timer of its own is due.
        let document = self.representation == Representation::Html;
        if document
            && (self.cursor.count >= MAX_DOCUMENT_MESSAGES
                || self.opened.elapsed() >= MAX_DOCUMENT_AGE)
        {
            return self.go_on(0);
        }
        loop {
            if let Some(page) = &mut self.catching_up {
                let outcome = ready!(page.as_mut().poll(context));
                self.catching_up = None;
                let piece = match outcome {
                    Ok(page) if document && self.is_outdated(&page.entries) => return self.renew(),
                    Ok(page) => self.page(&page),
                    Err(why) => {
                        // The reader comes back with its cursor; until then nothing is skipped.
                        tracing::error!(%why, "a stream was ended");
                        return self.end(End::Cut, Chunk::default());
                    }
                };
                self.live.advance(self.cursor.sent);
                // Empty where nothing was due up to where the page reaches.
                if !piece.is_empty() {
                    return Poll::Ready(Some(piece));
                }
            }
            let Poll::Ready(next) = self.live.poll_next(self.cursor.sent, context) else {
                return self.poll_unread(context);
            };
            return Poll::Ready(Some(match next {
                Next::Frame(frame) if document && frame.change().is_some() => {
                    let had = self.cursor.had.extract_if(.., |seq| *seq == frame.seq()).count();
                    if had == 0 && frame.change().is_some_and(|change| self.shows(change)) {
                        return self.renew();
                    }
                    self.cursor.sent = frame.seq();
                    self.live.advance(frame.seq());
                    continue;
                }
                Next::Frame(frame) => {
                    self.cursor.had.extend(frame.has_change().filter(|_| document));
                    self.note(frame.seq());
                    self.cursor.sent = frame.seq();
                    self.live.advance(frame.seq());
                    frame.chunk(self.representation).clone()
                }
                Next::Behind => {
                    self.catching_up = Some(Box::pin(self.live.catch_up(self.cursor.sent)));
                    continue;
                }
                Next::Notice(notice) => notice.chunk(self.representation),
                Next::Tick => self.representation.keep_alive(),
                // A document that the server ends has nothing more to come: its tab left.
                Next::Evicted if document => return self.end(End::Complete, Chunk::default()),
                Next::Evicted => return self.end(End::Cut, Chunk::default()),
                Next::End => {
                    let next = self.next_document();
                    let last = self.representation.farewell(&next, reconnect_delay());
                    return self.end(if document { End::Complete } else { End::Cut }, last);
                }
            }));
        }
    }

    /// What is unread elsewhere, once there is nothing else: a message is more than a number.
    fn poll_unread(&mut self, context: &mut Context<'_>) -> Poll<Option<Chunk>> {
        let Some(unread) = &mut self.unread else { return Poll::Pending };
        unread.poll(self.representation, context).map(Some)
    }

    /// Whether an endless document shows what a change makes another.
    fn shows(&self, change: &Change) -> bool {
        let target = change.target();
        let has = |(after, upto, as_of): &(Seq, Seq, Seq)| {
            *after < target && target <= *upto && change.id.seq() <= *as_of
        };
        let Cursor { began, sent, ref pages, .. } = self.cursor;
        began < target && target <= sent && !pages.iter().any(has)
    }

    /// Whether what comes next changes what it shows.
    fn is_outdated(&self, next: &[Entry]) -> bool {
        next.iter().any(|entry| matches!(entry, Entry::Change(change) if self.shows(change)))
    }

    /// Goes on with a document that has its messages as they are now: no script can take an element
    /// back. Each stands for a while, whatever is changed meanwhile.
    fn renew(&mut self) -> Poll<Option<Chunk>> {
        self.go_on(u64::from(self.opened.elapsed() < MIN_DOCUMENT_AGE))
    }

    /// Goes on with the next document in so many seconds.
    fn go_on(&mut self, seconds: u64) -> Poll<Option<Chunk>> {
        let last = frame::next_document(&self.next_document(), seconds);
        self.end(End::Complete, last)
    }

    /// Ends the stream with a last piece, or without where that is empty.
    fn end(&mut self, end: End, last: Chunk) -> Poll<Option<Chunk>> {
        self.end = Some(end);
        Poll::Ready((!last.is_empty()).then_some(last))
    }

    /// A page from the journal, word of a gap before it.
    fn page(&mut self, page: &CatchUp) -> Chunk {
        self.metrics.replayed();
        let messages = page.entries.iter().filter(|entry| matches!(entry, Entry::Message(_)));
        let count = messages.clone().count();
        for message in messages.skip(count.saturating_sub(REPEATED_MESSAGES + 1)) {
            self.note(message.seq());
        }
        self.cursor.count += count.saturating_sub(REPEATED_MESSAGES + 1) as u64;
        if self.representation == Representation::Html {
            self.cursor.pages.push((self.cursor.sent, page.upto, page.as_of));
        }
        self.cursor.sent = page.upto;
        // A reader whose cursor meant nothing was told so already, before this first page.
        if std::mem::take(&mut self.cursor.lost) {
            return page.chunk_without_gap(self.representation, &self.epoch);
        }
        if page.gap.is_some() {
            self.metrics.gap();
        }
        page.chunk(self.representation, &self.epoch)
    }

    fn note(&mut self, seq: Seq) {
        self.cursor.count += 1;
        if self.representation == Representation::Html {
            if self.cursor.recent.len() > REPEATED_MESSAGES {
                self.cursor.recent.pop_front();
            }
            self.cursor.recent.push_back(seq);
        }
    }

    /// The cursor of the next document: nothing after it is lost, and a little comes again.
    fn next_document(&self) -> MessageId {
        let Cursor { began, sent, count, ref recent, .. } = self.cursor;
        let all = count <= recent.len() as u64 && recent.len() <= REPEATED_MESSAGES;
        let first = if all { Some(began) } else { recent.front().copied() };
        let seq = first.filter(|_| self.representation == Representation::Html).unwrap_or(sent);
        MessageId::new(self.epoch.clone(), seq)
    }
}

impl Stream for LiveStream {
    type Item = Chunk;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Chunk>> {
        self.get_mut().next_piece(context)
    }
}
