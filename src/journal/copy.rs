//! Copies of a journal: made while it is in use, and put back while it is not.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, chown},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, MAIN_DB, OpenFlags, backup::Backup};

use super::store::{
    LOCK_TIMEOUT, Lock, OpenError, PRIVATE, Totals, beside, directory, fold_when_closed, has_pages,
    inspect,
};

/// What stands beside a file while it is being written.
const DRAFT_ENDING: &str = ".partial";

/// What the data becomes when a copy is put in its place.
const REPLACED_ENDING: &str = ".replaced";

/// Why nothing was copied, in words for the operator who reads it on stderr.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// Nothing is written over.
    #[error("{}: this file is there already, and is left as it is", .0.display())]
    Exists(PathBuf),
    /// There is nothing to put back.
    #[error("{}: this is the data itself", .0.display())]
    Same(PathBuf),
    /// Two at once would write one file.
    #[error("{}: another hubbub is writing this copy", .0.display())]
    Busy(PathBuf),
    /// What would be copied, or was, is no whole journal.
    #[error("{}: this is no whole copy of a journal ({why})", path.display())]
    NotWhole {
        /// The file.
        path: PathBuf,
        /// What was found first.
        why: String,
    },
    /// It cannot be read or written.
    #[error("{}: {why}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        why: io::Error,
    },
    /// The data cannot be had, as where a hubbub has it open.
    #[error(transparent)]
    Data(#[from] OpenError),
}

/// What was copied.
#[derive(Clone, Copy, Debug)]
pub struct Copied {
    /// What the copy holds.
    pub totals: Totals,
    /// How long it took to check it.
    pub checked: Duration,
}

/// Copies the journal at `data`, as it is at one moment, to `file`, which must not be there. It
/// may be in use meanwhile. The copy is one file, without a log.
///
/// # Errors
///
/// [`CopyError`]; then there is no `file`.
pub fn backup(data: &Path, file: &Path) -> Result<Copied, CopyError> {
    if fs::symlink_metadata(file).is_ok() {
        return Err(CopyError::Exists(file.to_owned()));
    }
    let draft = Draft::begin(file)?;
    let copied = draft.fill(data, true)?;
    let io = |why| CopyError::Io { path: file.to_owned(), why };
    // Unlike a rename, a link takes no other file's place.
    match fs::hard_link(&draft.path, file) {
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {
            return Err(CopyError::Exists(file.to_owned()));
        }
        // No such links on this file system.
        Err(_) if fs::symlink_metadata(file).is_err() => {
            fs::rename(&draft.path, file).map_err(io)?;
        }
        linked => linked.map_err(io)?,
    }
    sync_directory(file).map_err(io)?;
    Ok(copied)
}

/// Puts a copy in the place of the journal at `data`, which nobody may have in use. What was there
/// is kept beside it, under another name, up to the next time.
///
/// The journal gets a new epoch when it is opened: ids that were given out since the copy was made
/// will not come again for other messages.
///
/// # Errors
///
/// [`CopyError`]; then the data is as it was.
pub fn restore(copy: &Path, data: &Path) -> Result<Copied, CopyError> {
    let mut lock = Lock::take(data)?;
    let path = lock.path().to_owned();
    if fs::canonicalize(copy).is_ok_and(|copy| copy == path) {
        return Err(CopyError::Same(copy.to_owned()));
    }
    let draft = Draft::begin(&path)?;
    let copied = draft.fill(copy, false)?;
    let io = |why| CopyError::Io { path: path.clone(), why };
    replace(&lock, &draft.path).map_err(io)?;
    sync_directory(&path).map_err(io)?;
    lock.keep();
    Ok(copied)
}

/// Puts the file at `draft` in the place of the data; without its log, which would be laid over it.
fn replace(lock: &Lock, draft: &Path) -> io::Result<()> {
    let (log, kept) = (lock.beside("-wal"), lock.beside(REPLACED_ENDING));
    if !lock.is_new() {
        // Whoever puts it there may be root.
        let before = lock.data().metadata()?;
        fs::set_permissions(draft, before.permissions())?;
        chown(draft, Some(before.uid()), Some(before.gid()))?;
    }
    // Nothing is known of the data from here on: it is checked, and its epoch is another.
    lock.mark().set_len(0)?;
    lock.mark().sync_all()?;
    for old in [beside(&kept, "-wal"), kept.clone()] {
        remove(&old)?;
    }
    // The log goes first: with the other file it would be a mixture.
    if log.exists() {
        fs::rename(&log, beside(&kept, "-wal"))?;
    }
    if !lock.is_new() && fs::hard_link(lock.path(), &kept).is_err() {
        fs::rename(lock.path(), &kept)?;
    }
    fs::rename(draft, lock.path())?;
    remove(&lock.beside("-shm"))
}

/// A file that is being written, gone when dropped.
struct Draft {
    path: PathBuf,
    /// Locked against another that writes the same.
    file: File,
}

impl Draft {
    /// Begins to write what is to become `file`, beside it.
    fn begin(file: &Path) -> Result<Self, CopyError> {
        let path = beside(file, DRAFT_ENDING);
        let io = |why| CopyError::Io { path: file.to_owned(), why };
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(PRIVATE);
        let file = options.open(&path).map_err(io)?;
        if file.try_lock().is_err() {
            return Err(CopyError::Busy(path));
        }
        file.set_len(0).map_err(io)?;
        Ok(Self { path, file })
    }

    /// Copies a journal into it, and checks what was copied.
    fn fill(&self, from: &Path, may_be_in_use: bool) -> Result<Copied, CopyError> {
        let not_whole = |why: OpenError| {
            let why = match why {
                OpenError::Damaged { why, .. } => why,
                why => {
                    let why = why.to_string();
                    let reason = why.strip_prefix(&format!("--data {}: ", from.display()));
                    reason.unwrap_or(&why).to_owned()
                }
            };
            CopyError::NotWhole { path: from.to_owned(), why }
        };
        let sqlite = |why| not_whole(OpenError::sqlite(from, why));
        fs::metadata(from).map_err(|why| CopyError::Io { path: from.to_owned(), why })?;
        let has_log = has_pages(&beside(from, "-wal"));
        let source = open_source(from, may_be_in_use).map_err(sqlite)?;
        let mut target = Connection::open(&self.path).map_err(sqlite)?;
        // It is synced as a whole, and where that fails it goes.
        target.pragma_update(None, "synchronous", "off").map_err(sqlite)?;
        // In one step, which is one moment of the source: a reader keeps no writer waiting.
        let copy = Backup::new_with_names(&source, MAIN_DB, &mut target, MAIN_DB);
        copy.and_then(|copy| copy.run_to_completion(i32::MAX, BUSY_PAUSE, None)).map_err(sqlite)?;
        source.close().map_err(|(_, why)| sqlite(why))?;
        // A file that can be read by itself, also where nothing may be written beside it.
        target.pragma_update(None, "journal_mode", "delete").map_err(sqlite)?;
        let (totals, checked) = inspect(&target, from, has_log).map_err(not_whole)?;
        target.close().map_err(|(_, why)| sqlite(why))?;
        let synced = self.file.sync_all();
        synced.map_err(|why| CopyError::Io { path: self.path.clone(), why })?;
        Ok(Copied { totals, checked })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        for ending in ["", "-journal"] {
            let _ = fs::remove_file(beside(&self.path, ending));
        }
    }
}

/// How long a copy waits before it tries again to begin, where the source is locked.
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// A connection to read from, which leaves no files behind.
fn open_source(path: &Path, may_be_in_use: bool) -> Result<Connection, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let log = beside(path, "-wal");
    if !may_be_in_use && !log.exists() {
        let path = path.to_string_lossy();
        let path = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        let flags = flags | OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        return Connection::open_with_flags(format!("file:{path}?immutable=1"), flags);
    }
    // Only who may write removes the log's files again, where they are empty and nobody uses them.
    let had_pages = has_pages(&log);
    let writable = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_READ_WRITE);
    let source = writable
        .or_else(|_| Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_READ_ONLY))?;
    source.busy_timeout(LOCK_TIMEOUT)?;
    fold_when_closed(&source, !had_pages)?;
    Ok(source)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
        _ => Ok(()),
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory(path))?.sync_all()
}
