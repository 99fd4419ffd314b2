//! What a stream of one room tells of others: how much is unread there. A number replaces the one
//! before it, so nothing is queued, and it has no place in the order of messages.

use std::{
    mem,
    task::{Context, Poll},
};

use crate::{
    delivery::{
        frame::Representation,
        hub::{Count, Watch},
    },
    message::RoomName,
    sink::Chunk,
};

/// The most that is counted. More is told as this, once: a busy room that one does not look at costs one
/// so many events at the very most.
pub(crate) const MAX_UNREAD: u64 = 100;

/// What somebody may know of a room at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// How much is unread there. Up to the message of this number it was read in another tab.
    Counted(i64),
    /// It is before their eyes elsewhere.
    Shown,
    /// Nothing any more.
    Hidden,
}

/// What a reader is told of other rooms.
pub(crate) struct Unread {
    watch: Watch,
    rooms: Vec<Other>,
    standing: Box<dyn Fn(&RoomName) -> Standing + Send>,
}

/// One of those rooms.
pub(crate) struct Other {
    /// Its name.
    pub room: RoomName,
    /// What was unread when it began to be watched.
    pub before: Before,
    /// What was told last.
    told: Told,
}

/// What was unread before counting began. Less than nothing where what was seen is not counted yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Before {
    /// Messages.
    pub messages: i64,
    /// Those among them that mention the reader.
    pub mentions: i64,
    /// The number in its room of the last message before counting began.
    pub last: i64,
}

impl Before {
    /// What is unread when so much was counted since, [`MAX_UNREAD`] at most.
    pub(crate) fn plus(self, count: Count) -> Count {
        let sum = |before: i64, count: u64| {
            let sum = before.saturating_add(signed(count));
            u64::try_from(sum).unwrap_or(0).min(MAX_UNREAD)
        };
        let messages = sum(self.messages, count.messages);
        // What is known of mentions may be of fewer messages, and never is of more.
        Count { messages, mentions: sum(self.mentions, count.mentions).min(messages) }
    }

    /// All that was counted up to here is read.
    fn read(&mut self, count: Count) {
        self.lower(0, count.messages);
        self.mentions = self.mentions.min(-signed(count.mentions));
    }

    /// What was counted up to here is read as far as the message of this number.
    pub(crate) fn read_upto(&mut self, number: i64, count: Count) {
        match self.last.saturating_add(signed(count.messages)) - number {
            0 => self.read(count),
            // Of another journal a number says nothing.
            ..0 => {}
            left => self.lower(left, count.messages),
        }
    }

    /// No more than so many of what was counted up to here are unread.
    fn lower(&mut self, left: i64, counted: u64) {
        self.messages = self.messages.min(left - signed(counted));
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What was told of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Number(Count),
    /// That it is not there for this reader any more.
    Hidden,
}

impl Other {
    /// One of which nothing was told.
    pub(crate) fn new(room: RoomName, before: Before) -> Self {
        Self { room, before, told: Told::Nothing }
    }
}

impl Unread {
    /// Of the rooms that are watched, in their order. `standing` is asked with each telling.
    pub(crate) fn new(
        watch: Watch,
        rooms: Vec<Other>,
        standing: impl Fn(&RoomName) -> Standing + Send + 'static,
    ) -> Self {
        Self { watch, rooms, standing: Box::new(standing) }
    }

    /// What is another number than was told, in one piece.
    pub(super) fn poll(
        &mut self,
        representation: Representation,
        context: &Context<'_>,
    ) -> Poll<Chunk> {
        if !self.watch.is_due(context) {
            return Poll::Pending;
        }
        let piece = Chunk::encode(64, |out| {
            for (other, (room, count)) in self.rooms.iter_mut().zip(self.watch.counts()) {
                let unread = match (self.standing)(room) {
                    Standing::Hidden => Told::Hidden,
                    Standing::Shown => {
                        other.before.read(count);
                        Told::Number(Count::default())
                    }
                    Standing::Counted(read) => {
                        other.before.read_upto(read, count);
                        Told::Number(other.before.plus(count))
                    }
                };
                if mem::replace(&mut other.told, unread) != unread {
                    let count = if let Told::Number(count) = unread { Some(count) } else { None };
                    representation.unread(out, room, count);
                }
            }
        });
        // Of these there is nothing more to tell.
        let counts_mentions = self.watch.counts_mentions();
        let is_over = |other: &Other| match other.told {
            Told::Nothing => false,
            Told::Hidden => true,
            // Also of a busy room one is to hear when one is called.
            Told::Number(Count { messages, mentions }) => {
                messages == MAX_UNREAD && (!counts_mentions || mentions == MAX_UNREAD)
            }
        };
        if self.rooms.iter().any(is_over) {
            let over: Vec<_> = self.rooms.extract_if(.., |other| is_over(other)).collect();
            self.watch.forget(|room| over.iter().any(|other| other.room == *room));
        }
        if piece.is_empty() { Poll::Pending } else { Poll::Ready(piece) }
    }
}
