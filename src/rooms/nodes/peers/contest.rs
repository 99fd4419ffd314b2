//! Two tabs under one name. Nodes that do not hear each other let each have it: that one is dropped whose
//! node is silent, so the other may join; and then that node is back. From then on the one with the lower
//! id bears the name, on all nodes alike, and the other is as if it had left.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::Instant;

use super::{
    super::{
        super::roster::Skeleton,
        map::{Id, id_text, parse_id},
        wire::Aside,
    },
    Elsewhere, Peers,
};
use crate::message::RoomName;

/// How long after another node was heard again it is looked for such tabs: until then one of them may
/// only be about to leave, or its claim to be decided.
const CONTEST_TIME: Duration = Duration::from_secs(8);

/// After which time both must still be there.
const CONFIRM_TIME: Duration = Duration::from_secs(2);

/// What is looked for, and when.
#[derive(Default)]
pub(super) struct Contest {
    due: Option<Instant>,
    /// The tabs of ours that had no right to their names at the first look.
    losers: Option<BTreeSet<(RoomName, Id)>>,
}

impl Peers {
    /// All that another node has to say is known again.
    pub(super) fn begin_contest(&mut self, now: Instant) {
        self.contest = Contest { due: Some(now + CONTEST_TIME), losers: None };
    }

    /// Looks for such tabs where it is time to, and gives those of ours that are to leave.
    pub(super) fn end_contest(&mut self, now: Instant) -> Vec<Elsewhere> {
        if self.contest.due.is_none_or(|due| due > now) || !self.is_settled(now) {
            return Vec::new();
        }
        let losers = self.losers();
        let Some(before) = self.contest.losers.take() else {
            let due = (!losers.is_empty()).then(|| now + CONFIRM_TIME);
            self.contest = Contest { due, losers: Some(losers) };
            return Vec::new();
        };
        self.contest.due = None;
        let leaving = losers.intersection(&before).map(|(room, id)| {
            tracing::warn!(
                room = room.as_str(),
                "two tabs bore one name while nodes did not hear each other; the one here leaves"
            );
            (room.clone(), id_text(id), Aside::Left)
        });
        let leaving: Vec<_> = leaving.collect();
        for (room, tab, aside) in &leaving {
            self.tell(room, tab, *aside, now);
        }
        leaving
    }

    /// The tabs of ours whose name another one bears elsewhere that has the right to it.
    fn losers(&self) -> BTreeSet<(RoomName, Id)> {
        let has_better = |room: &RoomName, skeleton: &Skeleton, id: &Id| {
            let mut others = self.others.values().filter(|peer| peer.stopped.is_none());
            others.any(|peer| peer.map.bears(room, skeleton, |other| other < id))
        };
        let contested = self.roster.contested().into_iter();
        let losers = contested.filter_map(|(room, tab, skeleton)| {
            let id = parse_id(&tab)?;
            has_better(&room, &skeleton, &id).then_some((room, id))
        });
        losers.collect()
    }
}
