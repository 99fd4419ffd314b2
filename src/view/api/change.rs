use maud::{Markup, html};

use super::{Api, answer, name, sample_object, shell, url};

/// What makes a key that nobody guesses.
const KEY: &str = "key=$(head -c 8 /dev/urandom | od -An -tx1 | tr -d ' \\n')";

/// How to take back what was sent.
pub(super) fn section(api: &Api<'_>) -> Markup {
    let messages = format!("{}/rooms/lobby/messages", api.origin);
    let minutes = api.limits.edit_time.as_secs() / 60;
    let removed = sample_object(api).replace("R&D: 1+1 = 2", "");
    let removed = removed.replace('}', ",\"removed\":true}");
    html! {
        section id="change" {
            h2 { "Remove and edit" }
            p {
                "Who sent a message can take it back at any time, and give it another text for "
                (minutes) " minutes. What proves that is the cookie of the tab that sent it, or "
                (name("key")) ", the key that it was sent under, where that has " (api.limits.min_proof)
                " characters or more: whoever knows it can do the same, so make it one that nobody "
                "guesses."
            }
            h3 { (url("DELETE", "/rooms/{room}/messages/{id}")) }
            (shell(&format!(
                "{KEY}\n\
                 id=$(curl -s -d username=ann -d text=oops -d key=$key {messages} | grep -o \
                 '[a-z0-9]*-[0-9]*' | head -n 1)\n\
                 curl -X DELETE -d key=$key \"{messages}/$id\""
            )))
            p {
                "The answer is a 200 with what is left of the message, and the same where it was removed "
                "before. Its text is gone from every answer, from the pages that show it, and from the "
                "disk moments later; copies that were made before still have it."
            }
            (answer(&removed))
            h3 { (url("PATCH", "/rooms/{room}/messages/{id}")) }
            (shell(&format!(
                "{KEY}\n\
                 id=$(curl -s -d username=ann -d text=helo -d key=$key {messages} | grep -o \
                 '[a-z0-9]*-[0-9]*' | head -n 1)\n\
                 curl -X PATCH -d key=$key -d text=hello \"{messages}/$id\""
            )))
            dl {
                dt { (name("text")) }
                dd { "The new text, as that of a send. Only with PATCH." }
                dt { (name("key")) }
                dd { "In the body, a form or JSON, or as an " (name("Idempotency-Key")) " header." }
            }
            p {
                "Who reads the room is told by an event of its own. It has an id, which is a place to "
                "come back with like a message\u{2019}s. In lists of messages what was removed has "
                code { "\"removed\":true" } " and no text, and what was edited "
                code { "\"edited\":true" } "."
            }
            h3 { (url("GET", "/rooms/{room}/messages/{id}")) }
            p {
                "One message: as JSON with " (name("format")) " " code { "json" } ", and as a page among those "
                "before and after it, with the forms to remove and edit it, for the tab that sent it."
            }
        }
    }
}
