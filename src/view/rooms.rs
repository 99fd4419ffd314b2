//! The list of rooms.

use jiff::Timestamp;
use maud::{Markup, html};

use super::{layout, mark, when};
use crate::{
    message::{Name, RoomName},
    paths,
};

/// What the list says of a room.
pub(crate) struct Room {
    /// Its name.
    pub name: RoomName,
    /// How many people are there.
    pub here: usize,
    /// When its newest message was sent, where it has one.
    pub last_sent_at: Option<Timestamp>,
    /// The tab of this browser that is there.
    pub own: Option<OwnTab>,
}

/// A tab of the browser that a page is for.
pub(crate) struct OwnTab {
    /// Its address.
    pub path: String,
    /// Whom it posts as.
    pub name: Name,
}

/// Under which name somebody joins by one click.
#[derive(Clone, Copy)]
pub(crate) struct Me<'a> {
    /// The name.
    pub name: &'a Name,
    /// Whether a proxy vouches for it: then no form says it.
    pub vouched: bool,
}

/// What the page shows.
pub(crate) struct List<'a> {
    /// The rooms.
    pub rooms: &'a [Room],
    /// Whether these are as many as are ever shown.
    pub full: bool,
    /// What is looked for: as it was entered, and as a name has it.
    pub find: (&'a str, &'a str),
    /// Who is to join, where that is known.
    pub me: Option<Me<'a>>,
    /// What stood in the form that opens a room.
    pub entered: &'a str,
    /// Why that names no room.
    pub problem: Option<&'a str>,
    /// The time that it is.
    pub now: Timestamp,
}

/// The rooms, and before them the forms to open another and to find one.
pub(crate) fn page(list: &List<'_>) -> Markup {
    let List { rooms, full, find: (entered, part), me, now, .. } = list;
    layout::page(
        "Rooms",
        false,
        &html! {
            (layout::bar(&html! { "Rooms" }, &html! {
                a href=(paths::search(None, "", None)) { "Search" }
                a href=(paths::API) { "API" }
            }))
            main.narrow.wide {
                (open_form(list))
                section {
                    (find_form(entered))
                    @if let Some(Me { name, .. }) = me && !rooms.is_empty() {
                        p.me { "One click joins you as " strong translate="no" { (name) (mark::of(name)) } }
                    }
                    @if rooms.is_empty() { (none(entered, part)) }
                    (rows(rooms, *me, *now))
                    @if *full { p.empty { "These are the first. Others are found by their names." } }
                    @if !part.is_empty() {
                        @if !rooms.is_empty() && let Some(room) = missing(rooms, part) {
                            p { a href=(paths::room(&room)) translate="no" { "Open #" (room) } }
                        }
                        p { a href=(paths::ROOMS) { "All rooms" } }
                    }
                }
            }
        },
    )
}

/// A line for each room, with what leads there.
pub(super) fn rows(rooms: &[Room], me: Option<Me<'_>>, now: Timestamp) -> Markup {
    html! {
        @if !rooms.is_empty() {
            ul.rooms { @for room in rooms { li { (row(room, me, now)) } } }
        }
    }
}

fn row(room: &Room, me: Option<Me<'_>>, now: Timestamp) -> Markup {
    let Room { name, here, last_sent_at, own } = room;
    html! {
        a href=(paths::room(name)) translate="no" { "#" (name) }
        " "
        small {
            @if *here > 0 { (here) " here" }
            @if *here > 0 && last_sent_at.is_some() { " · " }
            @if let Some(at) = last_sent_at { (when::time(*at, now)) }
        }
        @if let Some(own) = own {
            " " (here_as(own))
        } @else if let Some(Me { name: my, vouched }) = me {
            form method="post" action=(paths::join(name)) {
                @if vouched {
                    // Text browsers send a form without fields as a GET.
                    input type="hidden" name="join" value="1";
                } @else {
                    input type="hidden" name="username" value=(my);
                }
                button.secondary aria-label={ "Join #" (name) " as " (my) } translate="no" { "Join" }
            }
        }
    }
}

/// The way to a tab that is open.
pub(super) fn here_as(own: &OwnTab) -> Markup {
    html! {
        a.own href=(own.path) { "You are here as " span translate="no" { (own.name) (mark::of(&own.name)) } }
    }
}

fn open_form(list: &List<'_>) -> Markup {
    let problem = list.problem;
    html! {
        form.open method="post" action=(paths::ROOMS) {
            label for="room" { "Open a room" }
            div.field {
                input id="room" name="room" value=(list.entered) required autocomplete="off"
                    autocapitalize="none" spellcheck="false" placeholder="kitchen"
                    aria-invalid=[problem.map(|_| "true")]
                    aria-describedby=[problem.map(|_| "room-problem")];
                button { "Open" }
            }
            @if let Some(problem) = problem {
                small id="room-problem" role="alert" { (problem) }
            }
            label.check {
                input id="private" type="checkbox" name="private" value="yes";
                " Private: only people with a link can come in"
            }
        }
    }
}

/// The form that finds rooms.
pub(super) fn find_form(entered: &str) -> Markup {
    html! {
        form.find role="search" method="get" action=(paths::ROOMS) {
            label for="q" { "Find a room" }
            div.field {
                input id="q" name="q" type="search" value=(entered) autocomplete="off"
                    autocapitalize="none" spellcheck="false" placeholder="Find a room";
                button.secondary { "Find" }
            }
        }
    }
}

/// What stands in the place of the rooms where there are none.
fn none(entered: &str, part: &str) -> Markup {
    html! {
        @if part.is_empty() {
            p.empty { "No room has people or messages yet." }
        } @else {
            p.empty { "No room has “" (entered.trim()) "” in its name." }
            @if let Some(room) = missing(&[], part) {
                p { a.action href=(paths::room(&room)) translate="no" { "Open #" (room) } }
            }
        }
    }
}

/// The room that was looked for, where it is not among these.
fn missing(rooms: &[Room], part: &str) -> Option<RoomName> {
    let room = RoomName::parse(part).ok()?;
    rooms.iter().all(|other| other.name != room).then_some(room)
}
