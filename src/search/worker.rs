//! The thread that writes the index. Where processors are scarce it has a tenth of what others have: sends
//! go first, and the search comes after them.

use std::{
    io,
    sync::mpsc::{self, Sender},
    thread,
};

use rustix::process::setpriority_process;
use tokio::sync::oneshot;

/// What `nice` gives to what is not urgent, where 19 would be next to nothing: what is removed is to be
/// forgotten on a busy machine, too.
const PRIORITY: i32 = 10;

type Job = Box<dyn FnOnce() + Send>;

/// Runs one thing after another on its thread; dropped, it ends when that has.
pub(super) struct Worker(Sender<Job>);

impl Worker {
    /// Starts the thread.
    pub(super) fn start() -> io::Result<Self> {
        let (jobs, given) = mpsc::channel::<Job>();
        thread::Builder::new().name("search".into()).spawn(move || {
            // Of this thread alone, on Linux (setpriority(2), "C library/kernel differences").
            if cfg!(target_os = "linux")
                && let Err(why) = setpriority_process(None, PRIORITY)
            {
                tracing::debug!(%why, "the search has the priority of all else");
            }
            for job in given {
                job();
            }
        })?;
        Ok(Self(jobs))
    }

    /// Runs something there; `None` where that panicked.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        let job = move || {
            let _ = answer.send(job());
        };
        // A thread that has ended drops it, and so the answer.
        let _ = self.0.send(Box::new(job));
        answered.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_runs_one_thing_after_another_and_a_panic_is_no_answer() {
        let worker = Worker::start().unwrap();
        assert_eq!(worker.run(|| 7).await, Some(7));
        let of = worker.run(nice).await.unwrap();
        assert!(!cfg!(target_os = "linux") || of == PRIORITY.to_string(), "{of}");
        assert_eq!(worker.run(|| panic!("on purpose")).await, None::<()>);
        assert_eq!(worker.run(|| 7).await, None);
    }

    /// The priority of this thread, as the kernel says it.
    fn nice() -> String {
        let said = std::fs::read_to_string("/proc/thread-self/stat").unwrap_or_default();
        let fields = said.rsplit(") ").next().unwrap_or_default();
        fields.split(' ').nth(16).unwrap_or_default().to_owned()
    }
}
