//! Whether the files that are written are still the ones that a restart will find, and still as
//! they were left.
//!
//! The data file is only ever changed by a checkpoint, which copies the log's pages into it. So this
//! makes the checkpoints, and knows the file before and after each: what else changes it is another
//! program that writes over it, as `cp` does. Somebody's own SQLite may make a checkpoint as well;
//! then the log says so, and the file must have by itself all that was in logs that are gone.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, ErrorCode};

use super::{
    fingerprint::Fingerprint,
    lock::Lock,
    log::{Files, Log, checkpoint},
    open,
};
use crate::message::Seq;

/// Pages in the log (16 MB) from which on it is folded into the file, SQLite's own number being
/// 1,000: a page that many commits changed is then copied once.
const MAX_LOG_PAGES: u64 = 4000;

/// How often the file is compared again that looks wrong: a page may be read while a checkpoint writes
/// it.
const MAX_TRIES: usize = 3;

/// The files are not what they were: what is written to them may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Displaced {
    /// A restart would find other files, or none.
    #[error("its files were removed or replaced while they were in use; put them back, or restart")]
    Moved,
    /// The data is another, or a mixture.
    #[error("another program wrote over the data file or its log while it was in use; restart")]
    Overwritten,
}

/// What is known of the files.
pub(super) struct Watch {
    fingerprint: Fingerprint,
    /// Whether it stands in the file of the mark.
    noted: bool,
    /// The log when the fingerprint was taken.
    log: Log,
    /// The highest seq that was committed here.
    last: Seq,
    /// Which log there is; `None` where it is empty.
    begun: Option<[u8; 8]>,
    /// The highest seq before that log was begun: the data file must have it by itself.
    due: Seq,
    /// Up to where it is known to have it.
    found: Seq,
    files: Files,
    /// The log and its index, and which files they are.
    ids: Vec<(PathBuf, FileId)>,
    displaced: Option<Displaced>,
}

/// A file's device and number.
type FileId = (u64, u64);

impl Watch {
    /// Begins with what is there now.
    pub(super) fn begin(connection: &Connection, lock: &Lock) -> io::Result<Self> {
        let fingerprint = Fingerprint::take(lock.data(), connection)?;
        let log = Log::read(connection, lock)?;
        let last = last(connection).map_err(io::Error::other)?;
        let files = Files::open(lock)?;
        let begun = files.begun()?;
        let due = if begun.is_none() { last } else { last_in_file(lock).unwrap_or(Seq::ZERO) };
        let ids = ["-wal", "-shm"].map(|ending| lock.beside(ending)).into_iter();
        let ids = ids.map(|path| id_of(&path).map(|id| (path, id))).collect::<Result<_, _>>()?;
        let mut watch = Self {
            fingerprint,
            noted: false,
            log,
            last,
            begun,
            due,
            found: due,
            files,
            ids,
            displaced: None,
        };
        watch.note(lock);
        Ok(watch)
    }

    /// All there was is forgotten on purpose.
    #[cfg(feature = "nats")]
    pub(super) fn forget(&mut self) {
        (self.last, self.due, self.found) = (Seq::ZERO, Seq::ZERO, Seq::ZERO);
    }

    /// What is wrong with the files, as far as is known.
    pub(super) fn displaced(&self) -> Option<Displaced> {
        self.displaced
    }

    /// Looks whether something is.
    pub(super) fn look(&mut self, connection: &Connection, lock: &Lock) {
        if self.displaced == Some(Displaced::Overwritten) {
            return;
        }
        // What cannot be told is not held against them: the next commit will tell.
        let in_place = lock.is_in_place().unwrap_or(true)
            && self.ids.iter().all(|(path, id)| match id_of(path) {
                Ok(now) => now == *id,
                Err(why) => why.kind() != io::ErrorKind::NotFound,
            });
        self.displaced = (!in_place).then_some(Displaced::Moved);
        if in_place {
            self.look_at_log(self.last);
            self.compare(connection, lock);
        }
    }

    /// Something is to be committed.
    pub(super) fn begun(&mut self) -> Result<(), Displaced> {
        if self.displaced.is_none() && !self.files.are_whole() {
            self.displaced = Some(Displaced::Overwritten);
        }
        self.displaced.map_or(Ok(()), Err)
    }

    /// Something was committed, up to `last` where it was numbered: folds the log into the file where
    /// it has become long, as far as readers let it.
    ///
    /// # Errors
    ///
    /// [`Displaced`] where it may be lost.
    pub(super) fn committed(
        &mut self,
        connection: &Connection,
        lock: &Lock,
        last: Option<Seq>,
    ) -> Result<(), Displaced> {
        let before = self.last;
        self.last = last.unwrap_or(before);
        self.look_at_log(before);
        let written = checkpoint(connection, "noop").map_or(0, |(written, _)| written);
        let is_long = written >= MAX_LOG_PAGES;
        if is_long || self.log.is_empty() || self.due > self.found {
            self.compare(connection, lock);
        }
        if is_long && self.displaced.is_none() {
            if let Err(why) = checkpoint(connection, "passive") {
                tracing::debug!(%why, "the log could not be folded into the file");
            }
            // One that failed may have changed the file as well.
            self.renew(connection, lock);
        }
        self.displaced.map_or(Ok(()), Err)
    }

    /// Folds all of the log into the file and empties it, so that nothing of what was overwritten is
    /// left there. `false` where somebody still reads in it, or the files are not what they were.
    pub(super) fn fold_all(&mut self, connection: &Connection, lock: &Lock) -> bool {
        if self.displaced.is_none() {
            self.compare(connection, lock);
        }
        if self.displaced.is_some() {
            return false;
        }
        let folded = connection
            .prepare_cached("PRAGMA wal_checkpoint(truncate)")
            .and_then(|mut statement| statement.query_row([], |row| row.get::<_, i64>(0)));
        // One that failed may have changed the file as well.
        self.renew(connection, lock);
        match folded {
            Ok(busy) => busy == 0,
            Err(why) => {
                tracing::debug!(%why, "the log could not be emptied");
                false
            }
        }
    }

    /// The last look: answers whether the log may be folded into the file.
    pub(super) fn end(&mut self, connection: &Connection, lock: &Lock) -> bool {
        self.look(connection, lock);
        self.displaced != Some(Displaced::Overwritten)
    }

    /// Notes the file as it is after its last connection was closed.
    pub(super) fn closed(self, lock: &Lock) -> io::Result<()> {
        self.fingerprint.again(lock.data())?.note(lock.mark())
    }

    /// Looks whether the log is whole, and whether it was begun anew since; up to `upto` all was
    /// committed before that.
    fn look_at_log(&mut self, upto: Seq) {
        if !self.files.are_whole() {
            self.displaced = Some(Displaced::Overwritten);
        } else if let Ok(begun) = self.files.begun()
            && (begun.is_none() || begun != self.begun)
        {
            (self.begun, self.due) = (begun, upto);
        }
    }

    /// Compares the file with what it was.
    fn compare(&mut self, connection: &Connection, lock: &Lock) {
        if self.displaced.is_some() {
            return;
        }
        let is_same = || self.fingerprint.matches(lock.data()).unwrap_or(true);
        let has_due = || last_in_file(lock).is_none_or(|last| last >= self.due);
        let is_ours = || {
            if is_same() {
                self.due == self.found || has_due()
            } else {
                has_due() && self.was_folded(connection, lock).unwrap_or(false)
            }
        };
        if !(0..MAX_TRIES).any(|_| is_ours()) {
            self.displaced = Some(Displaced::Overwritten);
            return;
        }
        self.found = self.due;
        if !is_same() {
            return self.renew(connection, lock);
        }
        if !self.noted {
            self.note(lock);
        }
        if self.log.is_empty()
            && let Ok(log) = Log::read(connection, lock)
        {
            self.log = log;
        }
    }

    /// Whether somebody's checkpoint can have made the file what it is.
    fn was_folded(&self, connection: &Connection, lock: &Lock) -> io::Result<bool> {
        let now = Log::read(connection, lock)?;
        Ok(self.log.was_folded(now)
            && (!self.log.goes_on_in(now)
                || self.fingerprint.is_explained_by(&lock.beside("-wal"), lock.data())?))
    }

    /// Takes the fingerprint anew.
    fn renew(&mut self, connection: &Connection, lock: &Lock) {
        let log = Log::read(connection, lock);
        match log.and_then(|log| Ok((log, Fingerprint::take(lock.data(), connection)?))) {
            Ok(now) => (self.log, self.fingerprint) = now,
            Err(why) => {
                tracing::debug!(%why, "the data file could not be looked at");
                return;
            }
        }
        self.note(lock);
    }

    /// Notes the fingerprint: on disk, before the log that explains the file is begun anew.
    fn note(&mut self, lock: &Lock) {
        let noted = self.fingerprint.note(lock.mark());
        let noted =
            noted.and_then(|()| if self.log.is_whole() { lock.mark().sync_data() } else { Ok(()) });
        self.noted = noted.is_ok();
        if let Err(why) = noted {
            tracing::debug!(%why, "the data file's fingerprint could not be noted");
        }
    }
}

fn id_of(path: &Path) -> io::Result<FileId> {
    fs::metadata(path).map(|file| (file.dev(), file.ino()))
}

/// The highest seq.
fn last(connection: &Connection) -> Result<Seq, rusqlite::Error> {
    connection.query_row("SELECT last FROM journal", [], |row| row.get(0)).map(Seq::new)
}

/// That of the data file by itself, past its log and what was read before; none at all where it is no
/// journal, and `None` where it cannot be read.
fn last_in_file(lock: &Lock) -> Option<Seq> {
    match open::alone(lock.path()).and_then(|file| last(&file)) {
        Ok(last) => Some(last),
        Err(why) => match why.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown) => {
                Some(Seq::ZERO)
            }
            _ => None,
        },
    }
}
