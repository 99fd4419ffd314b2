//! The real binary on a free port, over a data file of its own.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use tempfile::TempDir;

use super::{PATIENCE, Process, cpu, descriptors, directory, memory};

/// How a hubbub is started; and started again, with the same data.
#[derive(Clone)]
pub struct Launch {
    program: OsString,
    /// What stands before the program on the command line, such as `taskset -c 0`.
    before: Vec<String>,
    /// The shell's limit that it runs under, such as `ulimit -n 128`.
    limit: String,
    listen: String,
    flags: Vec<String>,
    variables: Vec<(String, OsString)>,
    home: Arc<TempDir>,
}

impl Launch {
    /// This build, on a free port of this machine, over a new directory.
    pub fn new(flags: &[&str]) -> Self {
        Self {
            program: env!("CARGO_BIN_EXE_hubbub").into(),
            before: Vec::new(),
            limit: ":".into(),
            listen: "127.0.0.1:0".into(),
            flags: flags.iter().map(ToString::to_string).collect(),
            variables: Vec::new(),
            home: Arc::new(directory()),
        }
    }

    /// Another build.
    pub fn program(self, program: impl Into<OsString>) -> Self {
        Self { program: program.into(), ..self }
    }

    /// A command that runs it.
    pub fn behind(self, before: &[&str]) -> Self {
        Self { before: before.iter().map(ToString::to_string).collect(), ..self }
    }

    /// A limit of the shell's.
    pub fn under(self, limit: &str) -> Self {
        Self { limit: limit.into(), ..self }
    }

    /// More flags.
    pub fn more(mut self, flags: &[&str]) -> Self {
        self.flags.extend(flags.iter().map(ToString::to_string));
        self
    }

    /// A variable of its environment.
    pub fn variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Another address to listen on.
    pub fn at(self, listen: &str) -> Self {
        Self { listen: listen.into(), ..self }
    }

    /// A directory that may hold data already.
    pub fn over(self, home: impl Into<Arc<TempDir>>) -> Self {
        Self { home: home.into(), ..self }
    }

    /// Starts it, and waits until it listens.
    pub fn start(self) -> App {
        let (process, address, admin, said) = self.spawn();
        let (scheme, address) = parted(&address);
        App { process, scheme, address, admin, said, launch: self }
    }

    fn spawn(&self) -> (Process, String, Option<String>, mpsc::Receiver<String>) {
        let log = File::options().create(true).append(true).open(log_in(self.home.path()));
        let shell = shell(&self.limit, &self.program);
        let mut command = match self.before.split_first() {
            None => shell,
            Some((first, more)) => {
                let mut command = Command::new(first);
                command.args(more).arg(shell.get_program()).args(shell.get_args());
                command
            }
        };
        let mut child = serve_over(&mut command, self.home.path(), &self.listen)
            .args(&self.flags)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .stderr(log.expect("a file for the log"))
            .spawn()
            .expect("the binary can be run");
        let said = lines(&mut child);
        let process = Process::new(child);
        let next = |start: &str| {
            let line = said.recv_timeout(PATIENCE).unwrap_or_default();
            let rest = line.strip_prefix(start).map(ToOwned::to_owned);
            rest.unwrap_or_else(|| {
                panic!("it says where it listens, not {line:?}: {}", read_log(self.home.path()))
            })
        };
        let address = next("hubbub listening on ");
        for _ in self.listen.matches(',') {
            next("hubbub listening on ");
        }
        let observed = self.flags.iter().any(|flag| flag == "--admin");
        let admin = observed.then(|| next("hubbub metrics on "));
        (process, address, admin, said)
    }
}

/// A running hubbub. Dropped, it is killed, and its data goes with the last that holds it.
pub struct App {
    process: Process,
    scheme: String,
    address: String,
    admin: Option<String>,
    /// What else it says on its standard output.
    said: mpsc::Receiver<String>,
    launch: Launch,
}

impl App {
    /// Starts one with the defaults.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts one with more flags.
    pub fn with(flags: &[&str]) -> Self {
        Launch::new(flags).start()
    }

    /// Starts one on these addresses.
    pub fn listening(listen: &str) -> Self {
        Launch::new(&[]).at(listen).start()
    }

    /// Starts one over a directory that may hold data already.
    pub fn over(home: impl Into<Arc<TempDir>>, flags: &[&str]) -> Self {
        Launch::new(flags).over(home).start()
    }

    /// Starts one under a limit of the shell's, such as `ulimit -n 128`.
    pub fn under(limit: &str, flags: &[&str]) -> Self {
        Launch::new(flags).under(limit).start()
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The address of `path` on it.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// `http`, or `https`.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The next line of its standard output, which must begin like this: what follows.
    pub fn said(&mut self, start: &str) -> String {
        let line = self.said.recv_timeout(PATIENCE).expect("another line");
        line.strip_prefix(start).unwrap_or_else(|| panic!("{line:?}")).to_owned()
    }

    /// Where it serves metrics, as it says itself.
    pub fn metrics_url(&self) -> &str {
        self.admin.as_deref().expect("it was started with --admin")
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        read_log(self.launch.home.path())
    }

    /// Its data file.
    pub fn data(&self) -> PathBuf {
        data_in(self.launch.home.path())
    }

    /// Where its data is.
    pub fn home(&self) -> Arc<TempDir> {
        Arc::clone(&self.launch.home)
    }

    /// Its process's id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The processor time that it has used since it was started.
    pub fn cpu(&self) -> Duration {
        cpu(self.id())
    }

    /// A size in KB out of `/proc/PID/status`, such as `VmRSS`.
    pub fn memory(&self, what: &str) -> u64 {
        memory(self.id(), what)
    }

    /// How many file descriptors it has open.
    pub fn descriptors(&self) -> usize {
        descriptors(self.id())
    }

    /// Ends it as a power cut would (`kill -9`).
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Asks it to stop (SIGTERM), waits, and says how it ended.
    pub fn stop(&mut self) -> ExitStatus {
        self.process.stop()
    }

    /// Sends it a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Waits for its end, and says how it ended.
    pub fn wait(&mut self) -> ExitStatus {
        self.process.wait()
    }

    /// Starts it again where it was: the same data, the same port.
    pub fn start_again(&mut self) {
        self.launch = self.launch.clone().at(&self.address);
        let url;
        (self.process, url, self.admin, self.said) = self.launch.spawn();
        (self.scheme, self.address) = parted(&url);
    }
}

impl Drop for App {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

/// The command that runs this build over the data in `home`.
pub fn hubbub(home: &Path, listen: &str) -> Command {
    let mut command = shell(":", OsStr::new(env!("CARGO_BIN_EXE_hubbub")));
    serve_over(&mut command, home, listen);
    command
}

/// Runs the binary to its end, which must come by itself; for starts that fail.
pub fn run_to_end(command: &mut Command) -> (ExitStatus, String) {
    let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary can be run");
    let mut stderr = child.stderr.take().expect("piped");
    let status = Process::new(child).wait();
    let mut said = String::new();
    stderr.read_to_string(&mut said).expect("UTF-8");
    (status, said)
}

/// Runs a command of this build on the data in `home`, such as `backup FILE`: how it ended, and what
/// it said on its standard output and the other.
pub fn run(home: &Path, command: &[&OsStr]) -> (ExitStatus, String, String) {
    let mut run = Command::new(env!("CARGO_BIN_EXE_hubbub"));
    let done = run.arg("--data").arg(data_in(home)).args(command).output().expect("it can be run");
    let said = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (done.status, said(done.stdout), said(done.stderr))
}

/// A shell under a limit of its own that becomes the program, with the arguments that follow. It
/// ignores SIGXFSZ, so that a limit on file sizes is a failing write, as on a full disk.
fn shell(limit: &str, program: &OsStr) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("trap '' XFSZ; {limit}; exec \"$0\" \"$@\"")).arg(program);
    command
}

fn serve_over<'a>(command: &'a mut Command, home: &Path, listen: &str) -> &'a mut Command {
    command.arg("--listen").arg(listen).arg("--data").arg(data_in(home))
}

/// The scheme and the address of a URL.
fn parted(url: &str) -> (String, String) {
    let (scheme, address) = url.split_once("://").unwrap_or(("", url));
    (scheme.to_owned(), address.to_owned())
}

fn data_in(home: &Path) -> PathBuf {
    home.join("hubbub.db")
}

fn log_in(home: &Path) -> PathBuf {
    home.join("hubbub.log")
}

fn read_log(home: &Path) -> String {
    fs::read_to_string(log_in(home)).unwrap_or_default()
}

/// The lines that a child says on its standard output, read for as long as it says any: one that
/// says none must not hold up who waits.
fn lines(child: &mut Child) -> mpsc::Receiver<String> {
    let stdout: ChildStdout = child.stdout.take().expect("piped");
    let (said, lines) = mpsc::channel();
    thread::spawn(move || {
        BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| said.send(line))
    });
    lines
}
