//! Who is in a room.

use maud::{Markup, html};

use crate::message::Name;

/// Who is in a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    /// How many names are here.
    pub count: usize,
    /// Some of them, in the order of their names.
    pub names: Vec<Person>,
    /// How many read along without a name.
    pub watching: usize,
}

/// One name that is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name.
    pub name: Name,
    /// Whether all its tabs are hidden.
    pub away: bool,
}

/// The list of who is here. `replace` makes htmx put it in the place of the one that a page has.
pub fn list(people: &People, replace: bool) -> Markup {
    let People { count, names, watching } = people;
    html! {
        p #presence hx-swap-oob=[replace.then_some("true")] {
            @if *count == 0 { "Nobody is here" } @else {
                (count) " here: "
                @for (place, Person { name, away }) in names.iter().enumerate() {
                    @if place > 0 { ", " }
                    bdi { (name) }
                    @if *away { " (away)" }
                }
                @if *count > names.len() { " and " (count - names.len()) " more" }
            }
            @if *watching > 0 { " · " (watching) " watching" }
        }
    }
}
