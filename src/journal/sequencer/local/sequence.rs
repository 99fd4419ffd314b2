//! The writing thread: what has gathered is given its seqs, and committed together.

#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::sync::{oneshot, watch};

use super::{
    super::{
        super::{
            Appended,
            rulebook::Rulebook,
            store::{Changed, Revision, WriteError, Writer},
            tail::Tail,
        },
        AppendError, Ruled,
        health::{Health, Running},
    },
    Mark,
};
use crate::{
    fault,
    message::{self, Draft, Entry, Epoch, Message, MessageId, RoomName, Ruling, Seq, State},
    metrics::Metrics,
};

/// Drafts committed together: beyond it the sync is spread thin, and the first waits for the last.
const MAX_BATCH: usize = 256;

/// How often the writer looks for old messages, and for a disk that works again.
const TEND_INTERVAL: Duration = Duration::from_secs(1);

/// While there are sends and old messages both, how many times longer the sends have the writer
/// than a look for the old ones took.
const SENDS_SHARE: u32 = 4;

/// What the thread is told.
#[expect(clippy::large_enum_variant, reason = "nearly all of them are the large one")]
pub(super) enum Command {
    Write(Waiting),
    Close,
}

/// What is to be stored, and who waits for its seq.
pub(super) enum Waiting {
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

pub(super) type Answer<T> = oneshot::Sender<Result<T, AppendError>>;

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

/// What the writing thread owns.
pub(super) struct Sequence {
    writer: Writer,
    epoch: Epoch,
    last: Seq,
    mark: Mark,
    metrics: Metrics,
    pub(super) health: Health,
    pub(super) tail: Tail,
    rulebook: Rulebook,
    committed: watch::Sender<Seq>,
    /// Dropped last.
    _ended: watch::Sender<()>,
}

impl Sequence {
    /// It, the newest seq that it made durable, and word of its end; `last` is the highest seq
    /// that the store ever held.
    pub(super) fn new(
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

    pub(super) fn run(mut self, commands: &Receiver<Command>) -> Writer {
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
