//! The rooms that a browser has on its list, beside the one that is shown.

use maud::{Markup, html};

use crate::{
    message::RoomName,
    paths::{self, Path},
};

/// A room on the list.
pub(crate) struct Entry {
    /// Its name.
    pub room: RoomName,
    /// Where it is: the page of a tab that the browser has there, or the one to join by.
    pub page: String,
    /// How much is unread.
    pub unread: u64,
    /// How much of that mentions the reader.
    pub mentions: u64,
    /// Whether it is to stay on the list.
    pub is_pinned: bool,
    /// Whether it is the one that is shown.
    pub is_shown: bool,
}

/// The most that is counted before eyes; beyond it a number tells nobody more.
const MAX_SHOWN: u64 = 99;

/// The list, in the page of the tab at `path`; `rooms.js` puts other numbers into it.
pub(crate) fn list(entries: &[Entry], path: Path<'_>) -> Markup {
    html! {
        nav #list aria-label="Rooms" {
            ul {
                @for Entry { room, page, unread, mentions, is_pinned, is_shown } in entries {
                    li data-room=(room) data-pinned[*is_pinned] {
                        a href=(page) aria-current=[is_shown.then_some("page")] {
                            span translate="no" title={ "#" (room) } { "#" (room) }
                            " "
                            small class=[(*mentions > 0).then_some("mention")] {
                                (words(*unread, *mentions))
                            }
                        }
                        details {
                            summary aria-label={ "Pin or remove #" (room) } title="Pin or remove" { "⋯" }
                            form method="post" action=(path.rooms()) {
                                input type="hidden" name="room" value=(room);
                                @if *is_pinned {
                                    button name="how" value="unpin" { "Unpin" }
                                } @else {
                                    button name="how" value="pin" { "Pin" }
                                }
                                // What is shown is on the list.
                                @if !is_shown { button name="how" value="off" { "Remove from list" } }
                            }
                        }
                    }
                }
            }
            p { a href=(paths::ROOMS) { "All rooms" } }
        }
    }
}

/// `3 unread`, or `3 unread, @2` where the reader is mentioned; nothing of nothing. Before eyes the numbers
/// are enough.
fn words(unread: u64, mentions: u64) -> Markup {
    let number = |number: u64| match number {
        ..=MAX_SHOWN => number.to_string(),
        _ => format!("{MAX_SHOWN}+"),
    };
    html! {
        @if unread > 0 { (number(unread)) span { " unread" } }
        @if mentions > 0 { ", @" (number(mentions)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unread_stands_there_in_words_up_to_a_bound() {
        for (unread, mentions, due) in [
            (0, 0, ""),
            (1, 0, "1<span> unread</span>"),
            (99, 0, "99<span> unread</span>"),
            (100, 0, "99+<span> unread</span>"),
            (3, 1, "3<span> unread</span>, @1"),
            (100, 100, "99+<span> unread</span>, @99+"),
        ] {
            assert_eq!(words(unread, mentions).into_string(), due);
        }
    }
}
