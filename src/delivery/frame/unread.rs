//! How much is unread in another room, which is about now and so has no id.

use std::fmt::Write as _;

use super::{Representation, event_stream, json};
use crate::message::RoomName;

impl Representation {
    /// Word of another room; of `None`, that there is nothing to be known of it any more. Nothing where it
    /// cannot be told.
    pub(crate) fn unread(self, out: &mut String, room: &RoomName, unread: Option<u64>) {
        match self {
            Self::EventStream | Self::EventStreamJson => {
                event_stream::unread(out, &object(room, unread));
            }
            Self::NdJson => {
                out.push_str(&object(room, unread));
                out.push('\n');
            }
            Self::Text => {
                let _ = match unread {
                    Some(unread) => writeln!(out, "--- {unread} unread in #{room}"),
                    None => writeln!(out, "--- #{room} is closed to you"),
                };
            }
            Self::Html => {}
        }
    }
}

/// `{"room":"kitchen","unread":3}`, or `null` where nothing is known any more.
fn object(room: &RoomName, unread: Option<u64>) -> String {
    json(&serde_json::json!({ "room": room, "unread": unread }))
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
            for (unread, due) in [(Some(3), some), (None, none)] {
                let mut out = String::new();
                representation.unread(&mut out, &room, unread);
                assert_eq!(out, due, "{representation:?}");
            }
        }
    }
}
