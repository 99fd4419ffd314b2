//! Who may do what in a room: what the operator, and who holds the room, has ruled. Every way in asks
//! here, between the check of names and the journal.

mod revision;
mod slow;

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jiff::Timestamp;

use super::{Caller, Tab};
use crate::{
    journal::{Rulebook, Seen},
    message::{Author, Ban, Link, Name, Role, RoomName, RoomRules, now},
    subscriber::subscriber,
};

pub(super) use revision::may_still_be_edited;
pub(crate) use revision::{EDIT_TIME, MIN_PROOF_CHARS, Proof};
use slow::SlowMode;

/// What somebody wants to do in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Read what was said, and who is here.
    Read,
    /// Be here, with a stream of one's own.
    Stay,
    /// Join under a name.
    Join,
    /// Send a message.
    Send,
}

/// Who wants to, beside what the request proves of its rights.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Who<'a> {
    /// The tab, where it is one.
    pub tab: Option<&'a Tab>,
    /// The browser that a tab is to be of.
    pub browser: Option<&'a str>,
    /// The name.
    pub name: Option<&'a Name>,
}

impl<'a> Who<'a> {
    /// A tab that joined.
    pub(super) fn of(tab: &'a Tab) -> Self {
        Self { tab: Some(tab), browser: None, name: Some(&tab.name) }
    }

    fn browser(&self) -> Option<String> {
        let digits = self.browser.map(Author::browser_digits);
        digits.or_else(|| self.tab.and_then(|tab| tab.author().browser()))
    }
}

/// A link's token that came with a request, and whose signature is ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pass {
    /// The room that it is into.
    pub room: RoomName,
    /// Which link it is.
    pub link: Arc<Link>,
}

/// Whether a link was not taken back, and has not ended.
pub(super) fn is_good(link: &Link, rules: Option<&RoomRules>, now: Timestamp) -> bool {
    let young = link.until == 0 || now.as_second() < link.until;
    young && rules.is_some_and(|rules| rules.links.contains(link))
}

/// The rules of access.
pub(super) struct Access {
    rulebook: Rulebook,
    slow: SlowMode,
    /// The rooms that there were when only the operator might open further ones; `None` where
    /// everybody may.
    opened: Option<RwLock<HashSet<RoomName>>>,
}

/// Somebody may not do this here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    /// As far as they may know, there is no such room.
    #[error("no such room")]
    Hidden,
    /// They are kept out.
    #[error("banned")]
    Banned(Arc<Ban>),
    /// Their link is for reading.
    #[error("may only read")]
    ReadOnly,
    /// Only who moderates may send.
    #[error("locked")]
    Locked,
    /// They sent something a moment ago.
    #[error("slow mode")]
    Slow {
        /// How long they have to wait.
        wait: Duration,
        /// How long everybody has to, between two messages.
        every: Duration,
    },
    /// They joined a moment ago.
    #[error("too new")]
    TooNew {
        /// How long they have to wait.
        wait: Duration,
        /// How long everybody has to.
        after: Duration,
    },
    /// Who has not joined may not send here.
    #[error("not joined")]
    NotJoined,
    /// It takes to be a moderator.
    #[error("no moderator")]
    NotModerator,
    /// It takes to be a host.
    #[error("no host")]
    NotHost,
    /// It takes to be the operator.
    #[error("not the operator")]
    NotOperator,
}

impl Denied {
    /// Whether somebody may be here, and only send nothing now.
    pub(super) fn is_of_sending(&self) -> bool {
        matches!(self, Self::Locked | Self::Slow { .. } | Self::TooNew { .. } | Self::NotJoined)
    }
}

impl Access {
    /// The rules in a book; `opened` are the rooms that there are, where only the operator may open
    /// further ones.
    pub(super) fn new(rulebook: Rulebook, opened: Option<HashSet<RoomName>>) -> Self {
        Self { rulebook, slow: SlowMode::default(), opened: opened.map(RwLock::new) }
    }

    /// The book.
    pub(super) fn rulebook(&self) -> &Rulebook {
        &self.rulebook
    }

    /// What somebody may do in a room beyond what everybody may.
    pub(super) fn role(&self, caller: &Caller, room: &RoomName) -> Option<Role> {
        if caller.operator {
            return Some(Role::Host);
        }
        let pass = caller.pass.as_deref().filter(|pass| pass.room == *room)?;
        is_good(&pass.link, self.rulebook.room(room).as_deref(), now()).then_some(pass.link.role)
    }

    /// Whether there is such a room, for who may not open one.
    pub(super) fn is_open(&self, room: &RoomName) -> bool {
        let Some(opened) = &self.opened else { return true };
        let opened = opened.read().unwrap_or_else(PoisonError::into_inner);
        opened.contains(room) || self.rulebook.room(room).is_some()
    }

    /// A room has messages, and so it is open.
    pub(super) fn note_open(&self, room: &RoomName) {
        if let Some(opened) = &self.opened {
            opened.write().unwrap_or_else(PoisonError::into_inner).insert(room.clone());
        }
    }

    /// Whether somebody may open a room.
    pub(super) fn may_open(&self, caller: &Caller) -> bool {
        caller.operator || self.opened.is_none()
    }

    /// Whether somebody may know of a room.
    ///
    /// # Errors
    ///
    /// [`Denied::Hidden`].
    pub(super) fn check_sees(&self, caller: &Caller, room: &RoomName) -> Result<(), Denied> {
        let private = self.rulebook.room(room).is_some_and(|rules| rules.private);
        let open = caller.operator || self.is_open(room);
        if open && (!private || self.role(caller, room).is_some()) {
            Ok(())
        } else {
            Err(Denied::Hidden)
        }
    }

    /// Whether `caller` may do `action` in `room`, as `who`.
    ///
    /// # Errors
    ///
    /// [`Denied`].
    pub(super) fn check(
        &self,
        caller: &Caller,
        action: Action,
        room: &RoomName,
        who: Who<'_>,
    ) -> Result<(), Denied> {
        self.check_sees(caller, room)?;
        if action == Action::Read {
            return Ok(());
        }
        let role = self.role(caller, room);
        if role == Some(Role::Read) && action != Action::Stay {
            return Err(Denied::ReadOnly);
        }
        self.check_ban(caller, room, who)?;
        if action == Action::Send { self.check_send(caller, role, room, who) } else { Ok(()) }
    }

    /// Whether somebody is not kept out of a room. The operator is by nothing, and who moderates by
    /// nothing but the operator's word.
    ///
    /// # Errors
    ///
    /// [`Denied::Banned`].
    pub(super) fn check_ban(
        &self,
        caller: &Caller,
        room: &RoomName,
        who: Who<'_>,
    ) -> Result<(), Denied> {
        if caller.operator {
            return Ok(());
        }
        let moderates = self.role(caller, room) >= Some(Role::Moderate);
        let seen = Seen { browser: || who.browser(), ip: caller.ip, name: who.name };
        let ban = self.rulebook.ban(room, now(), seen, |ban| ban.by_operator || !moderates);
        ban.map_or(Ok(()), |ban| Err(Denied::Banned(ban)))
    }

    fn check_send(
        &self,
        caller: &Caller,
        role: Option<Role>,
        room: &RoomName,
        who: Who<'_>,
    ) -> Result<(), Denied> {
        let Some(rules) = self.rulebook.room(room) else { return Ok(()) };
        if role >= Some(Role::Moderate) {
            return Ok(());
        }
        if rules.locked {
            return Err(Denied::Locked);
        }
        if rules.wait_minutes > 0 {
            let after = Duration::from_mins(rules.wait_minutes.into());
            let age = who.tab.and_then(Tab::age).ok_or(Denied::NotJoined)?;
            if age < after {
                return Err(Denied::TooNew { wait: after.saturating_sub(age), after });
            }
        }
        if rules.slow_seconds > 0 {
            let every = Duration::from_secs(rules.slow_seconds.into());
            let taken = self.slow.take(room, &sender(caller, who), every);
            return taken.map_err(|wait| Denied::Slow { wait, every });
        }
        Ok(())
    }

    /// What was taken for a message was not stored: the next may come at once.
    pub(super) fn give_back(&self, caller: &Caller, room: &RoomName, who: Who<'_>) {
        if self.rulebook.room(room).is_some_and(|rules| rules.slow_seconds > 0) {
            self.slow.give_back(room, &sender(caller, who));
        }
    }
}

/// Who is to wait in slow mode: a browser, whatever its tabs are called; of programs, who has the
/// address; and where that is none that counts, who has the name.
fn sender(caller: &Caller, who: Who<'_>) -> String {
    let browser = who.browser().or_else(|| who.tab.map(|tab| tab.id.clone()));
    let address = || caller.ip.map(|ip| subscriber(ip).to_string());
    browser.or_else(address).unwrap_or_else(|| who.name.map_or("", Name::as_str).to_owned())
}

#[cfg(test)]
mod tests;
