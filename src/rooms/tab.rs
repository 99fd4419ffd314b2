use std::time::Duration;

use crate::message::{Author, Name, RoomName, now};

/// A tab: one open page that joined a room under a name. Whoever holds one has proved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tab {
    /// The room that it is in.
    pub room: RoomName,
    /// What tells it from other tabs: 32 hexadecimal digits, of which 12 are random, 8 say when it
    /// joined, and 12 are the same for all tabs of its browser.
    pub id: String,
    /// Whom it posts as.
    pub name: Name,
}

impl Tab {
    /// A new tab of a browser. Its id proves nothing by itself, but in a cookie that is signed.
    pub(super) fn fresh(room: RoomName, name: Name, browser: Option<&str>) -> Self {
        let browser = browser.map_or_else(
            || format!("{:012x}", rand::random::<u64>() >> 16),
            Author::browser_digits,
        );
        let seconds = u32::try_from(now().as_second()).unwrap_or(u32::MAX);
        let id = format!("{:012x}{seconds:08x}{browser}", rand::random::<u64>() >> 16);
        Self { room, id, name }
    }

    /// How long ago it joined, where its id says so.
    pub(super) fn age(&self) -> Option<Duration> {
        let seconds = i64::from_str_radix(self.id.get(12..20)?, 16).ok()?;
        Some(Duration::from_secs(u64::try_from(now().as_second() - seconds).unwrap_or(0)))
    }

    /// As whom it sends.
    pub(super) fn author(&self) -> Author {
        Author::of_tab(&self.id)
    }
}
