//! The addresses of pages, forms and streams, built in one place.
//!
//! Rooms' names and tabs' ids need no escaping anywhere, so an address stands in a URL, an
//! attribute and a header as it is. The table of URLs ([`web`](crate::web)) is held to this
//! module by a test.

use std::fmt::{self, Display};

use maud::Render;

use crate::message::RoomName;

/// The list of rooms.
pub(crate) const ROOMS: &str = "/rooms";

/// The room where everybody begins.
pub(crate) const LOBBY: &str = "/rooms/lobby";

/// What scripts can do here.
pub(crate) const API: &str = "/api";

/// An address below a room or a tab, written out where it is used: nothing is allocated for it.
#[derive(Clone, Copy)]
pub(crate) struct Path<'a> {
    room: &'a str,
    tab: Option<&'a str>,
    action: &'static str,
}

/// A room's page with the join form.
pub(crate) fn room(room: &RoomName) -> Path<'_> {
    Path { room: room.as_str(), tab: None, action: "" }
}

/// Where the join form posts.
pub(crate) fn join(room: &RoomName) -> Path<'_> {
    Path { action: "/join", ..self::room(room) }
}

/// A room's messages, for scripts and for what loads older ones.
pub(crate) fn messages(room: &RoomName) -> Path<'_> {
    Path { action: "/messages", ..self::room(room) }
}

/// A joined tab's page.
pub(crate) fn tab<'a>(room: &'a RoomName, tab: &'a str) -> Path<'a> {
    Path { tab: Some(tab), ..self::room(room) }
}

impl Path<'_> {
    /// Where a tab's send form posts, and where it stands in a frame of its own.
    pub(crate) fn send(self) -> Self {
        Self { action: "/send", ..self }
    }

    /// Where a tab's leave form posts.
    pub(crate) fn leave(self) -> Self {
        Self { action: "/leave", ..self }
    }

    /// What the frame of a tab without script begins with.
    pub(crate) fn live(self) -> Self {
        Self { action: "/live", ..self }
    }

    /// The stream of a room, or of a tab with presence.
    pub(crate) fn events(self) -> Self {
        Self { action: "/events", ..self }
    }

    /// The pieces, in their order.
    fn pieces(&self) -> [&str; 5] {
        let (tabs, tab) = self.tab.map_or(("", ""), |tab| ("/tabs/", tab));
        ["/rooms/", self.room, tabs, tab, self.action]
    }
}

impl Render for Path<'_> {
    fn render_to(&self, page: &mut String) {
        for piece in self.pieces() {
            page.push_str(piece);
        }
    }
}

impl Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces().into_iter().try_for_each(|piece| f.write_str(piece))
    }
}
