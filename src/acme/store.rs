//! What is kept of an authority: one file beside the data, for nobody else to read.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

use super::Wanted;

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("--acme: {}: {why}", path.display())]
pub(crate) struct StoreError {
    path: PathBuf,
    why: io::Error,
}

/// An account, a certificate, and when an order may be made again.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Kept {
    /// The authority's address.
    pub(super) directory: String,
    /// What proves the account.
    pub(super) account: Option<serde_json::Value>,
    /// What the certificate is for.
    pub(super) names: Vec<String>,
    pub(super) chain: Option<String>,
    pub(super) key: Option<String>,
    /// Since when it holds, in seconds since 1970 and by the authority's clock.
    pub(super) begins: i64,
    /// When it is renewed, in seconds since 1970.
    pub(super) renew_at: Option<i64>,
    /// Orders that failed since the last that did not, or that nobody knows the end of.
    pub(super) failures: u32,
    /// No order before, in seconds since 1970.
    pub(super) not_before: i64,
    /// Which of several nodes orders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lease: Option<Lease>,
    /// What each of them answers the authority meanwhile, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) answers: BTreeMap<String, Vec<u8>>,
}

/// A node orders, and the others do not.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(super) struct Lease {
    pub(super) node: String,
    /// In seconds since 1970.
    pub(super) until: i64,
}

impl Kept {
    /// What of it is of use for what is wanted now: other names need another certificate, and another
    /// authority another account.
    pub(super) fn matching(self, wanted: &Wanted) -> Self {
        let same_authority = self.directory == wanted.directory;
        if same_authority && self.names == wanted.names {
            return self;
        }
        Self {
            directory: wanted.directory.clone(),
            account: self.account.filter(|_| same_authority),
            names: wanted.names.clone(),
            ..Self::default()
        }
    }

    /// There is a certificate.
    pub(super) fn issued(&mut self, wanted: &Wanted, chain: String, key: String, begins: i64) {
        *self = Self {
            directory: wanted.directory.clone(),
            account: self.account.take(),
            names: wanted.names.clone(),
            chain: Some(chain),
            key: Some(key),
            begins,
            ..Self::default()
        };
    }

    /// Without what is the business of all nodes.
    pub(super) fn alone(&self) -> Self {
        Self { lease: None, answers: BTreeMap::new(), ..self.clone() }
    }
}

/// Where it is kept.
pub(super) struct Store(PathBuf);

impl Store {
    pub(super) fn new(file: PathBuf) -> Self {
        Self(file)
    }

    /// What is kept, or nothing.
    pub(super) fn read(&self) -> Result<Kept, StoreError> {
        match fs::read(&self.0) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|why| {
                let hint = "move it away, and a certificate is ordered anew";
                self.error(io::Error::other(format!(
                    "this is not what is kept here ({why}); {hint}"
                )))
            }),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(Kept::default()),
            Err(why) => Err(self.error(why)),
        }
    }

    /// Keeps it, in one step: what was kept is there until then.
    pub(super) fn write(&self, kept: &Kept) -> Result<(), StoreError> {
        self.try_write(kept).map_err(|why| self.error(why))
    }

    fn try_write(&self, kept: &Kept) -> io::Result<()> {
        let mut new = self.0.clone().into_os_string();
        new.push(".new");
        let _ = fs::remove_file(&new);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(&serde_json::to_vec_pretty(kept)?)?;
        file.sync_all()?;
        fs::rename(new, &self.0)
    }

    fn error(&self, why: io::Error) -> StoreError {
        StoreError { path: self.0.clone(), why }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_kept_is_for_nobody_else_and_of_use_for_the_same_names_and_authority_only() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::new(home.path().join("hubbub.db.acme"));
        let wanted = |name: &str, directory: &str| Wanted {
            names: vec![name.into()],
            directory: directory.into(),
            contact: None,
        };
        let ours = wanted("a.example", "https://one.example");
        let mut kept = store.read().unwrap().matching(&ours);
        kept.account = Some("account".into());
        kept.failures = 3;
        kept.not_before = 1000;
        store.write(&kept).unwrap();
        let mode = fs::metadata(&store.0).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let read = store.read().unwrap();
        assert_eq!(read.clone().matching(&ours), kept, "the wait is there after a restart");
        let other = read.clone().matching(&wanted("b.example", "https://one.example"));
        assert_eq!((other.account, other.failures, other.not_before), (kept.account, 0, 0));
        let other = read.matching(&wanted("a.example", "https://two.example"));
        assert_eq!(other.account, None);
        fs::write(&store.0, "no JSON").unwrap();
        assert!(store.read().unwrap_err().to_string().starts_with("--acme: "));
    }
}
