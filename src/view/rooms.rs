//! The list of rooms.

use jiff::Timestamp;
use maud::{Markup, html};

use super::layout;
use crate::{message::RoomName, paths};

/// What the list says of a room.
pub(crate) struct Room {
    /// Its name.
    pub name: RoomName,
    /// How many people are there.
    pub here: usize,
    /// When its newest message was sent, where it has one.
    pub last_sent_at: Option<Timestamp>,
}

/// The rooms, and a form to open another. `entered` is what stood in the form, `problem` why it
/// names no room.
pub(crate) fn page(rooms: &[Room], entered: &str, problem: Option<&str>) -> Markup {
    layout::page(
        "Rooms",
        false,
        &html! {
            main.narrow {
                h1 { "Rooms" }
                @if rooms.is_empty() { p.empty { "No room has people or messages yet." } }
                ul.rooms {
                    @for Room { name, here, last_sent_at } in rooms {
                        li {
                            a href=(paths::room(name)) translate="no" { "#" (name) }
                            " "
                            small {
                                (here) " here"
                                @if let Some(at) = last_sent_at {
                                    ", last message " time datetime={ (format!("{at:.3}")) } {
                                        (at.strftime("%Y-%m-%d %H:%M")) " UTC"
                                    }
                                }
                            }
                        }
                    }
                }
                section {
                    h2 { "Open another room" }
                    form.fields method="post" action=(paths::ROOMS) {
                        div {
                            label for="room" { "Its name" }
                            input id="room" name="room" value=(entered) required autocomplete="off"
                                autocapitalize="none" spellcheck="false" placeholder="kitchen"
                                aria-invalid=[problem.map(|_| "true")]
                                aria-describedby=[problem.map(|_| "room-problem")];
                            @if let Some(problem) = problem {
                                small id="room-problem" role="alert" { (problem) }
                            }
                        }
                        div {
                            label for="private" { "Who can come in" }
                            select id="private" name="private" {
                                option value="no" selected { "Everybody" }
                                option value="yes" { "Invited people only (private)" }
                            }
                        }
                        button { "Open" }
                    }
                }
                p.foot { "From a terminal or a program: the " a href=(paths::API) { "API" } "." }
            }
        },
    )
}
