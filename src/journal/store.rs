//! SQLite: inserts at a given seq, reads forwards and backwards, trims.
//!
//! One [`Writer`] changes the file, in WAL mode, so that [`Reader`]s never wait for it; each
//! reading is one transaction and sees one moment. This module chooses no seq and no epoch.

mod migrate;
mod open;
mod read;
mod trim;
mod write;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::message::{DecodeError, Epoch};

pub use open::OpenError;
pub use read::{Gap, Newest, Page, Reader};
pub use write::Writer;

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
pub struct Store(Arc<Inner>);

struct Inner {
    path: PathBuf,
    epoch: Epoch,
    /// Idle connections. A std mutex, since it is held only to push or pop.
    idle: Mutex<Vec<Connection>>,
    /// Readings under way at once: more than there are processors would only queue in SQLite.
    turns: Semaphore,
    /// How many those are.
    most: u32,
}

impl Store {
    /// The reading side of the file that a [`Writer`] has open, whose ids bear `epoch`.
    pub fn open(path: &Path, epoch: Epoch) -> Result<Self, OpenError> {
        let processors = thread::available_parallelism().map_or(2, usize::from).max(2);
        let store = Self(Arc::new(Inner {
            path: path.to_owned(),
            epoch,
            idle: Mutex::default(),
            turns: Semaphore::new(processors),
            most: u32::try_from(processors).unwrap_or(u32::MAX),
        }));
        // The first page must not pay for opening, and a file that cannot be read fails the start.
        let reader = open::readable(path).map_err(|why| OpenError::sqlite(path, why))?;
        store.give_back(reader);
        Ok(store)
    }

    /// Runs one reading on a thread that may block.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader<'_>) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let _turn = self.0.turns.acquire().await.map_err(|_| ReadError::Closed)?;
        let store = self.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let mut connection = store.take()?;
            let outcome = Reader::begin(&mut connection, &store.0.epoch).and_then(|r| read(&r));
            if outcome.is_ok() {
                store.give_back(connection);
            }
            outcome
        });
        reading.await.map_err(|_| ReadError::Closed)?
    }

    /// Waits for the readings under way, refuses later ones and closes their connections.
    pub async fn close(&self) {
        let _all = self.0.turns.acquire_many(self.0.most).await;
        self.0.turns.close();
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn take(&self) -> Result<Connection, ReadError> {
        let idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(match idle {
            Some(connection) => connection,
            None => open::readable(&self.0.path)?,
        })
    }

    fn give_back(&self, connection: Connection) {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}
