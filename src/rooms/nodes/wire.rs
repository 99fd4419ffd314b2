//! What nodes say to each other, in JSON: an operator can read along with `nats sub`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    super::roster::{Hold, Standing, Word},
    map::{Id, Map, id_text, parse_id},
};
use crate::message::{Name, RoomName};

/// The form of what is said. Another one is another node's, which is newer or older by a lot; nothing
/// of it is understood.
const FORM: u8 = 1;

/// The bytes of a message that rooms and tabs fill: servers take a megabyte.
const MAX_BYTES: usize = 192 * 1024;

/// What a tab's entry takes at most beside its name, and a room's beside its own: quotes, digits.
const TAB_BYTES: usize = 64;

/// One message of a node. They are numbered from 1 without a gap, so that who misses one knows.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Message {
    #[serde(rename = "v")]
    form: u8,
    /// Whose: a random number of the process, in hexadecimal digits.
    node: String,
    #[serde(rename = "n")]
    pub number: u64,
    /// What it is beside its news.
    #[serde(default, rename = "s", skip_serializing_if = "Signal::is_none")]
    pub signal: Signal,
    /// Questions who lives that this answers: whose, and their numbers. What was said by then was said
    /// before this.
    #[serde(default, rename = "to", skip_serializing_if = "Vec::is_empty")]
    answers: Vec<(String, u64)>,
    /// Nodes that are to say everything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ask: Vec<String>,
    /// It is a part of everything: which, and of how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<(usize, usize)>,
    /// What is new, or there, room by room.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    rooms: BTreeMap<String, RoomNews>,
}

/// What a message says of its node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Signal {
    /// It lives, and so far its numbers go: said regularly.
    Beat,
    /// It has just come, or come back: others answer with a beat at once.
    Hello,
    /// It has to know now who lives: others answer with a beat at once.
    Call,
    /// It stops, and this is its last word.
    Bye,
    /// Nothing, or what this node does not understand.
    #[default]
    #[serde(other)]
    None,
}

impl Signal {
    /// Whether others answer with a beat at once.
    pub(super) fn asks(self) -> bool {
        matches!(self, Self::Hello | Self::Call)
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct RoomNews {
    #[serde(default, rename = "w", skip_serializing_if = "Option::is_none")]
    watching: Option<usize>,
    /// Id, name in its stored form, standing and hold in a number, and the browser's mark.
    #[serde(default, rename = "t", skip_serializing_if = "Vec::is_empty")]
    tabs: Vec<(String, String, u8, u32)>,
    /// Ids.
    #[serde(default, rename = "g", skip_serializing_if = "Vec::is_empty")]
    gone: Vec<String>,
    #[serde(default, rename = "a", skip_serializing_if = "Vec::is_empty")]
    asides: Vec<(String, Aside)>,
}

/// What happened to a tab on a node that does not have it, for the one that has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::rooms) enum Aside {
    /// It left.
    Left,
    /// It said that it is hidden.
    Hidden,
    /// It said that it is not.
    Shown,
}

/// One thing that is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Tab(RoomName, Id, Option<Word>),
    Watching(RoomName, usize),
    Aside(RoomName, Id, Aside),
}

impl Message {
    /// A message of `node` without a number.
    pub(super) fn of(node: u64) -> Self {
        Self { form: FORM, node: node_text(node), ..Self::default() }
    }

    /// What it says of itself.
    pub(super) fn signal(node: u64, signal: Signal) -> Self {
        Self { signal, ..Self::of(node) }
    }

    /// Whose it is.
    pub(super) fn node(&self) -> Option<u64> {
        u64::from_str_radix(&self.node, 16).ok()
    }

    /// Answers questions.
    pub(super) fn answer(&mut self, questions: impl IntoIterator<Item = (u64, u64)>) {
        self.answers.extend(questions.into_iter().map(|(node, number)| (node_text(node), number)));
    }

    /// The question of a node that it answers.
    pub(super) fn answers(&self, node: u64) -> Option<u64> {
        let node = node_text(node);
        self.answers.iter().find(|(one, _)| *one == node).map(|(_, number)| *number)
    }

    pub(super) fn ask(&mut self, nodes: impl Iterator<Item = u64>) {
        self.ask.extend(nodes.map(node_text));
    }

    pub(super) fn asks(&self, node: u64) -> bool {
        self.ask.contains(&node_text(node))
    }

    /// Messages with all of these changes: at least one, and as many as there must be.
    pub(super) fn with(node: u64, changes: impl IntoIterator<Item = Change>) -> Vec<Self> {
        let mut messages = vec![Self::of(node)];
        let mut bytes = 0;
        for change in changes {
            if bytes > MAX_BYTES {
                messages.push(Self::of(node));
                bytes = 0;
            }
            if let Some(message) = messages.last_mut() {
                bytes += message.add(change);
            }
        }
        messages
    }

    /// Everything that a node has to say.
    pub(super) fn everything(node: u64, map: &Map) -> Vec<Self> {
        let changes = map.rooms().flat_map(|(room, place)| {
            let watching =
                (place.watching > 0).then(|| Change::Watching(room.clone(), place.watching));
            let tabs = place.tabs.iter();
            let tabs = tabs.map(|(id, word)| Change::Tab(room.clone(), *id, Some(word.clone())));
            watching.into_iter().chain(tabs)
        });
        let mut messages = Self::with(node, changes);
        let of = messages.len();
        for (number, message) in messages.iter_mut().enumerate() {
            message.part = Some((number, of));
        }
        messages
    }

    /// Gives how many bytes it takes, roughly and at most.
    fn add(&mut self, change: Change) -> usize {
        let (Change::Tab(room, ..) | Change::Watching(room, ..) | Change::Aside(room, ..)) =
            &change;
        let mut bytes = TAB_BYTES;
        if !self.rooms.contains_key(room.as_str()) {
            bytes += room.as_str().len() + TAB_BYTES;
        }
        let news = self.rooms.entry(room.as_str().to_owned()).or_default();
        match change {
            Change::Tab(_, id, Some(word)) => {
                bytes += 2 * word.name.to_stored().len(); // Some of it may be escaped.
                let name = word.name.to_stored().to_owned();
                news.tabs.push((id_text(&id), name, flags(&word), word.browser));
            }
            Change::Tab(_, id, None) => news.gone.push(id_text(&id)),
            Change::Watching(_, watching) => news.watching = Some(watching),
            Change::Aside(_, id, aside) => news.asides.push((id_text(&id), aside)),
        }
        bytes
    }

    /// What it says, in no order that matters. What is not understood of it is passed over.
    pub(super) fn changes(self) -> impl Iterator<Item = Change> {
        self.rooms.into_iter().flat_map(|(room, news)| {
            let room = RoomName::stored(&room);
            let of = |change: fn(RoomName, Id) -> Change| {
                let room = room.clone();
                move |id: String| Some(change(room.clone(), parse_id(&id)?))
            };
            let watching = news.watching.map(|count| Change::Watching(room.clone(), count));
            let gone = news.gone.into_iter().filter_map(of(|room, id| Change::Tab(room, id, None)));
            let tabs = news.tabs.into_iter().filter_map({
                let room = room.clone();
                move |(id, name, flags, browser)| {
                    let (standing, hold) = read_flags(flags)?;
                    let word = Word { name: Name::stored(&name), browser, standing, hold };
                    Some(Change::Tab(room.clone(), parse_id(&id)?, Some(word)))
                }
            });
            let asides = news.asides.into_iter().filter_map(move |(id, aside)| {
                Some(Change::Aside(room.clone(), parse_id(&id)?, aside))
            });
            watching.into_iter().chain(gone).chain(tabs).chain(asides)
        })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default() // Nothing in it can fail.
    }

    /// `None` where it is not understood.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|message: &Self| message.form == FORM)
    }
}

fn node_text(node: u64) -> String {
    format!("{node:016x}")
}

fn flags(word: &Word) -> u8 {
    let standing = match word.standing {
        Standing::Unlisted => 0,
        Standing::Here => 1,
        Standing::Away => 2,
    };
    let hold = match word.hold {
        Hold::Grace | Hold::Left => 0, // The latter is not for others.
        Hold::Hidden => 1,
        Hold::Stream => 2,
    };
    standing + 4 * hold
}

fn read_flags(flags: u8) -> Option<(Standing, Hold)> {
    let standing = match flags % 4 {
        0 => Standing::Unlisted,
        1 => Standing::Here,
        2 => Standing::Away,
        _ => return None,
    };
    let hold = match flags / 4 {
        0 => Hold::Grace,
        1 => Hold::Hidden,
        2 => Hold::Stream,
        _ => return None,
    };
    Some((standing, hold))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Mark;

    #[test]
    fn a_mark_goes_with_its_name_to_other_nodes() {
        let room = RoomName::stored("lobby");
        let id = parse_id(&"0".repeat(32)).unwrap();
        let name = Name::stored("ann").marked(&Mark::of(&[7; 32]));
        let word = Word { name, browser: 7, standing: Standing::Here, hold: Hold::Stream };
        let said = Change::Tab(room, id, Some(word));
        let [message] = &Message::with(1, [said.clone()])[..] else { panic!("one message") };
        let heard = Message::decode(&message.encode()).unwrap();
        assert_eq!(heard.changes().collect::<Vec<_>>(), [said]);
    }
}
