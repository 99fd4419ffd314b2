//! What is said, and where: parsed at the edge, then trusted.
//!
//! Every type here can only be made by its parser, so whatever holds a [`Text`] or a [`Name`]
//! holds an acceptable one. This module knows no other module and no disk, and looks at the clock
//! for one thing only, a fresh [`Key`].

mod author;
mod change;
mod code;
mod entry;
mod id;
mod mark;
mod mention;
mod name;
mod people;
mod room;
mod rule;
mod text;
mod visible;

use std::{
    fmt::Write as _,
    sync::Arc,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use serde::{Serialize, Serializer, ser::SerializeStruct};

pub use author::Author;
pub use change::{Change, First, State};
pub(crate) use code::{Piece, pieces};
pub use entry::{Columns, DecodeError, Entry, Place};
pub(crate) use entry::{EDIT, EDITED, REMOVAL, REMOVED};
pub use id::{Epoch, MessageId, NotAnId, Seq};
pub use mark::Mark;
pub(crate) use mention::{folded, is_unspaced, mentioned};
pub use name::{InvalidName, Name};
pub use people::{People, Person};
pub use room::{InvalidRoomName, RoomName};
pub use rule::{
    Act, Ban, Banned, Link, Logged, Role, RoomRules, Rule, RuleKey, Ruling,
    Standing as StandingRule,
};
pub use text::{InvalidText, Text};
pub(crate) use visible::{is_blank, is_ignorable, is_visible};

/// The client's idempotency key of a [`Draft`]: a send that is tried again under its key is
/// stored once.
///
/// 1 to [`Key::MAX_CHARS`] visible characters of ASCII: whatever a program has as an id fits, such
/// as a UUID, base64, or `order:17.3`. In markup it is escaped like any other text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(Arc<str>);

/// A key that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("A key is 1 to {} visible ASCII characters, without spaces.", Key::MAX_CHARS)]
pub struct InvalidKey;

impl Key {
    /// The most characters of a key: what other services take, and small beside a text.
    pub const MAX_CHARS: usize = 255;

    /// Takes a client's key as it came.
    ///
    /// # Errors
    ///
    /// [`InvalidKey`] when it is empty, too long or has other characters.
    pub fn parse(raw: &str) -> Result<Self, InvalidKey> {
        let fits = (1..=Self::MAX_CHARS).contains(&raw.len())
            && raw.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self(raw.into())) } else { Err(InvalidKey) }
    }

    /// What the journal holds was parsed when it came in; were the rules stricter by now, it must
    /// still be readable.
    pub(crate) fn stored(raw: &str) -> Self {
        Self(raw.into())
    }

    /// A key that nobody has used: the time, then 80 random bits. Keys of one minute thereby stand
    /// together in the journal's index; random ones would each need a page of it read and written,
    /// the longer the history the more.
    #[must_use]
    pub fn fresh() -> Self {
        let (now, random) = (now().as_millisecond(), rand::random::<u128>() >> 48);
        let mut key = String::with_capacity(32); // A page is asked for often, and has one.
        let _ = write!(key, "{now:012x}{random:020x}");
        Self(key.into())
    }

    /// Whether it looks as one that [`Key::fresh`] gave within that time. Who writes such a key by
    /// hand gets no more than a shortcut that is no use to them.
    #[must_use]
    pub fn is_younger_than(&self, age: Duration) -> bool {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_ours = self.0.len() == 32 && self.0.bytes().all(digit);
        let made = self.0.get(..12).and_then(|time| i64::from_str_radix(time, 16).ok());
        let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        is_ours && made.is_some_and(|made| (now().as_millisecond() - made).abs() < age)
    }

    /// The key as the client wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A message that is not accepted yet.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The room that it is for.
    pub room: RoomName,
    /// Who sends it.
    pub name: Name,
    /// What is said.
    pub text: Text,
    /// Under which key a retry is recognised.
    pub key: Key,
    /// Who may change it later; `None` where its key alone proves that.
    pub author: Option<Author>,
}

/// An accepted message: it is on disk and has its seq.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its public id, and with it its seq.
    pub id: MessageId,
    /// The room that it was sent to.
    pub room: RoomName,
    /// Who sent it.
    pub name: Name,
    /// What was said.
    pub text: Text,
    /// When the journal took it, in milliseconds. For people to read: the order is that of the
    /// ids, since clocks go back.
    pub sent_at: Timestamp,
    /// Whether it is as it was sent.
    pub state: State,
}

/// Whose a message is that was erased.
pub(crate) const ERASED_NAME: &str = "(erased)";

impl Message {
    /// The same of nobody.
    #[cfg(feature = "nats")]
    pub(crate) fn erased(self) -> Self {
        Self { name: Name::stored(ERASED_NAME), ..self }
    }

    /// Its seq.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.id.seq()
    }

    /// When it was sent, as RFC 3339 in UTC with milliseconds: `2026-11-24T04:15:07.000Z`.
    #[must_use]
    pub fn sent_at(&self) -> String {
        format!("{:.3}", self.sent_at)
    }
}

/// `{"id","seq","room","name","text","sent_at"}`: the same object in every JSON answer. Where the name
/// was proven it has its `"mark"` besides, and one that was changed `"edited":true` or
/// `"removed":true`.
impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Message", 8)?;
        object.serialize_field("id", &self.id.to_string())?;
        object.serialize_field("seq", &self.seq().get())?;
        object.serialize_field("room", self.room.as_str())?;
        object.serialize_field("name", self.name.as_str())?;
        object.serialize_field("text", self.text.as_str())?;
        object.serialize_field("sent_at", &self.sent_at())?;
        if let Some(mark) = self.name.mark() {
            object.serialize_field("mark", mark)?;
        }
        match self.state {
            State::Sent => {}
            State::Edited => object.serialize_field("edited", &true)?,
            State::Removed => object.serialize_field("removed", &true)?,
        }
        object.end()
    }
}

/// The time, to the millisecond that is stored. Where the clock shows what no calendar here has, it is
/// the last time (or the first) that one has: in the year 9999, to ask for it otherwise would be a
/// panic.
pub(crate) fn now() -> Timestamp {
    let now = within(SystemTime::now());
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

fn end() -> Timestamp {
    Timestamp::from_second(Timestamp::MAX.as_second()).unwrap_or(Timestamp::MAX)
}

fn within(time: SystemTime) -> Timestamp {
    let edge = if time > SystemTime::UNIX_EPOCH { Timestamp::MAX } else { Timestamp::MIN };
    let time = Timestamp::try_from(time).unwrap_or(edge);
    // The last second has no milliseconds in which it could be stored.
    if time.as_second() == Timestamp::MAX.as_second() { end() } else { time }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_key_is_kept_as_it_came_or_refused(raw in "\\PC{0,80}|[!-~]{0,300}|[ -\u{7f}]{0,9}") {
            let fits = !raw.is_empty()
                && raw.len() <= 255
                && raw.chars().all(|c| ('!'..='~').contains(&c));
            prop_assert_eq!(Key::parse(&raw).is_ok(), fits);
            if let Ok(key) = Key::parse(&raw) {
                prop_assert_eq!(key.as_str(), raw);
            }
        }
    }

    #[test]
    fn a_key_is_what_programs_have_as_an_id() {
        for raw in ["1.1", "order:17.3", "!", "~", "a/b+c==", "<&>\"'\\", &"k".repeat(255)] {
            assert_eq!(Key::parse(raw).unwrap().as_str(), raw);
        }
        for raw in ["", " ", "a b", "a\n", "\u{7f}", "é", &"k".repeat(256)] {
            assert_eq!(Key::parse(raw), Err(InvalidKey), "{raw:?}");
        }
    }

    #[test]
    fn a_fresh_key_is_a_key_and_never_the_same() {
        let (one, other) = (Key::fresh(), Key::fresh());
        assert_eq!(Key::parse(one.as_str()), Ok(one.clone()));
        assert_ne!(one, other);
    }

    #[test]
    fn a_key_of_our_own_tells_when_it_was_made() {
        let minute = Duration::from_mins(1);
        assert!(Key::fresh().is_younger_than(minute));
        let old = Key::stored(&format!("{:012x}{:020x}", 1_700_000_000_000_u64, 5));
        assert!(!old.is_younger_than(minute));
        assert!(!Key::stored("order:17.3").is_younger_than(minute));
        assert!(!Key::stored(&"Z".repeat(32)).is_younger_than(minute));
    }

    #[test]
    fn a_clock_in_the_year_9999_is_no_panic() {
        let end = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(253_402_300_799);
        for time in [end, end + std::time::Duration::from_hours(100_000)] {
            let time = within(time);
            let stored = Timestamp::from_millisecond(time.as_millisecond());
            assert_eq!(stored.ok(), Some(time), "as it is stored");
            assert!(time.as_second() == Timestamp::MAX.as_second());
        }
        assert_eq!(within(SystemTime::UNIX_EPOCH), Timestamp::UNIX_EPOCH);
        let before = SystemTime::UNIX_EPOCH - std::time::Duration::from_secs(5);
        assert_eq!(within(before).as_second(), -5);
    }
}
