//! Whether what others had to say by some time has come: they are asked, and say which question they
//! answer. That something of theirs came since proves nothing, since it may have been on its way.

use std::{
    collections::{HashMap, VecDeque},
    mem,
    time::Duration,
};

use tokio::time::Instant;

use super::Peers;

/// Between two questions who is there, whoever wants to know.
const CALL_INTERVAL: Duration = Duration::from_millis(200);

/// Questions that an answer may be to: nobody waits for one for longer than a second or two.
const MAX_CALLS: usize = 16;

/// Others whose questions wait for an answer until the next tick: more than an installation has nodes.
const MAX_UNANSWERED: usize = 256;

/// Questions who is there, ours and others'.
#[derive(Default)]
pub(super) struct Calls {
    due: Option<Instant>,
    /// When we asked, and by which of our messages, the first first.
    asked: VecDeque<(Instant, u64)>,
    /// The last question of each other node that was not answered yet.
    unanswered: HashMap<u64, u64>,
}

impl Calls {
    /// One is to be asked soon.
    fn want(&mut self, now: Instant) {
        let due = self.asked.back().map_or(now, |(at, _)| *at + CALL_INTERVAL);
        self.due.get_or_insert(due);
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// We ask, by this message.
    pub(super) fn asked(&mut self, now: Instant, number: u64) {
        self.due = None;
        self.asked.push_back((now, number));
        if self.asked.len() > MAX_CALLS {
            self.asked.pop_front();
        }
    }

    /// When we asked by this message.
    pub(super) fn asked_at(&self, number: u64) -> Option<Instant> {
        self.asked.iter().find(|(_, one)| *one == number).map(|(at, _)| *at)
    }

    /// Another asks.
    pub(super) fn answer_to(&mut self, node: u64, number: u64) {
        if self.unanswered.len() < MAX_UNANSWERED {
            self.unanswered.insert(node, number);
        }
    }

    /// What the next beat answers.
    pub(super) fn take_unanswered(&mut self) -> HashMap<u64, u64> {
        mem::take(&mut self.unanswered)
    }
}

impl Peers {
    /// Whether what others had to say at `then` has come: each that is known and runs has answered a
    /// question that was asked since, also one that has said nothing of the room yet: a tab may have
    /// joined there just now, and may have left from there what it had elsewhere.
    pub(in super::super) fn is_news_in(&mut self, then: Instant, now: Instant) -> bool {
        let mut running = self.others.values().filter(|peer| peer.stopped.is_none());
        let all_answered = running.all(|peer| peer.answered.is_some_and(|at| at > then));
        if !all_answered {
            self.calls.want(now);
        }
        all_answered && self.is_settled(now)
    }
}
