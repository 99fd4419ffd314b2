//! A hubbub of a bench's own, where what is measured runs.

use std::{env, sync::Arc};

use tempfile::TempDir;

pub use super::process::App;
use super::process::{app::Launch, server_prefix};

impl App {
    /// Starts one on the processor of what is measured.
    pub fn pinned(flags: &[&str]) -> Self {
        pinned(flags).start()
    }

    /// Starts another build there, for a comparison: the one that `OTHER` names, if it does.
    pub fn other(flags: &[&str]) -> Option<Self> {
        Some(pinned(flags).program(env::var_os("OTHER")?).start())
    }

    /// Starts one on the processor of what is measured, over the data in `home`.
    pub fn pinned_over(home: Arc<TempDir>, flags: &[&str]) -> Self {
        pinned(flags).over(home).start()
    }

    /// The same of another build, where `OTHER` names one.
    pub fn other_over(home: Arc<TempDir>, flags: &[&str]) -> Option<Self> {
        Some(pinned(flags).program(env::var_os("OTHER")?).over(home).start())
    }

    /// Starts another build for a comparison, the one that `OTHER` names, if it does, wherever the
    /// system lets it run.
    pub fn other_with(flags: &[&str]) -> Option<Self> {
        Some(Launch::new(flags).program(env::var_os("OTHER")?).start())
    }

    /// Starts one there, on a given address and over the data in `home`.
    pub fn pinned_at(listen: &str, home: Arc<TempDir>, flags: &[&str]) -> Self {
        pinned(flags).at(listen).over(home).start()
    }
}

fn pinned(flags: &[&str]) -> Launch {
    Launch::new(flags).behind(server_prefix())
}
