//! Joining and leaving.

use super::{Action, Caller, Refusal, Rooms, Tab};
use crate::message::{Name, RoomName};

impl Rooms {
    /// Joins `room` under `name`: the name is claimed for the new tab until its stream opens, or
    /// for a short grace.
    ///
    /// # Errors
    ///
    /// [`Refusal`], by the limits, the names that are here, or the rules of access.
    pub(crate) fn join(&self, caller: &Caller, room: RoomName, name: Name) -> Result<Tab, Refusal> {
        self.0.limits.join(caller.ip)?;
        self.0.roster.check(&room, &name)?;
        self.0.access.check(caller, Action::Join, &room)?;
        let tab = Tab::fresh(room, name);
        // Looked at again, and claimed in one step: two may ask at once.
        self.0.roster.join(&tab.room, &tab.id, &tab.name)?;
        Ok(tab)
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
