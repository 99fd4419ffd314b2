use maud::{Markup, html};

use super::{Api, answer, name, shell, url};

/// How a room is made private, and how it is moderated.
pub(super) fn section(api: &Api<'_>) -> Markup {
    let origin = api.origin;
    html! {
        section id="moderate" {
            h2 { "Private rooms and moderation" }
            p {
                "Whoever opens a private room gets a link for its host, and may give further links: "
                "each is for reading, for reading and sending, for moderating, or for a host. What is "
                "in a link is a token. A browser takes it by a form; a program sends it with each "
                "request, as " code { "Authorization: Bearer" } " or as the password of nobody ("
                code { "curl -u :TOKEN" } "), and never in an address. To everybody else the room is a "
                "404. The operator has a token that is good for all rooms."
            }
            (shell(&format!(
                "room=den-$(date +%s)\n\
                 token=$(curl -s -H 'Accept: application/json' -d private=yes -d room=$room \
                 {origin}/rooms | grep -o '\"token\":\"[^\"]*' | cut -d '\"' -f 4)\n\
                 curl -u :$token -d username=ann -d text='only us' {origin}/rooms/$room/messages\n\
                 curl -H \"Authorization: Bearer $token\" -d role=read -d hours=24 \
                 {origin}/rooms/$room/links\n\
                 curl -H \"Authorization: Bearer $token\" -d slow=10 {origin}/rooms/$room/rules"
            )))
            p {
                "What follows answers a program in JSON: one that sends " code { "Accept: application/json" }
                ", or its token as a Bearer's. A browser gets a page, or a 303 to one. An address that "
                "only takes a POST answers a GET with a 303 to the page that has the form."
            }
            dl.urls {
                dt { (url("POST", "/rooms/{room}/enter")) }
                dd {
                    "Takes the token in " (name("key")) ": a 303 to the room, and a cookie. The page at a "
                    "room\u{2019}s address with " code { "?key=" } " has the form, and takes nothing by itself."
                }
                dt { (url("GET", "/rooms/{room}/moderate")) }
                dd {
                    "What holds in the room, its links and bans, and what was said; with " (name("before"))
                    " and an id, what is older. For who moderates."
                }
                dt { (url("POST", "/rooms/{room}/rules")) }
                dd {
                    "Sets " (name("locked")) ", yes or no: only moderators can send; " (name("slow"))
                    ", the seconds between two messages of a tab; " (name("wait")) ", the minutes before a "
                    "newcomer may send; and, for hosts, " (name("private")) ", yes or no, and "
                    (name("keep")) ", the hours that messages are kept. What is not said stays."
                }
                dt { (url("POST", "/rooms/{room}/links")) }
                dd {
                    "Gives a link, for hosts: " (name("role")) " is read, write, moderate or host; "
                    (name("hours")) " until when, or for ever. The answer has the token, this once."
                }
                dt { (url("POST", "/rooms/{room}/links/{link}/revoke")) }
                dd { "Takes a link back; who came by it is put out." }
                dt { (url("POST", "/rooms/{room}/messages/{id}/remove-all")) }
                dd { "Removes all that the same tab sent." }
                dt { (url("POST", "/rooms/{room}/bans")) }
                dd {
                    "Keeps somebody from joining and sending: " (name("by")) " is tab, address or name, "
                    "of the " (name("message")) " with this id, or an " (name("address")) " or network by "
                    "itself. For " (name("hours")) ", 1 without it; with a " (name("reason"))
                    " that the banned person reads. For the operator, " (name("everywhere"))
                    " is yes for all rooms."
                }
                dt { (url("POST", "/rooms/{room}/bans/{ban}/lift")) }
                dd { "Lifts it." }
                dt { (url("POST", "/rooms/{room}/erase")) }
                dd {
                    "For hosts: erases all that was said under the name in " (name("username"))
                    ", the name with it; or, with the room\u{2019}s name in " (name("confirm"))
                    ", all of the room."
                }
                dt { (url("POST", "/operator/rooms")) }
                dd { "Opens the room in " (name("room")) ", where nobody else may." }
                dt { (url("GET", "/operator/bans")) }
                dd { "All bans." }
                dt { (url("POST", "/operator/bans")) }
                dd {
                    "Keeps an " (name("address")) " or network out of all rooms, for " (name("hours"))
                    ", with a " (name("reason")) "."
                }
                dt { (url("POST", "/operator/bans/{ban}/lift")) }
                dd { "Lifts any ban." }
                dt { (url("POST", "/operator/erase")) }
                dd { "Erases all that was said under the name in " (name("username")) ", in all rooms." }
                dt { (url("GET", "/operator/log")) }
                dd {
                    "What operators, hosts and moderators did, newest first; " (name("before")) " a line\u{2019}s "
                    "seq, older ones; with " (name("format")) " " code { "ndjson" } " a line each."
                }
            }
            (answer(
                "{\"seq\":31,\"at\":\"2026-11-24T04:20:00.000Z\",\"by\":\"operator\",\"what\":\"remove\",\
                 \"room\":\"lobby\",\"target\":\"k3v9x2mq-17\"}",
            ))
        }
    }
}
