//! The one-node sequencer: one thread that gives each draft the next seq and commits what has
//! gathered in one transaction.
//!
//! While one batch is being synced, the drafts of the next gather in the queue; so one sync
//! serves every sender that waited for it, and a lone sender waits for nobody (group commit).

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};

use super::{
    Appended, OpenError,
    store::{Found, Writer},
};
use crate::{
    message::{Draft, Message, Seq},
    metrics::Metrics,
};

/// Drafts that wait for the writer: a fifth of a second's work, and 16 MB of the longest texts.
/// Beyond it a send is refused at once rather than kept waiting.
const QUEUE: usize = 1024;

/// Drafts committed together. Past a few hundred the sync is spread thin enough, and the first of
/// a batch waits for the last.
const BATCH: usize = 256;

/// How long a sender waits for the disk. A disk that takes longer is as good as gone, and the
/// sender can try again under its key.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often the writer looks for old messages, and for a disk that works again, when it is idle.
const IDLE: Duration = Duration::from_secs(1);

/// Messages trimmed in one transaction: a few milliseconds, which is what a send may meet.
const TRIM: u64 = 64;

/// Why a draft was not stored, or is not known to be.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// Its key was used for another message.
    #[error("this key was used for another message")]
    KeyReused,
    /// More senders wait than the queue holds.
    #[error("the journal is busy")]
    Busy,
    /// The disk did not answer in time; the message may still be stored.
    #[error("the disk did not answer in {} s", PATIENCE.as_secs())]
    TimedOut,
    /// The journal is closed.
    #[error("the journal is closed")]
    Closed,
    /// The disk refused; nothing of the batch was stored.
    #[error("the journal cannot be written: {0}")]
    Disk(Arc<rusqlite::Error>),
}

/// A handle on the writing thread; clones share it.
#[derive(Clone)]
pub struct Sequencer {
    queue: SyncSender<Command>,
    committed: watch::Receiver<Seq>,
    writable: Arc<AtomicBool>,
    /// The thread, until it is closed. A std mutex: it is taken once, and never across an await.
    thread: Arc<Mutex<Option<JoinHandle<Writer>>>>,
}

enum Command {
    Append(Entry),
    Close,
}

struct Entry {
    draft: Draft,
    answer: oneshot::Sender<Result<Appended, AppendError>>,
}

impl Sequencer {
    /// Starts the thread that writes; `last` is the highest seq that the store ever held.
    pub fn start(writer: Writer, last: Seq, metrics: Metrics) -> Result<Self, OpenError> {
        let (queue, commands) = mpsc::sync_channel(QUEUE);
        let (committed, watcher) = watch::channel(last);
        let writable = Arc::new(AtomicBool::new(true));
        let sequence =
            Sequence { writer, last, committed, writable: Arc::clone(&writable), metrics };
        let thread = thread::Builder::new()
            .name("journal".into())
            .spawn(move || sequence.run(&commands))
            .map_err(OpenError::Thread)?;
        let thread = Arc::new(Mutex::new(Some(thread)));
        Ok(Self { queue, committed: watcher, writable, thread })
    }

    /// The newest durable seq, and word of each newer one.
    pub fn committed(&self) -> watch::Receiver<Seq> {
        self.committed.clone()
    }

    pub async fn append(&self, draft: Draft) -> Result<Appended, AppendError> {
        let (answer, answered) = oneshot::channel();
        match self.queue.try_send(Command::Append(Entry { draft, answer })) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(AppendError::Busy),
            Err(TrySendError::Disconnected(_)) => return Err(AppendError::Closed),
        }
        match timeout(PATIENCE, answered).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(AppendError::Closed),
            Err(_) => Err(AppendError::TimedOut),
        }
    }

    pub fn ready(&self) -> bool {
        self.writable.load(Ordering::Relaxed)
    }

    /// Stores what is in the queue, ends the thread and gives the writer back; `None` where that
    /// was done before.
    pub async fn close(&self) -> Option<Writer> {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let queue = self.queue.clone();
        // The queue may be full and the last commit may take its time: not on an async thread.
        let closing = tokio::task::spawn_blocking(move || {
            let asked = queue.send(Command::Close);
            let ended = thread.join();
            asked.ok().and(ended.ok())
        });
        let writer = closing.await.ok().flatten();
        if writer.is_none() {
            tracing::error!("the journal's thread had ended by itself");
        }
        writer
    }
}

/// What the writing thread owns.
struct Sequence {
    writer: Writer,
    last: Seq,
    metrics: Metrics,
    committed: watch::Sender<Seq>,
    writable: Arc<AtomicBool>,
}

impl Sequence {
    fn run(mut self, commands: &Receiver<Command>) -> Writer {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            match commands.recv_timeout(IDLE) {
                Ok(Command::Append(entry)) => batch.push(entry),
                Ok(Command::Close) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    if self.tend(commands, &mut batch) {
                        break;
                    }
                }
            }
            let mut close = false;
            while batch.len() < BATCH {
                match commands.try_recv() {
                    Ok(Command::Append(entry)) => batch.push(entry),
                    Ok(Command::Close) => close = true,
                    Err(_) => break,
                }
            }
            self.commit(&mut batch);
            if close {
                break;
            }
        }
        self.writer
    }

    /// Stores a batch and answers its senders: all of it, or nothing of it.
    fn commit(&mut self, batch: &mut Vec<Entry>) {
        if batch.is_empty() {
            return;
        }
        let begun = Instant::now();
        match self.store(batch) {
            Ok((last, outcomes)) => {
                self.metrics.committed(begun.elapsed());
                self.writable.store(true, Ordering::Relaxed);
                if last > self.last {
                    self.last = last;
                    self.committed.send_replace(last);
                }
                for (entry, outcome) in batch.drain(..).zip(outcomes) {
                    // A sender that is gone does not want to know; its message is stored.
                    let _ = entry.answer.send(outcome);
                }
            }
            Err(why) => {
                tracing::error!(%why, "a batch could not be stored");
                self.writable.store(false, Ordering::Relaxed);
                let why = Arc::new(why);
                for entry in batch.drain(..) {
                    let _ = entry.answer.send(Err(AppendError::Disk(Arc::clone(&why))));
                }
            }
        }
    }

    fn store(
        &mut self,
        entries: &[Entry],
    ) -> Result<(Seq, Vec<Result<Appended, AppendError>>), rusqlite::Error> {
        let now = now();
        let mut last = self.last;
        let batch = self.writer.batch()?;
        let mut outcomes = Vec::with_capacity(entries.len());
        for Entry { draft, .. } in entries {
            let room = batch.room(draft)?;
            outcomes.push(match batch.find(&room, draft)? {
                None => {
                    last = last.next();
                    Ok(Appended { message: batch.insert(last, &room, draft, now)?, fresh: true })
                }
                Some(found) => again(found, draft),
            });
        }
        if last == self.last {
            return Ok((last, outcomes)); // Only keys that came again: there is nothing to sync.
        }
        batch.commit(last)?;
        Ok((last, outcomes))
    }

    /// Trims while nobody sends, and tries a disk that had failed; answers whether to close.
    fn tend(&mut self, commands: &Receiver<Command>, batch: &mut Vec<Entry>) -> bool {
        loop {
            let outcome = if self.ready() {
                self.writer.trim(TRIM, now())
            } else {
                self.writer.probe().map(|()| false)
            };
            self.writable.store(outcome.is_ok(), Ordering::Relaxed);
            match outcome {
                Ok(true) => {}
                Ok(false) => return false,
                Err(why) => {
                    tracing::error!(%why, "the journal cannot be written");
                    return false;
                }
            }
            match commands.try_recv() {
                Ok(Command::Append(entry)) => {
                    batch.push(entry);
                    return false;
                }
                Ok(Command::Close) => return true,
                Err(_) => {}
            }
        }
    }

    fn ready(&self) -> bool {
        self.writable.load(Ordering::Relaxed)
    }
}

/// The answer to a key that came before.
fn again(found: Found, draft: &Draft) -> Result<Appended, AppendError> {
    match found {
        Found::Kept(message) if message.name == draft.name && message.text == draft.text => {
            Ok(Appended { message, fresh: false })
        }
        Found::Kept(_) => Err(AppendError::KeyReused),
        Found::Dropped { id, sent_at } => Ok(Appended {
            message: Message {
                id,
                room: draft.room.clone(),
                name: draft.name.clone(),
                text: draft.text.clone(),
                sent_at,
            },
            fresh: false,
        }),
    }
}

/// The time, to the millisecond that is stored.
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    //! One thread takes from one queue, so all that chance decides about a group commit is which
    //! drafts are committed together, and which commit fails. Every such course is run here.

    use super::*;
    use crate::{
        journal::{Retention, store::Store},
        message::{Key, Name, RoomName, Text},
    };

    /// What is sent, in the order of the queue: key and text. Two keys come again, one of them
    /// with another text.
    const SENT: [(&str, char); 6] =
        [("a", '1'), ("b", '2'), ("a", '1'), ("c", '3'), ("b", 'x'), ("d", '4')];

    fn draft((key, text): (&str, char)) -> Draft {
        Draft {
            room: RoomName::parse("lobby").unwrap(),
            name: Name::parse("ann").unwrap(),
            // 12 KB: each needs pages of its own, so that a full disk shows.
            text: Text::parse(&format!("{text}{}", "€".repeat(Text::MAX_CHARS - 1))).unwrap(),
            key: Key::parse(key).unwrap(),
        }
    }

    /// Runs one course: `cuts` has a bit for each place where one batch ends and the next begins;
    /// the batch at `fails` meets a full disk.
    fn run(cuts: u32, fails: Option<usize>) -> usize {
        let home = tempfile::tempdir().unwrap();
        let retention = Retention { keep: 100, ttl: None };
        let (_store, writer) = Store::open(&home.path().join("hubbub.db"), retention).unwrap();
        let (committed, watcher) = watch::channel(Seq::ZERO);
        let writable = Arc::new(AtomicBool::new(true));
        let mut sequence =
            Sequence { writer, last: Seq::ZERO, committed, writable, metrics: Metrics::new() };

        let mut answers = Vec::new();
        let mut batch = Vec::new();
        let mut batches = 0;
        for (place, sent) in SENT.into_iter().enumerate() {
            let (answer, answered) = oneshot::channel();
            batch.push(Entry { draft: draft(sent), answer });
            answers.push((sent, batches, answered));
            if cuts & (1 << place) != 0 || place + 1 == SENT.len() {
                sequence.writer.fill_the_disk(fails == Some(batches));
                sequence.commit(&mut batch);
                sequence.writer.fill_the_disk(false);
                batches += 1;
                assert!(batch.is_empty());
            }
        }

        // What must have become of each, by the rules alone.
        let mut stored: Vec<((&str, char), Seq)> = Vec::new();
        let mut failed_for_lack_of_room = false;
        for (sent, in_batch, mut answered) in answers {
            let outcome = answered.try_recv().expect("each sender is answered, once");
            let first = stored.iter().find(|((key, _), _)| *key == sent.0).copied();
            match (outcome, first) {
                (Err(AppendError::Disk(_)), _) => {
                    assert_eq!(fails, Some(in_batch), "only the batch that failed");
                    failed_for_lack_of_room = true;
                }
                (Ok(appended), Some((same, seq))) => {
                    assert_eq!(same, sent);
                    assert!(!appended.fresh && appended.message.seq() == seq);
                }
                (Err(AppendError::KeyReused), Some((first, _))) => assert_ne!(first, sent),
                (Ok(appended), None) => {
                    let next = Seq::new(stored.len() as u64 + 1);
                    assert!(appended.fresh);
                    assert_eq!(appended.message.seq(), next, "no hole, also after a failure");
                    stored.push((sent, next));
                }
                (outcome, first) => panic!("{sent:?}: {outcome:?} after {first:?}"),
            }
        }
        assert_eq!(*watcher.borrow(), Seq::new(stored.len() as u64));
        assert_eq!(sequence.writer.last().unwrap(), Seq::new(stored.len() as u64));
        assert_eq!(sequence.writer.count(), stored.len() as u64, "nothing half-written");
        if let Some(batch) = fails.filter(|batch| *batch < batches) {
            // A batch of keys that came before writes nothing, and cannot fail.
            assert!(failed_for_lack_of_room || batch > 0, "the full disk was met");
        }
        batches
    }

    #[test]
    fn however_drafts_gather_and_whichever_commit_fails_each_is_answered_once_and_truly() {
        for cuts in 0..1 << (SENT.len() - 1) {
            let batches = run(cuts, None);
            for fails in 0..batches {
                run(cuts, Some(fails));
            }
        }
    }
}
