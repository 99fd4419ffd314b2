use std::{
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{
    Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params,
};

use super::{
    super::{Retention, followers::Followers, holds::Holds},
    WriteError, check, digest,
    fingerprint::has_pages,
    found::{Found, find},
    lock::Lock,
    open::{self, LOCK_TIMEOUT, LOCK_TURN, OpenError},
    read::signed,
    rooms::Rooms,
    tend::Chores,
    trim::{CHUNK, Trim},
    watch::Watch,
};
use crate::{
    message::{Author, Columns, Entry, Epoch, Key, RoomName, Seq},
    shutdown::Shutdown,
};

/// The kind of a tombstone: an entry that was trimmed.
pub(super) const TRIMMED: i64 = 0;

/// How long the log's emptying waits for readings that are under way: a few of them.
const FOLD_TIMEOUT: Duration = Duration::from_millis(20);

/// Statements that are kept prepared: all that the writer has.
const MAX_STATEMENTS: usize = 64;

/// The writing side: there is one, and it holds the only connection that writes.
pub(crate) struct Writer {
    pub(super) connection: Connection,
    pub(super) retention: Retention,
    pub(super) chores: Chores,
    pub(super) rooms: Rooms,
    /// What SQLite is to do at a commit, as its pragma `synchronous` has it.
    pub(super) synchronous: &'static str,
    /// How long a batch waits for a lock.
    lock_timeout: Duration,
    /// Given, it waits no longer.
    stop: Shutdown,
    followers: Followers,
    holds: Holds,
    watch: Watch,
    checked: Option<Duration>,
    /// What `erased` was when the log was last emptied for it; `None` where that is not known.
    erased: Option<i64>,
    /// Dropped after the connection.
    lock: Lock,
}

/// Changes that become visible and durable together.
pub(crate) struct Batch<'a> {
    pub(super) transaction: Transaction<'a>,
    pub(super) rooms: &'a mut Rooms,
    pub(super) chores: &'a mut Chores,
    pub(super) trim: Trim<'a>,
    /// The place of the change in whose place the last one stands.
    pub(super) replaced: Option<Seq>,
    /// The rooms that got something.
    written: Vec<RoomName>,
    connection: &'a Connection,
    watch: &'a mut Watch,
    lock: &'a Lock,
}

impl Writer {
    /// Opens the file at `path` and makes what is missing; that goes again where this is dropped
    /// without [`Writer::keep`] or [`Writer::close`].
    pub(crate) fn open(
        path: &Path,
        retention: Retention,
        followers: Followers,
        holds: Holds,
    ) -> Result<Self, OpenError> {
        // First: it shows whether the file is another process's.
        let lock = Lock::take(path)?;
        let (connection, checked) =
            open::writable(lock.path(), check::evidence(&lock)?).map_err(|why| lock.blame(why))?;
        lock.close_to_others().map_err(|why| OpenError::io(lock.path(), why))?;
        digest::define(&connection).map_err(|why| OpenError::sqlite(path, why))?;
        connection.set_prepared_statement_cache_capacity(MAX_STATEMENTS);
        let watch = Watch::begin(&connection, &lock);
        let watch = watch.map_err(|why| lock.blame(OpenError::io(lock.path(), why)))?;
        let (rooms, chores) = (Rooms::default(), Chores::default());
        // A log that another start left may hold something; an empty one holds nothing.
        let erased = connection.query_row("SELECT erased FROM journal", [], |row| row.get(0));
        let erased = erased.map_err(|why| OpenError::sqlite(lock.path(), why))?;
        let erased =
            (!has_pages(&lock.beside("-wal"))).then_some(erased).or((erased == 0).then_some(0));
        Ok(Self {
            connection,
            retention,
            chores,
            rooms,
            synchronous: "full",
            lock_timeout: LOCK_TIMEOUT,
            stop: Shutdown::new(),
            followers,
            holds,
            watch,
            checked,
            erased,
            lock,
        })
    }

    /// Where the data is, all links followed.
    pub(crate) fn path(&self) -> &Path {
        self.lock.path()
    }

    /// How long the data was checked, where it was.
    pub(crate) fn checked(&self) -> Option<Duration> {
        self.checked
    }

    /// Ends every wait for a lock that another program holds.
    pub(crate) fn stop(&self) -> Shutdown {
        self.stop.clone()
    }

    /// How long each wait for one lasts.
    pub(super) fn wait_for_locks(&mut self, timeout: Duration) -> Result<(), rusqlite::Error> {
        self.lock_timeout = timeout;
        self.connection.busy_timeout(timeout)
    }

    /// What keeps other processes from writing.
    pub(crate) fn lock(&self) -> &Lock {
        &self.lock
    }

    /// The highest seq that was ever stored, trimmed or not.
    pub(crate) fn last(&self) -> Result<Seq, rusqlite::Error> {
        self.connection.query_row("SELECT last FROM journal", [], |row| row.get(0)).map(Seq::new)
    }

    /// The epoch that it was told; `None` in a new file, or where none can be read.
    pub(crate) fn epoch(&self) -> Result<Option<Epoch>, rusqlite::Error> {
        let found: Option<String> = self
            .connection
            .query_row("SELECT epoch FROM journal", [], |row| row.get(0))
            .optional()?;
        Ok(found.and_then(|epoch| Epoch::parse(&epoch)))
    }

    /// Tells it the epoch that its seqs belong to.
    pub(crate) fn set_epoch(&self, epoch: &Epoch) -> Result<(), rusqlite::Error> {
        self.connection.execute("UPDATE journal SET epoch = ?1", [epoch.as_str()]).map(|_| ())
    }

    /// Begins a batch, when nobody else writes. Dropped without [`Batch::commit`], it never was.
    pub(crate) fn batch(&mut self) -> Result<Batch<'_>, WriteError> {
        if let Some(why) = self.watch.displaced() {
            return Err(why.into());
        }
        let until = Instant::now() + self.lock_timeout;
        self.connection.busy_timeout(self.lock_timeout.min(LOCK_TURN))?;
        let transaction = loop {
            let immediate = TransactionBehavior::Immediate;
            match Transaction::new_unchecked(&self.connection, immediate) {
                Err(why)
                    if why.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                        && Instant::now() < until
                        && !self.stop.has_begun() => {}
                begun => break begun?,
            }
        };
        self.connection.busy_timeout(self.lock_timeout)?;
        // Nobody else writes it from here on.
        self.watch.begun()?;
        self.rooms.begin();
        Ok(Batch {
            transaction,
            rooms: &mut self.rooms,
            chores: &mut self.chores,
            trim: Trim {
                keep: self.retention.keep,
                followed: self.followers.slowest(),
                holds: &self.holds,
            },
            replaced: None,
            written: Vec::new(),
            connection: &self.connection,
            watch: &mut self.watch,
            lock: &self.lock,
        })
    }

    /// All there was is forgotten on purpose.
    #[cfg(feature = "nats")]
    pub(super) fn forgot(&mut self) {
        (self.rooms, self.chores) = (Rooms::default(), Chores::default());
        self.watch.forget();
    }

    /// Looks whether the files are still the ones that a restart will find.
    pub(super) fn look(&mut self) {
        self.watch.look(&self.connection, &self.lock);
    }

    /// Proves that the disk takes a write, by making one that changes nothing.
    pub(crate) fn probe(&mut self) -> Result<(), WriteError> {
        self.look();
        let batch = self.batch()?;
        batch.transaction.execute("UPDATE journal SET last = last", [])?;
        batch.commit_without_seq()
    }

    /// Empties the log where it holds something that is to be gone from the disk, and nobody reads in
    /// it right now; else it is tried again the next time.
    pub(super) fn erase(&mut self) -> Result<(), rusqlite::Error> {
        let mut statement = self.connection.prepare_cached("SELECT erased FROM journal")?;
        let erased: i64 = statement.query_row([], |row| row.get(0))?;
        drop(statement);
        if self.erased == Some(erased) {
            return Ok(());
        }
        // Readings are short: to wait for one is worth it, and no send waits for long.
        self.connection.busy_timeout(FOLD_TIMEOUT)?;
        let folded = self.watch.fold_all(&self.connection, &self.lock);
        self.connection.busy_timeout(LOCK_TIMEOUT)?;
        if folded {
            self.erased = Some(erased);
        }
        Ok(())
    }

    /// Folds the log into the file, so that it is whole by itself; unless it is not the file that
    /// the log belongs to any more.
    pub(crate) fn close(self) -> Result<(), rusqlite::Error> {
        let Self { connection, mut watch, mut lock, .. } = self;
        lock.keep();
        let fold = watch.end(&connection, &lock);
        open::fold_when_closed(&connection, fold)?;
        connection.close().map_err(|(_, why)| why)?;
        if fold && let Err(why) = watch.closed(&lock) {
            tracing::debug!(%why, "the data file could not be noted as it was closed");
        }
        Ok(())
    }

    /// The start has succeeded: what it made stays.
    pub(crate) fn keep(&mut self) {
        self.lock.keep();
    }

    /// Ends a start that came to nothing after all: what it made goes.
    pub(crate) fn discard(mut self) {
        self.lock.discard();
        // The connection goes first.
    }
}

#[cfg(test)]
impl Writer {
    /// Makes SQLite refuse to grow the file, as it does when the disk is full.
    pub fn fill_the_disk(&self, full: bool) {
        let pages: i64 =
            self.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        let most = if full { pages } else { i64::from(u32::MAX) - 1 };
        let set = self.connection.pragma_update_and_check(None, "max_page_count", most, |_| Ok(()));
        set.unwrap();
    }

    /// How many entries the file holds.
    pub fn count(&self) -> u64 {
        let count = self.connection.query_row("SELECT count(*) FROM entries", [], |row| row.get(0));
        count.unwrap()
    }
}

impl Batch<'_> {
    /// Stores a message at its seq, which must be above every seq stored before; or answers what
    /// stands under its key in its room already.
    pub(crate) fn insert(
        &mut self,
        key: &Key,
        entry: &Entry,
        author: Option<Author>,
    ) -> Result<Option<Found>, rusqlite::Error> {
        self.rooms.change();
        let room = self.rooms.get(&self.transaction, entry.room())?;
        let id = room.create(&self.transaction)?;
        let sent_at = entry.sent_at().as_millisecond();
        let (seq, n) = (signed(entry.seq().get()), signed(room.sent + 1));
        let columns = entry.columns();
        let Columns { kind, name, body } = columns;
        // Most keys are new: the insert finds out by itself, and looking before would cost as
        // much again.
        let stored = self
            .transaction
            .prepare_cached(
                "INSERT INTO entries (seq, room, n, key, sent_at, name, body, kind, author)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (room, key) DO NOTHING",
            )?
            .execute(params![
                seq,
                id,
                n,
                key.as_str(),
                sent_at,
                name,
                body,
                kind,
                author.as_ref().map(Author::as_bytes)
            ])?;
        if stored == 0 {
            return find(&self.transaction, id, key, columns).map(Some);
        }
        room.sent += 1;
        room.stored += 1;
        room.last_sent_at = sent_at;
        room.last_seq = entry.seq().get();
        if room.oldest_sent_at.is_none_or(|oldest| sent_at < oldest) {
            room.oldest_sent_at = Some(sent_at);
            room.save_oldest(&self.transaction)?;
        }
        if room.stored == 1 {
            self.written.push(entry.room().clone());
        }
        Ok(None)
    }

    /// Trims each room that was written to, and makes the batch durable; `last` is the highest
    /// seq in it.
    ///
    /// Two messages at most go for each one that came, so that a room that is over the number kept
    /// catches up, and no send waits for it.
    pub(crate) fn commit(mut self, last: Seq) -> Result<(), WriteError> {
        for name in self.written.drain(..) {
            let room = self.rooms.get(&self.transaction, &name)?;
            let stored = std::mem::take(&mut room.stored);
            let over = self.trim.over(room).min(2 * stored);
            self.trim.drop_oldest(&self.transaction, room, over)?;
            self.trim.empty_chunk(&self.transaction, room, 2 * stored + CHUNK)?;
            room.save(&self.transaction)?;
            if self.trim.is_due(room) {
                self.chores.add(&name);
            }
        }
        self.transaction
            .prepare_cached("UPDATE journal SET last = ?1")?
            .execute([signed(last.get())])?;
        self.finish(Some(last))
    }

    pub(super) fn commit_without_seq(self) -> Result<(), WriteError> {
        self.finish(None)
    }

    fn finish(self, last: Option<Seq>) -> Result<(), WriteError> {
        self.transaction.commit()?;
        self.rooms.committed();
        Ok(self.watch.committed(self.connection, self.lock, last)?)
    }
}
