use std::{fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The name of a room: `[a-z0-9-]{1,64}`, not starting or ending with `-`.
///
/// It stands in URLs, cookie paths and logs as it is, so its alphabet needs no escaping anywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomName(Arc<str>);

/// A string that names no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "A room's name is 1 to 64 lowercase letters, digits or hyphens, and starts and ends with a letter or digit."
)]
pub struct InvalidRoomName;

impl RoomName {
    /// The most characters of a room's name, which is read aloud and typed into an address bar.
    pub const MAX_CHARS: usize = 64;

    /// Takes a room's name as it stands in a URL.
    ///
    /// # Errors
    ///
    /// [`InvalidRoomName`] for every other shape: nothing is folded, so that a room has one URL.
    pub fn parse(raw: &str) -> Result<Self, InvalidRoomName> {
        let fits = (1..=Self::MAX_CHARS).contains(&raw.len())
            && !raw.starts_with('-')
            && !raw.ends_with('-')
            && raw.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if fits { Ok(Self(raw.into())) } else { Err(InvalidRoomName) }
    }

    /// What the journal holds was parsed when it came in; were the rules stricter by now, it must
    /// still be readable.
    pub(crate) fn stored(raw: &str) -> Self {
        Self(raw.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for RoomName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RoomName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&raw).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_fits_the_shape_is_kept_as_it_is(raw in "[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?") {
            let room = RoomName::parse(&raw).unwrap();
            prop_assert_eq!(room.as_str(), raw);
        }

        #[test]
        fn what_has_another_character_is_refused(raw in ".*[^a-z0-9-].*") {
            prop_assert_eq!(RoomName::parse(&raw), Err(InvalidRoomName));
        }
    }

    #[test]
    fn the_edges_are_refused() {
        for raw in ["", "-", "-a", "a-", "A", "a/b", "a b", "é", &"a".repeat(65)] {
            assert_eq!(RoomName::parse(raw), Err(InvalidRoomName), "{raw:?}");
        }
    }
}
