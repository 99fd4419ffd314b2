//! Sending: a draft becomes a message once it is durable.

use std::time::Duration;

use super::{Action, Caller, Refusal, Rooms, Tab, Who};
use crate::{
    journal::Appended,
    message::{Author, Draft, Key, Name, RoomName, Text},
};

/// How long a send waits where a room's readers are behind its senders. Beyond it the sender is told
/// to come back, which a script does by itself and a tab keeps its draft for.
const SERVED_TIMEOUT: Duration = Duration::from_secs(1);

impl Rooms {
    /// Sends what a tab wrote.
    ///
    /// # Errors
    ///
    /// [`Refusal`], by the limits, the tab's name, the rules of access, or the journal.
    pub(crate) async fn send(
        &self,
        caller: &Caller,
        tab: &Tab,
        text: Text,
        key: Key,
    ) -> Result<Appended, Refusal> {
        self.0.limits.tab_send(&tab.id)?;
        let author = Some(Author::of_tab(&tab.id));
        let draft = Draft { room: tab.room.clone(), name: tab.name.clone(), text, key, author };
        // Asked when all of it has come: a body may take longer than it takes to lose a name.
        self.append(caller, draft, Who::of(tab), |_, _| self.check_tab(tab)).await
    }

    /// Sends a script's message, which says whose it is.
    ///
    /// # Errors
    ///
    /// As [`Rooms::send`], and where a tab in the room has the name.
    pub(crate) async fn send_as(
        &self,
        caller: &Caller,
        browser: Option<&str>,
        draft: Draft,
    ) -> Result<Appended, Refusal> {
        let roster = &self.0.roster;
        let name = draft.name.clone();
        let who = Who { name: Some(&name), browser, tab: None };
        self.append(caller, draft, who, |room, name| Ok(roster.check(room, name)?)).await
    }

    async fn append(
        &self,
        caller: &Caller,
        draft: Draft,
        who: Who<'_>,
        check_name: impl FnOnce(&RoomName, &Name) -> Result<(), Refusal>,
    ) -> Result<Appended, Refusal> {
        self.0.limits.send(caller.ip)?;
        check_name(&draft.room, &draft.name)?;
        if let Err(why) = self.0.access.check(caller, Action::Send, &draft.room, who) {
            // What was stored already, and whose answer was lost, is not sent by being sent again.
            let before =
                if why.is_of_sending() { self.journal().sent_before(draft).await? } else { None };
            return before.ok_or(why.into());
        }
        let room = draft.room.clone();
        let appended = self.store(caller, draft).await;
        if let Ok(Appended { message, fresh: true }) = &appended {
            if let Some(ip) = caller.ip {
                self.0.senders.note(message.seq(), ip);
            }
        } else {
            self.0.access.give_back(caller, &room, who);
        }
        if appended.is_ok() {
            self.0.metrics.sent();
        }
        appended
    }

    async fn store(&self, caller: &Caller, draft: Draft) -> Result<Appended, Refusal> {
        self.check_new(caller, &draft.room).await?;
        if !self.hub().wait_until_served(&draft.room, SERVED_TIMEOUT).await {
            return Err(Refusal::Behind);
        }
        Ok(self.journal().append(draft).await?)
    }
}

#[cfg(test)]
mod tests;
