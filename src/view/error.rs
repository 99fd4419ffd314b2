//! A page that says what went wrong.

use maud::{Markup, html};

use super::layout;

/// `title` names the problem, `sentence` says what it means for the one who sees it.
#[must_use]
pub fn page(title: &str, sentence: &str) -> Markup {
    layout::page(
        title,
        false,
        &html! {
            main.narrow {
                h1 { (title) }
                p { (sentence) }
                p { a href="/" { "Go to the lobby" } }
            }
        },
    )
}
