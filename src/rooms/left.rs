//! Which tabs left, for longer than this process lives: what the secret signed proves them for ever,
//! and leaving takes that back.
//!
//! They stand in a file beside the secret, as 16 bytes each. A copy of the journal carries neither.

use std::{
    collections::{HashSet, VecDeque},
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use crate::journal::PRIVATE;

/// Tabs that are remembered: more than leave one machine's rooms in a week, in 5 MB of memory at
/// most. Beyond it the first that left is forgotten first.
const MAX_LEFT: usize = 100_000;

/// Those that may wait for the disk; while that hangs, further ones are not written.
const MAX_WAITING: usize = 1024;

/// A tab's id.
type Id = u128;

/// The bytes of one in the file.
const ID_BYTES: usize = size_of::<Id>();

/// Tabs that left.
pub(crate) struct LeftTabs {
    known: Mutex<Known>,
    /// `None` where they are not kept on disk.
    file: Option<SyncSender<Id>>,
}

#[derive(Default)]
struct Known {
    ids: HashSet<Id>,
    /// The same, the first that left first.
    order: VecDeque<Id>,
}

impl LeftTabs {
    /// Those that left before, and from here on; beside the data at `data`. A file that cannot be read
    /// is said in the log, and what it holds is forgotten.
    pub(crate) fn open(data: &Path) -> Self {
        let mut path = data.as_os_str().to_owned();
        path.push(".left");
        let path = PathBuf::from(path);
        let mut known = Known::default();
        match read_newest(&path) {
            Ok(ids) => ids.into_iter().for_each(|id| known.add(id)),
            Err(why) => {
                tracing::error!(file = %path.display(), %why, "cookies of tabs that left prove them again");
            }
        }
        let (sender, waiting) = sync_channel(MAX_WAITING);
        let writer = thread::Builder::new().name("left".into());
        let started = writer.spawn(move || write(&path, &waiting));
        if let Err(why) = started {
            tracing::error!(%why, "who leaves from now on is forgotten at the end of this process");
        }
        Self { known: Mutex::new(known), file: Some(sender) }
    }

    /// None yet, and only in memory.
    #[cfg(test)]
    pub(crate) fn in_memory() -> Self {
        Self { known: Mutex::default(), file: None }
    }

    /// A tab left. Its cookie is to prove nothing any more.
    pub(super) fn add(&self, tab: &str) {
        let Some(id) = parse(tab) else { return };
        self.lock().add(id);
        if let Some(file) = &self.file {
            // The disk hangs, or there is no thread: both were said.
            let _ = file.try_send(id);
        }
    }

    /// Whether a tab left.
    pub(super) fn contains(&self, tab: &str) -> bool {
        parse(tab).is_some_and(|id| self.lock().ids.contains(&id))
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn add(&mut self, id: Id) {
        if !self.ids.insert(id) {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > MAX_LEFT
            && let Some(first) = self.order.pop_front()
        {
            self.ids.remove(&first);
        }
    }
}

fn parse(tab: &str) -> Option<Id> {
    Id::from_str_radix(tab, 16).ok()
}

/// The newest that a file holds, [`MAX_LEFT`] at most; none where there is no file. What a crash has
/// cut off at its end is none.
fn read_newest(path: &Path) -> io::Result<Vec<Id>> {
    const MAX_BYTES: u64 = (MAX_LEFT * ID_BYTES) as u64;
    let mut file = match File::open(path) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let known = file.metadata()?;
    if !known.is_file() {
        return Err(io::Error::other("this is not a file"));
    }
    let whole = known.len() - known.len() % ID_BYTES as u64;
    file.seek(SeekFrom::Start(whole.saturating_sub(MAX_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes.as_chunks::<ID_BYTES>().0.iter().map(|id| Id::from_be_bytes(*id)).collect())
}

/// Writes those that leave, for as long as somebody may. Not synced: what a crash of the machine
/// forgets is a second's worth.
fn write(path: &Path, waiting: &Receiver<Id>) {
    let mut failed = false;
    while let Ok(id) = waiting.recv() {
        match append(path, id) {
            Ok(()) => failed = false,
            Err(why) if !failed => {
                failed = true;
                tracing::error!(file = %path.display(), %why, "who left is forgotten at the next start");
            }
            Err(_) => {}
        }
    }
}

fn append(path: &Path, id: Id) -> io::Result<()> {
    let open = |path: &Path| OpenOptions::new().append(true).create(true).mode(PRIVATE).open(path);
    let mut file = open(path)?;
    let bytes = file.metadata()?.len();
    if bytes >= 2 * (MAX_LEFT * ID_BYTES) as u64 {
        // Half of it is forgotten anyway.
        let newest: Vec<u8> = read_newest(path)?.into_iter().flat_map(Id::to_be_bytes).collect();
        let shorter = path.with_extension("left.new");
        fs::remove_file(&shorter).or_else(|why| match why.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(why),
        })?;
        open(&shorter)?.write_all(&newest)?;
        fs::rename(&shorter, path)?;
        file = open(path)?;
    } else if bytes % ID_BYTES as u64 != 0 {
        file.set_len(bytes - bytes % ID_BYTES as u64)?;
    }
    file.write_all(&id.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(id: Id) -> String {
        format!("{id:032x}")
    }

    #[test]
    fn the_first_that_left_is_forgotten_first_and_the_file_stays_bounded() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("hubbub.db.left");
        let left = LeftTabs::in_memory();
        let most = MAX_LEFT as Id;
        // As a file that is just full, with what a crash has cut off behind it.
        let ids = (0..2 * most - 1).flat_map(Id::to_be_bytes).chain([7; 5]);
        fs::write(&path, ids.collect::<Vec<u8>>()).unwrap();
        append(&path, 2 * most - 1).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 2 * (MAX_LEFT * ID_BYTES) as u64);
        append(&path, 2 * most).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), ((MAX_LEFT + 1) * ID_BYTES) as u64);
        let opened = LeftTabs::open(&home.path().join("hubbub.db"));
        for id in 0..=2 * most {
            left.add(&name(id));
        }
        for left in [left, opened] {
            assert!(!left.contains(&name(most)));
            assert!(left.contains(&name(most + 1)) && left.contains(&name(2 * most)));
            assert_eq!(left.lock().order.len(), MAX_LEFT);
        }
    }

    #[test]
    fn what_is_no_file_is_passed_over() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("hubbub.db.left")).unwrap();
        let left = LeftTabs::open(&home.path().join("hubbub.db"));
        left.add(&name(1));
        assert!(left.contains(&name(1)) && !left.contains("x"));
    }
}
