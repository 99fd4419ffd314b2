//! The join page of a room.

use maud::{Markup, html};

use super::layout;
use crate::{message::RoomName, paths};

/// The page with the join form. `username` is what was entered before, `problem` why it was not
/// taken.
#[must_use]
pub(crate) fn page(room: &RoomName, username: &str, problem: Option<&str>) -> Markup {
    layout::page(
        &format!("Join #{room}"),
        false,
        &html! {
            main.narrow {
                h1 { "#" (room) }
                p { "A room to talk in: what you send appears at once for everyone here." }
                form id="join" method="post" action=(paths::join(room)) {
                    label for="username" { "Your name" }
                    input id="username" name="username" value=(username) required autofocus
                        autocomplete="nickname" autocapitalize="none" spellcheck="false"
                        aria-invalid=[problem.map(|_| "true")]
                        aria-describedby=[problem.map(|_| "username-problem")];
                    @if let Some(problem) = problem {
                        small id="username-problem" role="alert" { (problem) }
                    }
                    button { "Join" }
                }
                p.foot {
                    "There are other " a href=(paths::ROOMS) { "rooms" } ", and an "
                    a href=(paths::API) { "API" } " for programs."
                }
            }
        },
    )
}
