//! A page that says what went wrong.

use maud::{Markup, html};

use super::{layout, rooms};
use crate::paths;

/// What went wrong.
pub(crate) struct Problem<'a> {
    /// Names it.
    pub title: &'a str,
    /// Says what it means for the one who sees it, and what helps.
    pub sentence: &'a str,
    /// The page that one comes from.
    pub back: Option<&'a str>,
    /// Whether what was looked for is not there: it may be a room.
    pub not_found: bool,
    /// What the operator finds it by, where it is the server's own.
    pub request: Option<&'a str>,
}

/// The page. It may stand in a frame, and what leads on leads out of that.
#[must_use]
pub(crate) fn page(problem: &Problem<'_>) -> Markup {
    let Problem { title, sentence, back, not_found, request } = problem;
    layout::page(
        title,
        false,
        &html! {
            (layout::bar(&html! { (title) }, &html! {}))
            main.narrow {
                p { (sentence) }
                @if let Some(request) = request { p { small { "Request " (request) } } }
                @if *not_found { (rooms::find_form("")) }
                p.ways {
                    @if let Some(back) = back {
                        a.action href=(back) target="_top" { "Back to where you were" } " "
                    }
                    a href=(paths::ROOMS) target="_top" { "All rooms" } " "
                    a href=(paths::FRONT) target="_top" { "Go to the lobby" }
                }
            }
        },
    )
}
