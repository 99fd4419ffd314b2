//! Who is where, as the nodes tell each other: each says what changed of its own tabs, in numbered
//! messages, and keeps what each other one said. It knows neither sockets nor NATS.
//!
//! Who misses a number asks, and is told everything. A node that is silent is dropped, and its tabs
//! with it; but the time is counted in our own beats that came back to us. So nobody is dropped who
//! could not be heard: with NATS gone, or after this process was stopped for a while, everybody stays
//! until it is known better.

mod contest;
mod leaving;
mod news;
mod peer;
mod stopping;

use std::{
    collections::{HashMap, VecDeque},
    mem,
    time::Duration,
};

use tokio::time::Instant;

use super::{
    super::roster::{Hold, News, Presence, Roster, Skeleton},
    map::{Id, Map, Shifts, id_text, parse_id},
    wire::{Aside, Change, Message, Signal},
};
use crate::message::{Name, RoomName};
use contest::Contest;
use leaving::Left;
use news::Calls;
use peer::{Heard, Peer, State};

/// How often a node says that it is there.
pub(super) const BEAT_INTERVAL: Duration = Duration::from_secs(2);

/// Our own beats that are heard while a node is silent, before it is dropped: ten seconds.
const MAX_SILENT_BEATS: u32 = 5;

/// Beats that are closer together are no measure of time.
const MIN_BEAT_DISTANCE: Duration = Duration::from_millis(1_500);

/// For how long it is believed that others are heard, after our own beat was: two may be late.
const MAX_ECHO_AGE: Duration = Duration::from_secs(5);

/// How long others have to answer a hello, before what is known of them counts as all: each does so
/// within a tick, and a busy machine may be late by several. Who is there besides those that are known,
/// nothing else says; so the first join after a start waits for it, or it could take a name that one who
/// is late has.
const SETTLE_TIME: Duration = Duration::from_secs(1);

/// Between two questions for everything, and between two answers, which go to all who asked.
const ASK_INTERVAL: Duration = Duration::from_millis(500);

/// What happened to others' tabs, that waits to be told: a connection may be gone for long.
const MAX_ASIDES: usize = 4096;

/// This node, and what it knows of others.
pub(super) struct Peers {
    me: u64,
    roster: Roster,
    /// What the others have been told.
    own: Map,
    number: u64,
    asides: Vec<(RoomName, Id, Aside)>,
    /// Tabs that left of late by a node that does not have them, the first first.
    left: VecDeque<Left>,
    others: HashMap<u64, Peer>,
    /// Somebody wants to be told everything.
    asked: bool,
    told_everything: Option<Instant>,
    connected: bool,
    hello_sent: Option<Instant>,
    beat_due: Option<Instant>,
    /// When our own beat was heard last.
    echo: Option<Instant>,
    /// When that was a measure of time: one that was asked for is none.
    measured: Option<Instant>,
    /// Questions who is there.
    calls: Calls,
    /// When all have answered the hello.
    settled: Option<Instant>,
    /// Whether two bear one name.
    contest: Contest,
    /// Nothing more is to be said.
    stopped: bool,
}

/// What happened elsewhere to a tab, for who has it.
pub(super) type Elsewhere = (RoomName, String, Aside);

impl Peers {
    pub(super) fn new(me: u64, roster: Roster) -> Self {
        roster.share();
        Self {
            me,
            roster,
            own: Map::default(),
            number: 0,
            asides: Vec::new(),
            left: VecDeque::new(),
            others: HashMap::new(),
            asked: false,
            told_everything: None,
            connected: false,
            hello_sent: None,
            beat_due: None,
            echo: None,
            measured: None,
            calls: Calls::default(),
            settled: None,
            contest: Contest::default(),
            stopped: false,
        }
    }

    /// What is to be said now, where there is a connection.
    pub(super) fn tick(&mut self, now: Instant, connected: bool) -> Vec<Vec<u8>> {
        if self.stopped {
            return Vec::new();
        }
        if !connected {
            (self.connected, self.settled, self.hello_sent) = (false, None, None);
            return Vec::new();
        }
        self.connected = true;
        self.remind(now);
        if self.echo.is_some_and(|echo| now - echo > MAX_ECHO_AGE) {
            (self.echo, self.measured, self.settled) = (None, None, None);
        }
        self.drop_stopped(now);
        let mut messages = Vec::new();
        let is_past = |at: Option<Instant>| at.is_none_or(|at| now - at >= ASK_INTERVAL);
        if self.settled.is_none() && is_past(self.hello_sent) {
            self.hello_sent = Some(now);
            messages.push(Message::signal(self.me, Signal::Hello));
        }
        if self.calls.is_due(now) {
            self.calls.asked(now, self.number + messages.len() as u64 + 1);
            messages.push(Message::signal(self.me, Signal::Call));
        }
        let changes = self.news();
        if !changes.is_empty() {
            messages.extend(Message::with(self.me, changes));
        }
        if self.beat_due.is_none_or(|due| due <= now) {
            self.beat_due = Some(now + BEAT_INTERVAL);
            let mut beat = Message::signal(self.me, Signal::Beat);
            beat.answer(self.calls.take_unanswered());
            messages.push(beat);
        }
        let missed = self
            .others
            .iter_mut()
            .filter(|(_, peer)| matches!(peer.state, State::Missed) && is_past(peer.asked))
            .filter(|(_, peer)| peer.stopped.is_none());
        let ask = missed.map(|(node, peer)| {
            peer.asked = Some(now);
            *node
        });
        let ask: Vec<_> = ask.collect();
        if !ask.is_empty() {
            let mut message = Message::of(self.me);
            message.ask(ask.into_iter());
            messages.push(message);
        }
        if self.asked && is_past(self.told_everything) {
            (self.asked, self.told_everything) = (false, Some(now));
            messages.extend(Message::everything(self.me, &self.own));
            // What was missed may have been that somebody left here who is elsewhere.
            messages.extend(Message::with(self.me, self.all_left()));
        }
        messages.into_iter().map(|message| self.numbered(message)).collect()
    }

    fn numbered(&mut self, mut message: Message) -> Vec<u8> {
        self.number += 1;
        message.number = self.number;
        message.encode()
    }

    /// What changed since the others were told; from here on they were.
    fn news(&mut self) -> Vec<Change> {
        let News { tabs, watching } = self.roster.news();
        let mut changes = Vec::new();
        let mut shifts = Shifts::default();
        for (room, tab, word) in tabs {
            let Some(id) = parse_id(&tab) else { continue };
            self.own.set(&room, id, word.clone(), &mut shifts);
            if !shifts.tabs.is_empty() {
                shifts.tabs.clear();
                changes.push(Change::Tab(room, id, word));
            }
        }
        for (room, count) in watching {
            self.own.watch(&room, count, &mut shifts);
            if !shifts.watching.is_empty() {
                shifts.watching.clear();
                changes.push(Change::Watching(room, count));
            }
        }
        let asides = mem::take(&mut self.asides).into_iter();
        changes.extend(asides.map(|(room, id, aside)| Change::Aside(room, id, aside)));
        changes
    }

    /// Hears a message, one of our own too, and gives what is to be done with tabs.
    pub(super) fn hear(&mut self, bytes: &[u8], now: Instant) -> Vec<Elsewhere> {
        let Some(message) = Message::decode(bytes) else { return Vec::new() };
        let Some(node) = message.node() else { return Vec::new() };
        if node == self.me {
            self.hear_own(&message, now);
            return self.end_contest(now);
        }
        self.asked |= message.asks(self.me);
        if message.signal.asks() {
            self.beat_due = Some(now);
            self.calls.answer_to(node, message.number);
        }
        let peer = self.others.entry(node).or_default();
        (peer.silent, peer.heard) = (0, Some(now));
        if message.number <= peer.number {
            return Vec::new();
        }
        let answered = message.answers(self.me).and_then(|number| self.calls.asked_at(number));
        peer.answered = answered.or(peer.answered);
        let missed = message.number != peer.number + 1;
        if missed {
            peer.state = State::Missed;
        }
        peer.number = message.number;
        if message.signal == Signal::Bye {
            peer.stopped = Some(now);
        }
        let may_have_missed = missed || message.signal == Signal::Hello;
        let mut heard = Heard::default();
        let was_known = peer.is_known();
        peer.take(message, &self.own, &mut heard);
        if !was_known && peer.is_known() {
            self.begin_contest(now);
        }
        self.keep_left(node, &mut heard.shifts);
        apply(&self.roster, &heard.shifts);
        if may_have_missed {
            self.tell_again(node, now);
        }
        for (room, id) in &heard.streams {
            self.roster.yield_to_stream(room, &id_text(id));
        }
        for (room, id, aside) in &heard.elsewhere {
            if *aside == Aside::Left {
                self.leave(room, *id, now);
            }
        }
        // A tab that has a stream anywhere is not hidden by what it said before that.
        let streams = |room: &RoomName, id: &Id| {
            let mut said = self.others.values().filter_map(|peer| peer.map.get(room, id));
            said.any(|word| word.hold == Hold::Stream)
        };
        let mut elsewhere = heard.elsewhere;
        elsewhere.retain(|(room, id, aside)| *aside != Aside::Hidden || !streams(room, id));
        elsewhere.into_iter().map(|(room, id, aside)| (room, id_text(&id), aside)).collect()
    }

    fn hear_own(&mut self, message: &Message, now: Instant) {
        if message.signal == Signal::Hello {
            self.settled = Some(now + SETTLE_TIME);
            (self.echo, self.measured) = (Some(now), Some(now));
        }
        if message.signal != Signal::Beat {
            return;
        }
        let is_measure = self.measured.is_some_and(|at| now - at >= MIN_BEAT_DISTANCE);
        if is_measure || self.measured.is_none() {
            self.measured = Some(now);
        }
        self.echo = Some(now);
        if !is_measure || self.settled.is_none() {
            return;
        }
        for peer in self.others.values_mut() {
            peer.silent += 1;
        }
        let silent =
            |_: &u64, peer: &mut Peer| peer.silent > MAX_SILENT_BEATS && peer.stopped.is_none();
        let silent: Vec<_> = self.others.extract_if(silent).collect();
        for (node, mut peer) in silent {
            let shifts = peer.map.replace(Map::default());
            let tabs = shifts.tabs.len();
            tracing::warn!(
                node = format!("{node:016x}"),
                tabs,
                "a node is silent; its tabs are gone"
            );
            apply(&self.roster, &shifts);
        }
    }

    /// Whether what is known of others is all there is to know.
    pub(super) fn is_settled(&self, now: Instant) -> bool {
        self.connected
            && self.settled.is_some_and(|at| at <= now)
            && self.echo.is_some_and(|echo| now - echo <= MAX_ECHO_AGE)
            && self.others.values().all(Peer::is_known)
    }

    /// How much a tab is on another node. On one that has stopped it is not: another is to take it.
    pub(super) fn presence(&self, room: &RoomName, tab: &str) -> Presence {
        let Some(id) = parse_id(tab) else { return Presence::Gone };
        let running = self.others.values().filter(|peer| peer.stopped.is_none());
        let said = running.filter_map(|peer| peer.map.get(room, &id));
        said.map(|word| word.hold.presence()).max().unwrap_or(Presence::Gone)
    }

    /// On how many other nodes a tab is.
    pub(super) fn count(&self, room: &RoomName, tab: &str) -> u32 {
        let Some(id) = parse_id(tab) else { return 0 };
        let said = self.others.values().filter_map(|peer| peer.map.get(room, &id));
        said.map(|word| u32::from(word.hold != Hold::Left)).sum()
    }

    /// The tabs of a browser on other nodes under a name that looks like this: how many, and which of
    /// them nothing but a grace keeps.
    pub(super) fn of_browser(
        &self,
        room: &RoomName,
        name: &Name,
        browser: u32,
    ) -> (usize, Vec<String>) {
        let skeleton = Skeleton::of(name);
        let own =
            self.others.values().flat_map(|peer| peer.map.of_browser(room, &skeleton, browser));
        let (mut count, mut idle) = (0, Vec::new());
        for (id, word) in own {
            count += 1;
            if word.hold == Hold::Grace {
                idle.push(id_text(&id));
            }
        }
        (count, idle)
    }

    /// The tabs on other nodes whose name looks like this: node, tab, and what holds it.
    pub(super) fn bearers(&self, room: &RoomName, name: &Name) -> Vec<String> {
        let skeleton = Skeleton::of(name);
        let all = self.others.iter().flat_map(|(node, peer)| {
            let tabs = peer.map.bearers(room, &skeleton);
            tabs.map(move |(id, hold)| format!("{node:016x} {} {hold:?}", id_text(id)))
        });
        all.collect()
    }

    /// Tells the others what happened here to a tab that they may have.
    pub(super) fn tell(&mut self, room: &RoomName, tab: &str, aside: Aside, now: Instant) {
        let Some(id) = parse_id(tab) else { return };
        if self.asides.len() < MAX_ASIDES {
            self.asides.push((room.clone(), id, aside));
        }
        if aside == Aside::Left {
            self.leave(room, id, now);
        }
    }
}

fn apply(roster: &Roster, shifts: &Shifts) {
    roster.shift(&shifts.tabs);
    for (room, before, after) in &shifts.watching {
        roster.shift_watching(room, *before, *after);
    }
}
