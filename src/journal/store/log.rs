//! SQLite's log beside the data: how far it is, and whether it still is what was written to it.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt as _,
};

use rusqlite::Connection;

use super::{
    fingerprint::{FRAME_HEADER, Generation, LOG_HEADER},
    lock::Lock,
};

/// How often the log and its index are read again that somebody writes meanwhile.
const MAX_TRIES: usize = 8;

/// How long each of the two copies of the index's header is.
const INDEX_HEADER: usize = 48;

/// The log and its index, held open.
///
/// The index is memory that all connections share, and has what the log's file must have: how many
/// frames, and the checksum over all of them. SQLite itself does not look again, and takes a log
/// that was cut off for pages of zeros. The formats are those of
/// <https://www.sqlite.org/walformat.html>.
///
/// A handle on the index must not be closed while SQLite has it open, as with the data: see [`Lock`].
/// It is memory by `mmap`, so cutting off the index ends the process. SQLite can do without, by
/// keeping the index to itself, and then no second connection can read: neither ours nor a backup's.
pub(super) struct Files {
    log: File,
    index: File,
}

/// The newest frame that is committed, as the index has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Newest {
    /// Its number, from 1; 0 where the log is empty, or is to be begun anew.
    frame: u32,
    page_size: u64,
    checksum: [u8; 8],
    salts: [u8; 8],
}

impl Files {
    /// Those that SQLite has open.
    pub(super) fn open(lock: &Lock) -> io::Result<Self> {
        let open = |ending| OpenOptions::new().read(true).open(lock.beside(ending));
        Ok(Self { log: open("-wal")?, index: open("-shm")? })
    }

    /// What it has; `None` where somebody writes it at this moment.
    fn newest(&self) -> io::Result<Option<Newest>> {
        let mut both = [0; 2 * INDEX_HEADER];
        self.index.read_exact_at(&mut both, 0)?;
        let (header, again) = both.split_at(INDEX_HEADER);
        let word =
            |at: usize| u32::from_ne_bytes(header[at..at + 4].try_into().expect("four bytes"));
        let page_size = u64::from(u16::from_ne_bytes([header[14], header[15]]));
        let mut checksum = [0; 8];
        checksum[..4].copy_from_slice(&word(24).to_be_bytes());
        checksum[4..].copy_from_slice(&word(28).to_be_bytes());
        Ok((header == again).then_some(Newest {
            frame: word(16),
            page_size: (page_size & !1) | ((page_size & 1) << 16),
            checksum,
            salts: header[32..40].try_into().expect("eight bytes"),
        }))
    }

    /// Which log it is, by what its header has that is drawn when it is begun anew; `None` where it is
    /// empty.
    pub(super) fn begun(&self) -> io::Result<Option<[u8; 8]>> {
        for _ in 0..MAX_TRIES {
            if let Some(newest) = self.newest()? {
                return Ok((newest.frame > 0).then_some(newest.salts));
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Whether the log has what was written to it, as far as its ends tell. What cannot be told is not
    /// held against it.
    pub(super) fn are_whole(&self) -> bool {
        for _ in 0..MAX_TRIES {
            let Ok(Some(newest)) = self.newest() else { continue };
            if newest.frame == 0 || self.has(&newest).unwrap_or(true) {
                return true;
            }
            // Unless somebody emptied it in between.
            if self.newest().is_ok_and(|now| now == Some(newest)) {
                return false;
            }
        }
        true
    }

    fn has(&self, newest: &Newest) -> io::Result<bool> {
        let length = FRAME_HEADER + newest.page_size;
        let at = LOG_HEADER + u64::from(newest.frame - 1) * length;
        if self.log.metadata()?.len() < at + length {
            return Ok(false);
        }
        let (mut salts, mut frame) = ([0; 8], [0; 24]);
        self.log.read_exact_at(&mut salts, 16)?;
        self.log.read_exact_at(&mut frame, at)?;
        Ok([salts, salts, newest.checksum].concat()
            == [&newest.salts[..], &frame[8..16], &frame[16..]].concat())
    }
}

/// How far a log is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Log {
    /// Changes with each commit of another connection.
    version: i64,
    generation: Generation,
    /// Pages in it.
    written: u64,
    /// How many of them are in the data file.
    copied: u64,
}

impl Log {
    /// As it is now.
    pub(super) fn read(connection: &Connection, lock: &Lock) -> io::Result<Self> {
        let (written, copied) = checkpoint(connection, "noop").map_err(io::Error::other)?;
        let version = connection.pragma_query_value(None, "data_version", |row| row.get(0));
        let version = version.map_err(io::Error::other)?;
        let generation = Generation::of(&lock.beside("-wal"))?;
        Ok(Self { version, generation, written, copied })
    }

    pub(super) fn is_empty(self) -> bool {
        matches!(self.generation, Generation::Empty(_))
    }

    /// Whether all of it is in the data file.
    pub(super) fn is_whole(self) -> bool {
        self.written > 0 && self.copied == self.written
    }

    /// Whether somebody has copied more of it into the data file since.
    pub(super) fn was_folded(self, now: Self) -> bool {
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

    /// Whether it has what has come to the data file since: it is the same log, and not begun anew.
    pub(super) fn goes_on_in(self, now: Self) -> bool {
        self.generation == now.generation && !now.is_empty() && now.written > 0
    }
}

/// Makes a checkpoint, or none (`noop`); how many pages the log has after it, and how many of them
/// are in the data file.
pub(super) fn checkpoint(
    connection: &Connection,
    mode: &str,
) -> Result<(u64, u64), rusqlite::Error> {
    connection
        .prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?
        .query_row([], |row| Ok((row.get(1)?, row.get(2)?)))
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
