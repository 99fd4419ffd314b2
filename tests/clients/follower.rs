//! A client program that runs, and the lines that it has printed.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::support::{PATIENCE, process::Process};

/// Between two looks at what the programs have printed.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// One client; killed when dropped.
pub struct Follower {
    name: String,
    process: Process,
    lines: Arc<Mutex<Vec<String>>>,
    stderr: PathBuf,
}

impl Follower {
    /// Starts one. What it says on stderr goes to a file; of what it prints, `read` makes lines of
    /// `name: text`.
    pub fn start(
        name: String,
        mut command: Command,
        stderr: PathBuf,
        read: fn(String) -> String,
    ) -> Self {
        let log = File::create(&stderr).expect("a file for what it says");
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn();
        let mut child = child.unwrap_or_else(|why| panic!("{name}: {why}"));
        let stdout = child.stdout.take().expect("piped");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let printed = Arc::clone(&lines);
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                printed.lock().unwrap_or_else(PoisonError::into_inner).push(read(line));
            }
        });
        Self { name, process: Process::new(child), lines, stderr }
    }

    /// What is wrong with what it has, if anything.
    fn lacks(&mut self, expected: &[String]) -> Option<Lack> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if *lines == expected {
            return None;
        }
        let right = lines.iter().zip(expected).take_while(|(line, wanted)| line == wanted).count();
        let ended = self.process.ended();
        let words = format!(
            "{}: {right} of {} messages are right, then {:?} comes; {}",
            self.name,
            expected.len(),
            lines.get(right),
            ended.map_or("it runs".into(), |status| format!("it ended with {status}")),
        );
        Some(Lack { words, for_good: right < lines.len() || ended.is_some() })
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        if thread::panicking() {
            let said = fs::read_to_string(&self.stderr).unwrap_or_default();
            eprintln!("{} says: {}", self.name, said.trim_end());
        }
    }
}

/// What is wrong with a follower.
struct Lack {
    words: String,
    /// Whether waiting cannot mend it.
    for_good: bool,
}

/// Waits until each follower has printed these lines and nothing else.
pub async fn all_have(followers: &mut [Follower], expected: &[String]) {
    let begun = Instant::now();
    loop {
        let lacks: Vec<_> = followers.iter_mut().filter_map(|it| it.lacks(expected)).collect();
        if lacks.is_empty() {
            return;
        }
        let hopeless = lacks.iter().any(|lack| lack.for_good) || begun.elapsed() > PATIENCE;
        let words: Vec<_> = lacks.into_iter().map(|lack| lack.words).collect();
        assert!(!hopeless, "{}", words.join("\n"));
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
