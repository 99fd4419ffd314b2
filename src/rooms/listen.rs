//! Listening: a stream of a room, for whoever asks or for a tab that thereby is here.

use std::time::Duration;

use super::{
    Action, Caller, Lapsed, Other, Refusal, Rooms, Tab, TooMuch, Who, limits::StreamPermit,
    roster::Guard,
};
use crate::{
    delivery::{
        frame::Representation,
        hub::ReaderTag,
        stream::{LiveStream, Start, Wanted},
    },
    journal::Reach,
    message::{MessageId, RoomName},
    metrics::GaugeGuard,
};

/// How long a reader waits here that has seen more on another node.
const REACH_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a reader wants to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cursor {
    /// With what is sent from now on.
    Now,
    /// After this message.
    After(MessageId),
    /// After a message that nobody can name: what it sent as its last id is none.
    Unreadable,
    /// With so many of the newest messages.
    Last(usize),
}

/// What a reader asks for.
pub(crate) struct Listen {
    /// From where.
    pub cursor: Cursor,
    /// How it is written.
    pub representation: Representation,
    /// Of which other rooms it says how much is unread.
    pub others: Vec<Other>,
}

/// All that is given back when a stream ends.
type HeldByStream = (Guard, StreamPermit, GaugeGuard);

impl Rooms {
    /// Opens a room's stream for somebody who has not joined.
    ///
    /// # Errors
    ///
    /// [`Refusal`], by the limits, the rules of access, or where the journal cannot be read.
    pub(crate) async fn listen(
        &self,
        caller: &Caller,
        room: &RoomName,
        listen: Listen,
    ) -> Result<LiveStream, Refusal> {
        let (permit, start) = self.admit(caller, room, &listen, None).await?;
        let unread = self.watch(caller, None, listen.others, start).await?;
        let guard = self.0.roster.watch(room);
        let wanted = Wanted {
            room: room.clone(),
            start,
            representation: listen.representation,
            presence: false,
            tag: tag(caller, None),
            unread,
        };
        let stream = self.open(wanted, guard, permit);
        // Who is put out is looked for among the streams that are open: what was ruled before this one
        // was, while it was on its way, is seen here.
        self.0.access.check(caller, Action::Read, room, Who::default())?;
        Ok(stream)
    }

    /// Opens the stream of a tab, which thereby is here.
    ///
    /// # Errors
    ///
    /// As [`Rooms::listen`]; and [`Refusal::Lapsed`].
    pub(crate) async fn listen_as(
        &self,
        caller: &Caller,
        tab: &Tab,
        listen: Listen,
    ) -> Result<LiveStream, Refusal> {
        let (permit, start) = self.admit(caller, &tab.room, &listen, Some(tab)).await?;
        let unread = self.watch(caller, Some(&tab.name), listen.others, start).await?;
        let mut guard = self.enter(tab);
        if guard.is_err() {
            // Where it begins may have taken a while to find, and something else be known by now, also
            // what is not true any more.
            self.receive_tab(tab).await?;
            guard = self.enter(tab);
        }
        let guard = guard?;
        let wanted = Wanted {
            room: tab.room.clone(),
            start,
            representation: listen.representation,
            presence: listen.representation.carries_presence(),
            tag: tag(caller, Some(tab)),
            unread,
        };
        let stream = self.open(wanted, guard, permit);
        if let Err(why) = self.0.access.check(caller, Action::Stay, &tab.room, Who::of(tab)) {
            self.0.roster.leave(&tab.room, &tab.id);
            return Err(why.into());
        }
        Ok(stream)
    }

    fn enter(&self, tab: &Tab) -> Result<Guard, Lapsed> {
        let Tab { room, id, name } = tab;
        let enter = |elsewhere| self.0.roster.enter(room, id, name, elsewhere);
        self.0.nodes.as_ref().map_or_else(|| enter(0), |nodes| nodes.at_rest(tab, enter))
    }

    /// Ends the streams in `room` whose reader is one of those meant, and says how many: for access
    /// that is taken back.
    pub(crate) fn evict(&self, room: &RoomName, meant: impl Fn(&ReaderTag) -> bool) -> usize {
        self.hub().evict(room, meant)
    }

    /// A permit for one more stream, and where it begins.
    async fn admit(
        &self,
        caller: &Caller,
        room: &RoomName,
        listen: &Listen,
        tab: Option<&Tab>,
    ) -> Result<(StreamPermit, Start), Refusal> {
        let full = |TooMuch(wait)| Refusal::Full(wait);
        if !self.hub().has(room) {
            self.0.limits.room(self.hub().topics()).map_err(full)?;
        }
        let permit = self.0.limits.stream(caller.ip).map_err(full)?;
        let (action, who) =
            tab.map_or((Action::Read, Who::default()), |tab| (Action::Stay, Who::of(tab)));
        self.0.access.check(caller, action, room, who)?;
        Ok((permit, self.start(room, &listen.cursor).await?))
    }

    async fn start(&self, room: &RoomName, cursor: &Cursor) -> Result<Start, Refusal> {
        let journal = self.journal();
        Ok(match cursor {
            Cursor::Now => Start::Now,
            // From another journal, or from a future that this one never had (restored data): not
            // the reader's fault and nothing it could mend. It is told of a gap, and gets all.
            Cursor::After(id) if id.epoch() != journal.epoch() => Start::Lost,
            Cursor::Unreadable => Start::Lost,
            Cursor::After(id) => match journal.reach(id.seq(), REACH_TIMEOUT).await {
                Reach::Here => Start::After(id.seq()),
                Reach::Nowhere => Start::Lost,
                Reach::Elsewhere => return Err(Refusal::NotYet),
            },
            Cursor::Last(count) => Start::After(journal.before_newest(room, *count).await?),
        })
    }

    fn open(&self, wanted: Wanted, guard: Guard, permit: StreamPermit) -> LiveStream {
        let counted = self.0.metrics.stream(wanted.representation.format());
        let held: HeldByStream = (guard, permit, counted);
        self.0.source.open(wanted, held)
    }
}

/// What is to be known of a reader, for when access is taken back.
fn tag(caller: &Caller, tab: Option<&Tab>) -> ReaderTag {
    ReaderTag {
        tab: tab.map(|tab| tab.id.as_str().into()),
        name: tab.map(|tab| tab.name.clone()),
        ip: caller.ip,
        link: caller.pass.as_ref().map(|pass| pass.link.clone()),
        operator: caller.operator,
    }
}
