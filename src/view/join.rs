//! The join page of a room.

use maud::{Markup, html};

use super::{href, layout};
use crate::{message::RoomName, paths};

/// Why nobody can join whose browser keeps no cookies: they are what tells tabs apart.
pub(crate) const COOKIES_BLOCKED: &str = "Your browser keeps no cookies for this site, and without one nobody can join. Please allow \
     them here, then try again.";

/// The page with the join form. `username` is what was entered before, `problem` why it was not
/// taken; `rules` are what holds here.
#[must_use]
pub(crate) fn page(
    room: &RoomName,
    username: &str,
    problem: Option<&str>,
    rules: Option<&Markup>,
) -> Markup {
    layout::page(
        &format!("Join #{room}"),
        false,
        &html! {
            main.narrow {
                h1 translate="no" { "#" (room) }
                p { "A room to talk in: what you send appears at once for everyone here." }
                @if let Some(rules) = rules { (rules) }
                p id="cookies" role="alert" data-blocked=(COOKIES_BLOCKED) hidden {}
                form id="join" method="post" action=(paths::join(room)) {
                    label for="username" { "Your name" }
                    input id="username" name="username" value=(username) dir="auto" required autofocus
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
            script src=(href("door.js")) {}
        },
    )
}
