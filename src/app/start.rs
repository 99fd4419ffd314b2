//! What is read, and said, at a start.

use std::collections::HashSet;

use crate::{config::Config, journal::Journal, message::RoomName, web::Operator};

/// The rooms that there are, which stay open: all of them, which is as much as the list of rooms reads
/// once.
pub(super) async fn opened(journal: &Journal) -> HashSet<RoomName> {
    let rooms = journal.rooms(usize::MAX >> 1).await.unwrap_or_else(|why| {
        tracing::error!(%why, "which rooms there are cannot be read: none is open");
        Vec::new()
    });
    rooms.into_iter().map(|(room, _)| room).collect()
}

/// The one line on what was started, and with what.
pub(super) async fn log_start(
    journal: &Journal,
    operator: &Operator,
    config: &Config,
    max_connections: usize,
) {
    let totals = journal.totals().await.ok();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        data = %journal.path().display(),
        epoch = journal.epoch().as_str(),
        last = journal.last().get(),
        messages = totals.map(|totals| totals.messages),
        rooms = totals.map(|totals| totals.rooms),
        // Nothing where the data is as it was left.
        checked_ms = journal.checked().map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
        keep = config.keep,
        ttl_s = config.ttl.as_secs_f64(),
        operator_token_file = %operator.path().display(),
        max_connections,
        tab_sends = config.tab_sends,
        address_sends = config.address_sends,
        address_joins = config.address_joins,
        address_streams = config.address_streams,
        address_rooms = config.address_rooms,
        max_rooms = config.max_rooms,
        max_body = config.max_body,
        "started"
    );
}
