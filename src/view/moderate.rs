//! The pages of who moderates a room.

mod bans;
mod links;
mod rules;

use std::sync::Arc;

use jiff::Timestamp;
use maud::{Markup, html};

use super::{layout, message, when};
use crate::{
    message::{Ban, Message, MessageId, RoomName, RoomRules, State},
    paths,
};

pub(crate) use bans::{address_field, fields as ban_fields, list as bans, whom};
pub(crate) use links::{enter, link};
pub(crate) use rules::rules;

/// A room, as who moderates it sees it.
pub(crate) struct Moderated<'a> {
    /// The room.
    pub room: &'a RoomName,
    /// What holds there.
    pub rules: &'a RoomRules,
    /// Whether links may be given, and the room be erased.
    pub is_host: bool,
    /// Whether it is the operator who looks.
    pub is_operator: bool,
    /// Who is kept out.
    pub bans: &'a [(String, Arc<Ban>)],
    /// What was said, oldest first.
    pub messages: &'a [Message],
    /// Whether there are older ones.
    pub older: bool,
    /// Before which message these are, where the page shows a part of the past.
    pub before: Option<&'a MessageId>,
    /// The page to go back to: that of the browser's own tab, or of the room.
    pub back: &'a str,
}

/// The page.
#[must_use]
pub(crate) fn room(it: &Moderated<'_>) -> Markup {
    let Moderated { room, is_host, is_operator, bans, messages, back, .. } = it;
    layout::page(
        &format!("Moderate #{room}"),
        false,
        &html! {
            (layout::bar(&html! { "Moderate " span translate="no" { "#" (room) } }, &html! {
                a href=(back) { "Back to the room" }
                @if *is_operator { a href=(paths::OPERATOR) { "All rooms" } }
            }))
            main.narrow.wide {
                (rules::form(it))
                @if *is_host { (links::section(it)) }
                (bans::section(room, bans, *is_operator))
                section id="messages" {
                    h2 { "Messages" }
                    @if it.before.is_some() { p.older { a href={ (paths::moderate(room)) "#messages" } { "Newest messages" } } }
                    @if messages.is_empty() { p.empty { "There are no messages." } }
                    @for each in messages.iter().rev() { (self::message(each, it)) }
                    @if it.older && let Some(oldest) = messages.first() {
                        p.older {
                            a href={ (paths::moderate(room)) "?before=" (oldest.id) "#messages" } {
                                "Older messages"
                            }
                        }
                    }
                }
                @if *is_host { (erasure(room)) }
                p.foot { a href=(back) { "Back to the room" } }
            }
            (layout::fresh())
        },
    )
}

/// The time that a link ends, as people read it.
#[must_use]
pub(crate) fn time(seconds: i64) -> String {
    let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    when::whole(time).to_string()
}

fn message(each: &Message, it: &Moderated<'_>) -> Markup {
    let address = paths::message(&each.room, &each.id);
    html! {
        div.said {
            (message::fragment(each))
            div.acts {
                @if each.state != State::Removed {
                    form method="post" action={ (address) "/remove" } {
                        input type="hidden" name="page"
                            value=(it.before.map_or(paths::NEWEST.to_owned(), ToString::to_string));
                        button.danger aria-label={ "Remove this message of " (each.name) } { "Remove" }
                    }
                }
                details {
                    summary aria-label={ "Ban… " (each.name) ", or remove all of theirs" } { "Ban…" }
                    (bans::of_message(each, it.is_operator))
                    form method="post" action={ (address) "/remove-all" } {
                        input type="hidden" name="remove" value="1";
                        button.danger { "Remove all messages from this tab" }
                    }
                }
            }
        }
    }
}

fn erasure(room: &RoomName) -> Markup {
    html! {
        section.danger id="erase" {
            h2 { "Erase" }
            p { "For good, from every open page and from the server's disk. Nothing brings it back." }
            details {
                summary { "Erase everything that one person said here" }
                form.fields method="post" action={ (paths::room(room)) "/erase" } {
                    div {
                        label for="erase-name" { "Their name" }
                        input id="erase-name" name="username" required autocomplete="off" dir="auto";
                    }
                    button.danger { "Erase all of it" }
                }
            }
            details {
                summary { "Erase everything that was said in this room" }
                form.fields method="post" action={ (paths::room(room)) "/erase" } {
                    div {
                        label for="confirm" { "To confirm, type the room's name" }
                        input id="confirm" name="confirm" required autocomplete="off" spellcheck="false"
                            autocapitalize="none" placeholder=(room);
                    }
                    button.danger { "Erase the room" }
                }
            }
        }
    }
}
