use std::{fs::File, io, os::unix::fs::FileExt as _, path::Path};

use super::super::super::store::MARK_BYTES;
use crate::message::{Epoch, Seq};

/// What remembers, outside of the data, the epoch and the highest seq that was given out here.
///
/// It shows, at the next start, that other data was put in place: an older copy, or one from
/// another machine, which would give ids again that readers have for other messages. Such a
/// journal gets a new epoch. It stands in the file that locks the data, as `SEQ EPOCH`; that of
/// schema version 1 had the seq alone.
pub(in super::super) struct Mark {
    file: File,
    /// Whether something was noted since it was synced.
    unsynced: bool,
}

/// What every `u64` fits in.
const DIGITS: usize = 20;

/// The length of every mark: epochs have up to 32 characters, and what the store notes follows.
const LENGTH: usize = MARK_BYTES;
const _: () = assert!(DIGITS + 1 + 32 < LENGTH);

impl Mark {
    /// The mark in this file.
    pub(in super::super) fn new(file: File) -> Self {
        Self { file, unsynced: false }
    }

    /// Whether data of this epoch that goes up to `last` is what was left here. Data that is not
    /// empty beside a mark that is has come from elsewhere.
    pub(in super::super) fn vouches_for(&self, epoch: &Epoch, last: Seq) -> bool {
        let mut bytes = [0; LENGTH];
        let length = self.file.read_at(&mut bytes, 0).unwrap_or(0);
        let noted = str::from_utf8(&bytes[..length]).unwrap_or_default();
        // A short mark of an earlier hubbub is followed by nothing at all, up to what the store notes.
        let mut words = noted.split([' ', '\n', '\0']).filter(|word| !word.is_empty());
        let Some(seq) = words.next().and_then(|seq| seq.parse().ok()) else {
            return last == Seq::ZERO;
        };
        Seq::new(seq) <= last && words.next().is_none_or(|noted| noted == epoch.as_str())
    }

    /// Vouches for nothing any more: the data is a stream's from now on.
    #[cfg(feature = "nats")]
    pub(in super::super) fn forget(&mut self) -> io::Result<()> {
        self.file.write_all_at(format!("{:<1$}\n", "", LENGTH - 1).as_bytes(), 0)?;
        self.file.sync_all()
    }

    /// Begins anew, for data at `path`; synced, with its name.
    pub(super) fn begin(&mut self, path: &Path, epoch: &Epoch, last: Seq) -> io::Result<()> {
        let mark = format!("{:>DIGITS$} {}", last.get(), epoch.as_str());
        self.file.write_all_at(format!("{mark:<0$}\n", LENGTH - 1).as_bytes(), 0)?;
        self.file.sync_all()?;
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    }

    /// Notes the highest seq, after it was committed. After a power cut it may be lower than the
    /// truth by what was sent since [`Self::sync`], never higher.
    pub(super) fn note(&mut self, last: Seq) {
        let digits = format!("{:>DIGITS$}", last.get());
        match self.file.write_all_at(digits.as_bytes(), 0) {
            Ok(()) => self.unsynced = true,
            Err(why) => tracing::debug!(%why, "the highest seq could not be noted"),
        }
    }

    /// Brings what was noted to disk.
    pub(super) fn sync(&mut self) {
        if std::mem::take(&mut self.unsynced)
            && let Err(why) = self.file.sync_data()
        {
            tracing::debug!(%why, "the highest seq could not be synced");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_vouches_for_what_was_left_here_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("hubbub.db");
        let name = home.path().join("mark");
        let (ours, other) = (Epoch::parse("k3v9x2mq").unwrap(), Epoch::fresh());
        let file = File::options().read(true).write(true).create_new(true).open(&name).unwrap();
        let mut mark = Mark::new(file);
        assert!(mark.vouches_for(&ours, Seq::ZERO), "a new file");
        assert!(!mark.vouches_for(&ours, Seq::new(1)), "data without a mark");

        std::fs::write(&name, format!("{:>20}", 5)).unwrap();
        assert!(mark.vouches_for(&ours, Seq::new(5)), "a mark of version 1");
        assert!(!mark.vouches_for(&ours, Seq::new(4)), "an older copy");

        mark.begin(&path, &ours, Seq::new(5)).unwrap();
        mark.note(Seq::new(7));
        mark.sync();
        assert!(mark.vouches_for(&ours, Seq::new(7)));
        assert!(mark.vouches_for(&ours, Seq::new(8)), "the note after the last commit was lost");
        assert!(!mark.vouches_for(&ours, Seq::new(6)), "an older copy");
        assert!(!mark.vouches_for(&other, Seq::new(9)), "another journal's data");

        std::fs::write(&name, "what").unwrap();
        assert!(!mark.vouches_for(&ours, Seq::new(9)), "no mark at all");
    }
}
