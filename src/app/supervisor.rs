//! The one set that every long-lived task belongs to.

use std::collections::HashMap;

use tokio::task::{Id, JoinError, JoinSet};

use crate::shutdown::Shutdown;

/// Watches over tasks that are to run until the shutdown begins.
pub(super) struct Supervisor {
    tasks: JoinSet<Outcome>,
    names: HashMap<Id, &'static str>,
    shutdown: Shutdown,
    failure: Option<TaskFailed>,
}

/// What a task comes to that ends by itself.
pub(super) type Outcome = Result<(), String>;

/// A task ended before its time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{task} {why}")]
pub struct TaskFailed {
    /// Its name.
    pub task: &'static str,
    /// That it panicked, that it ended, or its error.
    pub why: String,
}

impl Supervisor {
    /// Watches over nothing yet.
    pub(super) fn new(shutdown: Shutdown) -> Self {
        Self { tasks: JoinSet::new(), names: HashMap::new(), shutdown, failure: None }
    }

    /// Starts a task.
    pub(super) fn spawn(
        &mut self,
        name: &'static str,
        task: impl Future<Output = Outcome> + Send + 'static,
    ) {
        let handle = self.tasks.spawn(task);
        self.names.insert(handle.id(), name);
    }

    /// Waits for the shutdown. The first task that ends before is the failure, and begins it.
    pub(super) async fn watch(&mut self) {
        let shutdown = self.shutdown.clone();
        while !shutdown.has_begun() {
            tokio::select! {
                // A task that ends since the shutdown has begun ends in time.
                biased;
                () = shutdown.begun() => {}
                Some(ended) = self.tasks.join_next_with_id() => {
                    let (task, outcome) = self.forget(ended);
                    let why = outcome.err().unwrap_or_else(|| "ended early".into());
                    self.fail(TaskFailed { task, why });
                }
            }
        }
    }

    /// Waits until none of these runs any more. Each may end now; none may fail.
    pub(super) async fn join(&mut self, names: &[&str]) {
        while self.names.values().any(|name| names.contains(name))
            && let Some(ended) = self.tasks.join_next_with_id().await
        {
            if let (task, Err(why)) = self.forget(ended) {
                self.fail(TaskFailed { task, why });
            }
        }
    }

    /// Ends what still runs.
    ///
    /// # Errors
    ///
    /// The first [`TaskFailed`].
    pub(super) fn finish(self) -> Result<(), TaskFailed> {
        self.failure.map_or(Ok(()), Err)
    }

    fn forget(&mut self, ended: Result<(Id, Outcome), JoinError>) -> (&'static str, Outcome) {
        let (id, outcome) = match ended {
            Ok((id, outcome)) => (id, outcome),
            // It is ended by nobody else while it is watched.
            Err(why) => (why.id(), Err("panicked".into())),
        };
        (self.names.remove(&id).unwrap_or("a task"), outcome)
    }

    fn fail(&mut self, failure: TaskFailed) {
        tracing::error!(task = failure.task, "{failure}; shutting down");
        self.failure.get_or_insert(failure);
        self.shutdown.begin();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_task_that_ends_early_begins_the_shutdown_and_is_named() {
        for (ends, why) in [("ends", "ended early"), ("fails", "no luck"), ("panics", "panicked")] {
            let shutdown = Shutdown::new();
            let mut tasks = Supervisor::new(shutdown.clone());
            let stop = shutdown.clone();
            tasks.spawn("server", async move {
                stop.begun().await;
                Ok(())
            });
            tasks.spawn("feed", async move {
                assert!(ends != "panics", "on purpose");
                if ends == "fails" { Err("no luck".into()) } else { Ok(()) }
            });
            tasks.watch().await;
            assert!(shutdown.has_begun());
            tasks.join(&["server"]).await;
            assert_eq!(tasks.finish(), Err(TaskFailed { task: "feed", why: why.into() }));
        }
    }

    #[tokio::test]
    async fn what_ends_after_the_shutdown_has_begun_ends_in_time() {
        let shutdown = Shutdown::new();
        let mut tasks = Supervisor::new(shutdown.clone());
        for name in ["feed", "server"] {
            let stop = shutdown.clone();
            tasks.spawn(name, async move {
                stop.begun().await;
                Ok(())
            });
        }
        tasks.spawn("announcements", std::future::pending());
        shutdown.begin();
        tasks.watch().await;
        tasks.join(&["feed", "server"]).await;
        assert_eq!(tasks.finish(), Ok(()));
    }

    #[tokio::test]
    async fn a_panic_while_it_stops_is_a_failure_all_the_same() {
        let shutdown = Shutdown::new();
        let mut tasks = Supervisor::new(shutdown.clone());
        let stop = shutdown.clone();
        tasks.spawn("server", async move {
            stop.begun().await;
            panic!("on purpose");
        });
        shutdown.begin();
        tasks.watch().await;
        tasks.join(&["server"]).await;
        assert_eq!(tasks.finish(), Err(TaskFailed { task: "server", why: "panicked".into() }));
    }
}
