//! What the delivery needs of the journal; all that the model of the hand-over replaces.

use std::pin::Pin;

use crate::{
    journal::{self, Journal, Page, ReadError},
    message::{RoomName, Seq},
};

/// A page that is being read.
pub(crate) type PageFuture<'a> = Pin<Box<dyn Future<Output = Result<Page, ReadError>> + Send + 'a>>;

/// The durable past of all rooms.
pub(crate) trait Past: Send + Sync + 'static {
    /// Up to `limit` messages of `room` after `seq`.
    fn after<'a>(&'a self, room: &'a RoomName, seq: Seq, limit: usize) -> PageFuture<'a>;

    /// Keeps all of `room` after `seq` from being trimmed while it lives.
    fn hold(&self, room: &RoomName, seq: Seq) -> Box<dyn Hold>;
}

/// What keeps messages from being trimmed.
pub(crate) trait Hold: Send + Sync {
    /// What is up to `seq` is needed no more.
    fn advance(&self, seq: Seq);
}

impl Past for Journal {
    fn after<'a>(&'a self, room: &'a RoomName, seq: Seq, limit: usize) -> PageFuture<'a> {
        Box::pin(Journal::after(self, room, seq, limit))
    }

    fn hold(&self, room: &RoomName, seq: Seq) -> Box<dyn Hold> {
        Box::new(Journal::hold(self, room, seq))
    }
}

impl Hold for journal::Hold {
    fn advance(&self, seq: Seq) {
        journal::Hold::advance(self, seq);
    }
}
