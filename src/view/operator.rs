//! The operator's pages.

use maud::{Markup, html};

use super::{layout, message, own};
use crate::{
    message::{Message, RoomName, State},
    paths,
};

/// The form for the token; `problem` is why one was not taken.
pub(crate) fn form(problem: Option<&str>) -> Markup {
    layout::page(
        "Operator",
        false,
        &html! {
            main.narrow {
                h1 { "Operator" }
                p {
                    "For whoever runs this server: the token stands in a file beside its data, and a line of "
                    "its log says at each start which that is."
                }
                form method="post" action=(paths::OPERATOR) {
                    label for="token" { "Token" }
                    input id="token" name="token" type="password" required autofocus
                        autocomplete="current-password" autocapitalize="none" spellcheck="false"
                        aria-invalid=[problem.map(|_| "true")]
                        aria-describedby=[problem.map(|_| "token-problem")];
                    @if let Some(problem) = problem {
                        small id="token-problem" role="alert" { (problem) }
                    }
                    button { "Enter" }
                }
                p.foot { "Back to the " a href=(paths::ROOMS) { "rooms" } "." }
            }
        },
    )
}

/// What the operator can do: in which rooms.
pub(crate) fn page<'a>(rooms: impl Iterator<Item = &'a RoomName>) -> Markup {
    layout::page(
        "Operator",
        false,
        &html! {
            main.narrow {
                h1 { "Operator" }
                p {
                    "You are the operator in this browser, for 12 hours at most. Whatever was said in a "
                    "room can be removed, for everyone and for good."
                }
                ul.rooms {
                    @for room in rooms {
                        li { a href=(paths::operator_room(room)) translate="no" { "#" (room) } }
                    }
                }
                form method="post" action=(paths::OPERATOR_LEAVE) {
                    // Text browsers send a form without fields as a GET.
                    input type="hidden" name="leave" value="1";
                    button.secondary { "Be the operator no more" }
                }
                p.foot { "As everybody sees them: the " a href=(paths::ROOMS) { "rooms" } "." }
            }
        },
    )
}

/// What was said in a room, newest first: what is to go is most likely new.
pub(crate) fn room(room: &RoomName, messages: &[Message], older: bool) -> Markup {
    layout::page(
        &format!("#{room}, for the operator"),
        false,
        &html! {
            main.narrow {
                h1 translate="no" { "#" (room) }
                @if messages.is_empty() { p.empty { "Nothing was said here." } }
                @for each in messages.iter().rev() {
                    (message::fragment(each))
                    @if each.state != State::Removed {
                        (own::removal(each, &html! {
                            button.secondary aria-label={ "Remove what " (each.name) " said" } { "Remove" }
                        }))
                    }
                }
                @if older && let Some(oldest) = messages.first() {
                    p { a href={ (paths::operator_room(room)) "?before=" (oldest.id) } { "Older messages" } }
                }
                p.foot { a href=(paths::OPERATOR) { "All rooms" } }
            }
        },
    )
}
