//! One other node, and what it says.

use std::mem;

use tokio::time::Instant;

use super::super::{
    super::roster::Hold,
    map::{Id, Map, Shifts},
    wire::{Aside, Change, Message},
};
use crate::message::RoomName;

#[derive(Default)]
pub(super) struct Peer {
    pub number: u64,
    pub map: Map,
    pub state: State,
    /// Our own beats that were heard since it said anything.
    pub silent: u32,
    /// When it was asked for everything.
    pub asked: Option<Instant>,
    /// When it said anything.
    pub heard: Option<Instant>,
    /// When that question was asked which it answered last.
    pub answered: Option<Instant>,
    /// When it said that it stops.
    pub stopped: Option<Instant>,
}

#[derive(Default)]
pub(super) enum State {
    /// It has told us everything.
    #[default]
    Known,
    /// It has not, or something was missed.
    Missed,
    /// It is telling us everything; which part is next.
    Telling(usize, Map),
}

/// What came of one message.
#[derive(Default)]
pub(super) struct Heard {
    pub shifts: Shifts,
    pub elsewhere: Vec<(RoomName, Id, Aside)>,
    /// Tabs of ours that have a stream there now.
    pub streams: Vec<(RoomName, Id)>,
}

impl Peer {
    /// Whether it has told all that it ever will.
    pub(super) fn is_known(&self) -> bool {
        self.stopped.is_some() || matches!(self.state, State::Known)
    }

    /// Takes what it says. `own` is what this node said of its tabs.
    pub(super) fn take(&mut self, message: Message, own: &Map, heard: &mut Heard) {
        let part = message.part;
        let mut state = mem::replace(&mut self.state, State::Missed);
        if let (State::Missed, Some((0, _))) = (&state, part) {
            state = State::Telling(0, Map::default());
        }
        // What it tells once more, because another asked, is known. In the midst of telling everything
        // it says nothing else.
        let is_news = match (&state, part) {
            (State::Known, None) => true,
            (State::Telling(next, _), Some((part, _))) => *next == part,
            _ => false,
        };
        let mut ignored = Shifts::default();
        let (map, shifts) = match &mut state {
            State::Telling(_, map) => (map, &mut ignored),
            _ => (&mut self.map, &mut heard.shifts),
        };
        for change in message.changes() {
            match change {
                Change::Aside(room, id, aside) => {
                    heard.elsewhere.push((room, id, aside));
                }
                _ if !is_news => {}
                Change::Tab(room, id, word) => {
                    let streams = word.as_ref().is_some_and(|word| word.hold == Hold::Stream);
                    if streams && own.get(&room, &id).is_some() {
                        heard.streams.push((room.clone(), id));
                    }
                    map.set(&room, id, word, shifts);
                }
                Change::Watching(room, count) => map.watch(&room, count, shifts),
            }
        }
        self.state = match (state, part) {
            (State::Telling(_, map), Some((part, of))) if is_news && part + 1 == of => {
                heard.shifts = self.map.replace(map);
                State::Known
            }
            (State::Telling(next, map), Some(_)) if is_news => State::Telling(next + 1, map),
            (State::Telling(..), _) => State::Missed,
            (state, _) => state,
        };
    }
}
