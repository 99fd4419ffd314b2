//! One send: published under its key until the stream says something certain, and answered by what
//! comes back.

use std::time::Duration;

use async_nats::HeaderMap;
use bytes::Bytes;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep, sleep_until, timeout_at},
};

use super::{
    Inner,
    apply::Told,
    stream::{self, DUPLICATE_WINDOW},
};
use crate::{
    journal::{
        AppendError, Appended,
        store::{Applied, Wanted},
    },
    message::{self, Author, Draft, Entry, Key, Message, MessageId, RoomName, Seq, State},
    nats::{Ack, Refused},
};

/// How long a send is tried: an election takes 4 to 9 s.
pub(in crate::journal) const APPEND_TIMEOUT: Duration = Duration::from_secs(15);

/// Between two tries, the first time; then twice as long, up to [`MAX_RETRY_INTERVAL`].
pub(super) const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// Between two tries.
const MAX_RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// Up to which age one of our own keys is not looked for in the store: the engine knows it for longer.
const FRESH: Duration = Duration::from_secs(DUPLICATE_WINDOW.as_secs() - 20);

/// The header that says who sent a message, beside the message: an earlier hubbub passes over it.
pub(super) const AUTHOR: &str = "Hubbub-Author";

/// What is published: a message, a change of one, or a ruling.
pub(super) struct Post {
    pub subject: String,
    /// Its id, under which the stream takes it once, and what else the stream is to know.
    pub headers: HeaderMap,
    pub payload: Bytes,
}

impl Post {
    pub(super) fn new(subject: String, id: &str, payload: Vec<u8>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(async_nats::header::NATS_MESSAGE_ID, id);
        Self { subject, headers, payload: payload.into() }
    }
}

/// What came of publishing.
#[expect(clippy::large_enum_variant, reason = "it is taken apart at once")]
pub(super) enum Came {
    /// What came back under the key.
    Told(Told),
    /// The stream has it.
    Acked(Ack),
    /// Something else stands where it was to be put.
    Second,
}

/// Dropped, also where nobody waits for the answer any more, it tidies up.
pub(super) struct Pending<'a> {
    inner: &'a Inner,
    room: &'a RoomName,
    key: &'a Key,
    pub(super) told: Option<oneshot::Receiver<Told>>,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        drop(self.told.take());
        self.inner.waiting.forget(self.room, self.key);
        self.inner.pending.send_modify(|count| *count -= 1);
    }
}

impl Inner {
    pub(super) async fn append(&self, draft: Draft) -> Result<Appended, AppendError> {
        let epoch = self.identity.epoch.clone();
        let entry = Entry::Message(Message {
            id: MessageId::new(epoch, Seq::ZERO),
            room: draft.room.clone(),
            name: draft.name.clone(),
            text: draft.text.clone(),
            sent_at: message::now(),
            state: State::Sent,
        });
        let mut pending = self.begin(&draft.room, &draft.key)?;
        if !draft.key.is_younger_than(FRESH)
            && let Some(found) = self.look_up(&draft, &entry).await?
        {
            return answer(&entry, found);
        }
        let told = pending.told.as_mut().expect("it waits until it is dropped");
        self.send(&draft, &entry, told).await
    }

    /// Whether anything could be stored now.
    pub(super) fn check_takes(&self) -> Result<(), AppendError> {
        if self.closed.is_cancelled() || self.end.is_cancelled() {
            return Err(AppendError::Closed);
        }
        if !self.health.is_good() || self.engine.is_refusing() {
            return Err(AppendError::NotWritable);
        }
        if self.engine.is_gone() {
            return Err(AppendError::Unreachable);
        }
        Ok(())
    }

    /// Where a room's messages are published.
    pub(super) fn subject(&self, room: &RoomName) -> String {
        format!("{}{room}", stream::messages(&self.identity.link))
    }

    /// Waits until this node has everything up to `seq`; whether it has by then.
    pub(super) async fn applied(&self, seq: Seq, end: Instant) -> bool {
        let mut committed = self.committed.clone();
        let applied = async { committed.wait_for(|last| *last >= seq).await.is_ok() };
        timeout_at(end, applied).await == Ok(true)
    }

    /// Takes a place among those who wait.
    pub(super) fn begin<'a>(
        &'a self,
        room: &'a RoomName,
        key: &'a Key,
    ) -> Result<Pending<'a>, AppendError> {
        self.check_takes()?;
        let mut full = false;
        self.pending.send_modify(|count| {
            full = *count >= super::MAX_PENDING;
            *count += usize::from(!full);
        });
        if full {
            return Err(AppendError::Busy);
        }
        let told = Some(self.waiting.wait(room, key));
        Ok(Pending { inner: self, room, key, told })
    }

    /// What the node's own store has under the draft's key.
    async fn look_up(&self, draft: &Draft, entry: &Entry) -> Result<Option<Applied>, AppendError> {
        let wanted = Wanted { key: draft.key.clone(), entry: entry.clone() };
        self.lookups.find(wanted).await.ok_or(AppendError::Closed)
    }

    async fn send(
        &self,
        draft: &Draft,
        entry: &Entry,
        told: &mut oneshot::Receiver<Told>,
    ) -> Result<Appended, AppendError> {
        let end = Instant::now() + APPEND_TIMEOUT;
        let id = format!("{}:{}", draft.room, draft.key.as_str());
        let mut post = Post::new(self.subject(&draft.room), &id, entry.encode(&draft.key));
        if let Some(author) = draft.author.map(Author::to_hex) {
            post.headers.insert(AUTHOR, author.as_str());
        }
        match self.put_until_known(&post, told, end).await? {
            Came::Told(told) => self.conclude(draft, entry, told).await,
            Came::Acked(ack) => self.acknowledged(draft, entry, ack, told, end).await,
            // It is put nowhere in particular.
            Came::Second => Err(AppendError::Unknown),
        }
    }

    /// Publishes until the stream has it, or something came back.
    ///
    /// # Errors
    ///
    /// [`AppendError::NotWritable`] where nothing of it is stored, for certain; and
    /// [`AppendError::Unknown`].
    pub(super) async fn put_until_known(
        &self,
        post: &Post,
        told: &mut oneshot::Receiver<Told>,
        end: Instant,
    ) -> Result<Came, AppendError> {
        let mut pause = RETRY_INTERVAL;
        // Whether a try may have been stored without a word.
        let mut unsure = false;
        // Whether one was refused: what comes back then is an earlier one.
        let mut refused = false;
        loop {
            tokio::select! {
                // What has come back is the answer, whatever else is said.
                biased;
                Ok(told) = &mut *told => {
                    // It may be faster than the acknowledgement.
                    if !refused {
                        self.engine.takes();
                    }
                    return Ok(Came::Told(told));
                }
                acked = self.try_once(post) => match acked {
                    Ok(ack) => {
                        self.engine.takes();
                        self.engine.heard(Seq::new(ack.seq));
                        return Ok(Came::Acked(ack));
                    }
                    Err(why) if why.came_second() => return Ok(Came::Second),
                    Err(why) if why.is_final() => {
                        self.engine.refuses(&why);
                        refused = true;
                        if !unsure {
                            return Err(AppendError::NotWritable);
                        }
                    }
                    Err(why) => {
                        unsure = true;
                        tracing::debug!(%why, "not acknowledged");
                    }
                },
                () = sleep_until(end) => return Err(AppendError::Unknown),
            }
            tokio::select! {
                biased;
                Ok(told) = &mut *told => return Ok(Came::Told(told)),
                () = sleep(pause) => pause = (pause * 2).min(MAX_RETRY_INTERVAL),
                () = self.end.cancelled() => return Err(AppendError::Unknown),
                () = sleep_until(end) => return Err(AppendError::Unknown),
            }
        }
    }

    async fn try_once(&self, post: &Post) -> Result<Ack, Refused> {
        let link = &self.identity.link;
        let Post { subject, headers, payload } = post;
        let name = &link.options().stream;
        link.put(name, subject.clone(), headers.clone(), payload.clone()).await
    }

    /// The stream has it: the answer comes with what this node applies.
    async fn acknowledged(
        &self,
        draft: &Draft,
        entry: &Entry,
        ack: Ack,
        told: &mut oneshot::Receiver<Told>,
        end: Instant,
    ) -> Result<Appended, AppendError> {
        let seq = Seq::new(ack.seq);
        if !ack.duplicate {
            return match timeout_at(end, told).await {
                Ok(Ok(told)) => self.conclude(draft, entry, told).await,
                _ => Err(AppendError::Unknown),
            };
        }
        // The first may have come before we waited for it.
        if self.applied(seq, end).await {
            self.find(draft, entry).await
        } else {
            Err(AppendError::Unknown)
        }
    }

    async fn find(&self, draft: &Draft, entry: &Entry) -> Result<Appended, AppendError> {
        match self.look_up(draft, entry).await? {
            Some(found) => answer(entry, found),
            None => Err(AppendError::Unknown),
        }
    }

    /// What came back under the draft's key decides.
    async fn conclude(
        &self,
        draft: &Draft,
        entry: &Entry,
        Told { entry: came, applied }: Told,
    ) -> Result<Appended, AppendError> {
        let same = came.columns() == entry.columns();
        match applied {
            Applied::Stored if same => fresh(came),
            Applied::Stored => Err(AppendError::KeyReused),
            found if same => answer(entry, found),
            // It was somebody else's that was compared.
            Applied::Skipped(_) | Applied::Changed(_) => self.find(draft, entry).await,
        }
    }
}

fn fresh(entry: Entry) -> Result<Appended, AppendError> {
    match entry {
        Entry::Message(message) => Ok(Appended { message, fresh: true }),
        Entry::Change(_) => Err(AppendError::KeyReused),
    }
}

/// The answer to a key that came before.
fn answer(entry: &Entry, found: Applied) -> Result<Appended, AppendError> {
    match (entry, found) {
        (Entry::Message(message), Applied::Skipped(found)) => {
            found.answer(message.clone()).ok_or(AppendError::KeyReused)
        }
        _ => Err(AppendError::KeyReused),
    }
}
