use std::time::Duration;

use maud::{Markup, html};

use super::{Api, Limits, answer, name, shell, url};

/// How to read what is there.
pub(super) fn read(api: &Api<'_>) -> Markup {
    let Api { origin, newest, limits } = api;
    let room = format!("{origin}/rooms/lobby");
    html! {
        section id="read" {
            h2 { "Read" }
            h3 { (url("GET", "/rooms/{room}/messages")) }
            p { "A page of what was said, oldest first: an array of the objects above." }
            (shell(&format!("curl '{room}/messages?format=json&limit=20'")))
            (shell(&format!("curl '{room}/messages?format=json&before={newest}'")))
            dl {
                dt { (name("before")) }
                dd { "Only what is older than the message with this id. Without it, the newest." }
                dt { (name("limit")) }
                dd {
                    "At most so many, 1 to " (limits.max_page) "; " (limits.page) " without it. Where \
                     messages are long there are fewer: who wants all asks on until none is left."
                }
                dt { (name("format")) }
                dd { (either()) }
            }
            h3 { (url("GET", "/rooms/{room}/presence")) }
            p {
                "Who is in the room. " code { "away" } " is there where the tab of somebody is hidden, "
                code { "watching" } " where somebody reads along without a name; " code { "names" }
                " ends where a room is very full, " code { "count" } " does not. Names that were proven are "
                "in " code { "\"proven\":[{\"name\":\"ann\",\"mark\":\"k3v9x2mq7t\"}]" } " as well."
            }
            (shell(&format!("curl '{room}/presence?format=json'")))
            (answer("{\"count\":2,\"names\":[\"ann\",\"bob\"],\"away\":[\"bob\"],\"watching\":1}"))
            dl {
                dt { (name("format")) }
                dd { (either()) }
            }
            h3 { (url("GET", "/rooms")) }
            p {
                "Up to " (limits.max_rooms) " rooms that have people or messages: where most people "
                "are first, then where somebody spoke last."
            }
            (shell(&format!("curl '{origin}/rooms?format=json'")))
            (shell(&format!("curl '{origin}/rooms?format=json&q=lob'")))
            (answer(
                "[{\"room\":\"lobby\",\"here\":2,\"last_sent_at\":\"2026-11-24T04:15:07.000Z\"},\
                 {\"room\":\"attic\",\"here\":1,\"last_sent_at\":null}]",
            ))
            dl {
                dt { (name("q")) }
                dd {
                    "Only those that have it in their names. Of very many rooms that is looked for in the \
                     ones that were spoken in last, and otherwise at the beginning of a name."
                }
                dt { (name("format")) }
                dd { (either()) }
            }
        }
    }
}

fn either() -> Markup {
    html! {
        code { "json" } " or " code { "html" } ", which is what a page shows. Without it, what "
        code { "Accept" } " prefers."
    }
}

/// What browsers use, which a program may as well.
pub(super) fn pages(api: &Api<'_>) -> Markup {
    let origin = api.origin;
    html! {
        section id="pages" {
            h2 { "Pages and forms" }
            p {
                "What a browser loads and posts. A tab is one open page that has joined under a name; "
                "a signed cookie that only its own address gets proves it. Forms are "
                code { "application/x-www-form-urlencoded" } "; fields that are not known are passed "
                "over, and an answer is HTML or a redirect."
            }
            (shell(&format!(
                "tab=$(curl -s -c tab.cookie -w '%{{redirect_url}}' --data-urlencode username=ann \
                 {origin}/rooms/lobby/join)\n\
                 curl -b tab.cookie --data-urlencode 'text=from a tab' \"$tab/send\"\n\
                 curl -b tab.cookie -d '' \"$tab/leave\""
            )))
            dl.urls {
                dt { (url("GET", "/")) }
                dd { "To the lobby." }
                dt { (url("POST", "/rooms")) }
                dd {
                    "To the room named in " (name("room")) "; with " (name("private")) " yes it is opened "
                    "for who has a link, and the answer has its host\u{2019}s."
                }
                dt { (url("GET", "/rooms/{room}")) }
                dd { "The join form, and of an open room who is there and what was said last; with " (name("key")) " a button to enter by that link." }
                dt { (url("GET", "/rooms/{room}/join")) }
                dd { "To the join form." }
                dt { (url("POST", "/rooms/{room}/join")) }
                dd {
                    "Joins under the name in " (name("username")) ", proven by " (name("secret"))
                    " where there is one: a 303 to the tab, with its cookie."
                }
                dt { (url("GET", "/rooms/{room}/tabs/{tab}")) }
                dd {
                    "The joined page; with " (name("before")) " and an id, a part of the past. A 303 to "
                    "the join form for who is not that tab."
                }
                dt { (url("GET", "/rooms/{room}/tabs/{tab}/send")) }
                dd {
                    "With " (name("frame")) " the send form alone, for the frame of a page without "
                    "script. Without it a 303 to the page that has the form."
                }
                dt { (url("POST", "/rooms/{room}/tabs/{tab}/send")) }
                dd {
                    "Sends " (name("text")) ", under " (name("key")) " where there is one: a 303 to the "
                    "tab, or with " (name("frame")) " in the address to the form; for htmx the next form."
                }
                dt { (url("GET", "/rooms/{room}/tabs/{tab}/events")) }
                dd {
                    "The stream of the room, and who reads it is here. Takes " (name("after")) ", "
                    (name("lastEventId")) ", " (name("last")) " and " (name("format")) " as above, and each "
                    (name("room")) " that it is to tell of as well: there, unread is what this browser has "
                    "not seen, and " code { "\"mentions\":2" } " how much of that has an @ and the tab's "
                    "name in it, where any has. One that is not there is passed over."
                }
                (room_list())
                dt { (url("GET", "/rooms/{room}/tabs/{tab}/live")) }
                dd {
                    "What the frame of a page without script begins with; with " (name("still")) " what "
                    "stands behind it."
                }
                dt { (url("GET", "/rooms/{room}/tabs/{tab}/messages")) }
                dd { "What the tab has sent of late, with the forms that remove and edit it." }
                dt {
                    (url("GET", "/rooms/{room}/messages/{id}/remove")) ", "
                    (url("GET", "/rooms/{room}/messages/{id}/edit"))
                }
                dd { "A 303 to the page of the message, which has the forms." }
                dt { (url("POST", "/rooms/{room}/messages/{id}/remove")) }
                dd { "Removes a message of the tab: a 303 to its page." }
                dt { (url("POST", "/rooms/{room}/messages/{id}/edit")) }
                dd { "Gives a message of the tab the " (name("text")) " that is in the form: a 303 to its page." }
                dt { (url("POST", "/rooms/{room}/tabs/{tab}/presence")) }
                dd { "Whether the tab is hidden, in " (name("hidden")) ": true or false. A 204." }
                dt { (url("GET", "/rooms/{room}/tabs/{tab}/leave")) }
                dd { "A 303 to the page that has the form." }
                dt { (url("POST", "/rooms/{room}/tabs/{tab}/leave")) }
                dd { "Forgets the name: a 303 to the join form." }
                (operator())
                dt { (url("GET", "/api")) }
                dd { "This page." }
                dt { (url("GET", "/static/{file}")) }
                dd { "What pages load, under names that change with the content." }
                dt { (url("GET", "/healthz")) }
                dd { "200 while the process answers." }
                dt { (url("GET", "/readyz")) }
                dd {
                    "200 while messages can be stored and delivered, else 503; of several nodes, where "
                    "one can read here what the others have."
                }
                dt { (url("GET", "/readyz/sends")) }
                dd { "200 while messages can be stored, else 503." }
            }
            p {
                "Metrics are served for the operator alone, on the address that "
                code { "--admin" } " names."
            }
        }
    }
}

/// What a tab says of its browser's list of rooms.
fn room_list() -> Markup {
    html! {
        dt { (url("POST", "/rooms/{room}/tabs/{tab}/seen")) }
        dd {
            "The " (name("id")) " of the last message that the tab has shown: a 204, with the cookie "
            "of what this browser has seen."
        }
        dt { (url("GET", "/rooms/{room}/tabs/{tab}/rooms")) }
        dd { "A 303 to the page that has the form." }
        dt { (url("POST", "/rooms/{room}/tabs/{tab}/rooms")) }
        dd {
            "The browser's list of rooms: " (name("how")) " is pin, unpin or off, for the "
            (name("room")) ". A 303 to the tab."
        }
    }
}

/// Of the list of [`pages`], what is for the operator.
fn operator() -> Markup {
    html! {
        dt { (url("GET", "/operator")) }
        dd {
            "A form for the operator's token; for who gave it, the rooms. A program has the token in "
            code { "Authorization: Bearer" } " instead, with whatever it asks for."
        }
        dt { (url("POST", "/operator")) }
        dd { "Takes the " (name("token")) ": a 303, and a cookie for 12 hours." }
        dt { (url("GET", "/operator/leave")) }
        dd { "A 303 to the page that has the form." }
        dt { (url("POST", "/operator/leave")) }
        dd { "Takes the operator's cookie away: a 303." }
    }
}

/// The statuses of an answer, and what each means.
const STATUSES: [(u16, &str); 20] = [
    (200, "Here it is."),
    (201, "The message is on disk."),
    (204, "Done; there is nothing to say."),
    (303, "Look there."),
    (400, "This is not HTTP. Closes the connection, without a body."),
    (401, "That is not a token of this server's."),
    (
        403,
        "The tab has not joined; or a page of another site posted; or the message is not yours, or \
         too old to be edited; or you are banned, or may not send or moderate here; or names come \
         from a proxy here, and it said none.",
    ),
    (404, "No such address or message, or no room that you may know of."),
    (405, "The address does not answer to that method."),
    (406, "There is no such format, or none that you accept."),
    (408, "The body took too long to come."),
    (
        409,
        "Somebody has that name, or there is such a room; or the key was used for another message.",
    ),
    (410, "The message was removed, and cannot be edited."),
    (413, "The body is too large."),
    (415, "The body is neither a form nor JSON nor plain text, or it is compressed."),
    (422, "Something in the request cannot be taken; the sentence names it."),
    (
        429,
        "Too much in a minute, or too soon by a rule of the room, or more than its readers can take.",
    ),
    (431, "The request's head is too large. Closes the connection, without a body."),
    (500, "A bug, or a disk that cannot be read. Not your doing."),
    (503, "Nothing can be stored right now, or as many streams are open as may be."),
];

/// What can go wrong.
pub(super) fn errors() -> Markup {
    html! {
        section id="errors" {
            h2 { "Errors" }
            p {
                "A sentence says what is wrong. Addresses for programs answer in JSON, streams in JSON "
                "or, with " code { "format=text" } ", as text; pages in HTML. An error of the server's "
                "own (5xx) has the id of the request, for the operator: in the header "
                (name("X-Request-Id")) ", and but for text in the body, too."
            }
            (answer("{\"error\":\"The field username is missing.\"}"))
            p {
                "A parameter that an address does not take is a 422 everywhere, and so is one that "
                "comes twice. With a 429 or 503 " code { "Retry-After" } " says when to try again, "
                "which with a key is safe."
            }
            dl { @for (status, meaning) in STATUSES { dt { code { (status) } } dd { (meaning) } } }
        }
    }
}

/// The numbers.
pub(super) fn limits(limits: &Limits) -> Markup {
    let Limits { keep, ttl, tab_sends, address_sends, address_joins, address_streams, .. } = limits;
    html! {
        section id="limits" {
            h2 { "Limits" }
            ul {
                li { "Kept in each room: the newest " (keep) " messages, " (age(*ttl)) "." }
                li {
                    "In a minute: " (number(*tab_sends as usize)) " messages from a tab, "
                    (number(*address_sends as usize)) " from an address; "
                    (number(*address_joins as usize)) " joins from an address, and "
                    (number(limits.address_rooms as usize)) " rooms that it makes by sending there."
                }
                li { "At once: " (number(*address_streams)) " streams from an address." }
                li {
                    "A body: " (number(limits.max_body)) " bytes, in " (limits.body_grace.as_secs())
                    " seconds, and one more for each KB that has come."
                }
            }
        }
    }
}

/// A limit, where 0 is none.
fn number(most: usize) -> Markup {
    html! { @if most == 0 { "any number of" } @else { (most) } }
}

fn age(ttl: Option<Duration>) -> String {
    const HOUR: u64 = 60 * 60;
    const DAY: u64 = 24 * HOUR;
    match ttl.map(|ttl| ttl.as_secs()) {
        None => "however old".into(),
        Some(seconds) if seconds % DAY == 0 => format!("for {} days", seconds / DAY),
        Some(seconds) if seconds % HOUR == 0 => format!("for {} hours", seconds / HOUR),
        Some(seconds) => format!("for {seconds} seconds"),
    }
}
