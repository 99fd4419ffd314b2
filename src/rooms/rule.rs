//! Ruling: what a room is, who has a link into it, and who is kept out.

use std::{sync::Arc, time::Duration};

use ipnet::IpNet;
use jiff::Timestamp;

use super::{Caller, Denied, Refusal, Rooms};
use crate::{
    journal::{Rulebook, Ruled},
    message::{
        Act, Author, Ban, Banned, Link, Logged, MessageId, Role, RoomName, RoomRules, Rule,
        RuleKey, Ruling, Seq, now,
    },
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

/// Addresses of IPv6 that one person has: a network of this length.
const IPV6_PREFIX: u8 = 64;

/// Whom a ban is to keep out, as somebody says it.
#[derive(Clone, Debug)]
pub(crate) enum Culprit {
    /// Whoever sent this message, by the browser.
    Sender(MessageId),
    /// Whoever sent this message, by the address that it came from.
    AddressOf(MessageId),
    /// These addresses.
    Address(IpNet),
    /// Who has the name and the mark of this message.
    NameOf(MessageId),
}

/// A ban that is to be made.
#[derive(Clone, Debug)]
pub(crate) struct NewBan {
    /// Whom.
    pub culprit: Culprit,
    /// From where the message is.
    pub room: RoomName,
    /// Whether from all rooms.
    pub everywhere: bool,
    /// For how long.
    pub time: Duration,
    /// Why.
    pub reason: String,
}

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
        if self.role(caller, room) >= Some(role) {
            Ok(())
        } else {
            Err(Denied::NotModerator.into())
        }
    }

    /// Changes the rules of a room, by who moderates it. What only its host may change stays as it was
    /// for others.
    ///
    /// # Errors
    ///
    /// [`Refusal`], by the rules of access or the journal.
    pub(crate) async fn set_rules(
        &self,
        caller: &Caller,
        room: &RoomName,
        change: impl Fn(&mut RoomRules),
    ) -> Result<(), Refusal> {
        self.check_role(caller, room, Role::Moderate)?;
        let is_host = self.role(caller, room) >= Some(Role::Host);
        let revise = |rules: &mut RoomRules| {
            let before = rules.clone();
            change(rules);
            if !is_host {
                (rules.private, rules.keep_hours) = (before.private, before.keep_hours);
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
        let is_new = self.rulebook().room(room).is_none()
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
        if !caller.operator {
            return Err(Denied::NotModerator.into());
        }
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
        let act = Act {
            by: caller.who(),
            what: what.to_owned(),
            room: Some(room.clone()),
            target: target.map(ToOwned::to_owned),
        };
        let key = RuleKey::Room(room.clone());
        let ruling = Ruling { key, rule: Some(Rule::Room(rules)), act };
        Ok(self.journal().rule(ruling, Some(expected)).await?)
    }

    /// Keeps somebody out, and puts out who is there.
    ///
    /// # Errors
    ///
    /// [`Refusal`], by the rules of access or the journal; [`Refusal::NoMessage`]; and
    /// [`Refusal::NotKnown`] where nothing is known of who is meant.
    pub(crate) async fn ban(&self, caller: &Caller, new: NewBan) -> Result<String, Refusal> {
        let NewBan { culprit, room, everywhere, time, reason } = new;
        self.check_role(caller, &room, Role::Moderate)?;
        if everywhere && !caller.operator {
            return Err(Denied::NotModerator.into());
        }
        let found = self.find(&room, culprit).await?;
        let room = (!everywhere).then_some(room);
        self.put_ban(caller, found, room, time, reason).await
    }

    async fn put_ban(
        &self,
        caller: &Caller,
        (whom, name): (Banned, String),
        room: Option<RoomName>,
        time: Duration,
        reason: String,
    ) -> Result<String, Refusal> {
        let until =
            Timestamp::from_second(now().as_second().saturating_add_unsigned(time.as_secs()));
        let id = format!("{:016x}", rand::random::<u64>());
        let act = Act {
            by: caller.who(),
            what: format!("ban {}", whom.what()),
            room: room.clone(),
            target: Some(id.clone()),
        };
        let ban = Ban { whom, name, room, until: until.unwrap_or(Timestamp::MAX), reason };
        let key = RuleKey::Ban(id.clone());
        let ruling = Ruling { key, rule: Some(Rule::Ban(ban)), act };
        self.journal().rule(ruling, None).await?;
        Ok(id)
    }

    /// Keeps addresses out of all rooms, by the operator.
    ///
    /// # Errors
    ///
    /// As [`Rooms::ban`].
    pub(crate) async fn ban_everywhere(
        &self,
        caller: &Caller,
        address: IpNet,
        time: Duration,
        reason: String,
    ) -> Result<String, Refusal> {
        if !caller.operator {
            return Err(Denied::NotModerator.into());
        }
        self.put_ban(caller, (Banned::Address(address), String::new()), None, time, reason).await
    }

    async fn find(&self, room: &RoomName, culprit: Culprit) -> Result<(Banned, String), Refusal> {
        let id = match culprit {
            Culprit::Address(net) => return Ok((Banned::Address(net), String::new())),
            Culprit::Sender(ref id) | Culprit::AddressOf(ref id) | Culprit::NameOf(ref id) => id,
        };
        if id.epoch() != self.journal().epoch() {
            return Err(Refusal::NoMessage);
        }
        let found = self.journal().signed(room, id.seq()).await?.ok_or(Refusal::NoMessage)?;
        let name = found.message.name.as_str().to_owned();
        let whom = match culprit {
            Culprit::Sender(_) => {
                let browser = found.author.and_then(Author::browser).ok_or(Refusal::NotKnown)?;
                Banned::Browser(browser)
            }
            // One that is not proven is anybody's.
            Culprit::NameOf(_) if found.message.name.mark().is_none() => {
                return Err(Refusal::NotProven);
            }
            Culprit::NameOf(_) => Banned::Name(found.message.name.to_stored().to_owned()),
            _ => {
                let ip = self.0.senders.address(id.seq()).ok_or(Refusal::NotKnown)?;
                let prefix = if ip.is_ipv6() { IPV6_PREFIX } else { 32 };
                Banned::Address(IpNet::new_assert(ip, prefix).trunc())
            }
        };
        Ok((whom, name))
    }

    /// Lifts a ban.
    ///
    /// # Errors
    ///
    /// [`Refusal`], by the rules of access or the journal; and [`Refusal::NoSuchBan`].
    pub(crate) async fn lift(
        &self,
        caller: &Caller,
        room: Option<&RoomName>,
        id: &str,
    ) -> Result<(), Refusal> {
        let bans = self.rulebook().bans(now());
        let ban = bans
            .iter()
            .find(|(its, ban)| its == id && (room.is_none() || ban.room.as_ref() == room));
        let (_, ban) = ban.ok_or(Refusal::NoSuchBan)?;
        match &ban.room {
            Some(room) => self.check_role(caller, room, Role::Moderate)?,
            None if caller.operator => {}
            None => return Err(Denied::NotModerator.into()),
        }
        let act = Act {
            by: caller.who(),
            what: "lift".to_owned(),
            room: ban.room.clone(),
            target: Some(id.to_owned()),
        };
        let ruling = Ruling { key: RuleKey::Ban(id.to_owned()), rule: None, act };
        self.journal().rule(ruling, None).await?;
        Ok(())
    }

    /// The bans of a room, or, for the operator, all.
    ///
    /// # Errors
    ///
    /// [`Refusal::Denied`].
    pub(crate) fn bans(
        &self,
        caller: &Caller,
        room: Option<&RoomName>,
    ) -> Result<Vec<(String, Arc<Ban>)>, Refusal> {
        match room {
            Some(room) => self.check_role(caller, room, Role::Moderate)?,
            None if caller.operator => {}
            None => return Err(Denied::NotModerator.into()),
        }
        let mut bans = self.rulebook().bans(now());
        bans.retain(|(_, ban)| room.is_none() || ban.room.as_ref() == room);
        Ok(bans)
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
        if !caller.operator {
            return Err(Denied::NotModerator.into());
        }
        Ok(self.journal().log(before, limit).await?)
    }
}

fn fresh_link(role: Role, time: Option<Duration>) -> Link {
    let until = time.map_or(0, |time| now().as_second().saturating_add_unsigned(time.as_secs()));
    Link { id: format!("{:016x}", rand::random::<u64>()), role, until }
}

fn pass(room: &RoomName, link: &Link) -> Arc<super::Pass> {
    Arc::new(super::Pass { room: room.clone(), link: Arc::new(link.clone()) })
}
