//! Files that an operator may name.

use std::path::PathBuf;

/// A file, if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File(pub Option<PathBuf>);

/// A path, or `none`.
pub(super) fn parse(raw: &str) -> Result<File, String> {
    match raw {
        "none" => Ok(File(None)),
        // A flag whose value was forgotten would take the next one for it.
        path if path.starts_with('-') => {
            Err(format!("try ./{path} for a file of this name, or none"))
        }
        "" => Err("try the path of a file, or none".into()),
        path => Ok(File(Some(path.into()))),
    }
}
