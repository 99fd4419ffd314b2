//! What can be read again while the process runs: on SIGHUP, which never ends it.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::signal::unix::{SignalKind, signal};

/// One part of it: answers whether there was anything to read, or why what there is stays.
pub type Part = Box<dyn Fn() -> Result<bool, String> + Send>;

/// All parts, each with the name that it has in the log. Clones share them.
#[derive(Clone)]
pub struct Reload(Arc<Mutex<Vec<(&'static str, Part)>>>);

impl Reload {
    /// These parts.
    #[must_use]
    pub fn new(parts: Vec<(&'static str, Part)>) -> Self {
        Self(Arc::new(Mutex::new(parts)))
    }

    /// One more, from now on.
    pub fn add(&self, name: &'static str, part: Part) {
        self.lock().push((name, part));
    }

    /// Reads all of them again on each SIGHUP.
    ///
    /// # Errors
    ///
    /// The operating system's, when it lets no handler be set.
    pub fn on_signal(&self) -> io::Result<()> {
        let parts = self.clone();
        let mut hangup = signal(SignalKind::hangup())?;
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                parts.run();
            }
        });
        Ok(())
    }

    fn run(&self) {
        let mut anything = false;
        for (part, read) in &*self.lock() {
            match read() {
                Ok(false) => continue,
                Ok(true) => tracing::info!(part, "read again"),
                Err(why) => tracing::error!(part, why, "not read again, and as it was"),
            }
            anything = true;
        }
        if !anything {
            tracing::info!("there is nothing to read again");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(&'static str, Part)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
