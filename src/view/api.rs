//! The page that says what scripts can do here: every URL, what it takes, what it answers, with lines
//! for this very server. The table of URLs and the real server hold it to what is there, in tests.

mod change;
mod follow;
mod moderate;
mod rest;
mod search;
mod send;

use std::time::Duration;

use jiff::Timestamp;
use maud::{Markup, html};

use super::layout;
use crate::{
    message::{Message, MessageId, Name, RoomName, Seq, Text},
    paths,
};

/// What the page is made of.
pub(crate) struct Api<'a> {
    /// Where this server is, such as `https://chat.example`.
    pub origin: &'a str,
    /// The journal's newest id, for lines that take one.
    pub newest: &'a MessageId,
    /// The numbers.
    pub limits: Limits,
}

/// What a user meets. A number of 0 is without a limit.
pub(crate) struct Limits {
    /// Messages in an answer, unless it is asked for another number.
    pub page: usize,
    /// The most messages in an answer.
    pub max_page: usize,
    /// The most messages that a stream begins with.
    pub max_last: usize,
    /// The most rooms that one stream tells of.
    pub max_streamed: usize,
    /// The most that is counted of what is unread.
    pub max_unread: u64,
    /// The most rooms in the list.
    pub max_rooms: usize,
    /// The most hits of a search.
    pub max_hits: usize,
    /// The most words that are looked for.
    pub max_words: usize,
    /// The same in characters.
    pub max_query: usize,
    /// Messages kept per room.
    pub keep: u64,
    /// Age up to which messages are kept; `None` for ever.
    pub ttl: Option<Duration>,
    /// For how long a room remembers a key.
    pub remembered: Remembered,
    /// Messages a minute from one tab.
    pub tab_sends: u32,
    /// Messages a minute from one address.
    pub address_sends: u32,
    /// Joins a minute from one address.
    pub address_joins: u32,
    /// Rooms a minute that one address may make.
    pub address_rooms: u32,
    /// Streams open at once from one address.
    pub address_streams: usize,
    /// How long a message can be edited.
    pub edit_time: Duration,
    /// The least characters of a key that proves who sent a message.
    pub min_proof: usize,
    /// The largest body in bytes.
    pub max_body: usize,
    /// How long a body may take, and a second more for each KB that has come of it.
    pub body_grace: Duration,
    /// How often an idle stream carries something that shows nothing.
    pub keep_alive: Duration,
    /// Fields of other services' webhooks that are passed over.
    pub passed_over: &'static [&'static str],
}

/// For how long a room remembers a key whose message is no longer kept.
#[derive(Clone, Copy)]
pub(crate) enum Remembered {
    /// Until so many more messages are no longer kept.
    Messages(u64),
    /// For so long after the send, on every node.
    Time(Duration),
}

/// The page.
pub(crate) fn page(api: &Api<'_>) -> Markup {
    layout::page(
        "API",
        false,
        &html! {
            main.api {
                h1 { "API" }
                p {
                    "Whatever the pages do, a program can do over HTTP: send with one request, "
                    "follow a room on a stream that never ends, read what was said before. There is "
                    "nothing to install and no account: whoever reaches this server can read and "
                    "write its open rooms, so a program says who it is and is believed, or proves it with "
                    "a secret of its own."
                }
                p {
                    "The lines below are for this server, and run as they stand; a click selects "
                    "one. The room in them is " code { "lobby" } ". A room's name has 1 to "
                    (RoomName::MAX_CHARS) " of " code { "a–z 0–9 -" } ", with no hyphen at its ends; "
                    "a room begins when somebody goes there."
                }
                nav aria-label="On this page" {
                    ul {
                        @for (id, title) in SECTIONS { li { a href={ "#" (id) } { (title) } } }
                    }
                }
                (send::section(api))
                (follow::section(api))
                (rest::read(api))
                (search::section(api))
                (change::section(api))
                (moderate::section(api))
                (rest::pages(api))
                (rest::errors())
                (rest::limits(&api.limits))
                p { a href=(paths::FRONT) { "Go to the lobby" } }
            }
        },
    )
}

/// The sections, in their order.
const SECTIONS: [(&str, &str); 9] = [
    ("send", "Send"),
    ("follow", "Follow"),
    ("read", "Read"),
    ("search", "Search"),
    ("change", "Remove and edit"),
    ("moderate", "Private rooms and moderation"),
    ("pages", "Pages and forms"),
    ("errors", "Errors"),
    ("limits", "Limits"),
];

/// A URL and a method that it answers to.
fn url(method: &str, path: &str) -> Markup {
    html! { code.url { b { (method) } " " (path) } }
}

/// The name of a field, a parameter or a header.
fn name(name: &str) -> Markup {
    html! { code.name { (name) } }
}

/// What can be copied into a terminal.
fn shell(lines: &str) -> Markup {
    html! { pre.shell { code { (lines) } } }
}

/// What comes back.
fn answer(lines: &str) -> Markup {
    html! { pre { code { (lines) } } }
}

/// A message to show how one looks. Its parts are such as their parsers keep.
fn sample(api: &Api<'_>) -> Message {
    Message {
        id: MessageId::new(api.newest.epoch().clone(), Seq::new(17)),
        room: RoomName::stored("lobby"),
        name: Name::stored("ann"),
        text: Text::stored("R&D: 1+1 = 2"),
        sent_at: Timestamp::constant(1_795_493_707, 0), // 2026-11-24T04:15:07Z
        state: crate::message::State::Sent,
    }
}

/// Its object.
fn sample_object(api: &Api<'_>) -> String {
    // As the stream writes it.
    serde_json::to_string(&sample(api)).unwrap_or_default()
}
