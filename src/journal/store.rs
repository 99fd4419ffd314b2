//! SQLite: inserts at a given seq, reads forwards and backwards, trims.
//!
//! One [`Writer`] changes the file, in WAL mode, so that [`Reader`]s never wait for it; each
//! reading is one transaction and sees one moment. This module chooses no seq and no epoch.

mod age;
mod change;
mod check;
mod digest;
mod find;
mod fingerprint;
mod forget;
mod found;
mod lane;
mod lock;
mod log;
mod migrate;
#[cfg(feature = "nats")]
mod node;
mod numbers;
mod open;
mod read;
mod rooms;
mod rules;
mod scan;
mod signed;
mod special;
mod tend;
#[cfg(test)]
mod tests;
mod trim;
mod watch;
mod write;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rusqlite::Connection;

use crate::message::{DecodeError, Epoch};

use lane::Lanes;

#[cfg(feature = "nats")]
pub(crate) use change::key_of;
pub use change::{Changed, Revision};
pub(crate) use check::inspect;
pub(crate) use fingerprint::{OFFSET as MARK_BYTES, has_pages};
pub(crate) use lane::Lane;
pub(crate) use lock::{Lock, PRIVATE, beside, directory};
#[cfg(feature = "nats")]
pub(crate) use node::{Applied, Erasure, Standing, Wanted};
pub(crate) use numbers::Numbers;
pub(crate) use open::{LOCK_TIMEOUT, OpenError, fold_when_closed};
pub use read::Totals;
pub(crate) use read::{Gap, Newest, Page, Reader};
#[cfg(feature = "nats")]
pub(crate) use rules::ERASED_RULE;
pub(crate) use scan::{Around, Scan};
pub(crate) use signed::{Chosen, Signed};
pub(crate) use watch::Displaced;
pub(crate) use write::Writer;

/// The file cannot be written, or not now.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// SQLite's own error.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// What is written would be lost.
    #[error(transparent)]
    Displaced(#[from] Displaced),
}

/// How long a connection for readings is kept that nobody uses: a crowd's are not for ever.
const MAX_IDLE_TIME: Duration = Duration::from_mins(1);

/// The file cannot be read, or not now.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// SQLite's own error.
    #[error("the journal cannot be read: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A row holds what this program never wrote.
    #[error("the journal holds a damaged message at {0}")]
    Damaged(u64),
    /// A row holds what a later hubbub wrote.
    #[error("the journal holds at {seq} {why}")]
    Unknown {
        /// Where.
        seq: u64,
        /// What.
        why: DecodeError,
    },
    /// The reading thread ended.
    #[error("the journal was closed while it was read")]
    Closed,
}

/// The reading side of the open file; clones share it.
#[derive(Clone)]
pub(super) struct Store(Arc<Inner>);

struct Inner {
    path: PathBuf,
    epoch: Epoch,
    lanes: Lanes,
    /// Idle connections, and since when; the one that was used last is at the end. A std mutex, since
    /// it is held only to push or pop.
    idle: Mutex<Vec<(Instant, Connection)>>,
}

impl Store {
    /// The reading side of the file that a [`Writer`] has open, whose ids bear `epoch`.
    pub(super) fn open(path: &Path, epoch: Epoch) -> Result<Self, OpenError> {
        let store = Self(Arc::new(Inner {
            path: path.to_owned(),
            epoch,
            lanes: Lanes::new(),
            idle: Mutex::default(),
        }));
        // The first page must not pay for opening, and a file that cannot be read fails the start.
        let reader = open::readable(path).map_err(|why| OpenError::sqlite(path, why))?;
        store.give_back(reader);
        Ok(store)
    }

    /// Runs one reading on a thread that may block, when its lane has room for it.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        lane: Lane,
        read: impl FnOnce(&Reader<'_>) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let store = self.clone();
        let reading = self.0.lanes.run(lane, move || {
            let mut connection = store.take()?;
            let outcome = Reader::begin(&mut connection, &store.0.epoch).and_then(|r| read(&r));
            if outcome.is_ok() {
                store.give_back(connection);
            }
            outcome
        });
        reading.await.unwrap_or(Err(ReadError::Closed))
    }

    /// Waits for the readings under way, refuses later ones and closes their connections.
    pub(super) async fn close(&self) {
        self.0.lanes.close().await;
        self.close_idle();
    }

    /// Closes the connections that nobody uses.
    pub(super) fn close_idle(&self) {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Where the data is, all links followed.
    pub(super) fn path(&self) -> &Path {
        &self.0.path
    }

    /// How long the data file and its log are, in bytes.
    pub(super) fn size(&self) -> u64 {
        let files = [self.0.path.clone(), lock::beside(&self.0.path, "-wal")];
        files.iter().filter_map(|file| std::fs::metadata(file).ok()).map(|file| file.len()).sum()
    }

    fn take(&self) -> Result<Connection, ReadError> {
        let idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(match idle {
            Some((_, connection)) => connection,
            None => open::readable(&self.0.path)?,
        })
    }

    fn give_back(&self, connection: Connection) {
        let mut idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push((Instant::now(), connection));
        let old: Vec<_> =
            idle.extract_if(.., |(since, _)| since.elapsed() > MAX_IDLE_TIME).collect();
        drop(idle);
        drop(old); // Not under the lock: a file is closed.
    }
}
