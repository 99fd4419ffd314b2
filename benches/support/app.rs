//! A hubbub of a bench's own.

use std::{
    env,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use tempfile::TempDir;

use super::{
    directory,
    process::{self, Process},
};

/// The real binary, built as for a release. Dropped, it is killed, and its data with it.
pub struct App {
    process: Process,
    address: String,
    /// Kept for as long as it runs.
    home: Arc<TempDir>,
}

impl App {
    /// Starts one with more flags, on a free port and with an empty journal.
    pub fn with(flags: &[&str]) -> Self {
        Self::over(Arc::new(directory()), flags)
    }

    /// Starts one over the `hubbub.db` in `home`. It may be started there again when it has ended.
    pub fn over(home: Arc<TempDir>, flags: &[&str]) -> Self {
        Self::run(Command::new(env!("CARGO_BIN_EXE_hubbub")), home, "127.0.0.1:0", flags)
    }

    /// Starts one on the processor of what is measured.
    pub fn pinned(flags: &[&str]) -> Self {
        Self::pinned_at("127.0.0.1:0", Arc::new(directory()), flags)
    }

    /// Starts another build there, for a comparison: the one that `OTHER` names, if it does.
    pub fn other(flags: &[&str]) -> Option<Self> {
        let binary = env::var_os("OTHER")?;
        let home = Arc::new(directory());
        Some(Self::run(process::on_server(binary), home, "127.0.0.1:0", flags))
    }

    /// Starts another build for a comparison, the one that `OTHER` names, if it does, wherever the
    /// system lets it run.
    pub fn other_with(flags: &[&str]) -> Option<Self> {
        let binary = env::var_os("OTHER")?;
        Some(Self::run(Command::new(binary), Arc::new(directory()), "127.0.0.1:0", flags))
    }

    /// Starts one there, on a given address and over the data in `home`.
    pub fn pinned_at(listen: &str, home: Arc<TempDir>, flags: &[&str]) -> Self {
        Self::run(process::on_server(env!("CARGO_BIN_EXE_hubbub")), home, listen, flags)
    }

    fn run(mut command: Command, home: Arc<TempDir>, listen: &str, flags: &[&str]) -> Self {
        let mut child = command
            .args(["--listen", listen, "--data"])
            .arg(home.path().join("hubbub.db"))
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary can be run");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        let process = Process::new(child);
        BufReader::new(stdout).read_line(&mut line).expect("UTF-8");
        let address = line
            .trim()
            .strip_prefix("hubbub listening on http://")
            .unwrap_or_else(|| panic!("it says where it listens, not {line:?}"))
            .to_owned();
        Self { process, address, home }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its data file.
    pub fn data(&self) -> PathBuf {
        self.home.path().join("hubbub.db")
    }

    /// Where its data is.
    pub fn home(&self) -> Arc<TempDir> {
        Arc::clone(&self.home)
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The processor time it has used.
    pub fn cpu(&self) -> Duration {
        process::cpu(self.id())
    }

    /// A size in KB, such as `VmRSS`.
    pub fn memory(&self, what: &str) -> u64 {
        process::memory(self.id(), what)
    }

    /// Ends it with no time to tidy up (`kill -9`).
    pub fn kill(&mut self) {
        self.process.kill();
    }
}
