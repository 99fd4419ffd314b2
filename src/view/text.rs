//! What somebody wrote, as markup: code and web addresses stand out, and nothing else does. Every
//! character of it is there, in its order, whatever it is wrapped in: the markup without its tags is
//! the text.

mod links;

use maud::{Markup, html};

use crate::message::{Piece, pieces};

/// A text with its code and its web addresses.
#[must_use]
pub(super) fn marked_up(text: &str) -> Markup {
    html! {
        @for piece in pieces(text) {
            @match piece {
                Piece::Plain(plain) => { (links::linked(plain)) }
                // The marks are there for who reads without styles, and for who copies the source.
                // A block scrolls in itself, by keyboard too.
                Piece::Code { open, code, close, is_block } => {
                    code class=[is_block.then_some("block")] tabindex=[is_block.then_some("0")]
                        translate="no" { i { (open) } (code) i { (close) } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        marked_up(text).into_string()
    }

    fn code(open: &str, code: &str, close: &str) -> String {
        format!("<code translate=\"no\"><i>{open}</i>{code}<i>{close}</i></code>")
    }

    fn block(open: &str, code: &str, close: &str) -> String {
        format!(
            "<code class=\"block\" tabindex=\"0\" translate=\"no\"><i>{open}</i>{code}<i>{close}</i></code>"
        )
    }

    #[test]
    fn code_stands_between_backticks_of_one_line_and_keeps_its_spaces_and_addresses() {
        for (text, expected) in [
            ("run `a  b` now", format!("run {} now", code("`", "a  b", "`"))),
            ("`` a`b ``", code("``", " a`b ", "``")),
            ("`https://a.example/`", code("`", "https://a.example/", "`")),
            ("`<b>`", code("`", "&lt;b&gt;", "`")),
            ("`a` and `b", format!("{} and `b", code("`", "a", "`"))),
            ("``a`", "``a`".into()),
            ("a ` b\nc ` d", "a ` b\nc ` d".into()),
            ("` `", "` `".into()),
            ("``", "``".into()),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn a_block_stands_between_fences_on_lines_of_their_own() {
        for (text, expected) in [
            ("```\na\n  b\n```", block("```\n", "a\n  b", "\n```")),
            (
                "see\n```rust\nx `y`\n```\nthere `z`",
                format!(
                    "see\n{}there {}",
                    block("```rust\n", "x `y`", "\n```\n"),
                    code("`", "z", "`")
                ),
            ),
            ("```\n```", block("```\n", "", "```")),
            ("```\n\n```", block("```\n", "", "\n```")),
            ("```\nnever ended", "```\nnever ended".into()),
            (" ```\nindented\n```", " ```\nindented\n```".into()),
            ("```one line```", code("```", "one line", "```")),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }
}
