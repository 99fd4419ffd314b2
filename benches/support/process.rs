//! A process that is measured: what it has used, and its end.

use std::{
    env, fs,
    io::{self, BufRead as _, BufReader, Write as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// Where what is measured runs, and where the bench itself does, so that neither takes the other's
/// time and the ratios hold on any machine with two processors.
const SERVER: &str = "0";
const LOAD: &str = "1";

/// Says to the bench that it runs where it should.
const PINNED: &str = "HUBBUB_BENCH_PINNED";

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

    /// Asks it to stop (SIGTERM), and waits until it has.
    pub fn stop(&mut self) {
        let asked = Command::new("kill").arg(self.0.id().to_string()).status();
        assert!(asked.expect("kill(1)").success());
        self.0.wait().expect("it ends");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// This bench's own binary in another role, on the processor of what is measured: it is given bytes
/// on its standard input, and says there where it listens.
pub fn in_role(role: &str, given: &[u8]) -> io::Result<(Process, String)> {
    let mut child = on_server(env::current_exe()?)
        .arg(role)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let process = Process::new(child);
    // Closed behind it, which says that this was all.
    stdin.expect("piped").write_all(given)?;
    let mut address = String::new();
    BufReader::new(stdout.expect("piped")).read_line(&mut address)?;
    Ok((process, address.trim().to_owned()))
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

/// The only child of a process, once it is there.
pub fn child_of(id: u32) -> u32 {
    let children = format!("/proc/{id}/task/{id}/children");
    loop {
        let found = fs::read_to_string(&children).expect("it runs");
        if let Some(child) = found.split_whitespace().next() {
            return child.parse().expect("a process id");
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// The command that runs `program` on the processor of what is measured.
pub fn on_server(program: impl AsRef<std::ffi::OsStr>) -> Command {
    pinned(SERVER, program)
}

/// The command that runs `program` on the processor of the load.
pub fn on_load(program: impl AsRef<std::ffi::OsStr>) -> Command {
    pinned(LOAD, program)
}

fn pinned(processor: &str, program: impl AsRef<std::ffi::OsStr>) -> Command {
    if env::var(PINNED).is_ok_and(|pinned| pinned == "no") {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", processor]).arg(program);
    command
}

/// Moves the bench to its own processor, by starting it anew there.
pub fn pin() {
    if env::var_os(PINNED).is_some() {
        return;
    }
    // The command comes with util-linux.
    let able = thread::available_parallelism().is_ok_and(|processors| processors.get() > 1)
        && ["/usr/bin/taskset", "/bin/taskset"].iter().any(|path| Path::new(path).exists());
    let mut command = Command::new("taskset");
    if able {
        command.args(["-c", LOAD]).arg(env::current_exe().expect("a path")).env(PINNED, "yes");
    } else {
        println!("Not pinned to processors (two, and taskset, are needed): read nothing into it.");
        command = Command::new(env::current_exe().expect("a path"));
        command.env(PINNED, "no");
    }
    panic!("it cannot be started anew: {}", command.args(env::args_os().skip(1)).exec());
}
