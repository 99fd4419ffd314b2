//! Announcements: whoever reads a room is told who is there when that changes.

use std::{pin::pin, sync::Arc};

use tokio::task;
use tokio_stream::{Stream, StreamExt as _};

use crate::{
    delivery::{frame::Notice, hub::Hub},
    message::{People, RoomName},
};

/// Hands each change to the hub as one notice, whatever the number of readers; until the changes
/// end.
pub(crate) async fn run(changes: impl Stream<Item = (RoomName, Arc<People>)>, hub: Hub) {
    let mut changes = pin!(changes);
    while let Some((room, people)) = changes.next().await {
        hub.announce(&room, Notice::new(people));
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
            frame::Representation,
            hub::{Next, ReaderTag, Subscription},
            model::{Model, Tasks, hub},
        },
        message::{Name, Person, Seq},
        sink::Framing,
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
        run(tokio_stream::iter([(room("lobby"), people)]), hub.clone()).await;
        hub.tick(); // What each has when there is nothing else.
        let [other, reader] = &mut readers;
        let Next::Notice(told) = next(reader).await else { panic!("a notice") };
        for (representation, end) in [
            (
                Representation::EventStream,
                "1 here: <bdi>ann</bdi></p>\
                 <span id=\"here\" data-number=\"1 here\" hx-swap-oob=\"true\"></span>\n\n",
            ),
            (
                Representation::EventStreamJson,
                "event: PresenceChanged\ndata: {\"count\":1,\"names\":[\"ann\"]}\n\n",
            ),
        ] {
            let told = told.chunk(representation).into_framed(Framing::Bare);
            assert!(told.ends_with(end.as_bytes()), "{told:?}");
        }
        assert!(matches!(next(other).await, Next::Tick));
        let idle = poll_fn(|context| Poll::Ready(other.poll_next(Seq::ZERO, context).is_pending()));
        assert!(idle.await);
    }
}
