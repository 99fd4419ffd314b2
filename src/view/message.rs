//! One message, rendered once: the same bytes in page, history and stream.

use linkify::{LinkFinder, LinkKind};
use maud::{Markup, html};

use crate::{
    message::{Epoch, Message, MessageId, RoomName},
    paths,
};

/// The fragment of a message. No whitespace of ours stands inside the text, which is shown with
/// its own line breaks.
#[must_use]
pub(crate) fn fragment(message: &Message) -> Markup {
    html! {
        p id={ "m" (message.seq()) } data-key=(message.id) class="message" {
            strong { (message.name) ":" } " "
            span { (linked(message.text.as_str())) } " "
            time datetime=(message.sent_at()) { (message.sent_at.strftime("%H:%M")) }
        }
    }
}

/// A text with its web addresses as links. They open elsewhere, so that a room is not left by a
/// slip, and give the other site neither this window nor our good name.
fn linked(text: &str) -> Markup {
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url]);
    html! {
        @for span in finder.spans(text) {
            // Of all schemes only these two: no `javascript:` and no application's own.
            @if span.kind().is_some() && is_web(span.as_str()) {
                a href=(span.as_str()) rel="noopener nofollow ugc" target="_blank" { (span.as_str()) }
            } @else {
                (span.as_str())
            }
        }
    }
}

fn is_web(address: &str) -> bool {
    let starts = |scheme: &str| {
        address.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    starts("http://") || starts("https://")
}

/// Messages in a list, and before them the way to older ones, where there are any. `page` is the
/// address under which a browser without script finds those.
#[must_use]
pub(crate) fn list(messages: &[Message], older: bool, page: &str) -> Markup {
    html! {
        @if older && let Some(oldest) = messages.first() {
            (way_to_older(&oldest.room, &oldest.id, page))
        }
        (fragments(messages))
    }
}

/// Messages, one after another.
#[must_use]
pub(crate) fn fragments(messages: &[Message]) -> Markup {
    html! { @for message in messages { (fragment(message)) } }
}

/// The way to what is older than a message.
#[must_use]
pub(crate) fn way_to_older(room: &RoomName, oldest: &MessageId, page: &str) -> Markup {
    let before = format!("?before={oldest}");
    way(Some(format!("{page}{before}")), Some(format!("{}{before}", paths::messages(room))))
}

/// The same without addresses, for a script to put them in.
#[must_use]
pub(crate) fn way_to_any() -> Markup {
    way(None, None)
}

/// The addresses are those of a page with the messages, and of the messages alone.
fn way(page: Option<String>, alone: Option<String>) -> Markup {
    html! {
        p.older {
            a href=[page] hx-get=[alone] hx-trigger="revealed, click"
                hx-target="closest .older" hx-swap="outerHTML" { "Older messages" }
        }
    }
}

/// The line that stands where messages are missing for good. It names the journal's epoch: what a
/// page shows of another one is not in this journal.
#[must_use]
pub(crate) fn gap(number: Option<u64>, epoch: &Epoch) -> Markup {
    html! {
        p class="gap" data-epoch=(epoch.as_str()) { (gone(number)) }
    }
}

/// That messages are gone, in words; `None` where their number is not known.
pub(crate) fn gone(number: Option<u64>) -> String {
    match number {
        Some(1) => "1 earlier message is no longer kept.".into(),
        Some(number) => format!("{number} earlier messages are no longer kept."),
        None => "Some earlier messages may be missing.".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_addresses_are_links_and_nothing_else_is() {
        let link = |address: &str| {
            format!(
                "<a href=\"{address}\" rel=\"noopener nofollow ugc\" target=\"_blank\">{address}</a>"
            )
        };
        for (text, expected) in [
            ("see https://a.example/x?y=1.", format!("see {}.", link("https://a.example/x?y=1"))),
            ("(HTTP://a.example)", format!("({})", link("HTTP://a.example"))),
            ("javascript:alert(1) data:text/html,x", "javascript:alert(1) data:text/html,x".into()),
            ("javascript://a.example/%0aalert(1)", "javascript://a.example/%0aalert(1)".into()),
            ("ann@a.example ftp://a.example", "ann@a.example ftp://a.example".into()),
            (
                "https://a.example/\"onclick=x",
                format!("{}&quot;onclick=x", link("https://a.example/")),
            ),
            (
                "https://a.example/?a&b<b>",
                format!("{}&lt;b&gt;", link("https://a.example/?a&amp;b")),
            ),
        ] {
            assert_eq!(linked(text).into_string(), expected);
        }
    }
}
