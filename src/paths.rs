//! The addresses of pages, forms and streams, built in one place.
//!
//! Rooms' names and tabs' ids need no escaping anywhere, so an address stands in a URL, an
//! attribute and a header as it is. The table of URLs ([`web`](crate::web)) is held to this
//! module by a test.

use std::{
    fmt::{self, Display, Write as _},
    sync::OnceLock,
};

use maud::Render;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::message::{MessageId, RoomName};

/// What stands before every address: nothing, or such as `/chat`. It is of the process, as its command
/// line is: handed through, it would be in every page, cookie and redirect of the code.
static BASE: OnceLock<String> = OnceLock::new();

/// Sets what stands before every address; the first time that it is called, which is before anything
/// is served.
pub(crate) fn set_base(base: &str) {
    let _ = BASE.set(base.to_owned());
}

/// What stands before every address.
pub(crate) fn base() -> &'static str {
    BASE.get().map_or("", String::as_str)
}

/// An address that is always the same, but for what stands before it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fixed(&'static str);

/// Where everybody comes in: it leads to the lobby.
pub(crate) const FRONT: Fixed = Fixed("/");

/// The list of rooms.
pub(crate) const ROOMS: Fixed = Fixed("/rooms");

/// The room where everybody begins.
pub(crate) const LOBBY: Fixed = Fixed("/rooms/lobby");

/// What scripts can do here.
pub(crate) const API: Fixed = Fixed("/api");

/// Where the operator proves to be that, and what he can do.
pub(crate) const OPERATOR: Fixed = Fixed("/operator");

/// Who is kept out, wherever.
pub(crate) const OPERATOR_BANS: Fixed = Fixed("/operator/bans");

/// What was done.
pub(crate) const OPERATOR_LOG: Fixed = Fixed("/operator/log");

/// Where the operator opens a room.
pub(crate) const OPERATOR_ROOMS: Fixed = Fixed("/operator/rooms");

/// Where he erases all that somebody said.
pub(crate) const OPERATOR_ERASE: Fixed = Fixed("/operator/erase");

/// Where he ends that.
pub(crate) const OPERATOR_LEAVE: Fixed = Fixed("/operator/leave");

/// An embedded file, by the address that it has in the table of URLs.
pub(crate) fn file(href: &'static str) -> Fixed {
    Fixed(href)
}

impl Render for Fixed {
    fn render_to(&self, page: &mut String) {
        page.push_str(base());
        page.push_str(self.0);
    }
}

impl Display for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(base())?;
        f.write_str(self.0)
    }
}

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

/// Where a room is moderated.
pub(crate) fn moderate(room: &RoomName) -> Path<'_> {
    Path { action: "/moderate", ..self::room(room) }
}

/// What a form of that page says of the page, where it shows the newest messages; or it names the
/// message before which they are.
pub(crate) const NEWEST: &str = "newest";

/// The place of a message on that page: `before` is what the page says of itself.
pub(crate) fn moderated(
    room: &RoomName,
    before: Option<&MessageId>,
    message: &MessageId,
) -> String {
    let before = before.map(|id| format!("?before={id}")).unwrap_or_default();
    format!("{}{before}#m{}", moderate(room), message.seq())
}

/// Where its rules are set.
pub(crate) fn rules(room: &RoomName) -> Path<'_> {
    Path { action: "/rules", ..self::room(room) }
}

/// Where links into it are given.
pub(crate) fn links(room: &RoomName) -> Path<'_> {
    Path { action: "/links", ..self::room(room) }
}

/// Where somebody is kept out of it.
pub(crate) fn bans(room: &RoomName) -> Path<'_> {
    Path { action: "/bans", ..self::room(room) }
}

/// Where a link becomes a cookie.
pub(crate) fn enter(room: &RoomName) -> Path<'_> {
    Path { action: "/enter", ..self::room(room) }
}

/// A room's messages, for scripts and for what loads older ones.
pub(crate) fn messages(room: &RoomName) -> Path<'_> {
    Path { action: "/messages", ..self::room(room) }
}

/// One message, for its page and for scripts.
pub(crate) fn message(room: &RoomName, id: &MessageId) -> String {
    format!("{}/{id}", messages(room))
}

/// Where words are looked for in a room, or in all; with what is looked for, where there is anything.
pub(crate) fn search(room: Option<&RoomName>, words: &str, before: Option<&MessageId>) -> String {
    let mut address = room.map_or_else(
        || format!("{}/search", base()),
        |room| format!("{}/search", self::room(room)),
    );
    if !words.is_empty() {
        write!(address, "?q={}", utf8_percent_encode(words, NON_ALPHANUMERIC))
            .expect("a string takes all");
        if let Some(before) = before {
            write!(address, "&before={before}").expect("a string takes all");
        }
    }
    address
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

    /// Where a tab's page changes the list of rooms.
    pub(crate) fn rooms(self) -> Self {
        Self { action: "/rooms", ..self }
    }

    /// What a tab has sent, to be changed.
    pub(crate) fn own(self) -> Self {
        Self { action: "/messages", ..self }
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
    fn pieces(&self) -> [&str; 6] {
        let (tabs, tab) = self.tab.map_or(("", ""), |tab| ("/tabs/", tab));
        [base(), "/rooms/", self.room, tabs, tab, self.action]
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
