//! The rules that hold, in memory: they are asked for at every request.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, PoisonError, RwLock},
};

use jiff::Timestamp;
use tokio::sync::watch;

#[cfg(feature = "nats")]
use crate::message::Act;
use crate::message::{Ban, RoomName, RoomRules, Rule, RuleKey, Ruling, Seq, StandingRule};

/// Rules that there may be: bans and rooms together, some 300 bytes each.
pub(crate) const MAX_RULES: usize = 100_000;

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
}

impl Rulebook {
    /// One with these rules.
    pub(super) fn new(rules: Vec<StandingRule>) -> Self {
        let rulebook = Self::default();
        for StandingRule { seq, key, rule } in rules {
            rulebook.write(seq, key, Some(rule));
        }
        rulebook
    }

    /// Takes in a ruling that became durable.
    pub(super) fn apply(&self, seq: Seq, ruling: &Ruling) {
        let room = match (&ruling.key, &ruling.rule) {
            (RuleKey::Room(room), _) => Some(room.clone()),
            (RuleKey::Ban(_), Some(Rule::Ban(ban))) => ban.room.clone(),
            // Nobody is to be put out.
            (RuleKey::Ban(_), _) => {
                self.write(seq, ruling.key.clone(), ruling.rule.clone());
                return;
            }
        };
        self.write(seq, ruling.key.clone(), ruling.rule.clone());
        self.0.changed.send_modify(|changed| {
            changed.insert(room);
        });
    }

    fn write(&self, seq: Seq, key: RuleKey, rule: Option<Rule>) {
        let mut book = self.0.book.write().unwrap_or_else(PoisonError::into_inner);
        match (key, rule) {
            (RuleKey::Room(room), Some(Rule::Room(rules))) => {
                book.rooms.insert(room, (seq, Arc::new(rules)));
            }
            (RuleKey::Ban(id), Some(Rule::Ban(ban))) => {
                book.bans.insert(id, (seq, Arc::new(ban)));
            }
            (RuleKey::Room(room), _) => drop(book.rooms.remove(&room)),
            (RuleKey::Ban(id), _) => drop(book.bans.remove(&id)),
        }
        let now = crate::message::now();
        book.bans.retain(|_, (_, ban)| ban.until > now);
    }

    fn read<T>(&self, read: impl FnOnce(&Book) -> T) -> T {
        read(&self.0.book.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.read(|book| book.rooms.len() + book.bans.len())
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

    /// Those of them that are private.
    pub(crate) fn private_rooms(&self) -> Vec<RoomName> {
        self.read(|book| {
            let private = book.rooms.iter().filter(|(_, (_, rules))| rules.private);
            private.map(|(room, _)| room.clone()).collect()
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
        is: impl Fn(&Ban) -> bool,
    ) -> Option<Arc<Ban>> {
        self.read(|book| {
            let mut bans = book.bans.values().map(|(_, ban)| ban);
            let holds = |ban: &&Arc<Ban>| {
                ban.until > now && ban.room.as_ref().is_none_or(|its| its == room) && is(ban)
            };
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
