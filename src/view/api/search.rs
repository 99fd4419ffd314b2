use maud::{Markup, html};

use super::{Api, answer, name, sample_object, shell, url};

/// How to find what was said.
pub(super) fn section(api: &Api<'_>) -> Markup {
    let Api { origin, newest, limits } = api;
    let room = format!("{origin}/rooms/lobby");
    let hit = sample_object(api).replace('}', ",\"marks\":[[0,1]]}");
    html! {
        section id="search" {
            h2 { "Search" }
            h3 { (url("GET", "/rooms/{room}/search")) }
            p {
                "The messages of a room that have all of some words, the newest first, up to "
                (limits.max_hits) ". Capitals and accents make no difference, the last word may be the "
                "beginning of one, and what stands in quotation marks is a phrase; no other character "
                "means anything."
            }
            (shell(&format!("curl -G --data-urlencode 'q=R' '{room}/search?format=json'")))
            (shell(&format!("curl '{room}/search?q=boat&format=json&before={newest}'")))
            (answer(&format!("{{\"messages\":[{hit}],\"older\":null,\"complete\":true}}")))
            p {
                code { "marks" } " are where the words stand in the text, in characters. " code { "older" }
                " is what to ask on with as " (name("before")) ", or " code { "null" } " where those are "
                "all; there may be fewer than " (limits.max_hits) " with more to come. " code { "complete" }
                " is false while the index is being built; what was sent after " code { "upto" }
                " cannot be found then."
            }
            dl {
                dt { (name("q")) }
                dd {
                    "What is looked for: at most " (limits.max_words) " words, and " (limits.max_query)
                    " characters. Without it a page has the form alone."
                }
                dt { (name("before")) }
                dd { "Only what is older than the message with this id." }
                dt { (name("format")) }
                dd { code { "json" } " or " code { "html" } ". Without it, what " code { "Accept" } " prefers." }
            }
            h3 { (url("GET", "/search")) }
            p {
                "The same in all rooms that one may read: the open ones, and the private one whose link the "
                "request proves; without such a token, in a browser, the private ones on its list. Takes " (name("q")) ", " (name("before")) " and " (name("format")) "."
            }
            (shell(&format!("curl '{origin}/search?q=boat&format=json'")))
        }
    }
}
