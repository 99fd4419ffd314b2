//! What tells a data file from every other, and from itself at another time.
//!
//! SQLite's log holds whole pages, and says nothing of the file that it belongs to: laid over
//! another file, such as a copy that was put in place, it makes a mixture of the two, which opens
//! and answers as if nothing was amiss. `PRAGMA integrity_check` finds most of those, and not all.
//! So whenever the file has changed, which only a checkpoint does, two of its pages are noted: the
//! first, which has its size and layout, and the one with the highest seq.

use std::{
    fs::File,
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::Path,
};

use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

/// Where it stands in the file that is locked: behind the sequencer's mark.
pub(crate) const OFFSET: usize = 64;

/// What every one that is noted fits in.
const MAX_BYTES: usize = 80;

/// How long the log's header is, and that of each page in it; see
/// <https://www.sqlite.org/walformat.html>.
pub(super) const LOG_HEADER: u64 = 32;
pub(super) const FRAME_HEADER: u64 = 24;

/// The first page of a data file, and the page of its highest seq.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    page_size: u32,
    /// The number of the second page; SQLite counts from 1.
    root: u32,
    digests: [u64; 2],
}

impl Fingerprint {
    /// Of the file as it is now, whatever is in its log.
    pub(super) fn take(data: &File, connection: &Connection) -> io::Result<Self> {
        // Each time anew: a vacuum may move the page.
        let find = "SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = 'journal'";
        let found = connection.prepare_cached(find).and_then(|mut find| {
            let page_size = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
            let root = find.query_row([], |row| row.get(0))?;
            Ok(Self { page_size, root, digests: [0; 2] })
        });
        let found = found.map_err(io::Error::other)?;
        Ok(Self { digests: found.digests(data)?, ..found })
    }

    /// Of the same file later, when there is no connection any more.
    pub(super) fn again(self, data: &File) -> io::Result<Self> {
        Ok(Self { digests: self.digests(data)?, ..self })
    }

    /// The one that was noted; `None` where there is none.
    pub(super) fn noted(mark: &File) -> io::Result<Option<Self>> {
        let mut bytes = [0; MAX_BYTES];
        let length = mark.read_at(&mut bytes, OFFSET as u64)?;
        let noted = str::from_utf8(&bytes[..length]).unwrap_or_default();
        let words: Vec<_> = noted.split_ascii_whitespace().collect();
        let [page_size, root, first, second] = words[..] else { return Ok(None) };
        let (Ok(page_size), Ok(root)) = (page_size.parse(), root.parse()) else { return Ok(None) };
        let digest = |word| u64::from_str_radix(word, 16).ok();
        let digests = digest(first).zip(digest(second)).map(|(first, second)| [first, second]);
        Ok(digests.map(|digests| Self { page_size, root, digests }))
    }

    /// Notes it. It is always as long, so that it needs no more of a full disk than the first time.
    pub(super) fn note(&self, mark: &File) -> io::Result<()> {
        let [first, second] = self.digests;
        let line = format!("{:>10} {:>10} {first:016x} {second:016x}\n", self.page_size, self.root);
        mark.write_all_at(line.as_bytes(), OFFSET as u64)
    }

    /// Whether the file is still that.
    pub(super) fn matches(&self, data: &File) -> io::Result<bool> {
        Ok(self.digests(data)? == self.digests)
    }

    /// Whether the file is that but for pages that are in its log as well: the process ended in the
    /// middle of a checkpoint, or somebody else made one.
    ///
    /// A copy of the file can look like that too. It then is of a time since the log was begun, and
    /// whatever else was changed since is in the log.
    pub(super) fn is_explained_by(&self, log: &Path, data: &File) -> io::Result<bool> {
        let now = self.digests(data)?;
        let pages = [(1, now[0]), (self.root, now[1])];
        let mut explained = [now[0] == self.digests[0], now[1] == self.digests[1]];
        let log = File::open(log)?;
        let mut at = LOG_HEADER;
        while explained != [true; 2] {
            let mut header = [0; 4];
            match log.read_exact_at(&mut header, at) {
                Err(why) if why.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                read => read?,
            }
            for ((page, digest), explained) in pages.iter().zip(&mut explained) {
                if u32::from_be_bytes(header) == *page {
                    *explained |= digest_at(&log, at + FRAME_HEADER, self.page_size)? == *digest;
                }
            }
            at += FRAME_HEADER + u64::from(self.page_size);
        }
        Ok(true)
    }

    fn digests(&self, data: &File) -> io::Result<[u64; 2]> {
        let at = |page: u32| u64::from(page.saturating_sub(1)) * u64::from(self.page_size);
        let digest = |page| digest_at(data, at(page), self.page_size);
        Ok([digest(1)?, digest(self.root)?])
    }
}

/// Whether a log has anything in it.
pub(crate) fn has_pages(log: &Path) -> bool {
    std::fs::metadata(log).is_ok_and(|log| log.len() > LOG_HEADER)
}

/// Which log of a data file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Generation {
    /// None yet, or one that was emptied; and when, in nanoseconds since 1970.
    Empty(i64),
    /// How often it was begun anew, by the next who wrote when all of it was in the data file.
    Number(u32),
}

impl Generation {
    /// As the log's header says: by the first salt, which counts that for all connections, unlike the
    /// sequence number before it.
    pub(super) fn of(log: &Path) -> io::Result<Self> {
        let log = File::open(log)?;
        let mut number = [0; 4];
        match log.read_exact_at(&mut number, 16) {
            Ok(()) => Ok(Self::Number(u32::from_be_bytes(number))),
            Err(why) if why.kind() == io::ErrorKind::UnexpectedEof => {
                let empty = log.metadata()?;
                let seconds = empty.mtime().saturating_mul(1_000_000_000);
                Ok(Self::Empty(seconds.saturating_add(empty.mtime_nsec())))
            }
            Err(why) => Err(why),
        }
    }
}

/// Of a page, or of as much of it as there is.
fn digest_at(file: &File, at: u64, page_size: u32) -> io::Result<u64> {
    let mut page = vec![0; page_size as usize];
    let mut length = 0;
    while length < page.len() {
        match file.read_at(&mut page[length..], at + length as u64)? {
            0 => break,
            more => length += more,
        }
    }
    let digest = Sha256::digest(&page[..length]);
    let (first, _) = digest.split_first_chunk().expect("32 bytes");
    Ok(u64::from_be_bytes(*first))
}
