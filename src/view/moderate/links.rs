//! Invite links into a room, and the pages of one.

use maud::{Markup, html};

use super::{Moderated, time};
use crate::{
    message::{Link, Role, RoomName},
    paths,
    view::layout,
};

/// Those that were given and not revoked, and the form that makes another.
pub(super) fn section(it: &Moderated<'_>) -> Markup {
    let Moderated { room, rules, .. } = it;
    html! {
        section id="links" {
            h2 { "Invite links" }
            @if rules.links.is_empty() { p.empty { "There are no invite links." } }
            ul.items {
                @for Link { id, role, until } in &rules.links {
                    li {
                        p {
                            (who_can(*role))
                            small {
                                @if *until == 0 { "No end" } @else { "Until " (time(*until)) }
                                " · " code translate="no" { (id) }
                            }
                        }
                        form method="post" action={ (paths::links(room)) "/" (id) "/revoke" } {
                            input type="hidden" name="revoke" value="1";
                            button.danger aria-label={ "Revoke the link " (id) } { "Revoke" }
                        }
                    }
                }
            }
            details {
                summary { "New invite link" }
                form.fields method="post" action=(paths::links(room)) {
                    div {
                        label for="role" { "Whoever has it can" }
                        select id="role" name="role" {
                            @for role in [Role::Write, Role::Read, Role::Moderate, Role::Host] {
                                option value=(role.as_str()) { (can(role)) }
                            }
                        }
                    }
                    div {
                        label for="link-hours" { "Works for" }
                        select id="link-hours" name="hours" {
                            @for (hours, time) in
                                [("", "ever"), ("1", "1 hour"), ("24", "1 day"), ("168", "1 week"), ("720", "30 days")]
                            {
                                option value=(hours) { (time) }
                            }
                        }
                    }
                    button { "Create link" }
                }
            }
        }
    }
}

/// What a link lets somebody do.
fn can(role: Role) -> &'static str {
    match role {
        Role::Read => "read",
        Role::Write => "read and send",
        Role::Moderate => "read, send and moderate",
        Role::Host => "do everything, and invite others",
    }
}

fn who_can(role: Role) -> String {
    format!("Can {}", can(role))
}

/// A link that was just made; `address` is all of it, `token` what it proves its role by.
#[must_use]
pub(crate) fn link(room: &RoomName, link: &Link, address: &str, token: &str) -> Markup {
    let is_hosts = link.role == Role::Host;
    layout::page(
        "Invite link",
        false,
        &html! {
            (layout::bar(&html! { "Invite link to " span translate="no" { "#" (room) } }, &html! {}))
            main.narrow {
                p {
                    "Whoever has this link can " (can(link.role)) " in this room"
                    @if link.until > 0 { ", until " (time(link.until)) }
                    ". It is shown only now: copy it, and keep it safe."
                }
                p.invite { code translate="no" tabindex="0" { (address) } }
                @if is_hosts {
                    p { "This room is yours: with this link you come back to it, on any device." }
                    (enter_form(room, token, "Enter the room"))
                }
                p.foot {
                    @if is_hosts {
                        a href=(paths::ROOMS) { "All rooms" }
                    } @else {
                        a href={ (paths::moderate(room)) "#links" } { "Back to moderating" }
                    }
                }
            }
        },
    )
}

/// The page that a link leads to: whoever only looks at links, as previews do, takes nothing by it.
#[must_use]
pub(crate) fn enter(room: &RoomName, token: &str) -> Markup {
    layout::page(
        "Invitation",
        false,
        &html! {
            (layout::bar(&html! { span translate="no" { "#" (room) } }, &html! {}))
            main.narrow {
                p { "Somebody gave you a link into this room." }
                (enter_form(room, token, "Enter"))
            }
        },
    )
}

fn enter_form(room: &RoomName, token: &str, button: &str) -> Markup {
    html! {
        form method="post" action=(paths::enter(room)) {
            input type="hidden" name="key" value=(token);
            button { (button) }
        }
    }
}
