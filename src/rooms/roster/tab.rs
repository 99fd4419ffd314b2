//! One tab's presence: what it said, and when that ends.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    HIDDEN_LEASE, PRESENCE_GRACE,
    elsewhere::{Hold, Word, browser_mark},
    skeleton::Skeleton,
};
use crate::message::Name;

/// A tab that has its name.
pub(super) struct Tab {
    pub name: Name,
    /// What the name looks like.
    pub skeleton: Skeleton,
    /// The browser that it joined from, where that is known.
    pub browser: Option<Arc<str>>,
    /// Tells this tab from one under the same id that left before it, whose guards may still be
    /// held.
    pub generation: u64,
    /// When the sweep has to look at it, so that it waits there once.
    pub due: Option<Instant>,
    streams: usize,
    /// Whether it ever opened a stream or said that it is hidden: who only joined is not listed
    /// yet.
    arrived: bool,
    /// Until when it is here without a stream and without being hidden.
    grace_until: Instant,
    hidden: Option<Hidden>,
    /// The number in its room of the last message that it said to have shown.
    pub read: i64,
}

struct Hidden {
    since: Instant,
    lease_until: Instant,
    /// Set by the sweep when it was hidden for a grace.
    away: bool,
}

/// How a tab counts in the list of its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rooms) enum Standing {
    /// It joined and has not come yet.
    Unlisted,
    Here,
    Away,
}

impl Tab {
    /// A tab that joins now.
    pub(super) fn new(name: Name, skeleton: Skeleton, generation: u64, now: Instant) -> Self {
        Self {
            name,
            skeleton,
            browser: None,
            generation,
            due: None,
            streams: 0,
            arrived: false,
            grace_until: now + PRESENCE_GRACE,
            hidden: None,
            read: 0,
        }
    }

    /// Whether nothing but a grace keeps it here.
    pub(super) fn is_idle(&self) -> bool {
        self.streams == 0 && self.hidden.is_none()
    }

    /// Whether it is before somebody's eyes, as far as it says so.
    pub(super) fn is_shown(&self) -> bool {
        self.streams > 0 && self.hidden.is_none()
    }

    /// What keeps it here.
    pub(super) fn hold(&self) -> Hold {
        match self.hidden {
            _ if self.streams > 0 => Hold::Stream,
            Some(_) => Hold::Hidden,
            None => Hold::Grace,
        }
    }

    /// What other nodes are told of it.
    pub(super) fn word(&self) -> Word {
        let (name, browser) = (self.name.clone(), browser_mark(self.browser.as_deref()));
        Word { name, browser, standing: self.standing(), hold: self.hold() }
    }

    pub(super) fn standing(&self) -> Standing {
        match &self.hidden {
            _ if !self.arrived => Standing::Unlisted,
            Some(hidden) if hidden.away => Standing::Away,
            _ => Standing::Here,
        }
    }

    /// A stream opened. A hidden tab that keeps its stream says that it is hidden after this.
    pub(super) fn open_stream(&mut self) {
        self.streams += 1;
        self.arrived = true;
        self.hidden = None;
    }

    pub(super) fn close_stream(&mut self, now: Instant) {
        self.streams -= 1;
        self.grace_until = now + PRESENCE_GRACE;
    }

    pub(super) fn hide(&mut self, now: Instant) {
        self.arrived = true;
        let hidden =
            self.hidden.get_or_insert(Hidden { since: now, lease_until: now, away: false });
        hidden.lease_until = now + HIDDEN_LEASE;
    }

    pub(super) fn show(&mut self, now: Instant) {
        self.grace_until = now + PRESENCE_GRACE;
        self.hidden = None;
    }

    /// Does what has become due by `now`.
    pub(super) fn elapse(&mut self, now: Instant) {
        if let Some(hidden) = &mut self.hidden {
            hidden.away |= hidden.away_at() <= now;
        }
    }

    /// Whether nothing keeps it here any more.
    pub(super) fn has_ended(&self, now: Instant) -> bool {
        self.ends_at().is_some_and(|end| end <= now)
    }

    /// When something about it changes by itself.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let hidden = self.hidden.as_ref().filter(|hidden| !hidden.away);
        self.ends_at().into_iter().chain(hidden.map(Hidden::away_at)).min()
    }

    /// When it is gone, if it says nothing until then; an open stream keeps it.
    fn ends_at(&self) -> Option<Instant> {
        let lease = self.hidden.as_ref().map(|hidden| hidden.lease_until);
        (self.streams == 0).then(|| lease.map_or(self.grace_until, |it| it.max(self.grace_until)))
    }
}

impl Hidden {
    /// Not at once: who looks into another tab for a moment changes nothing.
    fn away_at(&self) -> Instant {
        self.since + PRESENCE_GRACE
    }
}
