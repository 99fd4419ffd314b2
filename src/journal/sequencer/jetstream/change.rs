//! One change: published until the stream says something certain, and answered by what comes of it.

use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

use super::{
    Inner,
    apply::Told,
    publish::{APPEND_TIMEOUT, Came, Post, RETRY_INTERVAL},
};
use crate::{
    journal::{
        AppendError,
        store::{Applied, Changed, Lane, Revision, key_of},
    },
    message::{self, Change, Entry, First, Key, Message, MessageId, RoomName, Seq, State, Text},
};

impl Inner {
    pub(super) async fn change(
        &self,
        room: RoomName,
        target: Seq,
        revision: Revision,
        by: Option<String>,
    ) -> Result<Changed, AppendError> {
        let place = room.clone();
        let found = self.store.read(Lane::Keys, move |reader| reader.signed(&place, target)).await;
        let found = match found {
            Ok(Some(found))
                if found.message.state == State::Removed && revision != Revision::Erase =>
            {
                return Ok(Changed::Removed);
            }
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Changed::Missing),
            Err(_) => return Err(AppendError::NotWritable),
        };
        let (state, text, first) = match &revision {
            Revision::Remove | Revision::Erase => {
                let first = First { digest: String::new(), ..found.first };
                (State::Removed, Text::stored(""), Some(first))
            }
            Revision::Edit(text) => (State::Edited, text.clone(), None),
        };
        let entry = Entry::Change(Change {
            id: MessageId::new(self.identity.epoch.clone(), Seq::ZERO),
            changed_at: message::now(),
            message: Message {
                text,
                state,
                ..match revision {
                    Revision::Erase => found.message.erased(),
                    _ => found.message,
                }
            },
            by,
            first,
        });
        // Its own, to hear of it; what stores keep is without the end.
        let key = format!("{} {:016x}", key_of(target).as_str(), rand::random::<u64>());
        let key = Key::stored(&key);
        // Two who remove the same are one; each edit is its own.
        let once = match revision {
            Revision::Remove => format!("{room}: removal of {target}"),
            Revision::Erase => format!("{room}: erasure of {target}"),
            Revision::Edit(_) => format!("{room}:{}", key.as_str()),
        };
        let mut pending = self.begin(&room, &key)?;
        let told = pending.told.as_mut().expect("it waits until it is dropped");
        let end = Instant::now() + APPEND_TIMEOUT;
        let post = Post::new(self.subject(&room), &once, entry.encode(&key));
        match self.put_until_known(&post, told, end).await? {
            Came::Told(told) => Ok(changed(told)),
            Came::Acked(ack) => self.came_of(&room, target, Seq::new(ack.seq), told, end).await,
            // It is put nowhere in particular.
            Came::Second => Err(AppendError::Unknown),
        }
    }

    /// The stream has it at `seq`: what came of it, this node is told; what came of another's that was
    /// the same, it sees.
    async fn came_of(
        &self,
        room: &RoomName,
        target: Seq,
        seq: Seq,
        told: &mut oneshot::Receiver<Told>,
        end: Instant,
    ) -> Result<Changed, AppendError> {
        tokio::select! {
            biased;
            Ok(told) = &mut *told => return Ok(changed(told)),
            applied = self.applied(seq, end) => if !applied {
                return Err(AppendError::Unknown);
            },
        }
        // It is told after that.
        let soon = Instant::now() + RETRY_INTERVAL;
        if let Ok(Ok(told)) = timeout_at(soon, told).await {
            return Ok(changed(told));
        }
        let room = room.clone();
        match self.store.read(Lane::Keys, move |reader| reader.signed(&room, target)).await {
            Ok(Some(found)) if found.message.state == State::Removed => Ok(Changed::Removed),
            Ok(None) => Ok(Changed::Missing),
            _ => Err(AppendError::Unknown),
        }
    }
}

fn changed(told: Told) -> Changed {
    match told.applied {
        Applied::Changed(changed) => changed,
        Applied::Stored | Applied::Skipped(_) => Changed::Missing,
    }
}
