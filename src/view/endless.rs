//! The document that never ends, for a frame in a page without script.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::{
    assets::href,
    message::{MessageId, RoomName},
};

/// WebKit paints nothing of a document that still loads before it has some 512 visible
/// characters (`FrameView::visualCharacterThreshold` and its kin); these count and are not seen.
const PAD: usize = 600;

/// Everything up to where messages are appended. The elements stay open: the end of the stream
/// is the end of the document.
pub fn opening(room: &RoomName) -> Markup {
    html! {
        (DOCTYPE)
        (PreEscaped("<html lang=\"en\">"))
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            // Links in messages open in the page around the frame.
            base target="_top";
            title { "#" (room) }
            link rel="stylesheet" href=(href("pico.css"));
            link rel="stylesheet" href=(href("app.css"));
        }
        (PreEscaped("<body class=\"endless\"><section class=\"scroller\" aria-label=\"Messages\" tabindex=\"0\"><div class=\"log\" role=\"log\"><div id=\"messages\">"))
        div.pad aria-hidden="true" { (".".repeat(PAD)) }
    }
}

/// Ends this document and opens the next one, after `cursor`.
pub fn onward(room: &RoomName, cursor: &MessageId) -> Markup {
    html! {
        meta http-equiv="refresh"
            content={ "0;url=/rooms/" (room) "/events?format=html&after=" (cursor) };
    }
}
