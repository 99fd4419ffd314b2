//! The pages of who moderates a room.

use std::sync::Arc;

use jiff::Timestamp;
use maud::{Markup, html};

use super::{layout, message, own};
use crate::{
    message::{Ban, Banned, Link, Message, MessageId, Role, RoomName, RoomRules, State},
    paths,
};

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
}

/// What holds in a room, in words for who is about to send: nothing where nothing does.
#[must_use]
pub(crate) fn rules(rules: &RoomRules) -> Option<Markup> {
    let RoomRules { private, locked, slow_seconds, wait_minutes, keep_hours, .. } = rules;
    let any = *private || *locked || *slow_seconds > 0 || *wait_minutes > 0 || *keep_hours > 0;
    any.then(|| {
        html! {
            p.rules {
                @if *private { "Private: only who has a link sees this room. " }
                @if *locked { "Locked: only moderators can send. " }
                @if *slow_seconds > 0 { "Slow mode: one message in " (slow_seconds) " s. " }
                @if *wait_minutes > 0 {
                    "Newcomers can send " (wait_minutes) " min after joining. "
                }
                @if *keep_hours > 0 { "Messages are kept for " (keep_hours) " h." }
            }
        }
    })
}

/// The page.
#[must_use]
pub(crate) fn room(it: &Moderated<'_>) -> Markup {
    let Moderated { room, is_host, is_operator, bans, messages, older, .. } = it;
    layout::page(
        &format!("Moderate #{room}"),
        false,
        &html! {
            main.narrow {
                h1 { "Moderate " span translate="no" { "#" (room) } }
                (rules_form(it))
                @if *is_host { (links(it)) }
                h2 { "Bans" }
                (self::bans(bans, &paths::moderate(room).to_string()))
                (address_ban(room, *is_operator))
                h2 { "Messages" }
                @if messages.is_empty() { p.empty { "Nothing was said here." } }
                @for each in messages.iter().rev() { (self::message(each, *is_operator)) }
                @if *older && let Some(oldest) = messages.first() {
                    p { a href={ (paths::moderate(room)) "?before=" (oldest.id) } { "Older messages" } }
                }
                @if *is_host { (erasure(room)) }
                p.foot {
                    a href=(paths::room(room)) { "To the room" }
                    @if *is_operator { ", " a href=(paths::OPERATOR) { "all rooms" } }
                }
            }
        },
    )
}

fn rules_form(it: &Moderated<'_>) -> Markup {
    let Moderated { room, rules, is_host, .. } = it;
    html! {
        h2 { "Rules" }
        form method="post" action=(paths::rules(room)) {
            (choice("locked", "Who may send", rules.locked, "moderators only", "everybody"))
            (number("slow", "Slow mode: seconds between two messages of a tab", rules.slow_seconds))
            (number("wait", "Minutes before a newcomer may send", rules.wait_minutes))
            @if *is_host {
                (choice("private", "Who may come in", rules.private, "who has a link", "everybody"))
                (number("keep", "Hours that messages are kept; 0 as long as elsewhere", rules.keep_hours))
            }
            button { "Save" }
        }
    }
}

fn choice(name: &str, label: &str, yes: bool, if_yes: &str, if_no: &str) -> Markup {
    html! {
        label for=(name) { (label) }
        select id=(name) name=(name) {
            option value="no" selected[!yes] { (if_no) }
            option value="yes" selected[yes] { (if_yes) }
        }
    }
}

fn number(name: &str, label: &str, value: u32) -> Markup {
    html! {
        label for=(name) { (label) }
        input id=(name) name=(name) type="number" min="0" inputmode="numeric" value=(value);
    }
}

fn links(it: &Moderated<'_>) -> Markup {
    let Moderated { room, rules, .. } = it;
    html! {
        h2 { "Links" }
        @if rules.links.is_empty() { p.empty { "No link was given." } }
        ul.links {
            @for Link { id, role, until } in &rules.links {
                li {
                    (role.as_str()) ", "
                    @if *until == 0 { "without an end" } @else { "until " (time(*until)) }
                    " " small translate="no" { (id) }
                    form.inline method="post" action={ (paths::links(room)) "/" (id) "/revoke" } {
                        input type="hidden" name="revoke" value="1";
                        button.secondary aria-label={ "Revoke the link " (id) } { "Revoke" }
                    }
                }
            }
        }
        details {
            summary { "Give a link" }
            form method="post" action=(paths::links(room)) {
                label for="role" { "Whoever has it may" }
                select id="role" name="role" {
                    @for (role, may) in [
                        (Role::Write, "read and send"),
                        (Role::Read, "read"),
                        (Role::Moderate, "moderate"),
                        (Role::Host, "do all that you may"),
                    ] {
                        option value=(role.as_str()) { (may) }
                    }
                }
                label for="link-hours" { "For how many hours; empty for ever" }
                input id="link-hours" name="hours" type="number" min="1" inputmode="numeric";
                button { "Give" }
            }
        }
    }
}

/// A link that was just given.
#[must_use]
pub(crate) fn link(room: &RoomName, link: &Link, address: &str) -> Markup {
    layout::page(
        "A link",
        false,
        &html! {
            main.narrow {
                h1 { "A link into " span translate="no" { "#" (room) } }
                p {
                    "Whoever has this link may "
                    @match link.role {
                        Role::Read => "read here",
                        Role::Write => "read and send here",
                        Role::Moderate => "moderate this room",
                        Role::Host => "do everything here, and give links to others",
                    }
                    @if link.until > 0 { ", until " (time(link.until)) }
                    ". It is shown this once: keep it, or give it on."
                }
                p.link { a href=(address) translate="no" { (address) } }
                p.foot { a href=(paths::room(room)) { "To the room" } }
            }
        },
    )
}

/// The page that a link leads to: whoever only looks at links, as previews do, takes nothing by it.
#[must_use]
pub(crate) fn enter(room: &RoomName, token: &str) -> Markup {
    layout::page(
        "A link",
        false,
        &html! {
            main.narrow {
                h1 translate="no" { "#" (room) }
                p { "Somebody gave you a link into this room." }
                form method="post" action=(paths::enter(room)) {
                    input type="hidden" name="key" value=(token);
                    button { "Enter" }
                }
            }
        },
    )
}

/// Who is kept out, each with a way to lift it.
#[must_use]
pub(crate) fn bans(bans: &[(String, Arc<Ban>)], base: &str) -> Markup {
    html! {
        @if bans.is_empty() { p.empty { "Nobody is banned." } }
        ul.bans {
            @for (id, ban) in bans {
                li {
                    (whom(ban))
                    @if !ban.name.is_empty() {
                        ", seen as " strong translate="no" dir="auto" { (ban.name) }
                    }
                    @if let Some(room) = &ban.room { ", from #" (room) } @else { ", from all rooms" }
                    ", until " (ban.until.strftime("%Y-%m-%d %H:%M UTC"))
                    @if !ban.reason.is_empty() { ": " (ban.reason) }
                    form.inline method="post" action=(lift(base, ban, id)) {
                        input type="hidden" name="lift" value="1";
                        button.secondary aria-label={ "Lift the ban of " (ban.name) } { "Lift" }
                    }
                }
            }
        }
    }
}

/// Where a ban is lifted: it is a room's, or the operator's.
fn lift(base: &str, ban: &Ban, id: &str) -> String {
    match &ban.room {
        Some(room) if !base.starts_with(&paths::OPERATOR.to_string()) => {
            format!("{}/{id}/lift", paths::bans(room))
        }
        _ => format!("{}/{id}/lift", paths::OPERATOR_BANS),
    }
}

/// Whom a ban keeps out.
#[must_use]
pub(crate) fn whom(ban: &Ban) -> String {
    match &ban.whom {
        Banned::Browser(_) => "a browser".to_owned(),
        Banned::Address(net) => format!("the address {net}"),
        Banned::Name(_) => "a proven name".to_owned(),
    }
}

/// The time that a link ends, as people read it.
#[must_use]
pub(crate) fn time(seconds: i64) -> String {
    let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// The fields that every form has which bans somebody.
fn ban_fields(id: &str, is_operator: bool) -> Markup {
    html! {
        label for={ "hours-" (id) } { "For how many hours" }
        input id={ "hours-" (id) } name="hours" type="number" min="1" value="1" inputmode="numeric";
        label for={ "reason-" (id) } { "Why, for the one who is banned" }
        input id={ "reason-" (id) } name="reason" maxlength="300" autocomplete="off";
        @if is_operator {
            label for={ "everywhere-" (id) } { "From where" }
            select id={ "everywhere-" (id) } name="everywhere" {
                option value="no" { "this room" }
                option value="yes" { "all rooms" }
            }
        }
        small { "An address can be many people: a school, an office, a network of phones." }
    }
}

fn address_ban(room: &RoomName, is_operator: bool) -> Markup {
    html! {
        details {
            summary { "Ban an address" }
            form method="post" action=(paths::bans(room)) {
                input type="hidden" name="by" value="address";
                label for="address" { "Address, or network" }
                input id="address" name="address" required autocomplete="off" spellcheck="false"
                    placeholder="192.0.2.7";
                (ban_fields("address", is_operator))
                button.secondary { "Ban" }
            }
        }
    }
}

fn message(each: &Message, is_operator: bool) -> Markup {
    let address = paths::message(&each.room, &each.id);
    html! {
        (message::fragment(each))
        @if each.state != State::Removed {
            (own::removal(each, &html! {
                button.secondary aria-label={ "Remove what " (each.name) " said" } { "Remove" }
            }))
        }
        details.menu {
            summary aria-label={ "More about what " (each.name) " said" } { "More" }
            form method="post" action={ (address) "/remove-all" } {
                input type="hidden" name="remove" value="1";
                button.secondary { "Remove all from this tab" }
            }
            (ban_form(&each.room, &each.id, is_operator))
        }
    }
}

fn ban_form(room: &RoomName, id: &MessageId, is_operator: bool) -> Markup {
    let field = id.to_string();
    html! {
        form method="post" action=(paths::bans(room)) {
            input type="hidden" name="message" value=(id);
            label for={ "by-" (field) } { "Ban" }
            select id={ "by-" (field) } name="by" {
                option value="tab" { "the browser that sent it" }
                option value="address" { "the address that it came from" }
                option value="name" { "the proven name" }
            }
            (ban_fields(&field, is_operator))
            button.secondary { "Ban" }
        }
    }
}

fn erasure(room: &RoomName) -> Markup {
    html! {
        h2 { "Erase" }
        details {
            summary { "Erase all that somebody said here" }
            form method="post" action={ (paths::room(room)) "/erase" } {
                label for="erase-name" { "The name" }
                input id="erase-name" name="username" required autocomplete="off";
                button.secondary { "Erase all of it" }
            }
        }
        details {
            summary { "Erase all that was said in this room" }
            form method="post" action={ (paths::room(room)) "/erase" } {
                label for="confirm" { "To confirm, the name of the room" }
                input id="confirm" name="confirm" required autocomplete="off" spellcheck="false";
                button.secondary { "Erase the room" }
            }
        }
    }
}
