//! Who is banned, and the forms that ban.

use std::sync::Arc;

use maud::{Markup, html};

use super::when;
use crate::{
    message::{Ban, Banned, Message, RoomName},
    paths,
};

/// For how long somebody can be banned by a form, in hours.
const TIMES: [(u32, &str); 5] =
    [(1, "1 hour"), (24, "1 day"), (168, "1 week"), (720, "30 days"), (876_000, "ever")];

/// Those that hold, and a form for an address.
pub(super) fn section(room: &RoomName, bans: &[(String, Arc<Ban>)], is_operator: bool) -> Markup {
    html! {
        section id="bans" {
            h2 { "Bans" }
            (list(bans, &paths::moderate(room).to_string()))
            details {
                summary { "Ban an address" }
                form.fields method="post" action=(paths::bans(room)) {
                    input type="hidden" name="by" value="address";
                    (address_field())
                    (fields("address", is_operator))
                    button.danger { "Ban" }
                }
            }
        }
    }
}

/// Who is banned, each with a way to lift it.
#[must_use]
pub(crate) fn list(bans: &[(String, Arc<Ban>)], base: &str) -> Markup {
    html! {
        @if bans.is_empty() { p.empty { "Nobody is banned." } }
        ul.items {
            @for (id, ban) in bans {
                @let whom = whom(ban);
                li {
                    p {
                        @if ban.name.is_empty() { (whom) } @else {
                            strong translate="no" dir="auto" { (ban.name) } ", " (whom)
                        }
                        @if !ban.reason.is_empty() { ": " q dir="auto" { (ban.reason) } }
                        small {
                            @if let Some(room) = &ban.room { "From #" (room) } @else { "From all rooms" }
                            ", until " (when::whole(ban.until))
                        }
                    }
                    form method="post" action=(lift(base, ban, id)) {
                        input type="hidden" name="lift" value="1";
                        @let of = if ban.name.is_empty() { &whom } else { &ban.name };
                        button.secondary aria-label={ "Lift ban of " (of) } { "Lift ban" }
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

/// The field for an address.
pub(crate) fn address_field() -> Markup {
    html! {
        div {
            label for="address" { "Address or network" }
            input id="address" name="address" required autocomplete="off" spellcheck="false"
                placeholder="192.0.2.7" aria-describedby="address-note";
            small id="address-note" { "One address can be many people: a school, an office, a phone network." }
        }
    }
}

/// The fields that every form has which bans somebody.
pub(crate) fn fields(id: &str, is_operator: bool) -> Markup {
    // The last is the operator's alone.
    let times = if is_operator { &TIMES[..] } else { &TIMES[..TIMES.len() - 1] };
    html! {
        div {
            label for={ "hours-" (id) } { "For" }
            select id={ "hours-" (id) } name="hours" {
                @for (hours, time) in times { option value=(hours) { (time) } }
            }
        }
        @if is_operator {
            div {
                label for={ "everywhere-" (id) } { "From" }
                select id={ "everywhere-" (id) } name="everywhere" {
                    option value="no" { "this room" }
                    option value="yes" { "all rooms" }
                }
            }
        }
        div.wide {
            label for={ "reason-" (id) } { "Reason, which they will see" }
            input id={ "reason-" (id) } name="reason" maxlength="300" autocomplete="off" dir="auto";
        }
    }
}

/// The form that bans who sent a message.
pub(super) fn of_message(message: &Message, is_operator: bool) -> Markup {
    let field = message.id.to_string();
    html! {
        form.fields method="post" action=(paths::bans(&message.room)) {
            input type="hidden" name="message" value=(message.id);
            div {
                label for={ "by-" (field) } { "Ban" }
                select id={ "by-" (field) } name="by" {
                    option value="tab" { "this browser" }
                    option value="address" { "this address" }
                    @if message.name.mark().is_some() { option value="name" { "this proven name" } }
                }
            }
            (fields(&field, is_operator))
            button.danger { "Ban" }
        }
    }
}
