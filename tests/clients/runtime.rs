//! Languages: what runs a program, and what programs need, pinned by the locks beside this file and
//! installed under the build directory.

use std::{
    fs,
    io::{Read as _, Seek as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    follower::Follower,
    programs::{Source, here},
    support::process::{
        Process,
        program::{find, not_run},
    },
};

/// Where it says `required`, what is missing fails a test.
const VARIABLE: &str = "HUBBUB_CLIENTS";

/// What names a private authority: to OpenSSL and Go, to Python's requests, to Node, and to curl.
const TRUST: [&str; 4] =
    ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE"];

/// How long a registry may take over a handful of packages.
const INSTALL_TIMEOUT: Duration = Duration::from_mins(5);

/// Between two looks at whether an installer has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A language whose programs can run here.
pub struct Runtime {
    /// Where its packages are, and its programs go.
    folder: PathBuf,
    extension: &'static str,
    /// The command for a program in a file.
    command: Box<dyn Fn(&Path) -> Command>,
}

/// Clients that run.
pub struct Running {
    // In this order: they end before their folder goes.
    pub followers: Vec<Follower>,
    _folder: TempDir,
}

impl Runtime {
    /// Starts programs that follow a room of the hubbub at `origin`, and trust whom `authority` has
    /// signed.
    pub fn start(&self, sources: &[Source], origin: &str, authority: Option<&Path>) -> Running {
        let folder = tempfile::tempdir_in(&self.folder).expect("a folder for the programs");
        let followers = sources.iter().map(|source| {
            let file = folder.path().join(&source.name).with_extension(self.extension);
            fs::write(&file, source.text_for(origin)).expect("it can be written");
            let name = format!("{}.{}", source.name, self.extension);
            let mut command = (self.command)(&file);
            if let Some(authority) = authority {
                command.envs(TRUST.map(|variable| (variable, authority)));
            }
            // What is here is asked here, whatever proxy this machine has for elsewhere.
            command.envs([("no_proxy", "*"), ("NO_PROXY", "*")]);
            Follower::start(name, command, file.with_extension("stderr"), |line| line)
        });
        Running { followers: followers.collect(), _folder: folder }
    }
}

/// Python with a virtual environment. `None` where it is not to be had here, which it says.
pub fn python() -> Option<Runtime> {
    let [python] = programs(["python3"])?;
    let folder = installed("python", &["requirements.txt"], |folder| {
        run(Command::new(python).args(["-m", "venv", "venv"]).current_dir(folder))?;
        // Wheels only: what builds itself runs code, and needs more than Python.
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        let pinned = ["--require-hashes", "--only-binary=:all:", "--requirement=requirements.txt"];
        run(Command::new(interpreter(folder)).args(install).args(pinned).current_dir(folder))
    })?;
    let interpreter = interpreter(&folder);
    let command = move |file: &Path| {
        let mut command = Command::new(&interpreter);
        command.arg(file).envs([("PYTHONUNBUFFERED", "1"), ("PYTHONIOENCODING", "utf-8")]);
        command
    };
    Some(Runtime { folder, extension: "py", command: Box::new(command) })
}

fn interpreter(folder: &Path) -> PathBuf {
    folder.join("venv/bin/python")
}

/// Node with its packages. `None` where it is not to be had here, which it says.
pub fn node() -> Option<Runtime> {
    let [node, npm] = programs(["node", "npm"])?;
    let files = ["package.json", "package-lock.json", ".npmrc"];
    let folder = installed("node", &files, |folder| {
        let install = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        run(Command::new(npm).args(install).current_dir(folder))
    })?;
    let command = move |file: &Path| {
        let mut command = Command::new(&node);
        command.arg(file);
        command
    };
    Some(Runtime { folder, extension: "mjs", command: Box::new(command) })
}

/// Go with its modules. `None` where it is not to be had here, which it says.
pub fn go() -> Option<Runtime> {
    let [go] = programs(["go"])?;
    let folder = installed("go", &["go.mod", "go.sum"], |folder| {
        run(Command::new(&go).args(["mod", "download"]).current_dir(folder))
    })?;
    let module = folder.clone();
    let command = move |file: &Path| {
        let program = file.with_extension("");
        let mut build = Command::new(&go);
        build.args(["build", "-buildvcs=false", "-o"]).arg(&program).arg(file);
        run(build.current_dir(&module)).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
        Command::new(program)
    };
    Some(Runtime { folder, extension: "go", command: Box::new(command) })
}

/// A shell, with the programs of others that its programs call. `None` where one of these is not to
/// be had here, which it says.
pub fn sh() -> Option<Runtime> {
    let [sh, ..] = programs(["sh", "curl", "jq"])?;
    let folder = installed("sh", &[], |_| Ok(()))?;
    let command = move |file: &Path| {
        let mut command = Command::new(&sh);
        // What it leaves goes with it.
        command.arg(file).env("TMPDIR", file.parent().expect("a folder"));
        command
    };
    Some(Runtime { folder, extension: "sh", command: Box::new(command) })
}

/// Where these programs are; `None` where one is not, which it says.
pub fn programs<const N: usize>(names: [&str; N]) -> Option<[PathBuf; N]> {
    let missing = names.iter().find(|name| find(name).is_none());
    if let Some(missing) = missing {
        not_run(&format!("{missing} is not installed"), VARIABLE);
        return None;
    }
    Some(names.map(|name| find(name).expect("it was there")))
}

/// The folder of a language with what its locks name, which `install` puts there unless it is there
/// already. `None` where that fails, which it says.
fn installed(
    language: &str,
    locks: &[&str],
    install: impl FnOnce(&Path) -> Result<(), String>,
) -> Option<PathBuf> {
    // Two tests of a language want the same folder.
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _installing = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let from = here().join(language);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients").join(language);
    let stamp = folder.join("installed");
    let wanted: Vec<_> = locks.iter().map(|lock| fs::read(from.join(lock)).expect(lock)).collect();
    let wanted = wanted.concat();
    if fs::read(&stamp).ok().as_ref() == Some(&wanted) {
        return Some(folder);
    }
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder for packages");
    for lock in locks {
        fs::copy(from.join(lock), folder.join(lock)).expect("it can be copied");
    }
    if let Err(why) = install(&folder) {
        not_run(&format!("packages for {language} cannot be installed: {why}"), VARIABLE);
        return None;
    }
    fs::write(stamp, wanted).expect("it can be written");
    Some(folder)
}

/// Runs a command to its end; an error says what it said.
fn run(command: &mut Command) -> Result<(), String> {
    let mut log = tempfile::tempfile().expect("a file for what it says");
    let [stdout, stderr] = [(), ()].map(|()| log.try_clone().expect("a file"));
    let child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn();
    let mut process = Process::new(child.map_err(|why| why.to_string())?);
    let begun = Instant::now();
    let ended = loop {
        match process.ended() {
            Some(status) if status.success() => return Ok(()),
            Some(status) => break status.to_string(),
            None if begun.elapsed() > INSTALL_TIMEOUT => break "it takes too long".into(),
            None => thread::sleep(POLL_INTERVAL),
        }
    };
    let mut said = String::new();
    let _ = log.rewind().and_then(|()| log.read_to_string(&mut said));
    Err(format!("{command:?}: {ended}: {}", said.trim_end()))
}
