//! Ruling: what a room is, and who has a link into it.

use std::{sync::Arc, time::Duration};

use super::{Caller, Denied, Refusal, Rooms, Who};
use crate::{
    journal::{Rulebook, Ruled},
    message::{Link, Logged, Role, RoomName, RoomRules, Rule, RuleKey, Ruling, Seq, now},
};

/// Links of a room that are good at a time: what its host reads through.
pub(crate) const MAX_LINKS: usize = 100;

/// The longest pause of slow mode, and the longest wait of newcomers.
pub(crate) const MAX_SLOW_SECONDS: u32 = 3_600;
pub(crate) const MAX_WAIT_MINUTES: u32 = 7 * 24 * 60;

/// The longest that messages of a room may be kept by a rule of its own, and that a ban may last: a
/// century is as good as for ever, and still a time.
pub(crate) const MAX_HOURS: u32 = 100 * 365 * 24;

/// How often a ruling is tried where somebody else's came between.
const MAX_TRIES: usize = 8;

impl Rooms {
    /// The rules that hold.
    pub(crate) fn rulebook(&self) -> &Rulebook {
        self.0.access.rulebook()
    }

    /// What somebody may do in a room beyond what everybody may.
    pub(crate) fn role(&self, caller: &Caller, room: &RoomName) -> Option<Role> {
        self.0.access.role(caller, room)
    }

    /// Whether somebody may do in a room what takes this role. To who may not know of it, there is no
    /// such room.
    ///
    /// # Errors
    ///
    /// [`Refusal::Denied`].
    pub(crate) fn check_role(
        &self,
        caller: &Caller,
        room: &RoomName,
        role: Role,
    ) -> Result<(), Refusal> {
        self.0.access.check_sees(caller, room)?;
        self.0.access.check_ban(caller, room, Who::default())?;
        match role {
            _ if self.role(caller, room) >= Some(role) => Ok(()),
            Role::Host => Err(Denied::NotHost.into()),
            _ => Err(Denied::NotModerator.into()),
        }
    }

    /// Whether it is the operator who asks.
    ///
    /// # Errors
    ///
    /// [`Refusal::Denied`].
    pub(super) fn check_operator(caller: &Caller) -> Result<(), Refusal> {
        if caller.operator { Ok(()) } else { Err(Denied::NotOperator.into()) }
    }

    /// The same of one room, or of all, which takes the operator.
    ///
    /// # Errors
    ///
    /// [`Refusal::Denied`].
    pub(super) fn check_role_in(
        &self,
        caller: &Caller,
        room: Option<&RoomName>,
        role: Role,
    ) -> Result<(), Refusal> {
        match room {
            Some(room) => self.check_role(caller, room, role),
            None => Self::check_operator(caller),
        }
    }

    /// Changes the rules of a room, by who moderates it.
    ///
    /// # Errors
    ///
    /// [`Refusal`], by the rules of access or the journal; also where it changes what only a host may.
    pub(crate) async fn set_rules(
        &self,
        caller: &Caller,
        room: &RoomName,
        change: impl Fn(&mut RoomRules),
    ) -> Result<(), Refusal> {
        self.check_role(caller, room, Role::Moderate)?;
        self.0.limits.send(caller.ip)?;
        let is_host = self.role(caller, room) >= Some(Role::Host);
        let revise = |rules: &mut RoomRules| {
            let before = rules.clone();
            change(rules);
            let of_hosts = |rules: &RoomRules| (rules.private, rules.keep_hours);
            if !is_host && of_hosts(rules) != of_hosts(&before) {
                return Err(Denied::NotHost.into());
            }
            if before.private && !rules.private {
                // It would show everybody what was said among few.
                Self::check_operator(caller)?;
            }
            Ok(())
        };
        self.revise_rules(caller, room, ("rules", None), revise).await
    }

    /// Opens a room that nobody has: a private one, for whom it is its host's from here on; or, by the
    /// operator, one for everybody.
    ///
    /// # Errors
    ///
    /// [`Refusal::Exists`] where there is such a room, as far as anybody can tell.
    pub(crate) async fn open_private(
        &self,
        caller: &Caller,
        room: &RoomName,
    ) -> Result<Link, Refusal> {
        self.0.limits.send(caller.ip)?;
        if !self.0.access.may_open(caller) {
            return Err(Denied::Hidden.into());
        }
        self.0.access.check_ban(caller, room, Who::default())?;
        let is_new = *room != lobby()
            && self.rulebook().room(room).is_none()
            && self.0.roster.count(room) == 0
            && !self.journal().has(room).await?;
        if !is_new {
            return Err(Refusal::Exists);
        }
        self.0.limits.new_room(caller.ip)?;
        let link = fresh_link(Role::Host, None);
        let rules = RoomRules { private: true, links: vec![link.clone()], ..RoomRules::default() };
        let who = Caller { pass: Some(pass(room, &link)), ..caller.clone() };
        match self.put_rules(&who, room, ("open", None), rules, Seq::ZERO).await? {
            Ruled::Stored(_) => Ok(link),
            Ruled::Conflict => Err(Refusal::Exists),
        }
    }

    /// Opens a room for everybody, by the operator.
    ///
    /// # Errors
    ///
    /// [`Refusal`], by the rules of access or the journal.
    pub(crate) async fn open_room(&self, caller: &Caller, room: &RoomName) -> Result<(), Refusal> {
        Self::check_operator(caller)?;
        if self.rulebook().room(room).is_some() {
            return Ok(());
        }
        self.revise_rules(caller, room, ("open", None), |_| Ok(())).await
    }

    /// Gives a link into a room.
    ///
    /// # Errors
    ///
    /// [`Refusal`], by the rules of access or the journal; and [`Refusal::TooManyLinks`].
    pub(crate) async fn give_link(
        &self,
        caller: &Caller,
        room: &RoomName,
        role: Role,
        time: Option<Duration>,
    ) -> Result<Link, Refusal> {
        self.check_role(caller, room, Role::Host)?;
        self.0.limits.send(caller.ip)?;
        let link = fresh_link(role, time);
        let revise = |rules: &mut RoomRules| {
            let now = now().as_second();
            rules.links.retain(|link| link.until == 0 || link.until > now);
            if rules.links.len() >= MAX_LINKS {
                return Err(Refusal::TooManyLinks);
            }
            rules.links.push(link.clone());
            Ok(())
        };
        self.revise_rules(caller, room, ("link", Some(&link.id)), revise).await?;
        Ok(link)
    }

    /// Takes a link back: who came by it is put out at once.
    ///
    /// # Errors
    ///
    /// [`Refusal`], by the rules of access or the journal; and [`Refusal::NoSuchLink`].
    pub(crate) async fn take_link(
        &self,
        caller: &Caller,
        room: &RoomName,
        id: &str,
    ) -> Result<(), Refusal> {
        self.check_role(caller, room, Role::Host)?;
        let revise = |rules: &mut RoomRules| {
            let had = rules.links.len();
            rules.links.retain(|link| link.id != id);
            if rules.links.len() == had { Err(Refusal::NoSuchLink) } else { Ok(()) }
        };
        self.revise_rules(caller, room, ("revoke", Some(id)), revise).await
    }

    /// Everything that was said in a room up to a place is to be gone.
    pub(super) async fn empty(
        &self,
        caller: &Caller,
        room: &RoomName,
        upto: Seq,
    ) -> Result<(), Refusal> {
        let revise = |rules: &mut RoomRules| {
            rules.emptied = rules.emptied.max(upto.get());
            Ok(())
        };
        self.revise_rules(caller, room, ("erase", None), revise).await
    }

    async fn revise_rules(
        &self,
        caller: &Caller,
        room: &RoomName,
        (what, target): (&str, Option<&str>),
        revise: impl Fn(&mut RoomRules) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        for _ in 0..MAX_TRIES {
            let found = self.rulebook().room_at(room);
            let (seq, mut rules) =
                found.map_or_else(Default::default, |(seq, rules)| (seq, RoomRules::clone(&rules)));
            revise(&mut rules)?;
            match self.put_rules(caller, room, (what, target), rules, seq).await? {
                Ruled::Stored(_) => return Ok(()),
                Ruled::Conflict => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        Err(Refusal::Behind)
    }

    async fn put_rules(
        &self,
        caller: &Caller,
        room: &RoomName,
        (what, target): (&str, Option<&str>),
        rules: RoomRules,
        expected: Seq,
    ) -> Result<Ruled, Refusal> {
        let act = caller.act(what, Some(room), target);
        let key = RuleKey::Room(room.clone());
        let ruling = Ruling { key, rule: Some(Rule::Room(rules)), act };
        Ok(self.journal().rule(ruling, Some(expected)).await?)
    }

    /// Up to `limit` lines of what was done, before a place or the newest, newest first: for the
    /// operator.
    ///
    /// # Errors
    ///
    /// [`Refusal`], by the rules of access or where the journal cannot be read.
    pub(crate) async fn log(
        &self,
        caller: &Caller,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<Logged>, Refusal> {
        Self::check_operator(caller)?;
        Ok(self.journal().log(before, limit).await?)
    }
}

/// Where everybody starts: nobody's.
fn lobby() -> RoomName {
    RoomName::parse("lobby").expect("a room's name")
}

fn fresh_link(role: Role, time: Option<Duration>) -> Link {
    let until = time.map_or(0, |time| now().as_second().saturating_add_unsigned(time.as_secs()));
    Link { id: format!("{:016x}", rand::random::<u64>()), role, until }
}

fn pass(room: &RoomName, link: &Link) -> Arc<super::Pass> {
    Arc::new(super::Pass { room: room.clone(), link: Arc::new(link.clone()) })
}
