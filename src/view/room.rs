//! The page of a room that a tab joined.

use std::sync::LazyLock;

use maud::{Markup, html};

use super::{
    href,
    layout::{self, SLOT, Scripted},
    mark, message, presence,
    room_list::{self, Entry},
};
use crate::message::{Key, Message, MessageId, Name, RoomName, Seq, Text};
use crate::paths::{self, Path};

/// What the joined page of a tab shows.
pub(crate) struct Tab<'a> {
    /// The room.
    pub room: &'a RoomName,
    /// The tab's address, `/rooms/{room}/tabs/{tab}`.
    pub path: Path<'a>,
    /// Whom it posts as.
    pub name: &'a Name,
    /// What proves the tab where its cookie is gone.
    pub proof: &'a str,
    /// The messages' fragments, oldest first.
    pub messages: &'a Markup,
    /// Where a terminal finds the server, where anybody may send to the room.
    pub origin: Option<&'a str>,
    /// Who is here.
    pub people: &'a Markup,
    /// And how many that are.
    pub here: usize,
    /// The rooms on the browser's list, this one among them.
    pub rooms: &'a [Entry],
    /// Up to where this browser had read the room, where it has been there.
    pub seen: Option<Seq>,
    /// The oldest of the messages, where there are older ones.
    pub older: Option<&'a MessageId>,
    /// Where its stream goes on from: everything up to here that was due is on the page. `None`
    /// where the page shows a part of the past, which stands still.
    pub cursor: Option<&'a MessageId>,
    /// The form to send with.
    pub form: &'a SendForm<'a>,
    /// What holds in the room.
    pub rules: Option<&'a Markup>,
    /// Whether the room is this one's to moderate.
    pub moderates: bool,
}

/// Bytes around the messages, nearly.
const PAGE_BYTES_BESIDE_MESSAGES: usize = 4096;

/// What a room without messages says; `app.css` has it for one that was emptied.
const EMPTY: &str = "No messages yet — send one to publish it to everyone here.";

/// What the frame with the messages is called, for links that lead there.
const LIVE_FRAME: &str = "live";

/// The joined page.
#[must_use]
pub(crate) fn tab(tab: &Tab<'_>) -> Markup {
    let Tab { room, path, name, proof, messages, people, here, older, cursor, form, .. } = tab;
    let stream = cursor.map(|cursor| {
        let others = tab.rooms.iter().filter(|entry| !entry.is_shown).map(|entry| &entry.room);
        html! { (path.events()) "?after=" (cursor) @for room in others { "&room=" (room) } }
    });
    layout::page(
        &format!("#{room}"),
        true,
        &html! {
            (layout::Reserve(PAGE_BYTES_BESIDE_MESSAGES + messages.0.len()))
            main.room data-name=(name) data-mark=[name.mark()] data-moderates[tab.moderates] {
                header {
                    h1 translate="no" title={ "#" (room) } { "#" (room) }
                    p #connection role="status" {}
                    // One of them is open at a time. The rooms, and who is here, stand beside what
                    // opens them, and not in it: on a wide screen they are seen at all times.
                    details id="rooms" name="bar" { summary title="Rooms on your list" { "Rooms" } }
                    (room_list::list(tab.rooms, *path))
                    details id="people" name="bar" {
                        summary title="Who is here" { (presence::number(*here)) }
                    }
                    (people)
                    (search_form(room))
                    details id="menu" name="bar" {
                        summary.me translate="no" { "Posting as " strong { (name) } (mark::of(name)) }
                        div {
                            @if tab.moderates { a.rooms href=(paths::moderate(room)) { "Moderate" } }
                            a.rooms href=(paths::search(Some(room), "", None)) { "Search" }
                            a.rooms href=(paths::ROOMS) { "Rooms" }
                            (*NOTIFY)
                            form id="leave" method="post" action=(path.leave()) {
                                // Text browsers send a form without fields as a GET.
                                input type="hidden" name="leave" value="1";
                                button.secondary { "Leave" }
                            }
                        }
                    }
                }
                div.list {
                    // The scroller lays its one child out from the bottom: it stays at the newest
                    // message when it is there, and holds still when scrolled up, without a script.
                    section.scroller tabindex="0" aria-label="Messages" {
                        // What arrives is read out once; what the script puts on it later is not.
                        div.log role="log" aria-label={ "Messages in #" (room) } aria-live="polite" aria-relevant="additions" {
                            div id="messages" data-seen=[tab.seen] hx-sse:connect=[&stream] hx-swap="beforeend" {
                                // Stands there for good, and is shown while nothing stands beside
                                // it. Where something does, text browsers show it all the same.
                                p.empty { @if messages.0.is_empty() { (EMPTY) } }
                                @if let Some(oldest) = older {
                                    (message::way_to_older(room, oldest, &path.to_string()))
                                }
                                (messages)
                            }
                            @if messages.0.is_empty() && stream.is_some() { (start(room, tab.origin)) }
                            // Who sent it need not hear of it twice.
                            div id="outbox" aria-live="off" {}
                            @if stream.is_none() {
                                p.newest { a href=(path) { "Newest messages" } }
                            }
                        }
                    }
                    (ways(room, *path))
                    p #missed role="status" {}
                }
                @if let Some(rules) = tab.rules { (rules) }
                (send_form(form))
                (again(room, name, proof))
                // Without script the room is live in a document that never ends, and the form is
                // in a frame of its own, so that sending reloads neither. `noscript.css` hides
                // what these two stand for, all but the way to older messages.
                @if cursor.is_some() {
                    noscript {
                        link rel="stylesheet" href=(href("noscript.css"));
                        div.frames {
                            iframe.first inert aria-hidden="true" tabindex="-1"
                                src={ (path.live()) "?still=1" } {}
                            iframe.live name=(LIVE_FRAME) title="Messages" src=(path.live()) {}
                        }
                        // A document that a crash or the network cuts short is not loaded, and so
                        // heeds no refresh of its own: nothing brings it back but this.
                        p.again {
                            "Nothing new for a while? "
                            a href=(path.live()) target=(LIVE_FRAME) { "Load the messages again" }
                            " · " a href=(path.own()) { "Your messages" }
                        }
                        iframe.send title="Write a message" src={ (path.send()) "?frame=1#text" } {}
                    }
                }
            }
            @if cursor.is_none() { (layout::fresh()) }
        },
    )
}

/// Where a window is wide, a search is a field away; elsewhere it is in the menu.
fn search_form(room: &RoomName) -> Markup {
    html! {
        form.search role="search" action=(paths::search(Some(room), "", None)) {
            input type="search" name="q" aria-label={ "Search in #" (room) } placeholder="Search"
                dir="auto" autocomplete="off";
        }
    }
}

/// What to do in a room in which nothing was said yet: it goes with the first message.
fn start(room: &RoomName, origin: Option<&str>) -> Markup {
    html! {
        div.start {
            p {
                "To see it arrive, open "
                a href=(paths::room(room)) target="_blank" { "a second tab" }
                " and join under another name."
            }
            @if let Some(origin) = origin {
                p { "Or send from a terminal:" }
                pre {
                    code translate="no" {
                        "curl -d username=me -d text=hello " (origin) "/rooms/" (room) "/messages"
                    }
                }
            }
        }
    }
}

/// Of what a tab that is not looked at tells: asked for by a press, and never when the page loads.
static NOTIFY: LazyLock<Markup> = LazyLock::new(|| {
    let part = html! {
        button type="button" data-notify="mentions" aria-pressed="false" { "Notify me of mentions" }
        button type="button" data-notify="all" aria-pressed="false" { "Notify me of all messages" }
        small id="notify-note" role="status" {}
    };
    Scripted::of(&part).with(&[])
});

/// The ways to the newest message and to older ones.
static WAYS: LazyLock<Scripted> = LazyLock::new(|| {
    Scripted::of(&html! {
        button id="newest" type="button" hidden {}
        template id="older" { (message::way(SLOT, SLOT)) }
    })
});

/// `list.js` puts the message in that the way leads on from.
fn ways(room: &RoomName, path: Path<'_>) -> Markup {
    const BEFORE: &str = "?before={key}";
    WAYS.with(&[&html! { (path) (BEFORE) }, &html! { (paths::messages(room)) (BEFORE) }])
}

/// What a tab offers that is no longer joined: its script shows it in place of the send form.
static AGAIN: LazyLock<Scripted> = LazyLock::new(|| {
    Scripted::of(&html! {
        form id="again" method="post" action=(SLOT) hidden {
            input type="hidden" name="username" value=(SLOT);
            input type="hidden" name="again" value=(SLOT);
            p role="status" tabindex="-1" {
                "This tab is no longer in the room. What you were writing is kept."
            }
            button { "Join again as " span translate="no" { (SLOT) } }
        }
    })
});

fn again(room: &RoomName, name: &Name, proof: &str) -> Markup {
    let shown = html! { (name) (mark::of(name)) };
    AGAIN.with(&[&html! { (paths::join(room)) }, &html! { (name) }, &html! { (proof) }, &shown])
}

/// The page inside the frame that holds the send form, for a browser without script.
pub(crate) fn send_frame(form: &SendForm<'_>) -> Markup {
    layout::page("Write a message", false, &html! { main.send { (send_form(form)) } })
}

/// The form to send with.
pub(crate) struct SendForm<'a> {
    /// The tab's address.
    pub path: Path<'a>,
    /// The key that this draft is sent under, however often.
    pub key: &'a Key,
    /// What is in the field.
    pub text: &'a str,
    /// Why what is in the field was not sent.
    pub problem: Option<&'a str>,
    /// Whether it stands in a frame of its own, and stays there.
    pub framed: bool,
}

/// The send form. Only an answer that says so replaces it (`HX-Reswap`), and none where `draft.js` runs:
/// the error page of a proxy must not take the draft away. What
/// is entered while a send is under way goes after it.
#[must_use]
pub(crate) fn send_form(form: &SendForm<'_>) -> Markup {
    let SendForm { path, key, text, problem, framed } = form;
    let key = key.as_str();
    html! {
        form id="send" method="post" action={ (path.send()) @if *framed { "?frame=1" } }
            hx-post=[(!framed).then(|| path.send())] hx-swap="none" hx-sync="this:queue all" {
            label for="text" { "Message" }
            // Browsers bring fields back as they were, and a used key with them: not this one.
            input id="key" type="hidden" name="key" value=(key) autocomplete="off";
            div.composer {
                // One line where no script makes Enter send.
                @if *framed {
                    input id="text" name="text" value=(text) dir="auto" required autofocus autocomplete="off"
                        placeholder="Write a message" enterkeyhint="send"
                        aria-invalid=[problem.map(|_| "true")] aria-describedby="send-note send-left";
                } @else {
                    // A line break right after the tag is not part of the text.
                    textarea id="text" name="text" rows="1" dir="auto" required autofocus autocomplete="off"
                        placeholder="Write a message" enterkeyhint="send"
                        aria-invalid=[problem.map(|_| "true")] aria-describedby="send-note send-left" {
                        "\n" (text)
                    }
                    // What makes the field as high as what is in it; `field.js` puts that there, too.
                    span.twin translate="no" aria-hidden="true" { " " }
                }
                button { "Send" }
            }
            div.under {
                small id="send-note" role="status" { @if let Some(problem) = problem { (problem) } }
                small id="send-left" data-limit=(Text::MAX_CHARS) {}
            }
        }
    }
}

/// The answer to a send by htmx: an empty form, and the message for the outbox, where it stands
/// until the stream brings it to its place.
#[must_use]
pub(crate) fn sent(form: &SendForm<'_>, sent: &Message) -> Markup {
    html! {
        (send_form(form))
        div hx-swap-oob="beforeend:#outbox" { (message::fragment(sent)) }
    }
}
