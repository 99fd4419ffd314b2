//! Who is in a room.

use maud::{Markup, html};

use crate::message::Name;

/// The list of `names`, of `count` in all. `replace` makes htmx put it in the place of the one
/// that a page has.
pub fn list(names: &[Name], count: usize, watching: usize, replace: bool) -> Markup {
    html! {
        p #presence hx-swap-oob=[replace.then_some("true")] {
            @if count == 0 { "Nobody is here" } @else {
                (count) " here: "
                @for (place, name) in names.iter().enumerate() {
                    @if place > 0 { ", " }
                    bdi { (name) }
                }
                @if count > names.len() { " and " (count - names.len()) " more" }
            }
            @if watching > 0 { " · " (watching) " watching" }
        }
    }
}
