//! The thread that writes what the stream brings to the node's store, in batches, and tells who waits
//! for it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    super::health::{Health, Running},
    engine::Newest,
};
use crate::{
    fault,
    journal::{
        Retention,
        rulebook::Rulebook,
        store::{Applied, Changed, Erasure, Standing, WriteError, Writer},
        tail::Tail,
    },
    message::{Author, Entry, Key, RoomName, Ruling, Seq},
    metrics::Metrics,
};

/// Entries that are committed together.
const MAX_BATCH: usize = 512;

/// Entries that wait for the thread: what it commits in a moment, and no more memory than 64 MB of the
/// longest. Beyond it the follower waits, and flow control has the server wait.
pub(super) const MAX_QUEUED: usize = 4096;

/// Between two tries of a store that cannot be written.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// What the thread is told.
#[expect(clippy::large_enum_variant, reason = "nearly all of them are the large one")]
pub(super) enum Command {
    /// The stream brought this.
    Apply(Delivered),
    /// It is time for the chores.
    Tend,
    /// This is gone from the stream.
    Erased(Seq),
}

/// What stands at one place of the stream.
pub(super) struct Delivered {
    pub seq: Seq,
    /// `None` for what is no entry, or none that is understood.
    pub entry: Option<(Key, Entry)>,
    /// The tab that sent it.
    pub author: Option<Author>,
    /// The rule that is put there, where it is one, and when.
    pub ruling: Option<(Ruling, Timestamp)>,
    /// Whether nothing can have been at the places before it that were passed over: the server counts
    /// on where a message came to nothing.
    pub gapless: bool,
}

/// What came of an entry that somebody waits for.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub entry: Entry,
    pub applied: Applied,
}

/// Who waits for an entry under a key to come back from the stream; clones share it.
#[derive(Clone, Default)]
pub(super) struct Waiting(Arc<Mutex<Places>>);

type Places = HashMap<(RoomName, Key), Vec<oneshot::Sender<Told>>>;

impl Waiting {
    /// Waits for what comes under this key.
    pub(super) fn wait(&self, room: &RoomName, key: &Key) -> oneshot::Receiver<Told> {
        let (tell, told) = oneshot::channel();
        self.lock().entry((room.clone(), key.clone())).or_default().push(tell);
        told
    }

    /// Forgets those who do not wait any more.
    pub(super) fn forget(&self, room: &RoomName, key: &Key) {
        let place = (room.clone(), key.clone());
        let mut places = self.lock();
        if let Some(all) = places.get_mut(&place) {
            all.retain(|tell| !tell.is_closed());
            if all.is_empty() {
                places.remove(&place);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last place of a batch, and what became of each entry in it.
type Stored = (Seq, Vec<Option<Applied>>);

/// What the thread owns.
pub(super) struct Applier {
    pub writer: Writer,
    pub retention: Retention,
    pub standing: Standing,
    pub last: Seq,
    pub metrics: Metrics,
    pub health: Health,
    pub tail: Tail,
    pub rulebook: Rulebook,
    pub waiting: Waiting,
    pub newest: watch::Sender<Newest>,
    /// The newest place that is durable here; its drop says that nothing is written any more.
    pub committed: watch::Sender<Seq>,
    /// Told where this node has missed something for good.
    pub missed: CancellationToken,
    /// What is to be gone from the stream next.
    pub erasures: watch::Sender<Vec<Erasure>>,
    /// Dropped last.
    pub _ended: DropGuard,
}

impl Applier {
    pub(super) fn run(mut self, mut commands: mpsc::Receiver<Command>) -> Writer {
        let mut batch = Vec::with_capacity(MAX_BATCH);
        self.look_for_erasures();
        let _running = Running(self.health.clone());
        while let Some(first) = commands.blocking_recv() {
            let mut tend = false;
            let mut erased = Vec::new();
            let mut take = |command| match command {
                Command::Apply(delivered) => batch.push(delivered),
                Command::Tend => tend = true,
                Command::Erased(seq) => erased.push(seq),
            };
            take(first);
            let mut taken = 1;
            while taken < MAX_BATCH {
                let Ok(next) = commands.try_recv() else { break };
                take(next);
                taken += 1;
            }
            while !batch.is_empty() && !self.missed.is_cancelled() && !self.commit(&mut batch) {
                if commands.is_closed() {
                    return self.writer;
                }
                thread::sleep(RETRY_INTERVAL);
            }
            batch.clear();
            self.note_erased(erased);
            while tend && self.health.tend(&mut self.writer) && commands.is_empty() {}
        }
        self.writer
    }

    /// Stores a batch and tells those who wait: all of it, or nothing of it, and then it is to be
    /// tried again.
    fn commit(&mut self, batch: &mut Vec<Delivered>) -> bool {
        let begun = Instant::now();
        match self.store(batch) {
            Ok(None) => {
                self.missed.cancel();
                true
            }
            Ok(Some((last, applied))) => {
                self.metrics.committed(begun.elapsed());
                self.health.recover();
                self.last = last;
                let stored = batch.iter().zip(&applied);
                self.tail.extend(stored.filter_map(|(delivered, applied)| match applied {
                    Some(Applied::Stored) => {
                        delivered.entry.as_ref().map(|(_, entry)| entry.clone())
                    }
                    Some(Applied::Changed(Changed::Stored(change))) => {
                        Some(Entry::Change(change.clone()))
                    }
                    _ => None,
                }));
                // A change may be gone from the stream again.
                let keyed = batch.iter().rev().find_map(|delivered| match &delivered.entry {
                    Some((key, Entry::Message(_))) => Some((delivered.seq, key.clone())),
                    _ => None,
                });
                let rulings = batch.iter().filter_map(|delivered| {
                    delivered.ruling.as_ref().map(|(ruling, _)| (delivered.seq, ruling))
                });
                let mut ruled = false;
                for (seq, ruling) in rulings {
                    self.rulebook.apply(seq, ruling);
                    ruled = true;
                }
                if ruled
                    || applied.iter().flatten().any(|applied| !matches!(applied, Applied::Stored))
                {
                    self.look_for_erasures();
                }
                self.newest.send_modify(|newest| {
                    newest.seq = last;
                    newest.keyed = keyed.or(newest.keyed.take());
                });
                self.committed.send_replace(last);
                fault::point("journal");
                self.tell(batch, applied);
                true
            }
            Err(why) => {
                self.health.fail(&why);
                false
            }
        }
    }

    /// The last place, and what became of each entry; `None` where this node has missed something.
    fn store(&mut self, delivered: &[Delivered]) -> Result<Option<Stored>, WriteError> {
        let mut last = self.last;
        let mut batch = self.writer.batch()?;
        let mut applied = Vec::with_capacity(delivered.len());
        for Delivered { seq, entry, author, ruling, gapless } in delivered {
            if *seq != last.next() {
                // Nothing is known of what was passed over, and be it the place itself.
                let known = entry.is_some() || ruling.is_some();
                let hole = Seq::new(seq.get() - u64::from(known));
                let filled = self.standing.filled;
                if hole > filled && !gapless {
                    // What was there went while this node was away: it has rooms with a gap in them.
                    batch.commit_standing(Standing { anew: true, ..self.standing })?;
                    return Ok(None);
                }
                // What a node finds that begins was there before it: an operator may have taken out
                // anything. Where less is kept of a room, or nothing, that was before what is left of it.
                // One message in the midst of a room cannot be told from one that was removed, and
                // whoever removes one wants nobody to be told of it.
                if last < filled {
                    batch.note_hole(hole.min(filled))?;
                }
            }
            last = *seq;
            if let Some((ruling, at)) = ruling {
                batch.apply_rule(*seq, *at, ruling)?;
            }
            applied.push(match entry {
                Some((key, entry)) => Some(batch.apply(key, entry, *author, self.retention)?),
                None => None,
            });
        }
        batch.commit(last)?;
        Ok(Some((last, applied)))
    }

    /// Says what is to be gone from the stream, where there is something.
    fn look_for_erasures(&self) {
        match self.writer.erasures(super::erase::MAX_BATCH) {
            Ok(erasures) => drop(self.erasures.send_replace(erasures)),
            Err(why) => {
                tracing::error!(%why, "what is to be erased from the stream cannot be read");
            }
        }
    }

    /// What could not be noted is found to be gone the next time.
    fn note_erased(&mut self, erased: Vec<Seq>) {
        if erased.is_empty() {
            return;
        }
        for seq in erased {
            if let Err(why) = self.writer.erased(seq) {
                tracing::debug!(%why, "what was erased from the stream could not be noted");
            }
        }
        self.look_for_erasures();
    }

    fn tell(&self, batch: &mut Vec<Delivered>, applied: Vec<Option<Applied>>) {
        let mut places = self.waiting.lock();
        if places.is_empty() {
            return;
        }
        for (delivered, applied) in batch.drain(..).zip(applied) {
            let (Some((key, entry)), Some(applied)) = (delivered.entry, applied) else { continue };
            let place = (entry.room().clone(), key);
            for tell in places.remove(&place).unwrap_or_default() {
                // Who is gone does not want to know.
                let _ = tell.send(Told { entry: entry.clone(), applied: applied.clone() });
            }
        }
    }
}
