//! Web addresses in texts.

use std::{iter, net::Ipv6Addr};

use linkify::{LinkFinder, LinkKind};
use maud::{Markup, html};

use crate::message::{is_blank, is_ignorable};

/// What ends a sentence in Chinese and Japanese: three bytes of UTF-8.
const IDEOGRAPHIC_FULL_STOP: char = '\u{3002}';

/// A text with its web addresses as links. They open elsewhere, so that a room is not left by a
/// slip, and give the other site neither this window nor our good name.
pub(super) fn linked(text: &str) -> Markup {
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
