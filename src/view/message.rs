//! One message, rendered once: the same bytes in page, history and stream.

use maud::{Markup, PreEscaped, html};

use super::{mark, text, tile, when};
use crate::{
    message::{Epoch, Message, MessageId, RoomName, State},
    paths,
};

/// The most characters, and lines, of a text that is shown whole at once: about a dozen lines of a
/// desktop's width. A longer one would push everything else out of sight, and is folded.
const MAX_UNFOLDED: (usize, usize) = (800, 12);

/// What stands in the place of a text that was taken back.
pub(crate) const REMOVED: &str = "Message removed";

/// The fragment of a message. No whitespace of ours stands inside the text, which is shown with
/// its own line breaks. Its time is whole, for whom no script writes it by the reader's own clock.
#[must_use]
pub(crate) fn fragment(message: &Message) -> Markup {
    let is_removed = message.state == State::Removed;
    let said = if is_removed { REMOVED } else { message.text.as_str() };
    let is_long = said.chars().count() > MAX_UNFOLDED.0 || said.lines().count() > MAX_UNFOLDED.1;
    html! {
        p id={ "m" (message.seq()) } data-key=(message.id) class="message"
            data-name=(message.name) data-mark=[message.name.mark()]
            data-hue=(tile::hue(&message.name)) data-initial=(tile::initial(&message.name))
            data-long[is_long] data-removed[is_removed] {
            @if message.name.mark().is_some() { (mark::of(&message.name)) " " }
            strong { (message.name) ":" } " "
            span { (text::marked_up(said)) } " "
            time datetime=(message.sent_at()) {
                a href=(paths::message(&message.room, &message.id)) {
                    (when::whole(message.sent_at))
                }
            }
            @if message.state == State::Edited { " " small.edited { "edited" } }
            // A stylesheet unfolds it, so that no script is needed. Of all that can be opened only
            // this may stand in a paragraph.
            @if is_long {
                " " label.all { input type="checkbox" autocomplete="off"; " Show all" }
            }
        }
    }
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

/// Fragments for browsers that show no line break of a text, since it is a stylesheet that tells them
/// to: an element stands at each. No other line breaks are in them.
#[must_use]
pub(crate) fn with_breaks(fragments: &Markup) -> Markup {
    PreEscaped(fragments.0.replace('\n', "<br>\n"))
}

/// The way to what is older than a message.
#[must_use]
pub(crate) fn way_to_older(room: &RoomName, oldest: &MessageId, page: &str) -> Markup {
    let before = format!("?before={oldest}");
    way(&format!("{page}{before}"), &format!("{}{before}", paths::messages(room)))
}

/// The addresses are those of a page with the messages, and of the messages alone.
pub(crate) fn way(page: &str, alone: &str) -> Markup {
    html! {
        p.older {
            a href=(page) hx-get=(alone) hx-trigger="revealed, click"
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
    use crate::message::{Mark, Name, Text};

    fn message(text: &str) -> String {
        changed(text, State::Sent)
    }

    fn changed(text: &str, state: State) -> String {
        fragment(&sent(text, state)).into_string()
    }

    fn sent(text: &str, state: State) -> Message {
        Message {
            id: "e-17".parse().unwrap(),
            room: RoomName::parse("lobby").unwrap(),
            name: Name::parse("ann").unwrap(),
            text: Text::stored(text),
            sent_at: jiff::Timestamp::constant(1_795_493_707, 0),
            state,
        }
    }

    #[test]
    fn a_fragment_has_the_form_of_the_contract() {
        assert_eq!(
            message("hi"),
            "<p id=\"m17\" data-key=\"e-17\" class=\"message\" data-name=\"ann\" \
             data-hue=\"1\" data-initial=\"A\">\
             <strong>ann:</strong> <span>hi</span> \
             <time datetime=\"2026-11-24T04:15:07.000Z\">\
             <a href=\"/rooms/lobby/messages/e-17\">2026-11-24 04:15 UTC</a></time></p>"
        );
    }

    #[test]
    fn a_mark_stands_before_the_name_where_no_name_and_no_text_comes() {
        let name = Name::parse("ann").unwrap();
        for (mark, title) in [
            (Mark::of(&[0; 32]), "proven by a secret"),
            (Mark::verified(), "verified by the sign-in of this server"),
        ] {
            let shown = fragment(&Message { name: name.marked(&mark), ..sent("hi", State::Sent) });
            let mark = mark.as_str();
            let expected = message("hi").replace(
                "data-name=\"ann\" data-hue=\"1\" data-initial=\"A\">",
                &format!(
                    "data-name=\"ann\" data-mark=\"{mark}\" data-hue=\"1\" data-initial=\"A\"><small class=\"mark\" title=\"{title}\" \
                     translate=\"no\">#{mark}</small> "
                ),
            );
            assert_eq!(shown.into_string(), expected);
        }
    }

    #[test]
    fn what_was_removed_says_that_and_what_was_edited_says_so_behind_its_time() {
        assert_eq!(
            changed("", State::Removed),
            message("hi")
                .replace("<span>hi", "<span>Message removed")
                .replace("\"A\">", "\"A\" data-removed>")
        );
        let edited = changed("hi", State::Edited);
        let mark = "</time> <small class=\"edited\">edited</small></p>";
        assert_eq!(edited, message("hi").replace("</time></p>", mark));
    }

    #[test]
    fn a_text_of_many_characters_or_lines_can_be_unfolded_and_no_other() {
        let lines = |number| ["x"].repeat(number).join("\n");
        for (text, is_long) in [
            ("x".repeat(800), false),
            ("é".repeat(800), false),
            ("x".repeat(801), true),
            (lines(12), false),
            (lines(13), true),
        ] {
            let shown = message(&text);
            let end = " <label class=\"all\"><input type=\"checkbox\" autocomplete=\"off\"> Show all</label></p>";
            assert_eq!(shown.ends_with(end), is_long, "{shown}");
            assert_eq!(shown.contains(" data-long"), is_long, "{shown}");
        }
    }
}
