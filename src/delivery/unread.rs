//! Whoever watches a room is told when something was sent there.

use std::time::Duration;

use tokio::time::sleep;

use super::hub::Hub;

/// Between two tellings: of a busy room, who reads another hears twice a second at most. The first
/// message after a pause is told at once.
const TELL_INTERVAL: Duration = Duration::from_millis(500);

/// Does that for ever.
pub(crate) async fn run(hub: Hub) {
    loop {
        hub.has_news().await;
        hub.tell_watchers();
        sleep(TELL_INTERVAL).await;
    }
}
