//! The stop signal, as a value: the accept loops wait for it, and the hub hands it to every stream.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Says, once, that it is time to stop. Clones share one signal.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// A signal that nobody has given yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A signal that is given with this one, and may be given before.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(self.0.child_token())
    }

    /// Gives the signal.
    pub fn begin(&self) {
        self.0.cancel();
    }

    /// Whether it was given.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until it is given.
    pub async fn begun(&self) {
        self.0.cancelled().await;
    }

    /// Gives the signal on SIGTERM or SIGINT. A second one ends the process at once, with the
    /// status that a shell gives for it: who asks twice does not want to wait.
    ///
    /// # Errors
    ///
    /// The operating system's, when it lets no handler be set.
    pub fn on_signal(&self) -> io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            loop {
                let status = tokio::select! {
                    _ = terminate.recv() => 128 + 15,
                    _ = interrupt.recv() => 128 + 2,
                };
                if shutdown.has_begun() {
                    std::process::exit(status);
                }
                tracing::info!("stopping");
                shutdown.begin();
            }
        });
        Ok(())
    }
}
