//! Joining and leaving.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Action, Caller, NameTaken, Presence, Refusal, Rooms, Tab};
use crate::message::{Name, RoomName};

/// How long a join waits for the end of the stream of its own browser's earlier tab: who goes back and
/// joins anew is faster than the end of the page that was left, by a proxy's time.
const OWN_STREAM_TIMEOUT: Duration = Duration::from_secs(1);

/// How often that is looked at.
const OWN_STREAM_INTERVAL: Duration = Duration::from_millis(50);

impl Rooms {
    /// Joins `room` under `name`: the name is claimed for the new tab until its stream opens, or
    /// for a short grace.
    ///
    /// What the same browser's earlier tabs hold is not in its way, unless they are open: after a
    /// double click, or back and joined again, a name would be taken by oneself. The `earlier` tab
    /// leaves: it is the one that joins again.
    ///
    /// # Errors
    ///
    /// [`Refusal`], by the limits, the names that are here, or the rules of access.
    pub(crate) async fn join(
        &self,
        caller: &Caller,
        room: RoomName,
        name: Name,
        browser: Option<&str>,
        earlier: Option<&Tab>,
    ) -> Result<Tab, Refusal> {
        self.0.limits.join(caller.ip)?;
        self.0.access.check(caller, Action::Join, &room)?;
        if let Some(earlier) = earlier {
            self.leave(earlier);
        }
        let tab = Tab::fresh(room, name);
        let until = Instant::now() + OWN_STREAM_TIMEOUT;
        loop {
            match self.0.roster.join(&tab.room, &tab.id, &tab.name, browser) {
                Ok(()) => return Ok(tab),
                Err(NameTaken { by_own: true }) if Instant::now() < until => {
                    sleep(OWN_STREAM_INTERVAL).await;
                }
                Err(why) => return Err(why.into()),
            }
        }
    }

    /// Whether a tab may go on under the name that it joined under.
    ///
    /// # Errors
    ///
    /// [`Refusal::Lapsed`] where it left, or somebody else has its name by now.
    pub(crate) fn check_tab(&self, tab: &Tab) -> Result<(), Refusal> {
        Ok(self.0.roster.check_tab(&tab.room, &tab.id, &tab.name)?)
    }

    /// Whether a tab is in its room.
    pub(crate) fn presence(&self, room: &RoomName, tab: &str) -> Presence {
        self.0.roster.presence(room, tab)
    }

    /// A tab leaves: its name is free and its streams end at once, also those of a twin of the page.
    pub(crate) fn leave(&self, tab: &Tab) {
        self.0.roster.leave(&tab.room, &tab.id);
        self.evict(&tab.room, |reader| reader.tab.as_deref() == Some(tab.id.as_str()));
    }

    /// A tab says whether it is hidden. A hidden one is here, though it may have let go of its
    /// stream, for as long as it says so again and again.
    pub(crate) fn set_hidden(&self, tab: &Tab, hidden: bool) {
        if hidden {
            self.0.roster.hide(&tab.room, &tab.id, &tab.name);
        } else {
            self.0.roster.show(&tab.room, &tab.id);
        }
    }
}
