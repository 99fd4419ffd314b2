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
        let said = Said::default();
        said.clone().read(child.stdout.take().expect("piped"), |said| &mut said.0);
        said.clone().read(child.stderr.take().expect("piped"), |said| &mut said.1);
        Running { child, said }
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
        // The readers of its outputs are at their ends when these are closed.
        running.until("its outputs end", |_| Arc::strong_count(&running.said.0) == 1);
        let (out, err) = running.said.get();
        assert!(status.success(), "{lines}\n{out}\n{err}");
        out
    }
}

/// A script that runs, and all that it has started: killed when dropped.
pub struct Running {
    child: Child,
    said: Said,
}

impl Running {
    /// Waits until what it has said on its standard output is as wanted, and gives it.
    pub fn until(&self, what: &str, done: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let (out, err) = self.said.get();
            if done(&out) {
                return out;
            }
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

/// What a program has said: on its standard output, and on its standard error.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<(Vec<u8>, Vec<u8>)>>);

impl Said {
    /// Reads one of them to its end.
    fn read(
        self,
        mut output: impl Read + Send + 'static,
        which: fn(&mut (Vec<u8>, Vec<u8>)) -> &mut Vec<u8>,
    ) {
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                which(&mut said).extend(&buffer[..count]);
            }
        });
    }

    fn get(&self) -> (String, String) {
        let said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        (text(&said.0), text(&said.1))
    }
}
