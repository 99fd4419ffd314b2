//! Lines of a shell as somebody types them, run as they stand in a directory of their own.

use std::{
    io::Read,
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{
    PATIENCE,
    process::{
        directory,
        program::{find, not_run},
    },
};

/// Between two looks at what a program has said.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// A terminal.
pub struct Shell {
    home: TempDir,
}

impl Shell {
    /// One where these programs are there; `None` where one is not installed, which it says.
    pub fn with(programs: &[&str]) -> Option<Self> {
        for program in programs {
            if find(program).is_none() {
                not_run(&format!("{program} is not installed"), "HUBBUB_SHELL");
                return None;
            }
        }
        Some(Self { home: directory() })
    }

    /// Starts a script.
    pub fn start(&self, program: &str, argument: &str, script: &str) -> Running {
        let mut command = Command::new(program);
        // What is here is asked here, whatever proxy this machine has for elsewhere.
        command.arg(argument).arg(script).env("no_proxy", "*").current_dir(self.home.path());
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.process_group(0).spawn().expect("it can be run");
        let stdout = Output::of(child.stdout.take().expect("piped"));
        let stderr = Output::of(child.stderr.take().expect("piped"));
        Running { child, stdout, stderr }
    }

    /// Runs lines of sh to their end, and gives what they say on their standard output.
    pub fn run(&self, lines: &str) -> String {
        let mut running = self.start("sh", "-c", lines);
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = running.child.try_wait().expect("it can be asked") {
                break status;
            }
            assert!(begun.elapsed() < PATIENCE, "it goes on: {lines}");
            thread::sleep(POLL_INTERVAL);
        };
        running
            .until("its outputs end", |_| running.stdout.has_ended() && running.stderr.has_ended());
        let (out, err) = (running.stdout.text(), running.stderr.text());
        assert!(status.success(), "{lines}\n{out}\n{err}");
        out
    }
}

/// A script that runs, and all that it has started: killed when dropped.
pub struct Running {
    child: Child,
    stdout: Output,
    stderr: Output,
}

impl Running {
    /// Waits until what it has said on its standard output is as wanted, and gives it.
    pub fn until(&self, what: &str, done: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let out = self.stdout.text();
            if done(&out) {
                return out;
            }
            let err = self.stderr.text();
            assert!(begun.elapsed() < PATIENCE, "{what}: not in time: {out}\n{err}");
            thread::sleep(POLL_INTERVAL);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        let mut kill = Command::new("kill");
        // It may be gone already.
        let _ = kill.args(["-s", "KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
    }
}

/// What a program has said on one of its outputs.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Output {
    /// Reads one to its end.
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let output = Self::default();
        let said = output.clone();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                let mut said = said.0.lock().unwrap_or_else(PoisonError::into_inner);
                said.extend(&buffer[..count]);
            }
        });
        output
    }

    fn text(&self) -> String {
        let said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&said).into_owned()
    }

    /// Whether it has been read to its end.
    fn has_ended(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}
