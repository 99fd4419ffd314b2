//! The operator's pages.

use std::sync::Arc;

use maud::{Markup, html};

use super::{layout, moderate};
use crate::{
    message::{Ban, Logged, RoomName, RoomRules},
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

/// What the operator can do, and in which rooms, each with what holds there.
pub(crate) fn page(rooms: &[(RoomName, Option<Arc<RoomRules>>)]) -> Markup {
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
                p {
                    a href=(paths::OPERATOR_BANS) { "Bans" } ", "
                    a href=(paths::OPERATOR_LOG) { "what was done" }
                }
                ul.rooms {
                    @for (room, rules) in rooms {
                        li {
                            a href=(paths::moderate(room)) translate="no" { "#" (room) }
                            @if let Some(rules) = rules.as_ref().and_then(|rules| moderate::rules(rules)) {
                                (rules)
                            }
                        }
                    }
                }
                details {
                    summary { "Open a room" }
                    form method="post" action=(paths::OPERATOR_ROOMS) {
                        label for="room" { "Its name" }
                        input id="room" name="room" required autocomplete="off" autocapitalize="none"
                            spellcheck="false";
                        button { "Open" }
                    }
                }
                details {
                    summary { "Erase all that somebody said, in all rooms" }
                    form method="post" action=(paths::OPERATOR_ERASE) {
                        label for="username" { "The name" }
                        input id="username" name="username" required autocomplete="off";
                        button.secondary { "Erase all of it" }
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

/// Who is kept out.
pub(crate) fn bans(bans: &[(String, Arc<Ban>)]) -> Markup {
    layout::page(
        "Bans",
        false,
        &html! {
            main.narrow {
                h1 { "Bans" }
                (moderate::bans(bans, &paths::OPERATOR_BANS.to_string()))
                form method="post" action=(paths::OPERATOR_BANS) {
                    label for="address" { "Ban an address, or a network, from all rooms" }
                    input id="address" name="address" required autocomplete="off"
                        spellcheck="false" placeholder="192.0.2.7";
                    label for="hours" { "For how many hours" }
                    input id="hours" name="hours" type="number" min="1" value="1"
                        inputmode="numeric";
                    label for="reason" { "Why, for the one who is banned" }
                    input id="reason" name="reason" maxlength="300" autocomplete="off";
                    small {
                        "An address can be many people: a school, an office, a network of phones."
                    }
                    button.secondary { "Ban" }
                }
                p.foot { a href=(paths::OPERATOR) { "All rooms" } }
            }
        },
    )
}

/// What was done, newest first.
pub(crate) fn log(lines: &[Logged]) -> Markup {
    layout::page(
        "What was done",
        false,
        &html! {
            main.narrow {
                h1 { "What was done" }
                @if lines.is_empty() { p.empty { "Nothing yet." } }
                ol.acts reversed {
                    @for Logged { at, act, .. } in lines {
                        li {
                            time datetime={ (format!("{at:.3}")) } {
                                (at.strftime("%Y-%m-%d %H:%M:%S UTC"))
                            }
                            " " strong { (act.by) } ": " (act.what)
                            @if let Some(room) = &act.room { ", #" (room) }
                            @if let Some(target) = &act.target { ", " code { (target) } }
                        }
                    }
                }
                @if let Some(last) = lines.last().filter(|_| lines.len() >= 100) {
                    p { a href={ (paths::OPERATOR_LOG) "?before=" (last.seq) } { "Older" } }
                }
                p {
                    "For a program: " code { "GET " (paths::OPERATOR_LOG) "?format=ndjson" } "."
                }
                p.foot { a href=(paths::OPERATOR) { "All rooms" } }
            }
        },
    )
}
