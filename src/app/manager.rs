//! The service manager: sockets that it opened, and what it is told (systemd's protocol, which others
//! speak as well). Without one, all of this does nothing.

use std::{io, time::Duration};

use listenfd::ListenFd;
use sd_notify::NotifyState;
use tokio::time::sleep;

use crate::{journal::Journal, server::Listener, shutdown::Shutdown};

/// How often it is told that all is well, where it does not ask for it more often.
const WATCHDOG_INTERVAL: Duration = Duration::from_secs(10);

/// The sockets that it opened; none where it opened none.
///
/// # Errors
///
/// What is wrong with one of them.
pub(super) fn inherited() -> io::Result<Vec<Listener>> {
    let mut sockets = ListenFd::from_env();
    let mut listeners = Vec::new();
    for number in 0..sockets.len() {
        if let Ok(Some(socket)) = sockets.take_tcp_listener(number) {
            listeners.push(Listener::tcp(socket)?);
        } else if let Some(socket) = sockets.take_unix_listener(number)? {
            listeners.push(Listener::unix(socket)?);
        }
    }
    Ok(listeners)
}

/// Tells it that connections are accepted.
pub(super) fn ready() {
    tell(NotifyState::Ready);
}

/// Tells it that the end has begun.
pub(super) fn stopping() {
    tell(NotifyState::Stopping);
}

/// Tells it now and then that messages can be stored, as `/readyz` says; where they cannot for as long
/// as it allows, it starts the process anew.
pub(super) async fn watch(journal: Journal, shutdown: Shutdown) {
    let Some(allowed) = sd_notify::watchdog_enabled() else {
        return shutdown.begun().await;
    };
    loop {
        if journal.ready() && !shutdown.has_begun() {
            tell(NotifyState::Watchdog);
        }
        // Half of what is allowed, as its manual recommends.
        sleep((allowed / 2).min(WATCHDOG_INTERVAL)).await;
    }
}

fn tell(state: NotifyState<'_>) {
    if let Err(why) = sd_notify::notify(&[state]) {
        tracing::warn!(%why, "the service manager cannot be told");
    }
}
