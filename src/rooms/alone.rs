//! Other nodes, in a build that has none: without the feature `nats`.

use tokio::time::Instant;

use super::{Apart, NameTaken, Presence, Tab};
use crate::message::{Name, RoomName};

/// There are none.
#[derive(Clone)]
pub(crate) enum Nodes {}

/// What happens elsewhere.
#[derive(Clone, Copy)]
pub(super) enum Aside {
    Left,
    Hidden,
    Shown,
}

#[expect(clippy::unused_async, reason = "as with the feature")]
impl Nodes {
    pub(super) async fn run(self, _: impl FnMut(&RoomName, &str, Aside) + Send) {
        match self {}
    }

    pub(super) async fn bye(&self) {
        match *self {}
    }

    pub(super) async fn settle(&self) -> Result<(), Apart> {
        match *self {}
    }

    pub(super) async fn claim(&self, _: &Tab) -> Result<Result<(), NameTaken>, Apart> {
        match *self {}
    }

    pub(super) fn own_elsewhere(&self, _: &RoomName, _: &Name, _: Option<&str>) -> usize {
        match *self {}
    }

    pub(super) fn presence(&self, _: &RoomName, _: &str) -> Presence {
        match *self {}
    }

    pub(super) fn is_news_in(&self, _: Instant) -> bool {
        match *self {}
    }

    pub(super) fn bearers(&self, _: &RoomName, _: &Name) -> Vec<String> {
        match *self {}
    }

    pub(super) fn at_rest<R>(&self, _: &Tab, _: impl FnOnce(u32) -> R) -> R {
        match *self {}
    }

    pub(super) fn count(&self, _: &Tab) -> u32 {
        match *self {}
    }

    pub(super) fn tell(&self, _: &RoomName, _: &str, _: Aside) {
        match *self {}
    }
}
