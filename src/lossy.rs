//! Lines to stderr that nobody waits for.
//!
//! Who reads a log may stop: a pipe whose other end is stuck, a terminal on which somebody holds the
//! output, a service manager without memory. What is to be logged then is dropped and counted; it
//! must not hold up a request, and least of all all of them.

use std::{
    io::{self, Write},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, SyncSender, TrySendError},
    },
    thread,
    time::Duration,
};

/// Lines that wait to be written: some hundred KB, and more than a burst of failures says while the
/// disk that they fail on is where the log is.
const MAX_WAITING_LINES: usize = 1024;

/// How long the end of the process waits for lines that are still to be written.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(300);

/// Lines that were dropped.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// To the thread that writes. There is one stderr, and so one of these.
static QUEUE: OnceLock<Option<SyncSender<Item>>> = OnceLock::new();

enum Item {
    Line(Vec<u8>),
    /// All before it was written.
    Flush(SyncSender<()>),
}

/// How many lines were dropped so far.
#[must_use]
pub fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// Waits until all lines are written, for a moment at most.
pub fn flush() {
    let Some(Some(queue)) = QUEUE.get() else { return };
    let (done, wait) = mpsc::sync_channel(1);
    if queue.try_send(Item::Flush(done)).is_ok() {
        let _ = wait.recv_timeout(FLUSH_TIMEOUT);
    }
}

/// Writes to a stream on which perhaps nobody reads: it is waited for a moment at most, and what cannot
/// be written is lost.
pub fn say(mut to: impl Write + Send + 'static, lines: String) {
    let (done, wait) = mpsc::sync_channel(1);
    let writer = thread::Builder::new().name("say".into()).spawn(move || {
        let _ = to.write_all(lines.as_bytes()).and_then(|()| to.flush());
        let _ = done.send(());
    });
    if writer.is_ok() {
        let _ = wait.recv_timeout(FLUSH_TIMEOUT);
    }
}

/// stderr, a line at a time; each write is one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stderr;

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match QUEUE.get_or_init(|| start(io::stderr())) {
            Some(queue) => offer(queue, line, &DROPPED),
            // Without a thread there is no other way.
            None => io::stderr().write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn offer(queue: &SyncSender<Item>, line: &[u8], dropped: &AtomicU64) {
    match queue.try_send(Item::Line(line.to_vec())) {
        Ok(()) => {}
        Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
            dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn start(to: impl Write + Send + 'static) -> Option<SyncSender<Item>> {
    let (queue, items) = mpsc::sync_channel(MAX_WAITING_LINES);
    let thread = thread::Builder::new().name("log".into()).spawn(move || run(&items, to, &DROPPED));
    thread.is_ok().then_some(queue)
}

fn run(items: &Receiver<Item>, mut to: impl Write, dropped: &AtomicU64) {
    let mut told = 0;
    for item in items {
        match item {
            // One that cannot be written, as to a file on a full disk, is lost.
            Item::Line(line) => {
                if to.write_all(&line).and_then(|()| to.flush()).is_err() {
                    dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
            Item::Flush(done) => drop(done.try_send(())),
        }
        let lines = dropped.load(Ordering::Relaxed);
        if lines > told {
            // Through the queue, as any line: in the format that the others have.
            tracing::warn!(lines = lines - told, "lines of the log were dropped");
            told = lines;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use super::*;

    /// Takes nothing while the test holds it.
    #[derive(Clone, Default)]
    struct Stuck(Arc<Mutex<Vec<u8>>>);

    impl Write for Stuck {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn where_nobody_reads_lines_are_dropped_and_counted_and_the_rest_comes_in_order() {
        let stuck = Stuck::default();
        let (queue, dropped) = (start(stuck.clone()).unwrap(), AtomicU64::new(0));
        let held = stuck.0.lock().unwrap();
        let all = 3 * MAX_WAITING_LINES;
        for number in 0..all {
            offer(&queue, format!("{number}\n").as_bytes(), &dropped);
        }
        let lost = usize::try_from(dropped.load(Ordering::Relaxed)).unwrap();
        assert!((all - MAX_WAITING_LINES - 1..=all - MAX_WAITING_LINES).contains(&lost), "{lost}");
        drop(held);
        let (done, wait) = mpsc::sync_channel(1);
        queue.send(Item::Flush(done)).unwrap();
        wait.recv().unwrap();
        let said = String::from_utf8(stuck.0.lock().unwrap().clone()).unwrap();
        let numbers: Vec<usize> = said.lines().map(|line| line.parse().unwrap()).collect();
        assert!(numbers.is_sorted() && numbers.len() == all - lost && numbers[0] == 0);
    }
}
