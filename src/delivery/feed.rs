//! The feed: follows the journal in order and hands each entry to the hub. It is the only
//! caller of [`Hub::publish`], so every reader sees one order.

use std::{pin::pin, time::Duration};

use tokio_stream::StreamExt;

use crate::{
    delivery::{frame::Frame, hub::Hub},
    fault,
    journal::Journal,
    message::Seq,
};

/// How long to wait before a journal that could not be read is tried again: it takes a failing
/// disk some moments to come back, and readers some to notice.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Carries every entry after `seq` to the hub, until the journal is closed. While nobody reads
/// anywhere, there is nothing to carry, and nothing is read.
pub(crate) async fn run(journal: Journal, hub: Hub, seq: Seq) {
    let mut batches = pin!(journal.follow("feed", seq, |upto| hub.pass(upto)));
    while let Some(batch) = batches.next().await {
        match batch {
            Ok(entries) => {
                fault::point("feed");
                for entry in entries {
                    let room = entry.room().clone();
                    hub.publish(&room, Frame::new(entry));
                }
            }
            Err(_) if journal.is_closed() => return,
            Err(why) => {
                tracing::error!(%why, "the feed cannot read, and will try again");
                tokio::time::sleep(RETRY_DELAY).await;
            }
        }
    }
}
