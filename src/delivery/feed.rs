//! The feed: follows the journal in order and hands each message to the hub. It is the only
//! caller of [`Hub::publish`], so every reader sees one order.

use std::{pin::pin, time::Duration};

use tokio_stream::StreamExt;

use crate::{delivery::frame::Frame, delivery::hub::Hub, journal::Journal, message::Seq};

/// How long to wait before a journal that could not be read is tried again: it takes a failing
/// disk some moments to come back, and readers some to notice.
const RETRY: Duration = Duration::from_secs(1);

/// Carries every message after `seq` to the hub, until the journal is closed. While nobody reads
/// anywhere, there is nothing to carry, and nothing is read.
pub async fn run(journal: Journal, hub: Hub, mut seq: Seq) {
    loop {
        let mut batches = pin!(journal.follow(seq, |upto| hub.pass(upto)));
        while let Some(batch) = batches.next().await {
            match batch {
                Ok(messages) => {
                    for message in messages {
                        seq = message.seq();
                        let room = message.room.clone();
                        hub.publish(&room, Frame::new(message));
                    }
                }
                Err(_) if journal.is_closed() => return,
                Err(why) => {
                    tracing::error!(%why, "the feed stopped at {seq} and will try again");
                    tokio::time::sleep(RETRY).await;
                    break;
                }
            }
        }
        if journal.is_closed() {
            return;
        }
    }
}
