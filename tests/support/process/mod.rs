//! Processes that a test or a bench starts: their start, their end, and what the kernel says of
//! them. The benches take this folder by its path; nothing in it knows of tests.

pub mod app;
pub mod program;

use std::{
    fs, io,
    net::{TcpListener, TcpStream},
    process::{Child, Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

pub use app::App;

/// How long to wait for something that must happen. Reached only by what is broken; long, because
/// the machines are shared.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at something that gives no word of itself.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// A directory for data, gone when dropped.
///
/// A bench's is under the build directory, on the disk that is measured: the system's own temporary
/// directory is often in memory, where a sync costs nothing. A test's is there, where every user
/// of the system can reach it.
pub fn directory() -> TempDir {
    // Set by the test harness, which benches are built without.
    let made = if cfg!(test) {
        tempfile::tempdir()
    } else {
        tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))
    };
    made.expect("a directory for the data")
}

/// A child, killed when dropped.
pub struct Process(Child);

impl Process {
    /// Takes charge of a child.
    pub fn new(child: Child) -> Self {
        Self(child)
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Ends it with no time to tidy up (`kill -9`).
    pub fn kill(&mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it ends");
    }

    /// Sends it a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.id().to_string()]).status();
        assert!(sent.expect("kill(1)").success(), "SIG{name} for process {}", self.id());
    }

    /// Asks it to stop (SIGTERM), waits, and says how it ended.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    /// Waits for its end, and says how it ended.
    pub fn wait(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "process {} goes on", self.id());
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("it can be asked")
    }

    /// Waits until something listens on `address`; an error where the process ends before.
    pub fn until_it_listens(&mut self, address: &str) -> io::Result<()> {
        let begun = Instant::now();
        while let Err(why) = TcpStream::connect(address) {
            if self.ended().is_some() || begun.elapsed() > PATIENCE {
                return Err(why);
            }
            thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that is free now, for programs that cannot pick one. Another may take it before its use.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The processor time that a process has used, in user and kernel mode; zero where there is no
/// `/proc`.
///
/// The sum over its threads, since their times are in nanoseconds and the process's own in
/// hundredths of a second. The time of threads that have ended is not in it.
pub fn cpu(id: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let nanoseconds = threads.filter_map(|thread| {
        let times = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        times.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// A size in KB out of `/proc/PID/status`, such as `VmRSS`; zero where there is none.
pub fn memory(id: u32, what: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// How many file descriptors a process has open.
pub fn descriptors(id: u32) -> usize {
    fs::read_dir(format!("/proc/{id}/fd")).expect("it runs").count()
}

/// The only child of a process, once it is there.
pub fn child_of(id: u32) -> u32 {
    let children = format!("/proc/{id}/task/{id}/children");
    let begun = Instant::now();
    loop {
        let found = fs::read_to_string(&children).expect("it runs");
        if let Some(child) = found.split_whitespace().next() {
            return child.parse().expect("a process id");
        }
        assert!(begun.elapsed() < PATIENCE, "process {id} has no child");
        thread::sleep(POLL_INTERVAL);
    }
}
