//! The document that never ends, for a frame in a page without script.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{href, layout, message};
use crate::message::{Message, MessageId, RoomName};

/// WebKit paints nothing of a document that still loads before it has some 512 visible
/// characters (`FrameView::visualCharacterThreshold` and its kin); these count and are not seen.
const PAD_CHARS: usize = 600;

/// Everything up to where messages are appended. The elements stay open: the end of the stream
/// is the end of the document.
pub(crate) fn opening(room: &RoomName) -> Markup {
    html! {
        (DOCTYPE)
        (PreEscaped("<html lang=\"en\">"))
        head { (head(room)) }
        (PreEscaped(
            "<body class=\"endless\"><section class=\"scroller\" aria-label=\"Messages\" \
             tabindex=\"0\"><div class=\"log\" role=\"log\"><div id=\"messages\">"
        ))
        div.pad aria-hidden="true" { (".".repeat(PAD_CHARS)) }
    }
}

/// How long [`newest`] is shown: time for the page around it to finish loading.
const ENTRANCE_SECONDS: u32 = 1;

/// A document that ends, with the newest messages. Where there is `next`, it goes on to the endless
/// one there by itself: a page is loaded only when its frames are, and what a frame goes on to later
/// does not hold it up. Without, it stands behind the other, which paints nothing for a while when it
/// goes on.
pub(crate) fn newest(room: &RoomName, messages: &[Message], next: Option<&str>) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                (head(room))
                @if let Some(next) = next {
                    meta http-equiv="refresh" content={ (ENTRANCE_SECONDS) ";url=" (next) };
                }
            }
            body.endless {
                section.scroller aria-label="Messages" tabindex="0" {
                    div.log { div id="messages" {
                        @for each in messages { (message::fragment(each)) }
                    } }
                }
            }
        }
    }
}

fn head(room: &RoomName) -> Markup {
    html! {
        meta charset="utf-8";
        meta name="viewport" content=(layout::VIEWPORT);
        meta name="color-scheme" content="light dark";
        // Links in messages open in the page around the frame.
        base target="_top";
        title { "#" (room) }
        link rel="stylesheet" href=(href("pico.css"));
        link rel="stylesheet" href=(href("app.css"));
    }
}

/// Ends this document and opens the next one after so many seconds, from `cursor`, under the same
/// address: a tab's stays the tab's.
pub(crate) fn next_document(cursor: &MessageId, seconds: u64) -> Markup {
    html! {
        meta http-equiv="refresh" content={ (seconds) ";url=?format=html&after=" (cursor) };
    }
}
