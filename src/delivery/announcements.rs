//! Announcements: whoever reads a room is told who is there when that changes.

use std::{pin::pin, sync::Arc};

use tokio::task;
use tokio_stream::{Stream, StreamExt as _};

use crate::{
    delivery::frame::{self, Frame},
    delivery::hub::Hub,
    message::{People, RoomName},
};

/// Renders each change once, whatever the number of readers, and hands it to the hub; until the
/// changes end.
pub async fn run(changes: impl Stream<Item = (RoomName, Arc<People>)>, hub: Hub<Frame>) {
    let mut changes = pin!(changes);
    while let Some((room, people)) = changes.next().await {
        hub.announce(&room, frame::presence(&people));
        // Thousands of rooms may change at once: other tasks of this thread get their turn.
        task::consume_budget().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        delivery::hub::Next,
        message::{Name, Person, Seq},
    };

    #[tokio::test]
    async fn readers_of_a_room_that_changed_are_told_who_is_there_and_others_are_not() {
        let room = |name| RoomName::parse(name).unwrap();
        let hub: Hub<Frame> = Hub::new(Seq::ZERO);
        let mut readers = [hub.subscribe(&room("hall"), true), hub.subscribe(&room("lobby"), true)];
        let names = vec![Person { name: Name::parse("ann").unwrap(), away: false }];
        let people = Arc::new(People { count: 1, names, watching: 0 });
        let told = frame::presence(&people);
        assert!(told.ends_with(b"1 here: <bdi>ann</bdi></p>\n\n"), "{told:?}");

        run(tokio_stream::iter([(room("lobby"), people)]), hub.clone()).await;
        hub.beat(); // What each has when there is nothing else.
        let [other, reader] = &mut readers;
        assert!(matches!(reader.next(Seq::ZERO).await, Next::Notice(notice) if notice == told));
        assert!(matches!(other.next(Seq::ZERO).await, Next::Beat));
    }
}
