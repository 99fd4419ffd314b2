//! The rules that hold, in memory: they are asked for at every request.

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock, RwLockWriteGuard},
};

use ipnet::IpNet;
use jiff::Timestamp;
use tokio::sync::watch;

#[cfg(feature = "nats")]
use crate::message::Act;
use crate::message::{
    Ban, Banned, Name, RoomName, RoomRules, Rule, RuleKey, Ruling, Seq, StandingRule,
};

/// Rooms with rules of their own that there may be, some 300 bytes each; anybody can make private ones,
/// as many in a minute as other rooms.
const MAX_ROOMS: usize = 100_000;

/// Bans that there may be, some 300 bytes each: what somebody reads through, and what is arranged anew
/// with each in some milliseconds.
const MAX_BANS: usize = 10_000;

/// The rules; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Rulebook(Arc<Inner>);

#[derive(Default)]
struct Inner {
    book: RwLock<Book>,
    /// Where something has changed since that was taken last; `None` stands for all rooms.
    changed: watch::Sender<BTreeSet<Option<RoomName>>>,
}

#[derive(Default)]
struct Book {
    rooms: HashMap<RoomName, (Seq, Arc<RoomRules>)>,
    bans: HashMap<String, (Seq, Arc<Ban>)>,
    /// The same by whom they keep out: they are asked for at every send.
    by_whom: HashMap<Banned, Vec<Arc<Ban>>>,
    /// How long the prefixes of those networks are.
    prefixes: BTreeSet<u8>,
}

impl Book {
    fn write(&mut self, seq: Seq, key: RuleKey, rule: Option<Rule>) {
        match (key, rule) {
            (RuleKey::Room(room), Some(Rule::Room(rules))) => {
                self.rooms.insert(room, (seq, Arc::new(rules)));
            }
            (RuleKey::Ban(id), Some(Rule::Ban(ban))) => {
                self.bans.insert(id, (seq, Arc::new(ban)));
            }
            (RuleKey::Room(room), _) => drop(self.rooms.remove(&room)),
            (RuleKey::Ban(id), _) => drop(self.bans.remove(&id)),
        }
    }

    /// Arranges the bans by whom they keep out.
    fn arrange(&mut self) {
        self.by_whom.clear();
        self.prefixes.clear();
        for (_, ban) in self.bans.values() {
            if let Banned::Address(net) = &ban.whom {
                self.prefixes.insert(net.prefix_len());
            }
            self.by_whom.entry(ban.whom.clone()).or_default().push(Arc::clone(ban));
        }
    }
}

/// Who somebody is, as far as bans go.
pub(crate) struct Seen<'a, B> {
    /// Gives the browser; asked where anybody is banned at all.
    pub browser: B,
    /// The address.
    pub ip: Option<IpAddr>,
    /// The name.
    pub name: Option<&'a Name>,
}

impl<B: FnOnce() -> Option<String>> Seen<'_, B> {
    /// All that a ban could call them.
    fn called(self, prefixes: &BTreeSet<u8>) -> impl Iterator<Item = Banned> {
        let nets = self.ip.into_iter().flat_map(|ip| {
            let net = move |prefix: &u8| IpNet::new(ip, *prefix).ok();
            prefixes.iter().filter_map(net).map(|net| Banned::Address(net.trunc()))
        });
        let name = self.name.map(|name| Banned::Name(name.to_stored().to_owned()));
        nets.chain(name).chain((self.browser)().map(Banned::Browser))
    }
}

impl Rulebook {
    /// One with these rules.
    pub(super) fn new(rules: Vec<StandingRule>) -> Self {
        let rulebook = Self::default();
        for StandingRule { seq, key, rule } in rules {
            rulebook.book().write(seq, key, Some(rule));
        }
        rulebook.book().arrange();
        rulebook
    }

    /// Takes in a ruling that became durable.
    pub(crate) fn apply(&self, seq: Seq, ruling: &Ruling) {
        let room = match (&ruling.key, &ruling.rule) {
            (RuleKey::Room(room), _) => Some(room.clone()),
            (RuleKey::Ban(_), Some(Rule::Ban(ban))) => ban.room.clone(),
            // Nobody is to be put out.
            (RuleKey::Ban(_), _) => {
                let mut book = self.book();
                book.write(seq, ruling.key.clone(), ruling.rule.clone());
                book.arrange();
                return;
            }
        };
        let mut book = self.book();
        book.write(seq, ruling.key.clone(), ruling.rule.clone());
        let now = crate::message::now();
        book.bans.retain(|_, (_, ban)| ban.until > now);
        if matches!(ruling.key, RuleKey::Ban(_)) {
            book.arrange();
        }
        drop(book);
        self.0.changed.send_modify(|changed| {
            changed.insert(room);
        });
    }

    fn book(&self) -> RwLockWriteGuard<'_, Book> {
        self.0.book.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, read: impl FnOnce(&Book) -> T) -> T {
        read(&self.0.book.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether there is room for what is to stand under a key: also where there is none for more, what
    /// stands there is replaced.
    pub(super) fn has_room_for(&self, key: &RuleKey) -> bool {
        self.read(|book| match key {
            RuleKey::Room(room) => book.rooms.len() < MAX_ROOMS || book.rooms.contains_key(room),
            RuleKey::Ban(id) => book.bans.len() < MAX_BANS || book.bans.contains_key(id),
        })
    }

    /// Puts as many there as may be.
    #[cfg(test)]
    pub(super) fn fill(&self) {
        let until = Timestamp::MAX;
        let whom = Banned::Browser(String::new());
        let ban = Ban {
            whom,
            name: String::new(),
            room: None,
            until,
            reason: String::new(),
            by_operator: false,
        };
        let mut book = self.book();
        for number in 0..MAX_BANS {
            let key = RuleKey::Ban(number.to_string());
            book.write(Seq::new(1), key, Some(Rule::Ban(ban.clone())));
        }
        for number in 0..MAX_ROOMS {
            let key = RuleKey::Room(RoomName::stored(&format!("room-{number}")));
            book.write(Seq::new(1), key, Some(Rule::Room(RoomRules::default())));
        }
    }

    /// Those that are on no stream, as they would be put there.
    #[cfg(feature = "nats")]
    pub(super) fn without_place(&self) -> Vec<Ruling> {
        let act = |room: Option<&RoomName>| Act {
            by: "this server".to_owned(),
            what: "put again".to_owned(),
            room: room.cloned(),
            target: None,
        };
        self.read(|book| {
            let rooms = book.rooms.iter().filter(|(_, (seq, _))| *seq == Seq::ZERO);
            let rooms = rooms.map(|(room, (_, rules))| Ruling {
                key: RuleKey::Room(room.clone()),
                rule: Some(Rule::Room(RoomRules::clone(rules))),
                act: act(Some(room)),
            });
            let bans = book.bans.iter().filter(|(_, (seq, _))| *seq == Seq::ZERO);
            let bans = bans.map(|(id, (_, ban))| Ruling {
                key: RuleKey::Ban(id.clone()),
                rule: Some(Rule::Ban(Ban::clone(ban))),
                act: act(ban.room.as_ref()),
            });
            rooms.chain(bans).collect()
        })
    }

    /// Those of a room, where it has any of its own.
    pub(crate) fn room(&self, room: &RoomName) -> Option<Arc<RoomRules>> {
        self.read(|book| book.rooms.get(room).map(|(_, rules)| Arc::clone(rules)))
    }

    /// The same, and their place.
    pub(crate) fn room_at(&self, room: &RoomName) -> Option<(Seq, Arc<RoomRules>)> {
        self.read(|book| book.rooms.get(room).cloned())
    }

    /// The rooms that have rules of their own, in the order of their names.
    pub(crate) fn rooms(&self) -> Vec<(RoomName, Arc<RoomRules>)> {
        let mut rooms: Vec<_> = self.read(|book| {
            let rooms = book.rooms.iter();
            rooms.map(|(room, (_, rules))| (room.clone(), Arc::clone(rules))).collect()
        });
        rooms.sort_unstable_by(|one: &(RoomName, _), other| one.0.cmp(&other.0));
        rooms
    }

    /// Up to `limit` rooms that are private, in no order.
    pub(crate) fn private(&self, limit: usize) -> Vec<RoomName> {
        self.read(|book| {
            let private = book.rooms.iter().filter(|(_, (_, rules))| rules.private);
            private.map(|(room, _)| room.clone()).take(limit).collect()
        })
    }

    /// The bans that hold now, those that end last first.
    pub(crate) fn bans(&self, now: Timestamp) -> Vec<(String, Arc<Ban>)> {
        let mut bans: Vec<_> = self.read(|book| {
            let bans = book.bans.iter().filter(|(_, (_, ban))| ban.until > now);
            bans.map(|(id, (_, ban))| (id.clone(), Arc::clone(ban))).collect()
        });
        bans.sort_unstable_by_key(|(id, ban): &(String, Arc<Ban>)| {
            (std::cmp::Reverse(ban.until), id.clone())
        });
        bans
    }

    /// The ban of somebody in a room, where one holds.
    pub(crate) fn ban(
        &self,
        room: &RoomName,
        now: Timestamp,
        seen: Seen<'_, impl FnOnce() -> Option<String>>,
        counts: impl Fn(&Ban) -> bool,
    ) -> Option<Arc<Ban>> {
        self.read(|book| {
            if book.by_whom.is_empty() {
                return None;
            }
            let holds = |ban: &&Arc<Ban>| {
                ban.until > now && ban.room.as_ref().is_none_or(|its| its == room) && counts(ban)
            };
            let called = seen.called(&book.prefixes);
            let mut bans = called.filter_map(|whom| book.by_whom.get(&whom)).flatten();
            bans.find(holds).map(Arc::clone)
        })
    }

    /// Word of what changes. Who hears of it takes it by [`Self::take_changed`].
    pub(crate) fn changes(&self) -> watch::Receiver<BTreeSet<Option<RoomName>>> {
        self.0.changed.subscribe()
    }

    /// Where something has changed since this was asked last.
    pub(crate) fn take_changed(&self) -> BTreeSet<Option<RoomName>> {
        let mut taken = BTreeSet::new();
        self.0.changed.send_if_modified(|changed| {
            taken = std::mem::take(changed);
            false
        });
        taken
    }
}
