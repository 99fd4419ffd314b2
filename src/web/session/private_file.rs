//! Files beside the data that prove something to whoever can read them: nobody else may.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// A file for one user alone.
pub(super) struct PrivateFile<'a> {
    pub path: PathBuf,
    /// Whose it should be: the owner's of the data.
    data: &'a Path,
    /// What it holds, in a word of the log.
    what: &'static str,
    /// What comes of having it made anew.
    then: &'static str,
}

/// What there is under its name.
pub(super) enum Found {
    Bytes(Vec<u8>, File),
    Nothing,
    /// A folder, or a pipe: to open that would wait for who writes into it.
    NoFile,
}

impl<'a> PrivateFile<'a> {
    pub(super) fn beside(
        data: &'a Path,
        suffix: &str,
        what: &'static str,
        then: &'static str,
    ) -> Self {
        let mut path = data.as_os_str().to_owned();
        path.push(suffix);
        Self::at(path.into(), data, what, then)
    }

    pub(super) fn at(
        path: PathBuf,
        data: &'a Path,
        what: &'static str,
        then: &'static str,
    ) -> Self {
        Self { path, data, what, then }
    }

    /// What it holds: so many bytes, or one more where it is too long, whatever its size.
    ///
    /// # Errors
    ///
    /// The operating system's, with the file that it is about.
    pub(super) fn read(&self, most: u64) -> Result<Found, (PathBuf, io::Error)> {
        self.try_read(most).map_err(|why| (self.path.clone(), why))
    }

    fn try_read(&self, most: u64) -> io::Result<Found> {
        if fs::metadata(&self.path).is_ok_and(|known| !known.is_file()) {
            return Ok(Found::NoFile);
        }
        let file = match File::open(&self.path) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            file => file?,
        };
        let mut bytes = Vec::new();
        (&file).take(most + 1).read_to_end(&mut bytes)?;
        Ok(Found::Bytes(bytes, file))
    }

    /// Takes what was found away from others that can read it, and says so; and where it is not the
    /// owner's of the data.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub(super) fn guard(&self, file: &File) -> Result<(), (PathBuf, io::Error)> {
        let guarded = self.tell_whose(file).and_then(|()| self.close_to_others(file));
        guarded.map_err(|why| (self.path.clone(), why))
    }

    /// Says where it is another user's than the data: whoever put it there can be anybody.
    fn tell_whose(&self, file: &File) -> io::Result<()> {
        let (owner, due) = (file.metadata()?.uid(), fs::metadata(self.data).map(|data| data.uid()));
        if due.as_ref().is_ok_and(|due| *due != owner) {
            let Self { path, what, then, .. } = self;
            tracing::warn!(
                file = %path.display(),
                "the {what} belongs to another user (uid {owner}) than the data, who knows it: \
                 move it away, and a new one is made; {then}"
            );
        }
        Ok(())
    }

    /// Takes it away from others that can read it, and says so: by it they can be anybody.
    fn close_to_others(&self, file: &File) -> io::Result<()> {
        let known = file.metadata()?;
        let mut permissions = known.permissions();
        let mode = permissions.mode() & 0o7777;
        if known.is_file() && mode & 0o077 != 0 {
            permissions.set_mode(mode & 0o700);
            file.set_permissions(permissions)?;
            let Self { path, what, then, .. } = self;
            tracing::warn!(
                file = %path.display(),
                "others could read the {what} (mode {mode:o}); they cannot any more. Where \
                 somebody may have read it, move it away: a new one is made, and {then}"
            );
        }
        Ok(())
    }

    /// Writes it, where there is none: whole under another name first, so that a crash leaves all or
    /// nothing.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub(super) fn make(&self, bytes: &[u8]) -> Result<(), (PathBuf, io::Error)> {
        let mut draft = self.path.as_os_str().to_owned();
        draft.push(".new");
        let draft = PathBuf::from(draft);
        self.try_make(&draft, bytes).map_err(|why| (draft, why))
    }

    fn try_make(&self, draft: &Path, bytes: &[u8]) -> io::Result<()> {
        // What lies there is a crash's, or was put there by somebody who would own what is written, or
        // have it written elsewhere: it goes, and a file is made that was not there.
        match fs::remove_file(draft) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
            _ => {}
        }
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(draft, &self.path)
    }
}
