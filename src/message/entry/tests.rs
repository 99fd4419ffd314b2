use super::*;
use crate::message::{Epoch, Mark};
use proptest::prelude::*;

fn id(seq: u64) -> MessageId {
    MessageId::new(Epoch::parse("k3v9x2mq").unwrap(), Seq::new(seq))
}

fn message(name: &str, text: &str, sent_at: i64) -> Option<Entry> {
    Some(Entry::Message(Message {
        id: id(7),
        room: RoomName::parse("lobby").unwrap(),
        name: Name::parse(name).ok()?,
        text: Text::parse(text).ok()?,
        sent_at: Timestamp::from_millisecond(sent_at).unwrap(),
        state: State::Sent,
    }))
}

fn changed(text: Option<&str>) -> Entry {
    let Some(Entry::Message(message)) = message("ann", text.unwrap_or("x"), 5) else {
        panic!("a message")
    };
    let (state, text, first) = if text.is_some() {
        (State::Edited, message.text.clone(), None)
    } else {
        let first = First { key: Key::stored("k 7"), digest: "90d228bbb93f60e9".into() };
        (State::Removed, Text::stored(""), Some(first))
    };
    let changed_at = Timestamp::from_millisecond(9).unwrap();
    Entry::Change(Change {
        id: id(12),
        changed_at,
        message: Message { text, state, ..message },
        by: None,
        first,
    })
}

#[test]
fn a_mark_is_kept_in_a_store_and_on_a_stream_and_an_entry_without_one_is_as_it_always_was() {
    let Some(Entry::Message(message)) = message("ann", "hi", 5) else { panic!("a message") };
    let key = Key::parse("k").unwrap();
    let old = br#"{"v":1,"kind":1,"room":"lobby","key":"k","sent_at":5,"name":"ann","body":"hi"}"#;
    assert_eq!(Entry::Message(message.clone()).encode(&key), old);
    let name = message.name.marked(&Mark::of(&[7; 32]));
    let change = |state| {
        let message = Message { name: name.clone(), state, ..message.clone() };
        let changed_at = message.sent_at;
        Entry::Change(Change { id: id(12), changed_at, message, by: None, first: None })
    };
    let marked = Message { name: name.clone(), ..message.clone() };
    for entry in [Entry::Message(marked), change(State::Edited)] {
        let (read, _) = Entry::decode(&entry.encode(&key), entry.id().clone()).unwrap();
        assert_eq!(read, entry);
        assert_eq!(entry.columns().name, name.to_stored());
    }
}

proptest! {
    #[test]
    fn an_entry_reads_back_as_itself(
        name in "\\PC{1,32}",
        text in "(\\PC|\n){1,80}",
        sent_at in 0..253_402_300_799_999i64,
        key in "[!-~]{1,255}",
    ) {
        let Some(entry) = message(&name, &text, sent_at) else { return Ok(()) };
        let key = Key::parse(&key).unwrap();
        let read = Entry::decode(&entry.encode(&key), id(7));
        prop_assert_eq!(read, Ok((entry.clone(), key)));
        let place =
            Place { id: id(7), room: entry.room().clone(), sent_at: entry.sent_at() };
        let read = Entry::from_columns(place, entry.columns()).map(Entry::Message);
        prop_assert_eq!(read, Ok(entry));
    }

    #[test]
    fn any_bytes_are_an_entry_or_an_error(bytes: Vec<u8>) {
        let _ = Entry::decode(&bytes, id(1));
    }

    #[test]
    fn an_entry_with_one_byte_changed_is_an_entry_or_an_error(at: usize, byte: u8) {
        let mut bytes = message("ann", "hi", 0).unwrap().encode(&Key::fresh());
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok((entry, key)) = Entry::decode(&bytes, id(1)) {
            prop_assert_eq!(Entry::decode(&entry.encode(&key), id(1)), Ok((entry, key)));
        }
    }

    #[test]
    fn any_kind_but_ours_is_refused_by_name(kind: i64) {
        prop_assume!(![MESSAGE, EDITED, REMOVED].contains(&kind));
        let place = Place {
            id: id(1),
            room: RoomName::parse("lobby").unwrap(),
            sent_at: Timestamp::UNIX_EPOCH,
        };
        let columns = Columns { kind, name: "ann", body: "hi" };
        prop_assert_eq!(Entry::from_columns(place, columns), Err(DecodeError::Kind(kind)));
    }
}

#[test]
fn a_message_on_the_wire_stays_what_it_is() {
    // Nodes of two versions share a stream: these bytes may never read as something else.
    let bytes =
        br#"{"v":1,"kind":1,"room":"lobby","key":"k","sent_at":5,"name":"ann","body":"hi"}"#;
    let entry = message("ann", "hi", 5).unwrap();
    let key = Key::parse("k").unwrap();
    assert_eq!(entry.encode(&key), bytes);
    assert_eq!(Entry::decode(bytes, id(7)), Ok((entry, key)));
}

#[test]
fn a_change_on_the_wire_stays_what_it_is() {
    let edit = br#"{"v":1,"kind":3,"room":"lobby","key":" 7 a","sent_at":9,"name":"ann","body":"{\"of\":7,\"sent_at\":5,\"text\":\"ho\"}"}"#;
    let removal = br#"{"v":1,"kind":2,"room":"lobby","key":" 7 a","sent_at":9,"name":"ann","body":"{\"of\":7,\"sent_at\":5,\"key\":\"k 7\",\"digest\":\"90d228bbb93f60e9\"}"}"#;
    let key = Key::stored(" 7 a");
    for (bytes, entry) in [(&edit[..], changed(Some("ho"))), (&removal[..], changed(None))] {
        assert_eq!(String::from_utf8(entry.encode(&key)).unwrap().as_bytes(), bytes);
        assert_eq!(Entry::decode(bytes, id(12)), Ok((entry, key.clone())));
        assert!(matches!(Entry::decode(bytes, id(7)), Err(DecodeError::Malformed(_))));
    }
    let swapped = String::from_utf8(edit.to_vec()).unwrap().replace("\"kind\":3", "\"kind\":2");
    let why = Entry::decode(swapped.as_bytes(), id(12));
    assert!(matches!(why, Err(DecodeError::Malformed(_))), "{why:?}");
}

#[test]
fn what_a_later_hubbub_wrote_is_refused_by_its_number() {
    let decode = |wire: &str| Entry::decode(wire.as_bytes(), id(1)).unwrap_err();
    assert_eq!(decode(r#"{"v":2,"what":"else"}"#), DecodeError::Version(2));
    let kind = r#"{"v":1,"kind":9,"room":"a","key":"k","sent_at":0,"name":"","body":""}"#;
    assert_eq!(decode(kind), DecodeError::Kind(9));
    let field = r#"{"v":1,"kind":1,"room":"a","key":"k","sent_at":0,"name":"","body":"","x":1}"#;
    assert!(matches!(decode(field), DecodeError::Malformed(_)));
    let year = format!(
        r#"{{"v":1,"kind":1,"room":"a","key":"k","sent_at":{},"name":"","body":""}}"#,
        i64::MAX
    );
    assert!(matches!(decode(&year), DecodeError::Malformed(_)));
}
