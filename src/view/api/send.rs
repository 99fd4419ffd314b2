use maud::{Markup, html};

use super::{Api, Remembered, answer, name, sample_object, shell, url};
use crate::message::{Key, Name, Text};

/// How to send.
pub(super) fn section(api: &Api<'_>) -> Markup {
    let messages = format!("{}/rooms/lobby/messages", api.origin);
    html! {
        section id="send" {
            h2 { "Send" }
            h3 { (url("POST", "/rooms/{room}/messages")) }
            p {
                "Takes a form, JSON, or a plain text with the rest in the address; answers once the "
                "message is on disk."
            }
            (shell(&format!(
                "curl --data-urlencode username=ann --data-urlencode 'text=R&D: 1+1 = 2' {messages}"
            )))
            (shell(&format!(
                "curl --json '{{\"username\":\"ann\",\"text\":\"hi\",\"key\":\"greeting:1\"}}' {messages}"
            )))
            (shell(&format!(
                "date | curl --data-binary @- -H 'Content-Type: text/plain' \
                 '{messages}?username=clock'"
            )))
            p { code { "--json" } " needs curl 7.82, of 2022." }
            p {
                "The answer is a 201 with the message, and " (name("Location")) " says where a browser "
                "finds it:"
            }
            (answer(&sample_object(api)))
            dl {
                dt { (name("username")) }
                dd {
                    "Who sends it: 1 to " (Name::MAX_CHARS) " characters. A name that somebody who is "
                    "in the room has cannot be used meanwhile (409). A " code { "#" } " between other "
                    "characters is refused: a secret has a field of its own."
                }
                dt { (name("secret")) }
                dd {
                    "Proves the name without an account: 1 to 256 characters. It is optional, and "
                    "stored nowhere. The message then has a " (name("mark")) " of 10 characters, "
                    "which the same name has with the same secret alone, here and on the join page: "
                    code { "\"mark\":\"k3v9x2mq7t\"" } ", in text "
                    code { "ann#k3v9x2mq7t" } ". A mark says who one is, and gives no right. Whoever "
                    "guesses the secret has the mark: take a long one."
                }
                dt { (name("text")) }
                dd { "What is said: 1 to " (Text::MAX_CHARS) " characters, in as many lines as you like." }
                dt { (name("key")) }
                dd {
                    "Makes the send safe to repeat: 1 to " (Key::MAX_CHARS) " visible ASCII characters "
                    "that are this message's own. A send that comes again under its key is stored "
                    "once, and gets the same answer; another message under that key is a 409, until the first is "
                    "removed or edited: then whatever comes is answered with what it is by now. A room "
                    "remembers a key as long as its message is kept, and "
                    @match api.limits.remembered {
                        Remembered::Messages(count) => {
                            "after that until " (count) " more messages are no longer kept. "
                        }
                        Remembered::Time(time) => {
                            "for " (time.as_secs() / 60) " minutes after the send at least. "
                        }
                    }
                    "Optional, and never empty: " code { "key=" } " is a 422, since whatever should "
                    "have filled it in has failed."
                }
            }
            p {
                "Each stands in the body, " (name("secret")) " there alone, or " (name("username")) " and " (name("key")) " in the "
                "address; the key may be an " (name("Idempotency-Key")) " header as well. Whatever "
                "comes twice, is not UTF-8, or is no field here is a 422 that names it. In JSON each "
                "is a string."
            }
            p {
                "Programs that post to Slack's or Mattermost's webhooks can post here, with JSON: "
                "their other fields are passed over ("
                @for (place, field) in api.limits.passed_over.iter().enumerate() {
                    @if place > 0 { ", " }
                    code { (field) }
                }
                "). Put " code { "?username=" } " into the address where the program sends none."
            }
        }
    }
}
