use std::{fs::File, os::unix::fs::FileExt as _};

/// What remembers, outside of the data, the highest seq that was given out here.
///
/// It shows, at the next start, that an older copy of the data was put in place: such a journal
/// would give the same ids to other messages, so it gets a new epoch. It stands in the file that
/// locks the data.
pub struct Mark(File);

/// What every `u64` fits in.
const DIGITS: usize = 20;

impl Mark {
    /// The mark in this file.
    pub fn new(file: File) -> Self {
        Self(file)
    }

    /// The highest seq that was noted, 0 where none was.
    pub fn read(&self) -> u64 {
        let mut digits = [0; DIGITS];
        let length = self.0.read_at(&mut digits, 0).unwrap_or(0);
        std::str::from_utf8(&digits[..length]).ok().and_then(|s| s.trim().parse().ok()).unwrap_or(0)
    }

    /// Notes the highest seq, after it was committed. Not synced: after a power cut it may be
    /// lower than the truth, never higher.
    pub fn note(&self, last: u64) {
        if let Err(why) = self.0.write_all_at(format!("{last:>DIGITS$}").as_bytes(), 0) {
            tracing::debug!(%why, "the highest seq could not be noted");
        }
    }
}
