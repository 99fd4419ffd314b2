//! One name, one tab, over all nodes: who joins claims the name first, by a compare-and-set in a small
//! stream.
//!
//! A claim lasts for ten seconds, in which all nodes learn of the tab; from then on their lists say
//! that the name is taken. So nothing has to be renewed, and nothing is left of a tab that is gone.
//! The stream is in memory: what is lost with it are claims of seconds.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_nats::{
    HeaderMap,
    jetstream::stream::{Config, DiscardPolicy, StorageType},
};
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    message::RoomName,
    nats::{self, Link},
};

/// How long a claim lasts: many times what it takes until a tab is known everywhere, a snapshot on
/// the way included.
const CLAIM_TTL: Duration = Duration::from_secs(10);

/// How long a join waits for NATS: an election takes four seconds and more, but who joins looks at a
/// form and may well be told to try again.
const CLAIM_TIMEOUT: Duration = Duration::from_secs(5);

/// How long it is tried to make the stream; then a claim is tried again.
const MAKE_TIMEOUT: Duration = Duration::from_secs(2);

/// Between two lines of the log.
const COMPLAINT_INTERVAL: Duration = Duration::from_mins(1);

/// Between two tries.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// The claims of one installation.
pub(super) struct Names {
    link: Link,
    stream: String,
    /// When the log last said that none can be made.
    complained: Mutex<Option<Instant>>,
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// The name is ours.
    Won,
    /// Another tab was first.
    Lost,
}

impl Names {
    pub(super) fn new(link: Link) -> Self {
        let stream = format!("{}-names", link.options().stream);
        Self { link, stream, complained: Mutex::default() }
    }

    /// Says why nobody can join: each join would, and one line a minute is enough.
    fn complain(&self, why: &str) {
        let mut last = self.complained.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|at| at.elapsed() >= COMPLAINT_INTERVAL) {
            *last = Some(Instant::now());
            tracing::warn!(
                stream = self.stream,
                why,
                "a name could not be claimed; joins are refused"
            );
        }
    }

    /// Claims a name, by its skeleton, for a tab. `is_void` says of another tab that its claim is worth
    /// nothing.
    ///
    /// # Errors
    ///
    /// In words, where NATS does not answer in time. The name may be claimed then.
    pub(super) async fn claim(
        &self,
        room: &RoomName,
        skeleton: &str,
        tab: &str,
        is_void: impl Fn(&str) -> bool,
    ) -> Result<Claim, String> {
        let until = Instant::now() + CLAIM_TIMEOUT;
        let subject = self.link.subject(&format!("n.{}", digest(room, skeleton)));
        let mut expected = 0;
        loop {
            if !self.link.is_connected() {
                return Err("NATS is not connected".to_owned());
            }
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Expected-Last-Subject-Sequence", expected.to_string().as_str());
            let payload = tab.to_owned().into();
            let outcome = self.link.put(&self.stream, subject.clone(), headers, payload).await;
            let why = match outcome {
                Ok(_) => return Ok(Claim::Won),
                Err(why) if why.came_second() => {
                    match self.link.newest(&self.stream, &subject).await {
                        // An answer was lost.
                        Ok(Some(first)) if *first.payload == *tab.as_bytes() => {
                            return Ok(Claim::Won);
                        }
                        Ok(Some(first)) if str::from_utf8(&first.payload).is_ok_and(&is_void) => {
                            expected = first.seq;
                            continue;
                        }
                        Ok(Some(_)) => return Ok(Claim::Lost),
                        Ok(None) => {
                            expected = 0; // Just gone; or in a cluster, still on its way.
                            "the claim is gone".to_owned()
                        }
                        Err(why) => why.to_string(),
                    }
                }
                Err(why) => {
                    // It may not be there yet, or not any more.
                    self.make().await;
                    why.to_string()
                }
            };
            if Instant::now() >= until {
                self.complain(&why);
                return Err(why);
            }
            tracing::debug!(why, "a name is not claimed yet");
            sleep(RETRY_INTERVAL).await;
        }
    }

    /// Makes the stream, where there is none.
    async fn make(&self) {
        let config = Config {
            name: self.stream.clone(),
            subjects: vec![self.link.subject("n.*")],
            max_messages_per_subject: 1,
            max_age: CLAIM_TTL,
            duplicate_window: CLAIM_TTL,
            discard: DiscardPolicy::Old,
            storage: StorageType::Memory,
            allow_direct: true,
            ..Config::default()
        };
        match timeout(MAKE_TIMEOUT, self.link.find_or_make(&config)).await {
            Ok(Ok(_)) => {}
            Ok(Err(why)) => tracing::warn!(%why, "names cannot be claimed"),
            Err(_) => tracing::debug!("the stream of names cannot be had yet"),
        }
    }
}

/// A word of a subject, for a name in a room.
fn digest(room: &RoomName, skeleton: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(room.as_str());
    hash.update([0]);
    hash.update(skeleton);
    nats::word(hash)
}
