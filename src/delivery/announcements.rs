//! Announcements: whoever reads a room is told who is there when that changes.

use std::{pin::pin, sync::Arc};

use tokio::task;
use tokio_stream::{Stream, StreamExt as _};

use crate::{
    delivery::frame,
    delivery::hub::Hub,
    message::{People, RoomName},
};

/// Renders each change once, whatever the number of readers, and hands it to the hub; until the
/// changes end.
pub(crate) async fn run(changes: impl Stream<Item = (RoomName, Arc<People>)>, hub: Hub) {
    let mut changes = pin!(changes);
    while let Some((room, people)) = changes.next().await {
        hub.announce(&room, frame::presence(&people));
        // Thousands of rooms may change at once: other tasks of this thread get their turn.
        task::consume_budget().await;
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, task::Poll};

    use super::*;
    use crate::{
        delivery::{
            hub::{Next, ReaderTag, Subscription},
            model::{Model, Tasks, hub},
        },
        message::{Name, Person, Seq},
    };

    async fn next(reader: &mut Subscription) -> Next {
        poll_fn(|context| reader.poll_next(Seq::ZERO, context)).await
    }

    #[tokio::test]
    async fn readers_of_a_room_that_changed_are_told_who_is_there_and_others_are_not() {
        let room = |name| RoomName::parse(name).unwrap();
        let hub = hub(&Model::default(), &Tasks::default(), 0, 64);
        let mut readers =
            ["hall", "lobby"].map(|name| hub.subscribe(&room(name), true, ReaderTag::default()));
        let names = vec![Person { name: Name::parse("ann").unwrap(), away: false }];
        let people = Arc::new(People { count: 1, names, watching: 0 });
        let told = frame::presence(&people);
        assert!(told.ends_with(b"1 here: <bdi>ann</bdi></p>\n\n"), "{told:?}");

        run(tokio_stream::iter([(room("lobby"), people)]), hub.clone()).await;
        hub.tick(); // What each has when there is nothing else.
        let [other, reader] = &mut readers;
        assert!(matches!(next(reader).await, Next::Notice(notice) if notice == told));
        assert!(matches!(next(other).await, Next::Tick));
        let idle = poll_fn(|context| Poll::Ready(other.poll_next(Seq::ZERO, context).is_pending()));
        assert!(idle.await);
    }
}
