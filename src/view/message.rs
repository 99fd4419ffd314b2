//! One message, rendered once: the same bytes in page, history and stream.

use maud::{Markup, html};

use crate::message::{Epoch, Message};

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

/// Messages in a list, and before them the way to older ones, where there are any. `page` is the
/// address under which a browser without script finds those.
#[must_use]
pub fn list(messages: &[Message], older: bool, page: &str) -> Markup {
    html! {
        @if older && let Some(oldest) = messages.first() {
            p.older {
                a href={ (page) "?before=" (oldest.id) }
                    hx-get={ "/rooms/" (oldest.room) "/messages?before=" (oldest.id) }
                    hx-trigger="revealed, click" hx-target="closest .older" hx-swap="outerHTML" {
                    "Older messages"
                }
            }
        }
        @for message in messages { (fragment(message)) }
    }
}

/// The line that stands where messages are missing for good. It names the journal's epoch: what a
/// page shows of another one is not in this journal.
#[must_use]
pub fn gap(number: Option<u64>, epoch: &Epoch) -> Markup {
    html! {
        p class="gap" data-epoch=(epoch.as_str()) { (gone(number)) }
    }
}

/// That messages are gone, in words; `None` where their number is not known.
pub fn gone(number: Option<u64>) -> String {
    match number {
        Some(1) => "1 earlier message is no longer kept.".into(),
        Some(number) => format!("{number} earlier messages are no longer kept."),
        None => "Some earlier messages may be missing.".into(),
    }
}
