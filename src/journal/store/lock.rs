//! Which files are a journal's, and that they are one process's.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{
        FileExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    },
    path::{Path, PathBuf},
};

use super::open::OpenError;

/// How often a start begins anew where files change under its hands: each time another start has
/// failed in the very moment.
const MAX_TRIES: usize = 16;

/// The mode of all files of a journal: read and written by their owner.
pub(crate) const PRIVATE: u32 = 0o600;

/// A journal's files, locked so that no second process writes them.
///
/// Two locks. The file beside the data stands for its name, and survives when other data is put
/// there. The one on the data itself stands for the file, whatever name it is opened by: SQLite's
/// log bears the name, so that under two names two processes would keep two logs of one file.
///
/// A handle on the data must not be closed while SQLite has it open, since that would drop
/// SQLite's own locks (POSIX locks belong to the process). So this is dropped after every
/// connection.
pub(crate) struct Lock {
    path: PathBuf,
    data: File,
    mark: File,
    /// What was not there before, by the endings of its names.
    absent: Vec<&'static str>,
    kept: bool,
}

/// The endings of a journal's files: the data, what is locked beside it, SQLite's log, and the log's
/// index.
const FILES: [&str; 4] = ["", ".lock", "-wal", "-shm"];

impl Lock {
    /// Takes it, for the file that `path` leads to, by symbolic links or not; the file is made where
    /// there is none. Dropped without [`Lock::keep`], it removes what it made.
    pub(crate) fn take(path: &Path) -> Result<Self, OpenError> {
        let io = |why| OpenError::io(path, why);
        for _ in 0..MAX_TRIES {
            let real = resolve(path).map_err(io)?;
            let name = beside(&real, ".lock");
            let (mark, had_mark) = open_or_make(&name).map_err(|why| OpenError::io(&name, why))?;
            lock_file(&mark, path)?;
            // They may have been removed since they were opened, by a start that failed.
            if !is_at(&mark, &name).map_err(io)? {
                continue;
            }
            let data = open_or_make(&real).map_err(io).and_then(|(data, had_data)| {
                // Elsewhere (BSD, macOS) this lock and SQLite's are of one kind: each would keep
                // the other out.
                if cfg!(target_os = "linux") {
                    lock_file(&data, path)?;
                }
                Ok((data, had_data))
            });
            if data.is_err() && !had_mark {
                let _ = fs::remove_file(&name);
            }
            let (data, had_data) = data?;
            if is_at(&data, &real).map_err(io)? {
                let absent = FILES.into_iter().filter(|ending| match *ending {
                    "" => !had_data,
                    ".lock" => !had_mark,
                    ending => fs::symlink_metadata(beside(&real, ending)).is_err(),
                });
                let absent = absent.collect();
                let lock = Self { path: real, data, mark, absent, kept: false };
                return match lock.no_file() {
                    Some((file, why)) => Err(OpenError::io(&file, why)),
                    None => Ok(lock),
                };
            }
        }
        Err(io(io::Error::other("the file is replaced all the time")))
    }

    /// Where the data is, all links followed.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What lies beside the data under its name: `hubbub.db` and `-wal` are `hubbub.db-wal`.
    pub(crate) fn beside(&self, ending: &str) -> PathBuf {
        beside(&self.path, ending)
    }

    /// The data file, for looking at it past SQLite.
    pub(crate) fn data(&self) -> &File {
        &self.data
    }

    /// The file that is locked beside the data, for what is noted in it.
    pub(crate) fn mark(&self) -> &File {
        &self.mark
    }

    /// Whether there was no data before.
    pub(crate) fn is_new(&self) -> bool {
        self.absent.contains(&"")
    }

    /// The start has succeeded: what it made stays.
    pub(crate) fn keep(&mut self) {
        self.kept = true;
    }

    /// The start has failed after all: what it made goes when this is dropped.
    pub(crate) fn discard(&mut self) {
        self.kept = false;
    }

    /// Whether the disk has no room for what SQLite makes beside the data.
    fn is_full(&self) -> bool {
        let room = || -> io::Result<()> {
            let length = self.mark.metadata()?.len();
            let written = self.mark.write_all_at(&vec![0; 64 << 10], length);
            let written = written.and_then(|()| self.mark.sync_all());
            self.mark.set_len(length).and(written)
        };
        room().is_err_and(|why| {
            matches!(why.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        })
    }

    /// Whether the data is still the file that its name leads to, and so is what is noted beside it:
    /// without that, a restart does not know what was given out.
    pub(crate) fn is_in_place(&self) -> io::Result<bool> {
        Ok(is_at(&self.data, &self.path)? && is_at(&self.mark, &self.beside(".lock"))?)
    }

    /// Takes the files away from others, where everybody could read or write one: an earlier hubbub
    /// left it to the umask. A group that was let in on purpose stays.
    pub(crate) fn close_to_others(&self) -> io::Result<()> {
        for path in FILES.map(|ending| self.beside(ending)) {
            let Ok(known) = fs::symlink_metadata(&path) else { continue };
            let mode = known.mode() & 0o7777;
            if known.is_file() && mode & 0o007 != 0 {
                fs::set_permissions(&path, fs::Permissions::from_mode(PRIVATE))?;
                tracing::warn!(
                    file = %path.display(),
                    "everybody could read what is stored (mode {mode:o}); they cannot any more"
                );
            }
        }
        Ok(())
    }

    /// An error with the file that it is about. SQLite does not say which of its files it could not
    /// open, nor always that the disk is full.
    pub(crate) fn blame(&self, why: OpenError) -> OpenError {
        if !matches!(why, OpenError::Sqlite { .. } | OpenError::Io { .. }) {
            return why;
        }
        match self.at_fault() {
            Some((file, why)) => OpenError::io(&file, why),
            None if self.is_full() => why.or_full(),
            None => why,
        }
    }

    /// What SQLite keeps beside the data and cannot open.
    fn at_fault(&self) -> Option<(PathBuf, io::Error)> {
        let denied = || {
            ["-wal", "-shm"].into_iter().find_map(|ending| {
                let path = self.beside(ending);
                fs::symlink_metadata(&path).ok()?;
                let why = OpenOptions::new().read(true).write(true).open(&path).err()?;
                Some((path, why))
            })
        };
        self.no_file().or_else(denied)
    }

    /// What lies where SQLite keeps a file and is none; it follows no link. To open a pipe would wait
    /// for who writes into it.
    fn no_file(&self) -> Option<(PathBuf, io::Error)> {
        ["-wal", "-shm", "-journal"].into_iter().find_map(|ending| {
            let path = self.beside(ending);
            let known = fs::symlink_metadata(&path).ok()?;
            must_be_file(&known).err().map(|why| (path, why))
        })
    }
}

impl Drop for Lock {
    /// While the locks are still held.
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        // A log with something in it is a part of the data, and its index of it.
        let log = fs::metadata(self.beside("-wal")).map_or(0, |log| log.len());
        let is_part = !self.is_new() && log > 0 && self.absent.contains(&"-wal");
        for ending in self.absent.iter().filter(|ending| !(is_part && ending.starts_with('-'))) {
            let _ = fs::remove_file(self.beside(ending));
        }
        let rollback = self.beside("-journal");
        if self.is_new() && fs::symlink_metadata(&rollback).is_ok_and(|known| known.is_file()) {
            let _ = fs::remove_file(rollback);
        }
    }
}

/// `hubbub.db` and `-wal` are `hubbub.db-wal`: what belongs to a file lies beside it, as SQLite has
/// it.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The directory that a file is in.
pub(crate) fn directory(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// Where a path leads, also where there is no file yet.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => {}
        resolved => return resolved,
    }
    // Links that lead round in circles are another error.
    if let Ok(target) = fs::read_link(path) {
        return resolve(&directory(path).join(target));
    }
    let name = path.file_name().filter(|name| *name != OsStr::new(".."));
    let name = name.ok_or(io::ErrorKind::NotFound)?;
    Ok(fs::canonicalize(directory(path))?.join(name))
}

/// Says what it is, where it is no file.
fn must_be_file(known: &fs::Metadata) -> io::Result<()> {
    let kind = known.file_type();
    let what = match kind {
        _ if kind.is_file() => return Ok(()),
        _ if kind.is_dir() => "directory",
        _ if kind.is_symlink() => "symbolic link",
        _ if kind.is_fifo() => "pipe",
        _ if kind.is_socket() => "socket",
        _ => "device",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("this is a {what}, and no file")))
}

/// The file, and whether it was there.
fn open_or_make(path: &Path) -> io::Result<(File, bool)> {
    if let Ok(known) = fs::metadata(path) {
        must_be_file(&known)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    match options.open(path) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => {}
        opened => return Ok((opened?, true)),
    }
    // For nobody else to read, whatever the umask: what SQLite lays beside it has the file's own mode.
    match options.create_new(true).mode(PRIVATE).open(path) {
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {
            Ok((options.create_new(false).open(path)?, true))
        }
        made => Ok((made?, false)),
    }
}

fn lock_file(file: &File, path: &Path) -> Result<(), OpenError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(why)) => Err(OpenError::io(path, why)),
    }
}

/// Whether a path leads to the open file.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let open = file.metadata()?;
    match fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (open.dev(), open.ino())),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(why) => Err(why),
    }
}
