//! The operator's pages.

use maud::{Markup, html};

use super::layout;
use crate::paths;

/// The form for the token; `problem` is why one was not taken.
pub(crate) fn form(problem: Option<&str>) -> Markup {
    layout::page(
        "Operator",
        false,
        &html! {
            main.narrow {
                h1 { "Operator" }
                p {
                    "For whoever runs this server: the token stands in a file beside its data, and a line of "
                    "its log says at each start which that is."
                }
                form method="post" action=(paths::OPERATOR) {
                    label for="token" { "Token" }
                    input id="token" name="token" type="password" required autofocus
                        autocomplete="current-password" autocapitalize="none" spellcheck="false"
                        aria-invalid=[problem.map(|_| "true")]
                        aria-describedby=[problem.map(|_| "token-problem")];
                    @if let Some(problem) = problem {
                        small id="token-problem" role="alert" { (problem) }
                    }
                    button { "Enter" }
                }
                p.foot { "Back to the " a href=(paths::ROOMS) { "rooms" } "." }
            }
        },
    )
}

/// What the operator can do.
pub(crate) fn page() -> Markup {
    layout::page(
        "Operator",
        false,
        &html! {
            main.narrow {
                h1 { "Operator" }
                p {
                    "You are the operator in this browser, for 12 hours at most. What somebody said can be "
                    "removed from its own page: in a " a href=(paths::ROOMS) { "room" }
                    ", every message leads there by its time."
                }
                form method="post" action=(paths::OPERATOR_LEAVE) { button { "Leave" } }
            }
        },
    )
}
