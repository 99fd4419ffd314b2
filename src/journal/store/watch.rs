//! Whether the files that are written are still the ones that a restart will find, and still as
//! they were left.
//!
//! The data file is only ever changed by a checkpoint, which copies the log's pages into it. So this
//! makes the checkpoints, and knows the file before and after each: what else changes it is another
//! program that writes over it, as `cp` does. Somebody's own SQLite may make a checkpoint as well;
//! then the log says so.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use super::{
    fingerprint::{Fingerprint, Generation},
    lock::Lock,
};

/// Pages in the log (16 MB) from which on it is folded into the file, SQLite's own number being
/// 1,000: a page that many commits changed is then copied once.
const MAX_LOG_PAGES: u64 = 4000;

/// The files are not what they were: what is written to them may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Displaced {
    /// A restart would find other files, or none.
    #[error("its files were removed or replaced while they were in use; put them back, or restart")]
    Moved,
    /// The data is another, or a mixture.
    #[error("another program wrote over the data file while it was in use; restart")]
    Overwritten,
}

/// What is known of the files.
pub(super) struct Watch {
    fingerprint: Fingerprint,
    /// Whether it stands in the file of the mark.
    noted: bool,
    /// The log when the fingerprint was taken.
    log: Log,
    /// The log and its index, and which files they are.
    files: Vec<(PathBuf, FileId)>,
    displaced: Option<Displaced>,
}

/// How far a log is.
#[derive(Clone, Copy, Debug)]
struct Log {
    /// Changes with each commit of another connection.
    version: i64,
    generation: Generation,
    /// Pages in it.
    written: u64,
    /// How many of them are in the data file.
    copied: u64,
}

/// A file's device and number.
type FileId = (u64, u64);

impl Watch {
    /// Begins with what is there now.
    pub(super) fn begin(connection: &Connection, lock: &Lock) -> io::Result<Self> {
        let fingerprint = Fingerprint::take(lock.data(), connection)?;
        let log = Log::read(connection, lock)?;
        let files = ["-wal", "-shm"].map(|ending| lock.beside(ending)).into_iter();
        let files =
            files.map(|path| id_of(&path).map(|id| (path, id))).collect::<Result<_, _>>()?;
        let mut watch = Self { fingerprint, noted: false, log, files, displaced: None };
        watch.note(lock);
        Ok(watch)
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
            && self.files.iter().all(|(path, id)| match id_of(path) {
                Ok(now) => now == *id,
                Err(why) => why.kind() != io::ErrorKind::NotFound,
            });
        self.displaced = (!in_place).then_some(Displaced::Moved);
        if in_place {
            self.compare(connection, lock);
        }
    }

    /// Something was committed: folds the log into the file where it has become long, as far as
    /// readers let it.
    pub(super) fn committed(&mut self, connection: &Connection, lock: &Lock) {
        let Ok((written, _)) = checkpoint(connection, "noop") else { return };
        let is_long = written >= MAX_LOG_PAGES;
        if self.displaced.is_some() || !(is_long || self.log.is_empty()) {
            return;
        }
        self.compare(connection, lock);
        if self.displaced.is_some() || !is_long {
            return;
        }
        if let Err(why) = checkpoint(connection, "passive") {
            tracing::debug!(%why, "the log could not be folded into the file");
        }
        // One that failed may have changed the file as well.
        self.renew(connection, lock);
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

    /// Compares the file with what it was.
    fn compare(&mut self, connection: &Connection, lock: &Lock) {
        if self.fingerprint.matches(lock.data()).unwrap_or(true) {
            if !self.noted {
                self.note(lock);
            }
            if self.log.is_empty()
                && let Ok(log) = Log::read(connection, lock)
            {
                self.log = log;
            }
        } else if Log::read(connection, lock).is_ok_and(|now| self.log.was_folded(now)) {
            self.renew(connection, lock);
        } else {
            self.displaced = Some(Displaced::Overwritten);
        }
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

impl Log {
    fn read(connection: &Connection, lock: &Lock) -> io::Result<Self> {
        let (written, copied) = checkpoint(connection, "noop").map_err(io::Error::other)?;
        let version = connection.pragma_query_value(None, "data_version", |row| row.get(0));
        let version = version.map_err(io::Error::other)?;
        let generation = Generation::of(&lock.beside("-wal"))?;
        Ok(Self { version, generation, written, copied })
    }

    fn is_empty(self) -> bool {
        matches!(self.generation, Generation::Empty(_))
    }

    /// Whether all of it is in the data file.
    fn is_whole(self) -> bool {
        self.written > 0 && self.copied == self.written
    }

    /// Whether somebody has copied more of it into the data file since.
    fn was_folded(self, now: Self) -> bool {
        use Generation::{Empty, Number};
        match (self.generation, now.generation) {
            _ if now.version != self.version => true,
            // One that is about to be begun anew, which happens here with a write only.
            (_, Number(_)) if now.written == 0 && self.written > 0 => true,
            (Empty(_), Number(_)) if now.written == 0 => true,
            (before, now_in) if before == now_in => now.copied > self.copied,
            // Nobody but another empties it.
            (_, Empty(_)) => true,
            (Empty(_), Number(_)) => now.copied > 0,
            (Number(before), Number(now_in)) => {
                now_in != before.wrapping_add(self.is_whole().into()) || now.copied > 0
            }
        }
    }
}

/// Makes a checkpoint, or none (`noop`); how many pages the log has after it, and how many of them
/// are in the data file.
fn checkpoint(connection: &Connection, mode: &str) -> Result<(u64, u64), rusqlite::Error> {
    connection
        .prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?
        .query_row([], |row| Ok((row.get(1)?, row.get(2)?)))
}

fn id_of(path: &Path) -> io::Result<FileId> {
    fs::metadata(path).map(|file| (file.dev(), file.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_tells_whether_somebody_else_folded_it() {
        use Generation::{Empty, Number};
        let log = |generation, written, copied| Log { version: 1, generation, written, copied };
        let with_commit = Log { version: 2, ..log(Number(7), 12, 3) };
        for (before, now, folded) in [
            (log(Empty(1), 0, 0), log(Empty(1), 0, 0), false),
            (log(Empty(1), 0, 0), log(Empty(2), 0, 0), true),
            (log(Empty(1), 0, 0), log(Number(0), 9, 0), false),
            (log(Empty(1), 0, 0), log(Number(0), 9, 3), true),
            (log(Number(7), 9, 3), log(Number(7), 12, 3), false),
            (log(Number(7), 9, 3), log(Number(7), 12, 4), true),
            (log(Number(7), 9, 3), with_commit, true),
            (log(Number(7), 9, 3), log(Number(8), 1, 0), true),
            (log(Number(7), 9, 3), log(Empty(1), 0, 0), true),
            (log(Number(7), 9, 3), log(Number(7), 0, 0), true),
            (log(Empty(1), 0, 0), log(Number(7), 0, 0), true),
            // All of it was in the file, so the next commit began it anew.
            (log(Number(7), 9, 9), log(Number(8), 1, 0), false),
            (log(Number(7), 9, 9), log(Number(8), 4, 2), true),
            (log(Number(7), 9, 9), log(Number(9), 1, 0), true),
        ] {
            assert_eq!(before.was_folded(now), folded, "{before:?} {now:?}");
        }
    }
}
