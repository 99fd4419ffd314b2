//! The search: a second reader of the journal, which keeps an index of all words in a file of its own
//! beside the data.
//!
//! No send waits for it, and nothing is kept for it: it is no follower of the journal, and what was
//! trimmed before it came is of no use to it. The index holds places and no texts; what it finds is read
//! from the journal, and shown where it is there, may be seen and has the words still. So the index may
//! be behind, and must not be right: it is never more than the way to hits that are looked at again.
//! Whatever is wrong with its file, a full disk included, that is thrown away and made anew, and a
//! search says meanwhile how far it reaches. It needs no backup.
//!
//! What is removed or edited is taken out as its change is read; a few moments later its part of the
//! file is written anew and the log emptied, and the words are nowhere. What is no longer kept goes the
//! same way, in less haste.

mod find;
mod follow;
mod index;
mod query;
mod read;
mod token;
mod worker;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::{Notify, Semaphore, watch};

use crate::{journal::beside, message::Seq};

pub(crate) use find::{Asked, Found, Hit, SearchError, Within};
pub(crate) use follow::run;
pub(crate) use query::Query;

/// What the file's name ends with, behind the data's.
const ENDING: &str = ".search";

/// A handle on the index; clones share it.
#[derive(Clone)]
pub(crate) struct Search(Arc<Shared>);

struct Shared {
    path: PathBuf,
    /// How far the index has come, and word of each step.
    progress: watch::Sender<Progress>,
    /// Somebody waits for what is new.
    wanted: Notify,
    /// Somebody found the file damaged.
    suspect: AtomicBool,
    stop: Arc<AtomicBool>,
    /// Idle connections for searches, and which file each has open. A std mutex: it is held to push or
    /// pop.
    readers: Mutex<Vec<(u64, Connection)>>,
    /// Searches that run at once.
    slots: Arc<Semaphore>,
}

/// How far the index has come.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// Which file it is, counted from 1; 0 while none is open.
    file: u64,
    /// All up to here was taken in.
    upto: Seq,
    /// When the last of that was said.
    at: Option<Timestamp>,
}

/// Whether what runs in SQLite is to end.
#[derive(Clone)]
struct Halt {
    stop: Arc<AtomicBool>,
    until: Option<Instant>,
}

impl Halt {
    fn is_given(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.until.is_some_and(|until| Instant::now() > until)
    }
}

impl Search {
    /// The search of the journal whose data is at `data`. Nothing is opened before [`run`].
    pub(crate) fn new(data: &Path) -> Self {
        // More than there are processors would only wait in SQLite.
        let processors = thread::available_parallelism().map_or(2, usize::from).max(2);
        Self(Arc::new(Shared {
            path: beside(data, ENDING),
            progress: watch::Sender::default(),
            wanted: Notify::new(),
            suspect: AtomicBool::new(false),
            stop: Arc::default(),
            readers: Mutex::default(),
            slots: Arc::new(Semaphore::new(processors)),
        }))
    }

    /// How many places of the journal it has not taken in, of those up to `last`.
    pub(crate) fn lag(&self, last: Seq) -> u64 {
        last.get().saturating_sub(self.progress().upto.get())
    }

    /// Ends what it does, which is of no use any more.
    pub(crate) fn stop(&self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }

    /// Waits for so long at most until all up to `seq` was taken in; whether it was.
    async fn reach(&self, seq: Seq, patience: Duration) -> bool {
        let mut progress = self.0.progress.subscribe();
        self.0.wanted.notify_one();
        let reached = progress.wait_for(|progress| progress.file > 0 && progress.upto >= seq);
        tokio::time::timeout(patience, reached).await.is_ok_and(|reached| reached.is_ok())
    }

    fn progress(&self) -> Progress {
        *self.0.progress.borrow()
    }

    fn halt(&self, until: Option<Instant>) -> Halt {
        Halt { stop: Arc::clone(&self.0.stop), until }
    }

    fn readers(&self) -> MutexGuard<'_, Vec<(u64, Connection)>> {
        self.0.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
