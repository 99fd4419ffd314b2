//! A hubbub of its own for each test: the real binary on a free port, over a fresh data file,
//! gone with the test.

pub mod nginx;
pub mod program;

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long a test waits for something that must happen. Reached only by what is broken; long,
/// because the machines are shared.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for `event`, and fails the test when it does not come.
pub async fn soon<T>(what: &str, event: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, event).await.unwrap_or_else(|_| panic!("{what}: not in time"))
}

/// Tries `probe` until it gives something, and fails the test when it never does.
pub async fn until<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: not in time");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A running hubbub. Dropped, it is killed, and its data with it.
pub struct App {
    child: Child,
    address: String,
    admin: Option<String>,
    flags: Vec<String>,
    home: TempDir,
}

impl App {
    /// Starts one with the defaults.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts one with more flags.
    pub fn with(flags: &[&str]) -> Self {
        Self::over(tempfile::tempdir().expect("a directory for the data"), flags)
    }

    /// Starts one over a directory that may hold data already.
    pub fn over(home: TempDir, flags: &[&str]) -> Self {
        Self::at("127.0.0.1:0", home, flags)
    }

    /// Starts one on an address of another interface.
    pub fn listening(listen: &str) -> Self {
        Self::at(listen, tempfile::tempdir().expect("a directory for the data"), &[])
    }

    /// Starts one under a limit of the shell's, such as `ulimit -n 128`.
    pub fn under(limit: &str, flags: &[&str]) -> Self {
        let home = tempfile::tempdir().expect("a directory for the data");
        fs::write(home.path().join(LIMIT), limit).expect("it can be written");
        Self::over(home, flags)
    }

    fn at(listen: &str, home: TempDir, flags: &[&str]) -> Self {
        let flags: Vec<String> = flags.iter().map(ToString::to_string).collect();
        let (child, address, admin) = spawn(home.path(), listen, &flags);
        Self { child, address, admin, flags, home }
    }

    /// Where it serves metrics, as it says itself.
    pub fn metrics_url(&self) -> &str {
        self.admin.as_deref().expect("it was started with --admin")
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("hubbub.log")).expect("a log")
    }

    /// A line of `/proc/PID/status`, as `VmRSS` (in kB) or `Threads`.
    pub fn status(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.unwrap_or_else(|| panic!("{name} in {status}"))
    }

    /// How many file descriptors it has open.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("it runs").count()
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The address of `path` on it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its data file.
    pub fn data(&self) -> PathBuf {
        self.home.path().join("hubbub.db")
    }

    /// Ends it as a power cut would (`kill -9`).
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Asks it to stop (SIGTERM), waits, and says how it ended.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.expect("kill(1)").success());
    }

    /// Waits for its end, and says how it ended.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }

    /// Starts it again where it was: the same data, the same port.
    pub fn start_again(&mut self) {
        (self.child, self.address, self.admin) =
            spawn(self.home.path(), &self.address, &self.flags);
    }

    /// Ends it and gives its directory to who wants to look inside.
    pub fn into_home(mut self) -> TempDir {
        self.kill();
        let empty = tempfile::tempdir().expect("a directory to leave behind");
        std::mem::replace(&mut self.home, empty)
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!(
                "{}",
                fs::read_to_string(self.home.path().join("hubbub.log")).unwrap_or_default()
            );
        }
    }
}

/// The file beside the data that says under which limits of the shell's it runs, if any.
const LIMIT: &str = "limit";

/// The command that runs the real binary over the data in `home`. A shell that becomes it lets it
/// ignore SIGXFSZ, so that a limit on file sizes is a failing write, as on a full disk.
pub fn hubbub(home: &Path, listen: &str) -> Command {
    let limit = fs::read_to_string(home.join(LIMIT)).unwrap_or_else(|_| ":".into());
    let script = format!("trap '' XFSZ; {limit}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_hubbub")]);
    command.arg("--listen").arg(listen).arg("--data").arg(home.join("hubbub.db"));
    command
}

/// Runs the binary to its end, which must come by itself; for starts that fail.
pub fn run_to_end(command: &mut Command) -> (ExitStatus, String) {
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary can be run");
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("it can be asked") {
            break status;
        }
        if begun.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("it should have refused to start");
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let mut said = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut said).expect("UTF-8");
    (status, said)
}

/// The process, where it listens, and where it serves metrics.
fn spawn(home: &Path, listen: &str, flags: &[String]) -> (Child, String, Option<String>) {
    let log = File::options().create(true).append(true).open(home.join("hubbub.log"));
    let log = log.expect("a file for the log");
    let mut child = hubbub(home, listen)
        .args(flags)
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .expect("the binary can be run");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let mut said = |start: &str| {
        let mut line = String::new();
        stdout.read_line(&mut line).expect("UTF-8");
        let rest = line.trim().strip_prefix(start);
        rest.unwrap_or_else(|| panic!("it says where it listens, not {line:?}")).to_owned()
    };
    let address = said("hubbub listening on http://");
    let observed = flags.iter().any(|flag| flag == "--admin");
    let admin = observed.then(|| said("hubbub metrics on "));
    (child, address, admin)
}
