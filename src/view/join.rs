//! The join page of a room.

use jiff::Timestamp;
use maud::{Markup, html};

use super::{
    href, layout, mark,
    rooms::{self, Me, OwnTab, Room},
    said, tile,
};
use crate::{
    message::{Message, Name, People, Person, RoomName},
    paths,
};

/// Why nobody can join whose browser keeps no cookies: they are what tells tabs apart.
pub(crate) const COOKIES_BLOCKED: &str = "Your browser keeps no cookies for this site, and without one nobody can join. Please allow \
     them here, then try again.";

/// People that are named; the rest is a number.
const MAX_NAMED: usize = 12;

/// Who is to join.
#[derive(Clone, Copy)]
pub(crate) enum Who<'a> {
    /// Whoever says so; and what was entered for a name before.
    Asked(&'a str),
    /// Whoever says so, who joined under this name before.
    Remembered(&'a Name),
    /// Whom the proxy names.
    Known(&'a Name),
}

/// A room, and who stands before it.
pub(crate) struct Door<'a> {
    /// The room.
    pub room: &'a RoomName,
    /// Who is to join.
    pub who: Who<'a>,
    /// Under which name one joins another room by one click.
    pub me: Option<Me<'a>>,
    /// Why what was entered was not taken.
    pub problem: Option<&'a str>,
    /// What holds there.
    pub rules: Option<&'a Markup>,
    /// The tab of this browser that is there already.
    pub own: Option<&'a OwnTab>,
    /// What is to be seen from here.
    pub seen: Option<&'a Seen>,
}

/// What is to be seen of an open room, and of others.
pub(crate) struct Seen {
    /// Who is there.
    pub people: std::sync::Arc<People>,
    /// What was said last, oldest first.
    pub messages: Vec<Message>,
    /// Other rooms.
    pub others: Vec<Room>,
    /// The time that it is.
    pub now: Timestamp,
}

/// The page with the join form.
#[must_use]
pub(crate) fn page(door: &Door<'_>) -> Markup {
    let Door { room, who, me, problem, rules, own, seen } = door;
    layout::page(
        &format!("Join #{room}"),
        false,
        &html! {
            // Nothing to follow stands before the form: text browsers begin at the first of these.
            (layout::bar(&html! { span translate="no" { "#" (room) } }, &html! {}))
            main.narrow.door {
                @if let Some(own) = own { p.ways { (rooms::here_as(own)) } }
                p.what { "A room to talk in: what you send appears at once for everyone here." }
                @if let Some(rules) = rules { (rules) }
                p id="cookies" role="alert" data-blocked=(COOKIES_BLOCKED) hidden {}
                form.open id="join" method="post" action=(paths::join(room)) {
                    @match who {
                        Who::Asked(username) => { (fields(username, None, *problem)) }
                        Who::Remembered(name) => { (fields(name.as_str(), Some(name), *problem)) }
                        Who::Known(name) => { (known(name, *problem)) }
                    }
                    button { "Join" }
                }
                @if let Some(seen) = seen { (self::seen(seen, *me)) }
                p.foot {
                    a href=(paths::ROOMS) { "All rooms" } " · "
                    a href=(paths::API) { "API" } " for programs"
                }
            }
            script type="module" src=(href("shelf.js")) {}
            script type="module" src=(href("door.js")) {}
            @if seen.is_some_and(|seen| !seen.messages.is_empty()) { (layout::fresh()) }
        },
    )
}

/// The name, and the secret that proves it. That is never filled in again: what was entered is nowhere
/// kept.
fn fields(username: &str, remembered: Option<&Name>, problem: Option<&str>) -> Markup {
    let mark = remembered.filter(|name| name.mark().is_some());
    html! {
        div.fields {
            div {
                label for="username" { "Your name" }
                input id="username" name="username" value=(username) dir="auto" required autofocus
                    autocomplete="username" autocapitalize="none" spellcheck="false"
                    data-remembered[remembered.is_some()]
                    aria-invalid=[problem.map(|_| "true")]
                    aria-describedby=[problem.map(|_| "username-problem")];
                @if let Some(problem) = problem {
                    small id="username-problem" role="alert" { (problem) }
                }
            }
            div {
                label for="secret" { "A secret, if you like" }
                input id="secret" name="secret" type="password" autocomplete="current-password"
                    aria-describedby="secret-note";
                small id="secret-note" {
                    @if let Some(name) = mark {
                        "You have proven this name, and keep your mark" (mark::of(name)) " without it."
                    } @else {
                        "It puts a mark beside your name that nobody else can have, and is stored nowhere."
                    }
                }
            }
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

fn seen(seen: &Seen, me: Option<Me<'_>>) -> Markup {
    let Seen { people, messages, others, now } = seen;
    html! {
        section.people {
            h2 { @if people.count == 0 { "Nobody is here right now" } @else { (people.count) " here" } }
            @if people.count > 0 { (self::people(people)) }
        }
        section.said-last {
            h2 { @if messages.is_empty() { "Nothing was said yet" } @else { "Said last" } }
            @if messages.is_empty() {
                p.empty { "Join, and say the first word." }
            } @else {
                (said::lines(messages, *now))
            }
        }
        @if !others.is_empty() {
            section.others {
                h2 { "Other rooms" }
                (rooms::rows(others, me, *now))
            }
        }
    }
}

fn people(people: &People) -> Markup {
    let named = &people.names[..people.names.len().min(MAX_NAMED)];
    html! {
        ul translate="no" {
            @for Person { name, away } in named {
                li data-hue=(tile::hue(name)) data-initial=(tile::initial(name)) {
                    bdi { (name) } (mark::of(name))
                    @if *away { " " small { "(away)" } }
                }
            }
            @if people.count > named.len() { li.more { "and " (people.count - named.len()) " more" } }
        }
    }
}
