//! Taking back much at once: all that a tab sent, all that somebody said, all of a room.

use tokio::task::JoinSet;

use super::{Caller, Refusal, Rooms};
use crate::{
    journal::{AppendError, Changed, Chosen, Revision},
    message::{Ban, Banned, MessageId, Name, Role, RoomName, Rule, RuleKey, Ruling, Seq, now},
};

/// Messages that are looked up at a time.
const MAX_BATCH: usize = 500;

impl Rooms {
    /// Removes all that the tab has sent which sent this message; answers how many those were.
    ///
    /// # Errors
    ///
    /// [`Refusal`], by the rules of access or the journal; [`Refusal::NoMessage`]; and
    /// [`Refusal::NotKnown`] where no tab sent it.
    pub(crate) async fn remove_all_of_tab(
        &self,
        caller: &Caller,
        room: &RoomName,
        id: &MessageId,
    ) -> Result<usize, Refusal> {
        self.check_role(caller, room, Role::Moderate)?;
        let found = self.signed(room, id).await?;
        let author = found.author.ok_or(Refusal::NotKnown)?;
        let of = Chosen { room: Some(room.clone()), author: Some(author), ..Chosen::default() };
        self.revise_all(caller, of, &Revision::Remove).await
    }

    /// Erases all that was said under a name, in a room or in all of them, and the name with it.
    ///
    /// # Errors
    ///
    /// [`Refusal`], by the rules of access or the journal.
    pub(crate) async fn erase_name(
        &self,
        caller: &Caller,
        room: Option<&RoomName>,
        name: &Name,
    ) -> Result<usize, Refusal> {
        self.check_role_in(caller, room, Role::Host)?;
        let of = Chosen {
            removed: true,
            room: room.cloned(),
            name: Some(name.clone()),
            ..Chosen::default()
        };
        let erased = self.revise_all(caller, of, &Revision::Erase).await?;
        let is_meant =
            |ban: &Ban| ban.name == name.as_str() && (room.is_none() || ban.room.as_ref() == room);
        self.forget_names(caller, is_meant).await?;
        Ok(erased)
    }

    /// Bans stay, and do not say of whom they are.
    async fn forget_names(
        &self,
        caller: &Caller,
        is_meant: impl Fn(&Ban) -> bool,
    ) -> Result<(), Refusal> {
        for (id, ban) in self.rulebook().bans(now()) {
            if !is_meant(&ban) || matches!(ban.whom, Banned::Name(_)) {
                continue;
            }
            let act = caller.act("erase", ban.room.as_ref(), Some(&id));
            let ban = Ban { name: String::new(), reason: String::new(), ..Ban::clone(&ban) };
            let ruling = Ruling { key: RuleKey::Ban(id), rule: Some(Rule::Ban(ban)), act };
            self.journal().rule(ruling, None).await?;
        }
        Ok(())
    }

    /// Erases all that was said in a room.
    ///
    /// # Errors
    ///
    /// [`Refusal`], by the rules of access or the journal.
    pub(crate) async fn erase_room(
        &self,
        caller: &Caller,
        room: &RoomName,
    ) -> Result<usize, Refusal> {
        self.check_role(caller, room, Role::Host)?;
        let of = Chosen { removed: true, room: Some(room.clone()), ..Chosen::default() };
        let erased = self.revise_all(caller, of, &Revision::Erase).await?;
        self.forget_names(caller, |ban| ban.room.as_ref() == Some(room)).await?;
        self.empty(caller, room, self.journal().last()).await?;
        Ok(erased)
    }

    /// Each by itself, as if somebody did it by hand: readers are told of each, and who was stopped
    /// in between goes on by doing it again.
    async fn revise_all(
        &self,
        caller: &Caller,
        of: Chosen,
        revision: &Revision,
    ) -> Result<usize, Refusal> {
        let (mut after, mut count) = (Seq::ZERO, 0);
        loop {
            let places = self.journal().places(of.clone(), after, MAX_BATCH).await?;
            let Some((_, last)) = places.last() else { return Ok(count) };
            after = *last;
            // Together, so that they share syncs; the queue of the journal takes twice as many.
            let mut changing: JoinSet<_> = places
                .into_iter()
                .map(|(room, seq)| {
                    let (journal, by) = (self.journal().clone(), caller.who());
                    let revision = revision.clone();
                    async move { journal.change(&room, seq, revision, Some(by)).await }
                })
                .collect();
            while let Some(changed) = changing.join_next().await {
                let changed = changed.map_err(|_| AppendError::Closed)?;
                count += usize::from(matches!(changed?, Changed::Stored(_)));
            }
        }
    }
}
