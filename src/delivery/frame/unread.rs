//! How much is unread in another room, which is about now and so has no id.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Representation, event_stream, json};
use crate::{delivery::hub::Count, message::RoomName};

impl Representation {
    /// Word of another room; of `None`, that there is nothing to be known of it any more. Nothing where it
    /// cannot be told.
    pub(crate) fn unread(self, out: &mut String, room: &RoomName, unread: Option<Count>) {
        let object = || object(room, unread);
        match self {
            Self::EventStream | Self::EventStreamJson => {
                event_stream::unread(out, &object());
            }
            Self::NdJson => {
                out.push_str(&object());
                out.push('\n');
            }
            Self::Text => {
                let _ = match unread {
                    Some(Count { messages, mentions: 0 }) => {
                        writeln!(out, "--- {messages} unread in #{room}")
                    }
                    Some(Count { messages, mentions }) => {
                        writeln!(out, "--- {messages} unread in #{room}, {mentions} for you")
                    }
                    None => writeln!(out, "--- #{room} is closed to you"),
                };
            }
            Self::Html => {}
        }
    }
}

/// `{"room":"kitchen","unread":3,"mentions":1}`, or `null` where nothing is known any more.
#[derive(Serialize)]
struct Object<'a> {
    room: &'a RoomName,
    unread: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mentions: Option<u64>,
}

fn object(room: &RoomName, unread: Option<Count>) -> String {
    let mentions = unread.map(|count| count.mentions).filter(|mentions| *mentions > 0);
    json(&Object { room, unread: unread.map(|count| count.messages), mentions })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unread_is_told_in_each_representation_that_can_tell_it_and_moves_no_cursor() {
        let room = RoomName::parse("kitchen").unwrap();
        for (representation, some, none) in [
            (
                Representation::EventStream,
                "event: Unread\ndata: {\"room\":\"kitchen\",\"unread\":3}\n\n",
                "event: Unread\ndata: {\"room\":\"kitchen\",\"unread\":null}\n\n",
            ),
            (
                Representation::NdJson,
                "{\"room\":\"kitchen\",\"unread\":3}\n",
                "{\"room\":\"kitchen\",\"unread\":null}\n",
            ),
            (Representation::Text, "--- 3 unread in #kitchen\n", "--- #kitchen is closed to you\n"),
            (Representation::Html, "", ""),
        ] {
            let count = Count { messages: 3, mentions: 0 };
            for (unread, due) in [(Some(count), some), (None, none)] {
                let mut out = String::new();
                representation.unread(&mut out, &room, unread);
                assert_eq!(out, due, "{representation:?}");
            }
        }
    }

    #[test]
    fn who_was_mentioned_is_told_how_often() {
        let room = RoomName::parse("kitchen").unwrap();
        let said = |representation: Representation, mentions| {
            let mut out = String::new();
            representation.unread(&mut out, &room, Some(Count { messages: 3, mentions }));
            out
        };
        let json = "{\"room\":\"kitchen\",\"unread\":3,\"mentions\":2}\n";
        assert_eq!(said(Representation::NdJson, 2), json);
        assert_eq!(said(Representation::NdJson, 0), json.replace(",\"mentions\":2", ""));
        assert_eq!(said(Representation::Text, 2), "--- 3 unread in #kitchen, 2 for you\n");
        assert_eq!(said(Representation::Text, 0), "--- 3 unread in #kitchen\n");
    }
}
