//! The operator's pages.

use std::sync::Arc;

use maud::{Markup, html};

use super::{layout, moderate};
use crate::{
    message::{Ban, Logged, RoomName, RoomRules},
    paths::{self, Fixed},
};

/// The form for the token; `problem` is why one was not taken.
pub(crate) fn form(problem: Option<&str>) -> Markup {
    layout::page(
        "Operator",
        false,
        &html! {
            (layout::bar(&html! { "Operator" }, &html! { a href=(paths::ROOMS) { "Rooms" } }))
            main.narrow {
                p {
                    "For whoever runs this server. Its token is in a file beside the data; the log names that "
                    "file at each start."
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
                    button { "Sign in" }
                }
                p.foot { "Back to the " a href=(paths::ROOMS) { "rooms" } "." }
            }
        },
    )
}

/// What stands at the top of each of the operator's pages; `here` is which it is.
fn bar(title: &str, here: &Fixed) -> Markup {
    html! {
        (layout::bar(&html! { (title) }, &html! {
            @for (page, name) in [
                (paths::OPERATOR, "Rooms"),
                (paths::OPERATOR_BANS, "Bans"),
                (paths::OPERATOR_LOG, "Activity log"),
            ] {
                a href=(page) aria-current=[(page == *here).then_some("page")] { (name) }
            }
            form method="post" action=(paths::OPERATOR_LEAVE) {
                // Text browsers send a form without fields as a GET.
                input type="hidden" name="leave" value="1";
                button.secondary { "Sign out" }
            }
        }))
    }
}

/// What the operator can do, and in which rooms, each with what holds there.
pub(crate) fn page(rooms: &[(RoomName, Option<Arc<RoomRules>>)]) -> Markup {
    layout::page(
        "Operator",
        false,
        &html! {
            (bar("Operator", &paths::OPERATOR))
            main.narrow.wide {
                p {
                    "You are the operator in this browser, for 12 hours at most. You can moderate every "
                    "room, also those that are private."
                }
                section {
                    h2 { "Rooms" }
                    @if rooms.is_empty() { p.empty { "There are no rooms yet." } }
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
                        form.fields method="post" action=(paths::OPERATOR_ROOMS) {
                            div {
                                label for="room" { "Its name" }
                                input id="room" name="room" required autocomplete="off"
                                    autocapitalize="none" spellcheck="false" placeholder="kitchen";
                            }
                            button { "Open" }
                        }
                    }
                }
                section.danger {
                    h2 { "Erase" }
                    p { "For good, from every open page and from the server's disk. Nothing brings it back." }
                    details {
                        summary { "Erase everything that one person said, in all rooms" }
                        form.fields method="post" action=(paths::OPERATOR_ERASE) {
                            div {
                                label for="username" { "Their name" }
                                input id="username" name="username" required autocomplete="off" dir="auto";
                            }
                            button.danger { "Erase all of it" }
                        }
                    }
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
            (bar("Bans", &paths::OPERATOR_BANS))
            main.narrow.wide {
                section { (moderate::bans(bans, &paths::OPERATOR_BANS.to_string())) }
                section {
                    h2 { "Ban an address from all rooms" }
                    form.fields method="post" action=(paths::OPERATOR_BANS) {
                        (moderate::address_field())
                        (moderate::ban_fields("address", false))
                        button.danger { "Ban" }
                    }
                }
            }
        },
    )
}

/// What was done, newest first.
pub(crate) fn log(lines: &[Logged]) -> Markup {
    layout::page(
        "Activity log",
        false,
        &html! {
            (bar("Activity log", &paths::OPERATOR_LOG))
            main.narrow.wide {
                p {
                    "What moderators, hosts and operators did. It holds nobody's words and no addresses."
                }
                @if lines.is_empty() { p.empty { "Nothing yet." } }
                ol.items {
                    @for Logged { at, act, .. } in lines {
                        li {
                            p {
                                (words(&act.what))
                                @if let Some(room) = &act.room { " in " strong translate="no" { "#" (room) } }
                                @if let Some(target) = &act.target { " " code translate="no" { (target) } }
                                small {
                                    time datetime={ (format!("{at:.3}")) } {
                                        (at.strftime("%Y-%m-%d %H:%M:%S UTC"))
                                    }
                                    ", by " (act.by)
                                }
                            }
                        }
                    }
                }
                @if let Some(last) = lines.last().filter(|_| lines.len() >= 100) {
                    p.older { a href={ (paths::OPERATOR_LOG) "?before=" (last.seq) } { "Older" } }
                }
                p.foot {
                    "For a program: " code { "GET " (paths::OPERATOR_LOG) "?format=ndjson" } "."
                }
            }
        },
    )
}

/// An act as people read it; programs get its own short word.
fn words(what: &str) -> &str {
    match what {
        "open" => "open the room",
        "rules" => "change the rules",
        "link" => "create an invite link",
        "revoke" => "revoke an invite link",
        "remove" => "remove a message",
        "ban a tab" => "ban a browser",
        "lift" => "lift a ban",
        other => other,
    }
}
