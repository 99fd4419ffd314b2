//! Taking back what was said, and saying it better.

use std::time::Duration;

use super::{Action, Caller, Refusal, Rooms, Tab, Who, access::Proof};
use crate::{
    journal::{Changed, Reach, Revision, Signed},
    message::{Author, Message, MessageId, RoomName, State, now},
};

/// How long a request waits for a message that another node has.
const REACH_TIMEOUT: Duration = Duration::from_secs(2);

/// Messages that a tab is shown of its own: some screens full.
const MAX_OWN_MESSAGES: usize = 50;

impl Rooms {
    /// Removes or edits a message for whoever `proof` says asks, and gives it as it is then. To remove
    /// one that is removed is no error.
    ///
    /// # Errors
    ///
    /// [`Refusal`], by the limits, the rules of access, or the journal; and where there is no such
    /// message.
    pub(crate) async fn revise(
        &self,
        caller: &Caller,
        proof: &Proof,
        (room, id): (&RoomName, &MessageId),
        revision: Revision,
    ) -> Result<Message, Refusal> {
        self.0.limits.send(caller.ip)?;
        let journal = self.journal();
        if id.epoch() == journal.epoch()
            && journal.is_shared()
            && journal.reach(id.seq(), REACH_TIMEOUT).await == Reach::Elsewhere
        {
            return Err(Refusal::NotYet);
        }
        let found = self.signed(room, id).await?;
        let by = self.0.access.check_revision(caller, proof, &found, &revision, now())?;
        if let Revision::Edit(_) = revision {
            // What is said anew is said now, by who may say something now.
            let tab = proof.tab_of(&found);
            if let Some(tab) = &tab {
                self.0.limits.tab_send(&tab.id)?;
            }
            let name = Some(&found.message.name);
            let who = Who { tab: tab.as_ref(), browser: None, name };
            self.0.access.check(caller, Action::Send, room, who)?;
        }
        let removes = revision == Revision::Remove;
        if let Some(by) = &by {
            tracing::info!(room = room.as_str(), %id, by, "a message of somebody else is removed");
        }
        match journal.change(room, id.seq(), revision, by).await? {
            Changed::Stored(change) => Ok(change.message),
            Changed::Removed if removes => {
                let text = crate::message::Text::stored("");
                Ok(Message { state: State::Removed, text, ..found.message })
            }
            Changed::Removed => Err(Refusal::Removed),
            Changed::Missing => Err(Refusal::NoMessage),
        }
    }

    /// A message of the journal as it is now, and what proves who sent it.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoMessage`], and where the journal cannot be read.
    pub(super) async fn signed(&self, room: &RoomName, id: &MessageId) -> Result<Signed, Refusal> {
        let journal = self.journal();
        if id.epoch() != journal.epoch() {
            return Err(Refusal::NoMessage);
        }
        journal.signed(room, id.seq()).await?.ok_or(Refusal::NoMessage)
    }

    /// One message, and whether whoever `proof` says asks may change it.
    ///
    /// # Errors
    ///
    /// [`Refusal`], by the rules of access, where there is no such message, or where the journal cannot
    /// be read.
    pub(crate) async fn message(
        &self,
        caller: &Caller,
        proof: &Proof,
        (room, id): (&RoomName, &MessageId),
    ) -> Result<(Message, Allowance), Refusal> {
        self.check_read(caller, room)?;
        let found = self.signed(room, id).await?;
        let may = |revision: &Revision| {
            self.0.access.check_revision(caller, proof, &found, revision, now()).is_ok()
        };
        let allowance = Allowance {
            remove: may(&Revision::Remove) && found.message.state != State::Removed,
            edit: may(&Revision::Edit(found.message.text.clone())),
        };
        Ok((found.message, allowance))
    }

    /// What a tab has sent of late and can still take back, and whether it can still be edited.
    ///
    /// # Errors
    ///
    /// [`Refusal`], by the rules of access or where the journal cannot be read.
    pub(crate) async fn own_messages(
        &self,
        caller: &Caller,
        tab: &Tab,
    ) -> Result<Vec<(Message, Allowance)>, Refusal> {
        self.check_read(caller, &tab.room)?;
        let author = Author::of_tab(&tab.id);
        let own = self.journal().sent_by(&tab.room, author, MAX_OWN_MESSAGES).await?;
        let now = now();
        let with = own.into_iter().map(|message| {
            let edit = super::access::may_still_be_edited(&message, now);
            (message, Allowance { remove: true, edit })
        });
        Ok(with.collect())
    }
}

/// What somebody may do with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// Take it back.
    pub remove: bool,
    /// Give it another text.
    pub edit: bool,
}
