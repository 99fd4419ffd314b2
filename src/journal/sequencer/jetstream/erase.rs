//! What was removed is erased from the stream as well, by every node until it is: the one that took the
//! removal may be gone.

use std::time::Duration;

use async_nats::jetstream::stream::RawMessageErrorKind;
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};

use super::{apply::Command, engine::Identity};
use crate::{
    journal::store::{ERASED_RULE, Erasure},
    message::{Entry, MessageId, Ruling},
    nats::ANSWER_TIMEOUT,
};

/// Messages that are looked at before what became of them is noted.
pub(super) const MAX_BATCH: usize = 64;

/// Between two tries where the stream does not answer.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Erases what there is, for as long as it is polled.
pub(super) async fn run(
    identity: Identity,
    mut erasures: watch::Receiver<Vec<Erasure>>,
    commands: mpsc::WeakSender<Command>,
) -> Option<&'static str> {
    loop {
        let due = erasures.borrow_and_update().clone();
        let mut again = false;
        for erasure in due {
            match erase(&identity, &erasure).await {
                Ok(()) => {
                    let commands = commands.upgrade()?;
                    commands.send(Command::Erased(erasure.seq)).await.ok()?;
                }
                Err(why) => {
                    tracing::debug!(why, seq = %erasure.seq, "not erased from the stream yet");
                    again = true;
                    break;
                }
            }
        }
        if again {
            tokio::time::sleep(RETRY_INTERVAL).await;
        } else if erasures.changed().await.is_err() {
            std::future::pending::<()>().await; // The writer has ended, which others see.
        }
    }
}

/// Erases one message, where it is still there. The server overwrites it.
async fn erase(identity: &Identity, Erasure { seq, key }: &Erasure) -> Result<(), String> {
    let name = &identity.link.options().stream;
    let erasing = async {
        let stream = identity.link.context().get_stream_no_info(name).await;
        let stream = stream.map_err(|why| why.to_string())?;
        let found = match stream.get_raw_message(seq.get()).await {
            Ok(found) => found,
            Err(why) if why.kind() == RawMessageErrorKind::NoMessageFound => return Ok(()),
            Err(why) => return Err(why.to_string()),
        };
        // The stream may be another one, which has something else there.
        let id = MessageId::new(identity.epoch.clone(), *seq);
        let is_it = match key.as_str().strip_prefix(ERASED_RULE) {
            Some(rule) => {
                Ruling::decode(&found.payload).is_ok_and(|ruling| ruling.key.to_string() == rule)
            }
            None => Entry::decode(&found.payload, id).is_ok_and(|(_, its)| {
                let rest = its.as_str().strip_prefix(key.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
            }),
        };
        if !is_it {
            return Ok(());
        }
        match stream.delete_message(seq.get()).await {
            Ok(true) => Ok(()),
            Ok(false) => Err("refused".to_owned()),
            Err(why) => Err(why.to_string()),
        }
    };
    timeout(2 * ANSWER_TIMEOUT, erasing).await.unwrap_or_else(|_| Err("no answer".to_owned()))
}
