//! The one-node sequencer: one thread that gives each draft the next seq and commits what has
//! gathered in one transaction.
//!
//! While one batch is being synced, the drafts of the next gather in the queue; so one sync
//! serves every sender that waited for it, and a lone sender waits for nobody (group commit).

mod mark;
#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::{
    sync::{oneshot, watch},
    time::{sleep, timeout},
};

use super::{
    super::{
        Appended,
        rulebook::Rulebook,
        store::{Changed, LOCK_TIMEOUT, OpenError, Revision, WriteError, Writer},
        tail::Tail,
    },
    AppendError, Ruled,
    health::{Health, Running},
};
use crate::{
    fault,
    message::{self, Draft, Entry, Epoch, Message, MessageId, RoomName, Ruling, Seq, State},
    metrics::Metrics,
    shutdown::Shutdown,
};

pub(super) use mark::Mark;

/// Drafts that wait for the writer: a fifth of a second's work, and 16 MB of the longest texts.
/// Beyond it a send is refused at once rather than kept waiting.
const MAX_QUEUED: usize = 1024;

/// Drafts committed together: beyond it the sync is spread thin, and the first waits for the last.
const MAX_BATCH: usize = 256;

/// How long a sender waits for the disk. A disk that takes longer is as good as gone, and the
/// sender can try again under its key.
pub(super) const APPEND_TIMEOUT: Duration = Duration::from_secs(10);

/// How often the writer looks for old messages, and for a disk that works again.
const TEND_INTERVAL: Duration = Duration::from_secs(1);

/// While there are sends and old messages both, how many times longer the sends have the writer
/// than a look for the old ones took.
const SENDS_SHARE: u32 = 4;

/// How long a sender still waits once the process is to stop: less than connections have then.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

// A batch that met a lock is stored while its senders still wait for it.
const _: () = assert!(LOCK_TIMEOUT.as_secs() < APPEND_TIMEOUT.as_secs());

/// A handle on the writing thread; clones share it.
#[derive(Clone)]
pub(crate) struct Local {
    epoch: Epoch,
    queue: SyncSender<Command>,
    committed: watch::Receiver<Seq>,
    health: Health,
    stop: Shutdown,
    /// Closed when the thread has ended.
    ended: watch::Receiver<()>,
    /// The thread, until it is closed. A std mutex: it is taken once, and never across an await.
    thread: Arc<Mutex<Option<JoinHandle<Writer>>>>,
}

enum Command {
    Write(Waiting),
    Close,
}

/// What is to be stored, and who waits for its seq.
enum Waiting {
    Append {
        draft: Draft,
        answer: Answer<Appended>,
    },
    Change {
        room: RoomName,
        target: Seq,
        revision: Revision,
        by: Option<String>,
        answer: Answer<Changed>,
    },
    Rule {
        ruling: Ruling,
        expected: Option<Seq>,
        answer: Answer<Ruled>,
    },
}

type Answer<T> = oneshot::Sender<Result<T, AppendError>>;

/// What became of one of them.
enum Outcome {
    Appended(Result<Appended, AppendError>),
    Changed(Changed),
    Ruled(Ruled),
}

/// The highest seq of a batch, what each came to, and the entries that were stored.
type Stored = (Seq, Vec<Outcome>, Vec<Entry>);

impl Waiting {
    /// A sender that is gone does not want to know; its message is stored.
    fn tell(self, outcome: Outcome) {
        match (self, outcome) {
            (Self::Append { answer, .. }, Outcome::Appended(outcome)) => {
                let _ = answer.send(outcome);
            }
            (Self::Change { answer, .. }, Outcome::Changed(changed)) => {
                let _ = answer.send(Ok(changed));
            }
            (Self::Rule { answer, .. }, Outcome::Ruled(ruled)) => {
                let _ = answer.send(Ok(ruled));
            }
            _ => debug_assert!(false, "an outcome of something else"),
        }
    }

    fn refuse(self, why: AppendError) {
        match self {
            Self::Append { answer, .. } => drop(answer.send(Err(why))),
            Self::Change { answer, .. } => drop(answer.send(Err(why))),
            Self::Rule { answer, .. } => drop(answer.send(Err(why))),
        }
    }
}

impl Local {
    /// Settles the epoch of what `writer` has open, and starts the thread that writes. What that
    /// makes durable is in the tail before anybody hears of it.
    pub(crate) fn start(
        mut writer: Writer,
        rulebook: Rulebook,
        metrics: Metrics,
    ) -> Result<(Self, Tail), OpenError> {
        let path = writer.path();
        let sqlite = |why| writer.lock().blame(OpenError::sqlite(path, why));
        let io = |why| OpenError::io(path, why);
        let mut mark = Mark::new(writer.lock().mark().try_clone().map_err(io)?);
        let last = writer.last().map_err(sqlite)?;
        let kept = writer.epoch().map_err(sqlite)?.filter(|epoch| mark.vouches_for(epoch, last));
        let epoch = if let Some(epoch) = kept {
            epoch
        } else {
            let fresh = Epoch::fresh();
            writer.set_epoch(&fresh).map_err(sqlite)?;
            fresh
        };
        mark.begin(path, &epoch, last).map_err(io)?;
        writer.keep();
        let stop = writer.stop();

        let (queue, commands) = mpsc::sync_channel(MAX_QUEUED);
        let (sequence, committed, ended) =
            Sequence::new(writer, rulebook, epoch.clone(), last, mark, metrics);
        let (health, tail) = (sequence.health.clone(), sequence.tail.clone());
        let thread = thread::Builder::new()
            .name("journal".into())
            .spawn(move || sequence.run(&commands))
            .map_err(OpenError::Thread)?;
        let thread = Arc::new(Mutex::new(Some(thread)));
        Ok((Self { epoch, queue, committed, health, stop, ended, thread }, tail))
    }

    /// The journal's own epoch, born with its file.
    pub(crate) fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// The newest durable seq, and word of each newer one.
    pub(crate) fn committed(&self) -> watch::Receiver<Seq> {
        self.committed.clone()
    }

    pub(crate) async fn append(&self, draft: Draft) -> Result<Appended, AppendError> {
        self.write(|answer| Waiting::Append { draft, answer }).await
    }

    /// Changes a message, and answers once that is durable.
    pub(crate) async fn change(
        &self,
        room: RoomName,
        target: Seq,
        revision: Revision,
        by: Option<String>,
    ) -> Result<Changed, AppendError> {
        self.write(|answer| Waiting::Change { room, target, revision, by, answer }).await
    }

    /// Puts a ruling, and answers once it is durable.
    pub(crate) async fn rule(
        &self,
        ruling: Ruling,
        expected: Option<Seq>,
    ) -> Result<Ruled, AppendError> {
        self.write(|answer| Waiting::Rule { ruling, expected, answer }).await
    }

    async fn write<T>(&self, waiting: impl FnOnce(Answer<T>) -> Waiting) -> Result<T, AppendError> {
        let (answer, answered) = oneshot::channel();
        match self.queue.try_send(Command::Write(waiting(answer))) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(AppendError::Busy),
            Err(TrySendError::Disconnected(_)) => return Err(AppendError::Closed),
        }
        let stopped = async {
            self.stop.begun().await;
            sleep(STOP_TIMEOUT).await;
        };
        let answered = async {
            tokio::select! {
                answered = answered => answered,
                () = stopped => Ok(Err(AppendError::Stopped)),
            }
        };
        match timeout(APPEND_TIMEOUT, answered).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(AppendError::Closed),
            Err(_) => {
                // Whoever writes waits for the disk too, and cannot say so.
                self.health.fail(&AppendError::TimedOut);
                Err(AppendError::TimedOut)
            }
        }
    }

    pub(crate) fn ready(&self) -> bool {
        self.health.is_good()
    }

    /// Completes when the thread has ended, by a panic as well.
    pub(crate) async fn ended(&self) {
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }

    /// Stores what is in the queue, ends the thread and gives the writer back; `None` where that
    /// was done before.
    pub(crate) async fn close(&self) -> Option<Writer> {
        let local = self.clone();
        // The queue may be full and the last commit may take its time: not on an async thread.
        tokio::task::spawn_blocking(move || local.end()).await.ok().flatten()
    }

    /// The same, for who may block.
    pub(crate) fn end(&self) -> Option<Writer> {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let asked = self.queue.send(Command::Close);
        let ended = thread.join();
        let writer = asked.ok().and(ended.ok());
        if writer.is_none() {
            tracing::debug!("the journal's thread had ended by itself");
        }
        writer
    }
}

/// What the writing thread owns.
struct Sequence {
    writer: Writer,
    epoch: Epoch,
    last: Seq,
    mark: Mark,
    metrics: Metrics,
    health: Health,
    tail: Tail,
    rulebook: Rulebook,
    committed: watch::Sender<Seq>,
    /// Dropped last.
    _ended: watch::Sender<()>,
}

impl Sequence {
    /// It, the newest seq that it made durable, and word of its end; `last` is the highest seq
    /// that the store ever held.
    fn new(
        writer: Writer,
        rulebook: Rulebook,
        epoch: Epoch,
        last: Seq,
        mark: Mark,
        metrics: Metrics,
    ) -> (Self, watch::Receiver<Seq>, watch::Receiver<()>) {
        let (committed, newest) = watch::channel(last);
        let (ended, end) = watch::channel(());
        let (health, tail) = (Health::new(), Tail::new(last));
        let sequence = Self {
            writer,
            epoch,
            last,
            mark,
            metrics,
            health,
            tail,
            rulebook,
            committed,
            _ended: ended,
        };
        (sequence, newest, end)
    }

    fn run(mut self, commands: &Receiver<Command>) -> Writer {
        let mut batch = Vec::with_capacity(MAX_BATCH);
        // Dropped before the batch: who learns of a panic by its send sees it not ready.
        let _running = Running(self.health.clone());
        let mut tend_at = Instant::now() + TEND_INTERVAL;
        let mut close = false;
        while !close {
            match commands.recv_timeout(tend_at.saturating_duration_since(Instant::now())) {
                Ok(Command::Write(waiting)) => batch.push(waiting),
                Ok(Command::Close) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            while !batch.is_empty() && batch.len() < MAX_BATCH {
                match commands.try_recv() {
                    Ok(Command::Write(waiting)) => batch.push(waiting),
                    Ok(Command::Close) => close = true,
                    Err(_) => break,
                }
            }
            let sent = !batch.is_empty();
            self.commit(&mut batch);
            let begun = Instant::now();
            if begun >= tend_at && !close {
                let more = self.tend();
                let took = begun.elapsed();
                tend_at = begun
                    + match (more, sent) {
                        (true, true) => took * SENDS_SHARE,
                        (true, false) => Duration::ZERO,
                        (false, _) => TEND_INTERVAL,
                    };
            }
        }
        self.mark.sync();
        self.writer
    }

    /// Stores a batch and answers its senders: all of it, or nothing of it.
    fn commit(&mut self, batch: &mut Vec<Waiting>) {
        if batch.is_empty() {
            return;
        }
        let begun = Instant::now();
        match self.store(batch) {
            Ok((last, outcomes, stored)) => {
                self.metrics.committed(begun.elapsed());
                self.health.recover();
                if last > self.last {
                    self.last = last;
                    self.tail.extend(stored);
                    self.committed.send_replace(last);
                }
                fault::point("journal");
                for (waiting, outcome) in batch.drain(..).zip(outcomes) {
                    if let (Waiting::Rule { ruling, .. }, Outcome::Ruled(Ruled::Stored(seq))) =
                        (&waiting, &outcome)
                    {
                        self.rulebook.apply(*seq, ruling);
                    }
                    waiting.tell(outcome);
                }
            }
            Err(why) => {
                self.health.fail(&why);
                let why = Arc::new(why);
                for waiting in batch.drain(..) {
                    waiting.refuse(AppendError::Disk(Arc::clone(&why)));
                }
            }
        }
    }

    fn store(&mut self, waiting: &[Waiting]) -> Result<Stored, WriteError> {
        let now = message::now();
        let mut last = self.last;
        let mut batch = self.writer.batch()?;
        let mut outcomes = Vec::with_capacity(waiting.len());
        let mut stored = Vec::with_capacity(waiting.len());
        for waiting in waiting {
            let next = last.next();
            let id = MessageId::new(self.epoch.clone(), next);
            let outcome = match waiting {
                Waiting::Append { draft, .. } => {
                    let message = message(draft, id, now);
                    let entry = Entry::Message(message.clone());
                    Outcome::Appended(match batch.insert(&draft.key, &entry, draft.author)? {
                        None => {
                            last = next;
                            stored.push(entry);
                            Ok(Appended { message, fresh: true })
                        }
                        Some(found) => found.answer(message).ok_or(AppendError::KeyReused),
                    })
                }
                Waiting::Change { room, target, revision, by, .. } => {
                    let by = by.as_deref();
                    let changed = batch.change((id, now), room, *target, revision, by)?;
                    if let Changed::Stored(change) = &changed {
                        last = next;
                        stored.push(Entry::Change(change.clone()));
                    }
                    Outcome::Changed(changed)
                }
                Waiting::Rule { ruling, expected, .. } => {
                    let standing = batch.ruled(&ruling.key)?.unwrap_or(Seq::ZERO);
                    if expected.is_some_and(|expected| expected != standing) {
                        Outcome::Ruled(Ruled::Conflict)
                    } else {
                        last = next;
                        batch.rule(next, now, ruling)?;
                        Outcome::Ruled(Ruled::Stored(next))
                    }
                }
            };
            outcomes.push(outcome);
        }
        if last == self.last {
            return Ok((last, outcomes, stored)); // Only what came again: there is nothing to sync.
        }
        batch.commit(last)?;
        self.mark.note(last);
        Ok((last, outcomes, stored))
    }

    /// Does a little of what is to be done beside the sends, or tries a disk that had failed;
    /// answers whether there is more of it.
    fn tend(&mut self) -> bool {
        self.mark.sync();
        self.health.tend(&mut self.writer)
    }
}

/// What a draft becomes.
fn message(draft: &Draft, id: MessageId, sent_at: Timestamp) -> Message {
    Message {
        id,
        room: draft.room.clone(),
        name: draft.name.clone(),
        text: draft.text.clone(),
        sent_at,
        state: State::Sent,
    }
}
