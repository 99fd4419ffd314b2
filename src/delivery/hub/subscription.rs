//! One reader's hold on a topic.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::Instant;

use super::{
    Hub,
    line::Line,
    lock,
    pages::{self, Outcome},
    shard::Slot,
    topic::Topic,
};
use crate::{
    delivery::{
        frame::{Frame, Notice, Representation},
        past::Hold,
    },
    message::Seq,
    sink::{Framing, Sink},
};

/// How long a reader that is behind has what it lacks kept beyond what is kept anyway: as long as a
/// peer may take nothing before it is cut. One that reads, but so slowly that it does not get near
/// the others in that time, must not keep a room from being trimmed for ever.
const MAX_HOLD_TIME: Duration = Duration::from_secs(30);

/// What comes next for a reader.
#[derive(Clone)]
pub(crate) enum Next {
    /// The next frame after its cursor.
    Frame(Frame),
    /// It stands below the ring's floor and lacks what is not here.
    Behind,
    /// The newest notice, which it has not had.
    Notice(Notice),
    /// It has everything, and the clock has ticked.
    Tick,
    /// It is over, whatever it lacks.
    End,
    /// It is over for this reader: it may read no longer.
    Evicted,
}

/// One reader's hold on a topic; the topic goes away with its last one.
pub(crate) struct Subscription {
    hub: Hub,
    topic: Arc<Topic>,
    slot: Slot,
    line: Option<Arc<Line>>,
    /// The number of the last notice that it has had, where it wants any.
    last_notice: Option<u64>,
    /// The last tick that it has had.
    ticks: u64,
    /// The evictions of which it was none.
    evictions: u64,
    /// Keeps what it lacks, while its line is not parked, and since when it is behind.
    hold: Option<(Box<dyn Hold>, Instant)>,
}

impl Subscription {
    pub(super) fn new(hub: Hub, topic: Arc<Topic>, slot: Slot, notices: bool) -> Self {
        let (last_notice, ticks, evictions) = {
            let ring = lock(&topic.ring);
            (notices.then_some(ring.notice.0), ring.ticks, ring.evictions)
        };
        Self { hub, topic, slot, line: None, last_notice, ticks, evictions, hold: None }
    }

    /// What is after `cursor` is kept from now on.
    pub(crate) fn hold(&mut self, cursor: Seq) {
        let hold = self.topic.shared().past.hold(&self.topic.room, cursor);
        self.hold = Some((hold, Instant::now()));
    }

    /// From now on the room's writer may write to `sink`, while it is parked.
    pub(crate) fn attach(
        &mut self,
        sink: Arc<dyn Sink>,
        framing: Framing,
        representation: Representation,
    ) {
        let line = Arc::new(Line::new(sink, framing, representation));
        self.slot.attach(Arc::clone(&line));
        self.line = Some(line);
    }

    /// Takes the line back, if it is parked: then `cursor` becomes where the reader stands, and what
    /// is returned is to be written before anything else.
    pub(crate) fn unpark(&mut self, cursor: &mut Seq) -> Bytes {
        let Some(line) = &self.line else { return Bytes::new() };
        let (past, room) = (&self.topic.shared().past, &self.topic.room);
        let Some(unparked) = line.unpark(|seq| past.hold(room, seq)) else { return Bytes::new() };
        *cursor = unparked.cursor;
        self.hold = Some((unparked.hold, Instant::now()));
        unparked.rest
    }

    /// Gives the line to the room's writer. All that was given out is written, and `poll_next` has
    /// just said that there is nothing more.
    pub(crate) fn park(&mut self, cursor: Seq) {
        if let Some(line) = &self.line
            && line.park(cursor, || self.slot.shard().position() <= cursor)
        {
            self.hold = None;
        }
    }

    /// What comes next for a reader that has everything up to `cursor`; its line is not parked.
    pub(crate) fn poll_next(&mut self, cursor: Seq, context: &mut Context<'_>) -> Poll<Next> {
        // Before it looks: what comes after the look wakes it.
        self.slot.register(context.waker());
        let ring = lock(&self.topic.ring);
        if ring.ended {
            return Poll::Ready(Next::End);
        }
        if self.evictions != ring.evictions {
            self.evictions = ring.evictions;
            if self.slot.is_evicted() {
                return Poll::Ready(Next::Evicted);
            }
        }
        if cursor < ring.floor {
            // The room's writer reads on for all who stand where it stands.
            let served = self.line.is_some() && cursor >= self.slot.shard().position();
            return if served { Poll::Pending } else { Poll::Ready(Next::Behind) };
        }
        if let Some(frame) = ring.after(cursor) {
            return Poll::Ready(Next::Frame(frame.clone()));
        }
        if let Some(last) = &mut self.last_notice
            && let (number, Some(notice)) = &ring.notice
            && *last != *number
        {
            *last = *number;
            return Poll::Ready(Next::Notice(notice.clone()));
        }
        if self.ticks != ring.ticks {
            self.ticks = ring.ticks;
            return Poll::Ready(Next::Tick);
        }
        drop(ring);
        // It has everything: the time that it may be behind begins anew.
        match &mut self.hold {
            Some((_, since)) => *since = Instant::now(),
            None => self.hold(cursor),
        }
        Poll::Pending
    }

    /// What was up to `cursor` is written: it need not be kept for this reader.
    pub(crate) fn advance(&mut self, cursor: Seq) {
        self.hold.take_if(|(hold, since)| {
            hold.advance(cursor);
            since.elapsed() > MAX_HOLD_TIME
        });
    }

    /// The page after `cursor`, shared with all who stand there.
    pub(crate) fn catch_up(&self, cursor: Seq) -> impl Future<Output = Outcome> + Send + use<> {
        pages::read(self.topic.pages.after(cursor, &self.topic.shared().spawn))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.leave(&self.topic.room);
    }
}
