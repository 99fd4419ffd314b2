//! One message, rendered once: the same bytes in page, history and stream.

use std::{iter, net::Ipv6Addr};

use linkify::{LinkFinder, LinkKind};
use maud::{Markup, PreEscaped, html};

use super::mark;
use crate::{
    message::{Epoch, Message, MessageId, RoomName, State, is_blank, is_ignorable},
    paths,
};

/// The most characters, and lines, of a text that is shown whole at once: about a dozen lines of a
/// desktop's width. A longer one would push everything else out of sight, and is folded.
const MAX_UNFOLDED: (usize, usize) = (800, 12);

/// What ends a sentence in Chinese and Japanese: three bytes of UTF-8.
const IDEOGRAPHIC_FULL_STOP: char = '\u{3002}';

/// What stands in the place of a text that was taken back.
pub(crate) const REMOVED: &str = "Message removed";

/// The fragment of a message. No whitespace of ours stands inside the text, which is shown with
/// its own line breaks. Its time is whole, for whom no script writes it by the reader's own clock.
#[must_use]
pub(crate) fn fragment(message: &Message) -> Markup {
    let is_removed = message.state == State::Removed;
    let text = if is_removed { REMOVED } else { message.text.as_str() };
    let is_long = text.chars().count() > MAX_UNFOLDED.0 || text.lines().count() > MAX_UNFOLDED.1;
    html! {
        p id={ "m" (message.seq()) } data-key=(message.id) class="message"
            data-name=(message.name) data-mark=[message.name.mark()] data-long[is_long]
            data-removed[is_removed] {
            @if message.name.mark().is_some() { (mark::of(&message.name)) " " }
            strong { (message.name) ":" } " "
            span { (linked(text)) } " "
            time datetime=(message.sent_at()) { (message.sent_at.strftime("%Y-%m-%d %H:%M UTC")) }
            @if message.state == State::Edited { " " small.edited { "edited" } }
            // A stylesheet unfolds it, so that no script is needed. Of all that can be opened only
            // this may stand in a paragraph.
            @if is_long {
                " " label.all { input type="checkbox" autocomplete="off"; " Show all" }
            }
        }
    }
}

/// A text with its web addresses as links. They open elsewhere, so that a room is not left by a
/// slip, and give the other site neither this window nor our good name.
fn linked(text: &str) -> Markup {
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url]);
    let plain = plain(text);
    html! {
        @for span in finder.spans(&plain) {
            @let shown = &text[span.start()..span.end()];
            // Of all schemes only these two: no `javascript:` and no application's own.
            @if span.kind().is_some() && is_web(shown) {
                a href=(shown) rel="noopener nofollow ugc" target="_blank" { (shown) }
            } @else {
                (shown)
            }
        }
    }
}

/// The text as the finder of links understands it, each byte in its place: what ends an address is a
/// space, and in a host a number in brackets (RFC 3986, section 3.2.2) and letters of any script
/// (RFC 5890) are Latin ones.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_host = false;
    let mut has_dot = false;
    while let Some(c) = rest.chars().next() {
        // Before the host a user may be named (RFC 3986, section 3.2.1).
        let begins = plain.ends_with("://") || (in_host && plain.ends_with('@'));
        in_host = (in_host || begins) && !(c.is_whitespace() || matches!(c, '/' | '?' | '#'));
        has_dot = !begins && (has_dot || c == '.');
        let number = if begins { ipv6_host(rest) } else { None };
        let length = number.unwrap_or(c.len_utf8());
        if in_host && is_joiner(c) {
            // A part of the name in some scripts (RFC 5892, appendix A): without it, it would be another
            // host, and with it nobody can see which it is. Neither is a link.
            plain.truncate(plain.rfind("://").unwrap_or_default());
            in_host = false;
            let missing = (text.len() - rest.len()).saturating_sub(plain.len());
            plain.extend(iter::repeat_n(' ', missing + length));
        } else if in_host && !has_dot && !begins && c == IDEOGRAPHIC_FULL_STOP {
            // Browsers take it for a dot (UTS #46, section 2.3): where a host has none yet it is no
            // sentence's end.
            has_dot = true;
            plain.push_str("xx.");
        } else if ends_address(c) {
            in_host = false;
            plain.extend(iter::repeat_n(' ', length));
        } else if number.is_some() || (in_host && c.is_alphanumeric() && !c.is_ascii()) {
            plain.extend(iter::repeat_n('x', length));
        } else {
            plain.push(c);
        }
        rest = &rest[length..];
    }
    plain
}

fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// The length of the IPv6 address in brackets that `text` begins with.
fn ipv6_host(text: &str) -> Option<usize> {
    let (address, _) = text.strip_prefix('[')?.split_once(']')?;
    address.parse::<Ipv6Addr>().ok().map(|_| address.len() + 2)
}

/// Whether `c` is no part of an address, though the standards let it be: what cannot be seen, which
/// would lead elsewhere than it looks, and the punctuation of other scripts than ours, which stands
/// behind an address with a space or without.
fn ends_address(c: char) -> bool {
    is_ignorable(c)
        || is_blank(c)
        || c.is_whitespace()
        || matches!(
            c,
            // Quotation marks; Armenian, Hebrew, Arabic, Indic, Tibetan, Burmese, Georgian, Ethiopic,
            // Khmer and Mongolian.
            '\u{ab}' | '\u{bb}' | '\u{55d}' | '\u{589}' | '\u{5c3}' | '\u{60c}' | '\u{61b}'
                | '\u{61d}'..='\u{61f}' | '\u{6d4}' | '\u{964}'..='\u{965}' | '\u{f0d}'..='\u{f12}'
                | '\u{104a}'..='\u{104b}' | '\u{10fb}' | '\u{1361}'..='\u{1368}'
                | '\u{17d4}'..='\u{17d6}' | '\u{1801}'..='\u{1805}' | '\u{2018}'..='\u{201f}'
                | '\u{2026}' | '\u{2039}'..='\u{203a}' | '\u{203c}'..='\u{203d}'
                | '\u{2047}'..='\u{2049}' | '\u{3000}'..='\u{3003}' | '\u{3008}'..='\u{3011}'
                | '\u{3014}'..='\u{301f}' | '\u{30fb}' | '\u{fe10}'..='\u{fe19}'
                | '\u{fe50}'..='\u{fe57}' | '\u{ff01}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}'
                | '\u{ff3b}'..='\u{ff3d}' | '\u{ff5b}'..='\u{ff65}'
        )
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
            "<p id=\"m17\" data-key=\"e-17\" class=\"message\" data-name=\"ann\">\
             <strong>ann:</strong> <span>hi</span> \
             <time datetime=\"2026-11-24T04:15:07.000Z\">2026-11-24 04:15 UTC</time></p>"
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
                "data-name=\"ann\">",
                &format!(
                    "data-name=\"ann\" data-mark=\"{mark}\"><small class=\"mark\" title=\"{title}\" \
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
                .replace("\"ann\">", "\"ann\" data-removed>")
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
        let joined = linked("http://न्या\u{200d}य.भारत/").into_string();
        assert!(!joined.contains("<a "), "{joined}");
        for (text, address) in [
            ("看https://a.example/路。好", "https://a.example/路"),
            ("（https://a.example/x）", "https://a.example/x"),
            ("https://a.example/x，然后", "https://a.example/x"),
            ("http://[::1]:3000/x y", "http://[::1]:3000/x"),
            ("http://ann@[::1]:3000/x y", "http://ann@[::1]:3000/x"),
            ("http://bücher.example/ä", "http://bücher.example/ä"),
            ("https://例え。テスト/。", "https://例え。テスト/"),
            ("https://a.example。好", "https://a.example"),
            ("https://a.example/x،", "https://a.example/x"),
            ("https://a.example/x؟", "https://a.example/x"),
            ("https://a.example/x۔", "https://a.example/x"),
            ("https://a.example/x।", "https://a.example/x"),
            ("«https://a.example/x»", "https://a.example/x"),
            ("https://a.example/x・y", "https://a.example/x"),
            ("https://a.example/c\u{a0}d", "https://a.example/c"),
            ("https://a.example/c\u{2800}d", "https://a.example/c"),
            ("https://例え.テスト/x", "https://例え.テスト/x"),
            ("https://a.example/\u{202e}gpj", "https://a.example/"),
            ("https://a.example/x\u{200b}y", "https://a.example/x"),
            ("http://localhost:3000/", "http://localhost:3000/"),
        ] {
            let shown = linked(text).into_string();
            assert!(shown.contains(&link(address)), "{text}: {shown}");
        }
    }
}
