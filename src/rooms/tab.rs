use crate::message::{Name, RoomName};

/// A tab: one open page that joined a room under a name. Whoever holds one has proved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tab {
    /// The room that it is in.
    pub room: RoomName,
    /// What tells it from other tabs: 32 hexadecimal digits.
    pub id: String,
    /// Whom it posts as.
    pub name: Name,
}

impl Tab {
    /// A new tab, of 128 random bits: nobody guesses another's.
    pub(super) fn fresh(room: RoomName, name: Name) -> Self {
        Self { room, id: format!("{:032x}", rand::random::<u128>()), name }
    }
}
