//! Rules: what the operator, or who holds a room, says that everybody has to go by.
//!
//! A rule stands under a key, and the last one that was put there holds. It is written to the journal
//! with a seq of its own, so that every node has the same rules in the same order; it is no entry of a
//! room, and no reader is told of it.

use std::time::Duration;

use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{RoomName, Seq};

/// What a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RuleKey {
    /// A room: who may do what there.
    Room(RoomName),
    /// Somebody who is kept out; the ban's own id.
    Ban(String),
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Of a room.
    Room(RoomRules),
    /// Of somebody.
    Ban(Ban),
}

/// What holds in a room. Who has none of it made has the default: whoever comes may do everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoomRules {
    /// Only who has a link may come in, or know of it.
    #[serde(skip_serializing_if = "is_default")]
    pub private: bool,
    /// Only who moderates may send.
    #[serde(skip_serializing_if = "is_default")]
    pub locked: bool,
    /// Seconds between two messages of one tab; 0 for none.
    #[serde(skip_serializing_if = "is_default")]
    pub slow_seconds: u32,
    /// Minutes after joining before somebody may send; 0 for none.
    #[serde(skip_serializing_if = "is_default")]
    pub wait_minutes: u32,
    /// Hours that messages are kept, where that is less than the server keeps them; 0 for as long.
    #[serde(skip_serializing_if = "is_default")]
    pub keep_hours: u32,
    /// Up to which seq everything that was said is to be gone; 0 for nothing.
    #[serde(skip_serializing_if = "is_default")]
    pub emptied: u64,
    /// Links that let somebody in.
    #[serde(skip_serializing_if = "is_default")]
    pub links: Vec<Link>,
}

/// What a link lets somebody do; each may do what the one before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Read.
    Read,
    /// Join and send.
    Write,
    /// Remove what others said, keep them out, and set the room's rules.
    Moderate,
    /// Give links, and take them back.
    Host,
}

/// A link into a room that was given and not taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// What tells it from others.
    pub id: String,
    /// What it is good for.
    pub role: Role,
    /// Until when, in seconds since 1970; 0 for ever.
    pub until: i64,
}

/// Who is kept out.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Banned {
    /// Who uses this browser, as [`Author::browser`](super::Author::browser) has it.
    Browser(String),
    /// Who comes from these addresses.
    Address(IpNet),
    /// Who has this name and its mark, as it is stored.
    Name(String),
}

/// Somebody may neither join nor send for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// Whom it keeps out.
    pub whom: Banned,
    /// Under which name it was seen, for who reads the list.
    #[serde(default)]
    pub name: String,
    /// From where; `None` for all rooms.
    #[serde(default)]
    pub room: Option<RoomName>,
    /// Until when.
    pub until: Timestamp,
    /// Why, for the one who is kept out.
    pub reason: String,
    /// Whether the operator said so: then it binds who moderates as well, and nobody else lifts it.
    #[serde(default)]
    pub by_operator: bool,
}

/// What was done, for the log of the operator: never what somebody said, and never an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// Who did it: the operator, or who had a link.
    pub by: String,
    /// What.
    pub what: String,
    /// Where; `None` for all rooms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomName>,
    /// To what: the id of a message, of a ban, or of a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// A rule as it is put: what was there under its key goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// What it is about.
    pub key: RuleKey,
    /// What holds from here on; `None` where the rule is lifted.
    pub rule: Option<Rule>,
    /// What was done.
    pub act: Act,
}

/// A rule that holds, and since which place of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The seq of its ruling.
    pub seq: Seq,
    /// What it is about.
    pub key: RuleKey,
    /// What holds.
    pub rule: Rule,
}

/// A line of the operator's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Its place in the journal.
    pub seq: Seq,
    /// When it was.
    pub at: Timestamp,
    /// What was done.
    pub act: Act,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl RuleKey {
    const ROOM: &str = "room ";
    const BAN: &str = "ban ";

    /// One that was written.
    #[must_use]
    pub fn parse(raw: &str) -> Option<Self> {
        if let Some(room) = raw.strip_prefix(Self::ROOM) {
            return RoomName::parse(room).ok().map(Self::Room);
        }
        raw.strip_prefix(Self::BAN).map(|id| Self::Ban(id.to_owned()))
    }
}

impl std::fmt::Display for RuleKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Room(room) => write!(f, "{}{room}", Self::ROOM),
            Self::Ban(id) => write!(f, "{}{id}", Self::BAN),
        }
    }
}

impl Rule {
    /// Its body, as JSON.
    ///
    /// # Panics
    ///
    /// Never: it is made of strings and numbers.
    #[must_use]
    pub fn encode(&self) -> String {
        let body = match self {
            Self::Room(rules) => serde_json::to_string(rules),
            Self::Ban(ban) => serde_json::to_string(ban),
        };
        body.expect("strings and numbers are JSON")
    }

    /// The rule in a body that stands under `key`.
    ///
    /// # Errors
    ///
    /// Where a later hubbub wrote it, or it is damaged.
    pub fn decode(key: &RuleKey, body: &str) -> Result<Self, serde_json::Error> {
        Ok(match key {
            RuleKey::Room(_) => Self::Room(serde_json::from_str(body)?),
            RuleKey::Ban(_) => Self::Ban(serde_json::from_str(body)?),
        })
    }

    /// When it ends by itself, and is to be forgotten.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Room(_) => None,
            Self::Ban(ban) => Some(ban.until),
        }
    }
}

impl RoomRules {
    /// How long messages are kept here, where that is less than elsewhere.
    #[must_use]
    pub fn keep(&self) -> Option<Duration> {
        (self.keep_hours > 0).then(|| Duration::from_hours(self.keep_hours.into()))
    }
}

impl Role {
    /// Its word in a token.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Moderate => "moderate",
            Self::Host => "host",
        }
    }

    /// The role of a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Read, Self::Write, Self::Moderate, Self::Host]
            .into_iter()
            .find(|role| role.as_str() == word)
    }
}

impl Banned {
    /// What it is, in a word for the log.
    #[must_use]
    pub fn what(&self) -> &'static str {
        match self {
            Self::Browser(_) => "a tab",
            Self::Address(_) => "an address",
            Self::Name(_) => "a name",
        }
    }
}

/// The object on the wire, where nodes share a stream.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    v: u64,
    rule: String,
    body: Option<String>,
    act: Act,
}

const VERSION: u64 = 1;

impl Ruling {
    /// It as bytes for a stream.
    ///
    /// # Panics
    ///
    /// Never: it is made of strings and numbers.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let wire = Wire {
            v: VERSION,
            rule: self.key.to_string(),
            body: self.rule.as_ref().map(Rule::encode),
            act: self.act.clone(),
        };
        serde_json::to_vec(&wire).expect("strings and numbers are JSON")
    }

    /// The ruling in such bytes.
    ///
    /// # Errors
    ///
    /// Says why they are none.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let wire: Wire = serde_json::from_slice(bytes).map_err(|why| why.to_string())?;
        if wire.v != VERSION {
            return Err(format!("a rule of version {}", wire.v));
        }
        let key = RuleKey::parse(&wire.rule).ok_or_else(|| format!("a rule {:?}", wire.rule))?;
        let rule = wire.body.map(|body| Rule::decode(&key, &body)).transpose();
        Ok(Self { rule: rule.map_err(|why| why.to_string())?, key, act: wire.act })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ban() -> Ban {
        Ban {
            whom: Banned::Address("192.0.2.0/24".parse().unwrap()),
            name: "eve".into(),
            room: RoomName::parse("lobby").ok(),
            until: Timestamp::from_second(1_795_000_000).unwrap(),
            reason: "noise".into(),
            by_operator: true,
        }
    }

    fn act() -> Act {
        Act { by: "the operator".into(), what: "ban".into(), room: None, target: Some("7".into()) }
    }

    #[test]
    fn a_ruling_reads_back_as_itself_and_what_is_none_is_refused() {
        let link = Link { id: "a".into(), role: Role::Host, until: 0 };
        let rules =
            RoomRules { private: true, slow_seconds: 9, links: vec![link], ..RoomRules::default() };
        let room = RuleKey::Room(RoomName::parse("lobby").unwrap());
        for (key, rule) in [
            (RuleKey::Ban("7".into()), Some(Rule::Ban(ban()))),
            (RuleKey::Ban("7".into()), None),
            (room.clone(), Some(Rule::Room(rules))),
            (room, Some(Rule::Room(RoomRules::default()))),
        ] {
            let ruling = Ruling { key, rule, act: act() };
            assert_eq!(Ruling::decode(&ruling.encode()), Ok(ruling));
        }
        for bytes in [
            "",
            "{}",
            r#"{"v":2,"rule":"ban 7","body":null,"act":{"by":"","what":""}}"#,
            r#"{"v":1,"rule":"what 7","body":null,"act":{"by":"","what":""}}"#,
            r#"{"v":1,"rule":"ban 7","body":"{}","act":{"by":"","what":""}}"#,
        ] {
            assert!(Ruling::decode(bytes.as_bytes()).is_err(), "{bytes}");
        }
    }

    #[test]
    fn each_role_may_do_what_the_one_before_it_may() {
        assert!(
            Role::Read < Role::Write && Role::Write < Role::Moderate && Role::Moderate < Role::Host
        );
        for role in [Role::Read, Role::Write, Role::Moderate, Role::Host] {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::parse("owner"), None);
    }
}
