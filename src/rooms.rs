//! What one may do in a room: join, send, listen, leave, and read what was said.
//!
//! Every way in comes through here and meets the rules in one order: [`limits`], names (the
//! [`roster`]), [`access`], then the journal, and last what is counted. Handlers parse and render;
//! they ask for nothing that is not asked for here.

mod access;
#[cfg(not(feature = "nats"))]
mod alone;
mod ban;
mod enforce;
mod erase;
mod join;
mod known;
mod left;
mod limits;
mod listen;
#[cfg(test)]
pub mod model;
#[cfg(feature = "nats")]
mod nodes;
mod read;
mod revise;
mod roster;
mod rule;
mod search;
mod send;
mod senders;
mod tab;
mod unread;

use std::{collections::HashSet, net::IpAddr, sync::Arc, time::Duration};

use crate::{
    delivery::{hub::Hub, stream::Source},
    journal::{AppendError, Journal, ReadError},
    message::{Act, RoomName},
    metrics::Metrics,
    search::Search,
};

pub(crate) use crate::subscriber::subscriber_net;
pub(crate) use access::{Denied, EDIT_TIME, MIN_PROOF_CHARS, Pass, Proof};
#[cfg(not(feature = "nats"))]
pub(crate) use alone::Nodes;
pub(crate) use ban::{Culprit, NewBan};
pub(crate) use left::LeftTabs;
pub(crate) use limits::{Allowed, AnswerPermit, Limits, TooMuch};
pub(crate) use listen::{Cursor, Listen};
#[cfg(feature = "nats")]
pub(crate) use nodes::Nodes;
pub(crate) use revise::Allowance;
pub(crate) use roster::{Lapsed, NameTaken, Presence, Roster};
pub(crate) use rule::{MAX_HOURS, MAX_SLOW_SECONDS, MAX_WAIT_MINUTES};
pub(crate) use tab::Tab;
pub(crate) use unread::Other;

use access::{Access, Action, Who};
#[cfg(not(feature = "nats"))]
use alone::Aside;
use known::Known;
#[cfg(feature = "nats")]
use nodes::Aside;
use senders::Senders;

/// A handle on all rooms; clones share it.
#[derive(Clone)]
pub(crate) struct Rooms(Arc<Parts>);

/// What [`Rooms`] is made of.
struct Parts {
    source: Source,
    roster: Roster,
    left: LeftTabs,
    limits: Limits,
    access: Access,
    senders: Senders,
    known: Known,
    /// The other nodes, where there may be any.
    nodes: Option<Nodes>,
    search: Search,
    metrics: Metrics,
}

/// Who asks, as far as the rules go.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// The address that limits count by; `None` where none should apply.
    pub ip: Option<IpAddr>,
    /// Whether it is the operator.
    pub operator: bool,
    /// The link that let it in.
    pub pass: Option<Arc<Pass>>,
}

impl Caller {
    /// What it does, for the log of what was done.
    fn act(&self, what: &str, room: Option<&RoomName>, target: Option<&str>) -> Act {
        Act {
            by: self.who(),
            what: what.to_owned(),
            room: room.cloned(),
            target: target.map(ToOwned::to_owned),
        }
    }

    /// Who it is, for the log of what was done.
    pub(crate) fn who(&self) -> String {
        match &self.pass {
            _ if self.operator => "operator".to_owned(),
            Some(pass) => format!("{} {}", pass.link.role.as_str(), pass.link.id),
            None => "somebody".to_owned(),
        }
    }
}

/// Why somebody may not do what they asked for, or it could not be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// More was asked for in a minute than is allowed.
    #[error("too much in a minute")]
    TooMany(Duration),
    /// As many streams, or rooms, are open as may be.
    #[error("no room for more")]
    Full(Duration),
    /// Somebody in the room has the name, or one that looks like it.
    #[error(transparent)]
    NameTaken(#[from] NameTaken),
    /// Whether somebody on another node has the name cannot be known now.
    #[error(transparent)]
    Apart(#[from] Apart),
    /// The tab left, or somebody else has its name by now.
    #[error(transparent)]
    Lapsed(#[from] Lapsed),
    /// The rules of the room do not allow it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// There is such a room, as far as anybody can tell.
    #[error("there is such a room")]
    Exists,
    /// As many links are good as may be.
    #[error("too many links")]
    TooManyLinks,
    /// The room has no such link.
    #[error("no such link")]
    NoSuchLink,
    /// There is no such ban.
    #[error("no such ban")]
    NoSuchBan,
    /// A moderator's ban would be of too many, or for too long.
    #[error("a ban too wide")]
    TooWide,
    /// The room has as many bans as its moderators may make.
    #[error("too many bans")]
    TooManyBans,
    /// Anybody can take the name that is meant.
    #[error("the name is not proven")]
    NotProven,
    /// Nothing is known of who is meant: no tab, or no address.
    #[error("not known")]
    NotKnown,
    /// Somebody else sent the message.
    #[error("somebody else sent it")]
    NotAuthor,
    /// The message was sent too long ago to be edited.
    #[error("too late to edit")]
    TooLate,
    /// The message was removed, and cannot be edited.
    #[error("it was removed")]
    Removed,
    /// There is no such message in the room, or it is no longer kept.
    #[error("no such message")]
    NoMessage,
    /// The room's readers are behind its senders.
    #[error("more is sent than can be delivered")]
    Behind,
    /// This node does not have yet what the reader has seen on another.
    #[error("another node is ahead")]
    NotYet,
    /// The journal did not take the message.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// This node does not know now who is on the others, or NATS does not say who was first.
#[derive(Clone, Debug, thiserror::Error)]
#[error("nobody can join: {0}")]
pub(crate) struct Apart(Arc<str>);

/// Of what is asked for again and again; [`Refusal::Full`] is for what is held.
impl From<TooMuch> for Refusal {
    fn from(TooMuch(wait): TooMuch) -> Self {
        Self::TooMany(wait)
    }
}

impl Rooms {
    /// Rooms whose messages come from `source` and are found by `search`; `nodes` are the others, where there may be any; `opened`
    /// are the rooms that there are, where only the operator may open further ones.
    pub(crate) fn new(
        nodes: Option<Nodes>,
        (source, search): (Source, Search),
        roster: Roster,
        left: LeftTabs,
        limits: Limits,
        metrics: Metrics,
        opened: Option<HashSet<RoomName>>,
    ) -> Self {
        let access = Access::new(source.journal.rulebook().clone(), opened);
        let known = Known::default();
        Self(Arc::new(Parts {
            source,
            roster,
            left,
            limits,
            access,
            senders: Senders::default(),
            known,
            nodes,
            search,
            metrics,
        }))
    }

    /// Tells the other nodes who is here and hears who is there, for ever; `None` where there are none.
    pub(crate) fn meet_nodes(&self) -> Option<impl Future<Output = ()> + Send + use<>> {
        let (nodes, rooms) = (self.0.nodes.clone()?, self.clone());
        Some(nodes.run(move |room, tab, what| rooms.happened_elsewhere(room, tab, what)))
    }

    /// Tells the other nodes, where there are any, that this one stops, once its streams have ended.
    pub(crate) async fn leave_nodes(&self) {
        if let Some(nodes) = &self.0.nodes {
            nodes.bye().await;
        }
    }

    /// A permit for an answer of so many bytes, which counts until it is dropped.
    ///
    /// # Errors
    ///
    /// Where as many are on their way to this address, or in all, as may be.
    pub(crate) fn answer(&self, caller: &Caller, bytes: usize) -> Result<AnswerPermit, Refusal> {
        self.0.limits.answer(caller.ip, bytes).map_err(|TooMuch(wait)| Refusal::Full(wait))
    }

    /// Whether a token that somebody gave is the right one.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooMany`] after too many wrong ones.
    pub(crate) fn try_token(
        &self,
        caller: &Caller,
        is_right: impl FnOnce() -> bool,
    ) -> Result<bool, Refusal> {
        Ok(self.0.limits.try_token(caller.ip, is_right)?)
    }

    /// The journal behind them.
    pub(crate) fn journal(&self) -> &Journal {
        &self.0.source.journal
    }

    /// The fan-out to their readers.
    pub(crate) fn hub(&self) -> &Hub {
        &self.0.source.hub
    }
}
