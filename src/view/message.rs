//! One message, rendered once: the same bytes in page, history and stream.

use maud::{Markup, html};

use crate::message::Message;

/// The fragment of a message. No whitespace of ours stands inside the text, which is shown with
/// its own line breaks.
#[must_use]
pub fn fragment(message: &Message) -> Markup {
    html! {
        p id={ "m" (message.seq()) } data-key=(message.id) class="message" {
            strong { (message.name) ":" } " "
            span { (message.text.as_str()) } " "
            time datetime=(message.sent_at()) { (message.sent_at.strftime("%H:%M")) }
        }
    }
}

/// The line that stands where messages are missing for good.
#[must_use]
pub fn gap(gone: Option<u64>) -> Markup {
    html! {
        p class="gap" {
            @match gone {
                Some(1) => { "1 earlier message is no longer kept." }
                Some(gone) => { (gone) " earlier messages are no longer kept." }
                None => { "Earlier messages may be missing here." }
            }
        }
    }
}
