//! How much is unread in rooms: what was sent since one looked.

use std::sync::Arc;

use super::{Caller, Pass, Refusal, Rooms};
use crate::{
    delivery::{
        hub::Count,
        stream::{self, Before, MAX_UNREAD, Standing, Start, Unread},
    },
    message::{Name, RoomName, Seq, folded, mentioned},
};

/// How many unread messages are looked through for mentions at most, in all rooms of one reader: as
/// many as ten pages of a room. Of what is older a number stands there, and nothing else.
const MAX_LOOKED_THROUGH: u64 = 500;

/// A room beside the one that is shown.
#[derive(Clone)]
pub(crate) struct Other {
    /// Its name.
    pub room: RoomName,
    /// Up to where it was read; `None` where that is the same as where a stream begins.
    pub seen: Option<Seq>,
    /// The link that lets one in.
    pub pass: Option<Arc<Pass>>,
    /// The tabs of the same browser in it.
    pub tabs: Vec<String>,
}

impl Other {
    /// One of which nothing was seen before.
    pub(crate) fn fresh(room: RoomName) -> Self {
        Self { room, seen: None, pass: None, tabs: Vec::new() }
    }
}

impl Rooms {
    /// How much is unread in each of these rooms, [`MAX_UNREAD`] at most, and how much of it mentions `name`; `None` of those
    /// that are not there for `caller`.
    ///
    /// # Errors
    ///
    /// [`Refusal`] where the journal cannot be read.
    pub(crate) async fn unread(
        &self,
        caller: &Caller,
        name: &Name,
        others: &[Other],
    ) -> Result<Vec<Option<Count>>, Refusal> {
        if others.is_empty() {
            return Ok(Vec::new());
        }
        for other in others {
            self.learn(&other.room).await?;
        }
        let standings: Vec<_> = others.iter().map(|other| self.standing(caller, other)).collect();
        let mut sent = self.sent_since(others, Seq::ZERO, None).await?;
        for (sent, standing) in sent.iter_mut().zip(&standings) {
            match standing {
                Standing::Counted(read) => sent.read_upto(*read, Count::default()),
                Standing::Shown | Standing::Hidden => *sent = Before::default(),
            }
        }
        self.look_through(others, &mut sent, Seq::ZERO, None, name).await?;
        let unread = standings.iter().zip(sent);
        let unread = unread.map(|(standing, sent)| {
            (*standing != Standing::Hidden).then(|| sent.plus(Count::default()))
        });
        Ok(unread.collect())
    }

    /// Whether one of the same browser's tabs in the room is before somebody's eyes: then it is read, as
    /// far as this node knows.
    pub(crate) fn is_shown(&self, other: &Other) -> bool {
        other.tabs.iter().any(|tab| self.is_tab_shown(&other.room, tab))
    }

    /// The same of one tab.
    pub(crate) fn is_tab_shown(&self, room: &RoomName, tab: &str) -> bool {
        self.0.roster.is_shown(room, tab)
    }

    /// What a stream that begins at `start` tells of others, and what there mentions `name`. What may not
    /// be read is not among them.
    pub(super) async fn watch(
        &self,
        caller: &Caller,
        name: Option<&Name>,
        mut others: Vec<Other>,
        start: Start,
    ) -> Result<Option<Unread>, Refusal> {
        for other in &others {
            self.learn(&other.room).await?;
        }
        others.retain(|other| self.standing(caller, other) != Standing::Hidden);
        if others.is_empty() {
            return Ok(None);
        }
        let start = start.seq(self.journal());
        // First: what comes from here on is counted as it comes.
        let names = others.iter().map(|other| other.room.clone()).collect();
        let watch = self.hub().watch(names, name);
        let mut before = self.sent_since(&others, start, Some(watch.since)).await?;
        if let Some(name) = name {
            self.look_through(&others, &mut before, start, Some(watch.since), name).await?;
        }
        let rooms = others.iter().zip(before);
        let rooms = rooms.map(|(other, before)| stream::Other::new(other.room.clone(), before));
        let rooms = rooms.collect();
        let (this, caller) = (self.clone(), caller.clone());
        let standing = move |room: &RoomName| {
            let other = others.iter().find(|other| other.room == *room);
            other.map_or(Standing::Hidden, |other| this.standing(&caller, other))
        };
        Ok(Some(Unread::new(watch, rooms, standing)))
    }

    async fn sent_since(
        &self,
        others: &[Other],
        start: Seq,
        upto: Option<Seq>,
    ) -> Result<Vec<Before>, Refusal> {
        let cursors = others.iter().map(|other| (other.room.clone(), other.seen.unwrap_or(start)));
        let numbers = self.journal().numbers(cursors.collect(), upto).await?;
        let sent = numbers.iter().map(|numbers| {
            let (messages, last) = (numbers.last - numbers.seen, numbers.last);
            Before { messages, mentions: 0, last }
        });
        Ok(sent.collect())
    }

    /// A tab says, when it is hidden or left, up to where it was read. Other tabs of its browser may have
    /// their streams already, from before that was known.
    ///
    /// # Errors
    ///
    /// [`Refusal`] where the journal cannot be read.
    pub(crate) async fn read_upto(
        &self,
        room: &RoomName,
        tab: &str,
        seq: Seq,
    ) -> Result<(), Refusal> {
        for numbers in self.journal().numbers(vec![(room.clone(), seq)], None).await? {
            self.0.roster.read(room, tab, numbers.seen);
        }
        self.hub().stir(room);
        Ok(())
    }

    /// Finds what mentions `name` among what was sent.
    async fn look_through(
        &self,
        others: &[Other],
        sent: &mut [Before],
        start: Seq,
        upto: Option<Seq>,
        name: &Name,
    ) -> Result<(), Refusal> {
        let named = folded(name.as_str());
        let mut left = MAX_LOOKED_THROUGH;
        for (other, sent) in others.iter().zip(sent) {
            let limit = sent.messages.unsigned_abs().min(MAX_UNREAD).min(left);
            let Ok(limit @ 1..) = usize::try_from(limit) else { continue };
            left -= limit as u64;
            let seen = other.seen.unwrap_or(start);
            // What was seen before it was published counts the other way.
            let end = upto.map(|upto| upto.max(seen).next());
            let found = self.journal().before(&other.room, end, limit).await?.messages;
            let found = found.iter().filter(|message| mentioned(message).contains(&named));
            sent.mentions = i64::try_from(found.count()).unwrap_or(0) * sent.messages.signum();
        }
        Ok(())
    }

    fn standing(&self, caller: &Caller, other: &Other) -> Standing {
        let pass = other.pass.clone().or_else(|| caller.pass.clone());
        let caller = Caller { pass, ..caller.clone() };
        match self.check_read(&caller, &other.room) {
            Err(_) => Standing::Hidden,
            Ok(()) if self.is_shown(other) => Standing::Shown,
            Ok(()) => {
                let tabs = other.tabs.iter().map(|tab| self.0.roster.read_upto(&other.room, tab));
                Standing::Counted(tabs.max().unwrap_or(0))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll, Waker},
    };

    use tokio_stream::Stream as _;

    use super::{super::model, *};
    use crate::{
        delivery::{
            frame::Representation,
            model::{Tasks, frame},
            stream::LiveStream,
        },
        message::{Draft, Key, Name, Text},
        rooms::{Cursor, Listen},
        sink::Framing,
    };

    /// What a stream says now.
    fn said(stream: &mut LiveStream) -> String {
        let mut context = Context::from_waker(Waker::noop());
        let mut all = Vec::new();
        while let Poll::Ready(Some(piece)) = Pin::new(&mut *stream).poll_next(&mut context) {
            all.extend(piece.into_framed(Framing::Bare));
        }
        String::from_utf8(all).unwrap()
    }

    #[tokio::test]
    async fn what_is_on_disk_and_not_published_yet_is_counted_once() {
        let (home, tasks) = (tempfile::tempdir().unwrap(), Tasks::default());
        let rooms = model::rooms(home.path(), &tasks);
        let (lobby, attic) = (RoomName::stored("lobby"), RoomName::stored("attic"));
        let caller = Caller::default();
        for text in ["one", "two"] {
            let draft = Draft {
                room: attic.clone(),
                name: Name::parse("ann").unwrap(),
                text: Text::parse(text).unwrap(),
                key: Key::fresh(),
                author: None,
            };
            assert!(rooms.send_as(&caller, None, draft).await.is_ok());
        }
        let open = async |seen: u64| {
            let other = Other { seen: Some(Seq::new(seen)), ..Other::fresh(attic.clone()) };
            let (cursor, representation) = (Cursor::Now, Representation::Text);
            let listen = Listen { cursor, representation, others: vec![other] };
            rooms.listen(&caller, &lobby, listen).await.unwrap()
        };
        // Who was shown both, who was shown one, and who was shown none.
        let mut streams = [open(2).await, open(1).await, open(0).await];
        for stream in &mut streams {
            assert_eq!(said(stream), "--- 0 unread in #attic\n", "nothing is published yet");
        }
        for seq in 1..=2 {
            rooms.hub().publish(&attic, frame(seq));
        }
        rooms.hub().tell_watchers();
        let said_then = streams.each_mut().map(said);
        assert_eq!(said_then, ["", "--- 1 unread in #attic\n", "--- 2 unread in #attic\n"]);
        // One that opens now says the same.
        assert_eq!(said(&mut open(1).await), "--- 1 unread in #attic\n");
    }
}
