//! Keeping somebody out, of a room or of all.

use std::{sync::Arc, time::Duration};

use ipnet::IpNet;
use jiff::Timestamp;

use super::{Caller, Refusal, Rooms};
use crate::{
    message::{Author, Ban, Banned, MessageId, Role, RoomName, Rule, RuleKey, Ruling, now},
    subscriber::subscriber_net,
};

/// The widest networks that a moderator may keep out: a small provider's. Only the operator bans more.
const MIN_PREFIX_V4: u8 = 24;
const MIN_PREFIX_V6: u8 = 48;

/// The longest that a moderator may keep somebody out.
const MAX_MODERATOR_TIME: Duration = Duration::from_hours(30 * 24);

/// Bans of one room by its moderators at a time.
const MAX_ROOM_BANS: usize = 1_000;

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
    /// Keeps somebody out, and puts out who is there.
    ///
    /// # Errors
    ///
    /// [`Refusal`], by the rules of access or the journal; [`Refusal::NoMessage`]; and
    /// [`Refusal::NotKnown`] where nothing is known of who is meant.
    pub(crate) async fn ban(&self, caller: &Caller, new: NewBan) -> Result<String, Refusal> {
        let NewBan { culprit, room, everywhere, time, reason } = new;
        self.check_role(caller, &room, Role::Moderate)?;
        if everywhere {
            Self::check_operator(caller)?;
        }
        if !caller.operator {
            self.check_modest(caller, &room, &culprit, time)?;
        }
        let found = self.find(&room, culprit).await?;
        let room = (!everywhere).then_some(room);
        self.put_ban(caller, found, room, time, reason).await
    }

    /// Whether a ban is no more than who moderates one room may say.
    fn check_modest(
        &self,
        caller: &Caller,
        room: &RoomName,
        culprit: &Culprit,
        time: Duration,
    ) -> Result<(), Refusal> {
        self.0.limits.send(caller.ip)?;
        if let Culprit::Address(net) = culprit {
            let least = if net.addr().is_ipv4() { MIN_PREFIX_V4 } else { MIN_PREFIX_V6 };
            if net.prefix_len() < least {
                return Err(Refusal::TooWide);
            }
        }
        if time > MAX_MODERATOR_TIME {
            return Err(Refusal::TooWide);
        }
        let bans = self.rulebook().bans(now());
        let here = bans.iter().filter(|(_, ban)| ban.room.as_ref() == Some(room)).count();
        if here >= MAX_ROOM_BANS { Err(Refusal::TooManyBans) } else { Ok(()) }
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
        let act = caller.act(&format!("ban {}", whom.what()), room.as_ref(), Some(&id));
        let ban = Ban {
            whom,
            name,
            room,
            until: until.unwrap_or(Timestamp::MAX),
            reason,
            by_operator: caller.operator,
        };
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
        Self::check_operator(caller)?;
        self.put_ban(caller, (Banned::Address(address), String::new()), None, time, reason).await
    }

    async fn find(&self, room: &RoomName, culprit: Culprit) -> Result<(Banned, String), Refusal> {
        let id = match culprit {
            Culprit::Address(net) => return Ok((Banned::Address(net), String::new())),
            Culprit::Sender(ref id) | Culprit::AddressOf(ref id) | Culprit::NameOf(ref id) => id,
        };
        let found = self.signed(room, id).await?;
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
                Banned::Address(subscriber_net(ip))
            }
        };
        Ok((whom, name))
    }

    /// Lifts a ban of a room, or, for the operator, any.
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
        let bans = self.bans(caller, room)?;
        let ban = bans.iter().find(|(its, _)| its == id);
        let (_, ban) = ban.ok_or(Refusal::NoSuchBan)?;
        if ban.by_operator {
            Self::check_operator(caller)?;
        }
        let act = caller.act("lift", ban.room.as_ref(), Some(id));
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
        self.check_role_in(caller, room, Role::Moderate)?;
        let mut bans = self.rulebook().bans(now());
        bans.retain(|(_, ban)| room.is_none() || ban.room.as_ref() == room);
        Ok(bans)
    }
}
