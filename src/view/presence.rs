//! Who is in a room.

use maud::{Markup, html};

use super::mark;
use crate::message::{People, Person};

/// How many are here: what opens the list on a narrow screen.
pub(crate) fn number(count: usize) -> Markup {
    of(count, false)
}

fn of(count: usize, replace: bool) -> Markup {
    html! {
        // In an attribute, for the style sheet: where there is none, the list beside it says so.
        span #here data-number={ @if count == 0 { "Nobody" } @else { (count) } " here" }
            hx-swap-oob=[replace.then_some("true")] {}
    }
}

/// The list of who is here. `replace` makes htmx put it in the place of the one that a page has, and
/// the number with it.
pub(crate) fn list(people: &People, replace: bool) -> Markup {
    let People { count, names, watching } = people;
    html! {
        p #presence translate="no" hx-swap-oob=[replace.then_some("true")] {
            @if *count == 0 { "Nobody is here" } @else {
                (count) " here: "
                @for (place, Person { name, away }) in names.iter().enumerate() {
                    @if place > 0 { ", " }
                    bdi { (name) } (mark::of(name))
                    @if *away { " " small { "(away)" } }
                }
                @if *count > names.len() { " " small.more { "and " (count - names.len()) " more" } }
            }
            @if *watching > 0 { " · " small.more { (watching) " watching" } }
        }
        @if replace { (of(*count, true)) }
    }
}
