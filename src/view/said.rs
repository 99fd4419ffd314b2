//! What was said last, as who has not joined sees it.

use std::time::Duration;

use jiff::Timestamp;
use maud::{Markup, PreEscaped, html};

use super::{message, when};
use crate::message::Message;

/// How long somebody may pause and still speaks on, without a name above the line: as the joined page
/// has it.
const RUN_PAUSE: Duration = Duration::from_mins(5);

/// The lines, oldest first: each the fragment that it is everywhere, but for its time, which is told as
/// people say it, and the colon, which only those see who read without styles.
pub(super) fn lines(messages: &[Message], now: Timestamp) -> Markup {
    html! {
        @for (place, message) in messages.iter().enumerate() {
            (line(message, place.checked_sub(1).map(|before| &messages[before]), now))
        }
    }
}

fn line(message: &Message, before: Option<&Message>, now: Timestamp) -> Markup {
    let mut line = message::fragment(message).0;
    // No text opens a tag: the first class is the fragment's own, and the last time.
    let speaks_on = before.is_some_and(|before| {
        before.name == message.name
            && message.sent_at.duration_since(before.sent_at).unsigned_abs() < RUN_PAUSE
    });
    if speaks_on {
        line = line.replacen("class=\"message\"", "class=\"message run\"", 1);
    }
    line = line.replacen(":</strong>", "<i>:</i></strong>", 1);
    if let Some(start) = line.rfind("<time ") {
        let whole = when::whole(message.sent_at).to_string();
        let time = line.split_off(start).replacen(&whole, &when::ago(message.sent_at, now), 1);
        line += &time.replacen("<time ", &format!("<time title=\"{whole}\" "), 1);
    }
    PreEscaped(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Name, RoomName, State, Text};

    #[test]
    fn a_line_is_the_fragment_with_its_time_in_words_and_who_speaks_on_is_told_apart() {
        let at = |second: i64| Timestamp::from_second(1_795_493_707 + second).unwrap();
        let said = |seq: u64, name: &str, text: &str, second| Message {
            id: format!("e-{seq}").parse().unwrap(),
            room: RoomName::parse("lobby").unwrap(),
            name: Name::parse(name).unwrap(),
            text: Text::stored(text),
            sent_at: at(second),
            state: State::Sent,
        };
        let messages = [
            said(1, "ann", "class=\"message\" <time x</time>", 0),
            said(2, "ann", "and", 299),
            said(3, "ann", "later", 601),
            said(4, "bob", "me", 602),
        ];
        let shown = lines(&messages, at(1_200)).into_string();
        let classes: Vec<_> =
            shown.match_indices("class=\"message").map(|(at, _)| &shown[at + 7..at + 18]).collect();
        assert_eq!(classes.iter().filter(|class| class.starts_with("message run")).count(), 1);
        assert!(shown.contains("id=\"m2\" data-key=\"e-2\" class=\"message run\""), "{shown}");
        assert!(
            shown.contains("class=&quot;message&quot; &lt;time x&lt;/time&gt;</span>"),
            "{shown}"
        );
        assert!(shown.contains("<strong>bob<i>:</i></strong> <span>me</span>"), "{shown}");
        let times: Vec<_> = shown
            .split("</a></time>")
            .filter_map(|part| Some(part.rsplit_once("\">")?.1))
            .filter(|time| time.ends_with("ago"))
            .collect();
        let first = "<time title=\"2026-11-24 04:15 UTC\" datetime=\"2026-11-24T04:15:07.000Z\">\
                     <a href=\"/rooms/lobby/messages/e-1\">20 min ago</a></time>";
        assert!(shown.contains(first), "{shown}");
        assert_eq!(times, ["20 min ago", "15 min ago", "9 min ago", "9 min ago"]);
    }
}
