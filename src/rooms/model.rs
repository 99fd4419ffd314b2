//! Rooms whose readers are served only when a test says so.

use std::path::Path;

use tokio::task::yield_now;

use super::{Allowed, LeftTabs, Limits, Nodes, Rooms, Roster};
use crate::{
    delivery::{
        hub::{ReaderTag, Subscription},
        model::{self, Model, Tasks, frame, metrics},
        stream::Source,
    },
    journal::{Journal, Retention},
    message::RoomName,
    search::Search,
};

/// Rooms without limits over a journal in `home`, whose writers are `tasks`.
pub fn rooms(home: &Path, tasks: &Tasks) -> Rooms {
    among(home, tasks, Roster::new(), None)
}

/// The same, on one of several nodes.
pub fn among(home: &Path, tasks: &Tasks, roster: Roster, nodes: Option<Nodes>) -> Rooms {
    let retention = Retention { keep: 100, ttl: None };
    let journal = Journal::open(&home.join("hubbub.db"), retention, metrics()).unwrap();
    let hub = model::hub(&Model::default(), tasks, 0, 256);
    let allowed = Allowed {
        tab_sends: 0,
        sends: 0,
        joins: 0,
        address_streams: 0,
        streams: 10,
        new_rooms: 0,
        rooms: 10,
    };
    let search = Search::new(journal.path());
    let source = (Source { journal, hub, metrics: metrics() }, search);
    Rooms::new(nodes, source, roster, LeftTabs::in_memory(), Limits::new(allowed), metrics(), None)
}

/// A reader of a room.
pub fn reader(rooms: &Rooms, room: &RoomName) -> Subscription {
    rooms.hub().subscribe(room, false, ReaderTag::default())
}

/// Publishes the messages up to a seq that come after `from`, which no writer serves yet.
pub fn publish(rooms: &Rooms, from: u64, upto: u64) {
    for seq in from + 1..=upto {
        rooms.hub().publish(&model::room(), frame(seq));
    }
}

/// Lets the writers do all that there is to do.
pub async fn serve(tasks: &Tasks) {
    for _ in 0..1000 {
        tasks.step();
        // What yields within a runtime is woken by the runtime.
        yield_now().await;
    }
}
