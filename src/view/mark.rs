//! The mark beside a name that was proven.

use maud::{Markup, html};

use crate::message::Name;

/// The element with the mark of a name, where it has one. It stands beside the name and never in what
/// is somebody's text; and as it begins with a `#`, a browser without style sheets shows next to the
/// name what no name can have in it.
pub(crate) fn of(name: &Name) -> Markup {
    html! {
        @if let Some(mark) = name.mark() {
            small.mark title=(if name.is_verified() { VERIFIED } else { PROVEN }) translate="no" {
                "#" (mark)
            }
        }
    }
}

const PROVEN: &str = "proven by a secret";

const VERIFIED: &str = "verified by the sign-in of this server";
