//! A page that says what went wrong.

use maud::{Markup, html};

use super::layout;
use crate::paths;

/// `title` names the problem, `sentence` says what it means for the one who sees it. `request` is
/// what the operator finds it by, where it is the server's own.
#[must_use]
pub(crate) fn page(title: &str, sentence: &str, request: Option<&str>) -> Markup {
    layout::page(
        title,
        false,
        &html! {
            main.narrow {
                h1 { (title) }
                p { (sentence) }
                @if let Some(request) = request { p { small { "Request " (request) } } }
                p { a href=(paths::FRONT) { "Go to the lobby" } }
            }
        },
    )
}
