//! Files that an operator may name.

use std::path::PathBuf;

/// A file, if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File(pub Option<PathBuf>);

/// A path, or `none`.
pub(super) fn parse(raw: &str) -> Result<File, String> {
    match raw {
        "none" => Ok(File(None)),
        "" => Err("try the path of a file, or none".into()),
        path => Ok(File(Some(path.into()))),
    }
}
