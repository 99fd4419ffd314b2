//! The join page of a room.

use maud::{Markup, html};

use super::{href, layout, mark};
use crate::{
    message::{Name, RoomName},
    paths,
};

/// Why nobody can join whose browser keeps no cookies: they are what tells tabs apart.
pub(crate) const COOKIES_BLOCKED: &str = "Your browser keeps no cookies for this site, and without one nobody can join. Please allow \
     them here, then try again.";

/// Who is to join.
#[derive(Clone, Copy)]
pub(crate) enum Who<'a> {
    /// Whoever says so; and what was entered for a name before.
    Asked(&'a str),
    /// Whom the proxy names.
    Known(&'a Name),
}

/// The page with the join form. `problem` is why what was entered was not taken; `rules` are what
/// holds here.
#[must_use]
pub(crate) fn page(
    room: &RoomName,
    who: Who<'_>,
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
                    @match who {
                        Who::Asked(username) => { (fields(username, problem)) }
                        Who::Known(name) => { (known(name, problem)) }
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

/// The name, and the secret that proves it. That is never filled in again: what was entered is nowhere
/// kept.
fn fields(username: &str, problem: Option<&str>) -> Markup {
    html! {
        label for="username" { "Your name" }
        input id="username" name="username" value=(username) dir="auto" required autofocus
            autocomplete="username" autocapitalize="none" spellcheck="false"
            aria-invalid=[problem.map(|_| "true")]
            aria-describedby=[problem.map(|_| "username-problem")];
        @if let Some(problem) = problem {
            small id="username-problem" role="alert" { (problem) }
        }
        label for="secret" { "A secret, if you like" }
        input id="secret" name="secret" type="password" autocomplete="current-password"
            aria-describedby="secret-note";
        small id="secret-note" {
            "It puts a mark beside your name that nobody else can have, and is stored nowhere."
        }
    }
}

/// The name of who was signed in before they came here.
fn known(name: &Name, problem: Option<&str>) -> Markup {
    html! {
        // Text browsers send a form without fields as a GET.
        input type="hidden" name="join" value="1";
        p.who translate="no" { "You join as " strong { (name) } (mark::of(name)) }
        @if let Some(problem) = problem {
            small id="username-problem" role="alert" { (problem) }
        }
    }
}
