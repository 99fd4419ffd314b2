use maud::{Markup, html};

use super::{
    super::{message, presence},
    Api, Limits, answer, name, sample, sample_object, shell, url,
};
use crate::message::{MessageId, Name, People, Person};

/// The representations of a stream: `?format=`, media type, and for whom.
const FORMATS: [(&str, &str, &str); 5] = [
    (
        "sse",
        "text/event-stream",
        "Server-Sent Events whose data is HTML, as the pages swap it in. The default.",
    ),
    (
        "sse-json",
        "text/event-stream",
        "The same events, with the JSON of ndjson as data: for programs with a library for Server-Sent Events.",
    ),
    ("ndjson", "application/x-ndjson", "One JSON object a line: for programs."),
    ("text", "text/plain", "A log to read in a terminal, or with grep."),
    ("html", "text/html", "A document that never ends: for browsers without script."),
];

/// How to follow a room.
pub(super) fn section(api: &Api<'_>) -> Markup {
    html! {
        section id="follow" {
            h2 { "Follow" }
            (one(api))
            (several(api.origin, &api.limits))
        }
    }
}

/// One room.
fn one(api: &Api<'_>) -> Markup {
    let Api { origin, newest, limits } = api;
    let events = format!("{origin}/rooms/lobby/events");
    let (message, object) = (sample(api), sample_object(api));
    let fragment = message::fragment(&message).into_string();
    let gap = message::gap(Some(100), newest.epoch()).into_string();
    html! {
        h3 { (url("GET", "/rooms/{room}/events")) }
        p { "A stream that never ends: each message once, in one order, as soon as it is on disk." }
        (shell(&format!("curl -N '{events}?format=text&last=20'")))
        (shell(&format!("curl -N '{events}?format=ndjson'")))
        (shell(&format!("curl -N '{events}?format=sse-json&last=1'")))
        (shell(&format!("curl -N -H 'Last-Event-ID: {newest}' {events}")))
        dl {
            dt { (name("format")) }
            dd { "One of those below. Without it, what " (name("Accept")) " prefers." }
            dt { (name("last")) }
            dd { "Begin with so many of the newest messages, 0 to " (limits.max_last) "." }
            dt { (name("after")) }
            dd {
                "Begin after the message with this id. An id stands for a place in the one order of "
                "all rooms: keep one for each room that you follow, since after another room's "
                "newer one you miss what this room had before it."
            }
            dt { (name("lastEventId")) }
            dd { "The same, as libraries send it that stand in for a browser's " code { "EventSource" } "." }
            dt { (name("Last-Event-ID")) }
            dd {
                "The same as a header, which wins over the address: browsers send it by themselves "
                "when they come back."
            }
        }
        p { "With none of them the stream begins now." }
        dl {
            @for (format, media_type, what) in FORMATS {
                dt { code { (format) } }
                dd { code { (media_type) } ": " (what) }
            }
        }
        h4 { "sse" }
        (answer(&format!(
            "id: {}\nevent: NewMessage\ndata: {fragment}\n\n\
             event: PresenceChanged\ndata: {}\n\n\
             event: Gap\ndata: {gap}",
            message.id,
            who_is_here()
        )))
        dl {
            dt { code { "NewMessage" } }
            dd {
                "A message, with its id. Its data may be several lines, as the standard has it."
            }
            dt { code { "MessageRemoved" } }
            dd {
                "What is left of a message, to be put in the place of the one with the same "
                code { "id" } " attribute. The event has an id of its own."
            }
            dt { code { "MessageEdited" } }
            dd { "The same of a message that has another text." }
            dt { code { "PresenceChanged" } }
            dd { "Who is here now." }
            dt { code { "Gap" } }
            dd {
                "Messages after your id are gone, or your id is from another journal. What is "
                "still kept follows."
            }
            dt { code { "Closing" } }
            dd { "The server stops. Without data; its " code { "retry:" } " says when to come back." }
        }
        h4 { "ndjson" }
        (answer(&objects(&object, &message.id, newest)))
        p {
            "A line with " code { "removed" } " or " code { "edited" } " names a message that is "
            "another from here on. One with " code { "gap" } " says how many messages are gone, or " code { "null" }
            " where that is not known. Empty lines, here and in " code { "text" } ", are to be "
            "passed over."
        }
        h4 { "text" }
        (answer(
            "2026-11-24T04:15:07Z ann: R&D: 1+1 = 2\n\
             2026-11-24T04:15:09Z bob: two\n    lines\n\
             --- removed: 2026-11-24T04:15:07Z ann: Message removed\n\
             --- edited: 2026-11-24T04:15:09Z bob: two\n    lines more\n\
             --- 100 earlier messages are no longer kept.",
        ))
        (marks())
        h4 { "Coming back" }
        p {
            "Keep the id of the last message that you have dealt with. When the stream ends, for "
            "whatever reason, wait a second and ask again with " code { "Last-Event-ID" } ": you "
            "get what was sent meanwhile, each message once. Over HTTP/1.1 a stream is chunked and, but for "
            code { "html" } ", has "
            "no last chunk: a client knows it as cut. A line that is not whole when the "
            "stream ends is not to be taken; it comes again. An idle stream carries something "
            "that shows nothing every " (limits.keep_alive.as_secs()) " seconds: hear nothing for "
            "three times as long, and it is gone."
        }
    }
}

/// How to hear of several rooms at once.
fn several(origin: &str, limits: &Limits) -> Markup {
    html! {
        h3 { (url("GET", "/events")) }
        p {
            "One stream of several rooms: the messages of the first, and of the others how much is unread "
            "there."
        }
        (shell(&format!("curl -N '{origin}/events?room=lobby&room=kitchen&format=ndjson'")))
        dl {
            dt { (name("room")) }
            dd {
                "A room, up to " (limits.max_streamed) " times. Where one of them is not there for you, "
                "the answer is a 404."
            }
            dt {
                (name("after")) ", " (name("lastEventId")) ", " (name("last")) ", " (name("format"))
            }
            dd {
                "As above, but that " code { "html" } " shows one room. One id resumes them all: unread is "
                "what came after it."
            }
        }
        (answer(
            "event: Unread\ndata: {\"room\":\"kitchen\",\"unread\":3}\n\n\
             {\"room\":\"kitchen\",\"unread\":3}\n\n\
             --- 3 unread in #kitchen",
        ))
        p {
            "Each number is told at the beginning, and then when it is another, twice a second at most. "
            "A message that was removed counts, and one that is no longer kept does not, from the next number on. "
            (limits.max_unread) " stands for that or more, and is the last that is told of a room; "
            code { "null" } " says that you may not read it any more. It has no id."
        }
    }
}

/// What stands beside names.
fn marks() -> Markup {
    html! {
        p {
            "A name that was proven has a mark that no name and no text can imitate: "
            code { "\"mark\":\"k3v9x2mq7t\"" } " in an object, "
            code { "ann#k3v9x2mq7t" } " in text, and in HTML an element of the class "
            code { "mark" } ". It is the same with the same name and secret alone; "
            code { "verified" } " is that of a name which the server's own sign-in gave."
        }
    }
}

fn who_is_here() -> String {
    let names = ["ann", "bob"].map(|name| Person { name: Name::stored(name), away: false });
    presence::list(&People { count: 2, names: names.into(), watching: 0 }, true).into_string()
}

/// What a stream of JSON may have in it.
fn objects(object: &str, id: &MessageId, newest: &MessageId) -> String {
    format!(
        "{object}\n\
         {{\"removed\":\"{id}\",\"id\":\"{newest}\",\"seq\":…,\"room\":\"lobby\",\"name\":\"ann\",\"at\":\"2026-11-24T04:16:00.000Z\"}}\n\
         {{\"edited\":\"{id}\",\"text\":\"1+1 = 2\",\"id\":…}}\n\
         {{\"gap\":100}}"
    )
}
