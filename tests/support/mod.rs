//! What tests share: a hubbub of their own, and a client's side of the wire.
//!
//! [`TestApp`] serves in the test's own process, which is what most tests want. [`App`] is the real
//! binary in a process of its own, for what kills it, limits it, signals to it or measures it.

pub mod browser;
pub mod caddy;
pub mod chunks;
pub mod client;
pub mod flood;
pub mod host;
pub mod nats;
pub mod nginx;
pub mod pebble;
pub mod process;
pub mod shell;
mod test_app;
pub mod tls;
pub mod wire;

use std::time::{Duration, Instant};

pub use process::{App, PATIENCE};
pub use test_app::TestApp;

/// A running hubbub, as its clients see it.
pub trait Server {
    /// `127.0.0.1:PORT`.
    fn address(&self) -> &str;

    /// Where it serves metrics; it was started with `--admin`.
    fn metrics_url(&self) -> &str;

    /// The address of `path` on it.
    fn url(&self, path: &str) -> String {
        let scheme = if self.is_tls() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.address())
    }

    /// Whether it speaks TLS there.
    fn is_tls(&self) -> bool {
        false
    }
}

impl Server for App {
    fn address(&self) -> &str {
        App::address(self)
    }

    fn is_tls(&self) -> bool {
        self.scheme() == "https"
    }

    fn metrics_url(&self) -> &str {
        App::metrics_url(self)
    }
}

/// Waits for `event`, and fails the test when it does not come.
pub async fn soon<T>(what: &str, event: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, event).await.unwrap_or_else(|_| panic!("{what}: not in time"))
}

/// Tries `probe` until it gives something, and fails the test when it never does.
pub async fn until<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: not in time");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
