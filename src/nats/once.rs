//! What all nodes agree on: the first to say it says it for all.

use std::time::{Duration, Instant};

use async_nats::{
    HeaderMap,
    jetstream::stream::{Config, LastRawMessageErrorKind},
};
use bytes::Bytes;

use super::{Link, LinkError, Refused};

/// How long it may take to agree: an election's time, and some more.
const AGREE_TIMEOUT: Duration = Duration::from_secs(30);

/// Between two tries.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// How often a node looks whether the secret is still there.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Looks in a row that find none, after which it is believed: a server that has just become the leader
/// may not have read all of it.
const MAX_MISSING: u32 = 2;

/// What stands under a subject.
pub(crate) struct Agreed {
    pub payload: Bytes,
    /// Where in the stream.
    pub seq: u64,
}

impl Link {
    /// The newest message under a subject, as the stream's leader has it.
    pub(crate) async fn newest(
        &self,
        stream: &str,
        subject: &str,
    ) -> Result<Option<Agreed>, Refused> {
        let handle = self.context().get_stream_no_info(stream).await;
        let handle = handle.map_err(|why| Refused::own(&why))?;
        match handle.get_last_raw_message_by_subject(subject).await {
            Ok(found) => Ok(Some(Agreed { payload: found.payload, seq: found.sequence })),
            Err(why) if why.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(why) => Err(Refused::own(&why)),
        }
    }

    /// Publishes to a subject whose newest message stands at `seq`, and at 0 where there is none; it
    /// never becomes too old. `last` is what the stream must end with, where that matters.
    pub(crate) async fn replace(
        &self,
        stream: &str,
        subject: &str,
        seq: u64,
        last: Option<u64>,
        payload: Bytes,
    ) -> Result<u64, Refused> {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Expected-Last-Subject-Sequence", seq.to_string().as_str());
        headers.insert("Nats-TTL", "never");
        if let Some(last) = last {
            headers.insert("Nats-Expected-Last-Sequence", last.to_string().as_str());
        }
        self.put(stream, subject.to_owned(), headers, payload).await.map(|ack| ack.seq)
    }

    /// What all nodes have under a subject: what stands there, or what `proposal` gives, where this
    /// node is the first.
    ///
    /// # Errors
    ///
    /// [`LinkError::Stream`], where no server answers for long.
    pub(crate) async fn agree(
        &self,
        stream: &str,
        subject: &str,
        proposal: &Bytes,
    ) -> Result<Agreed, LinkError> {
        let begun = Instant::now();
        loop {
            let outcome = match self.newest(stream, subject).await {
                Ok(Some(agreed)) => return Ok(agreed),
                Ok(None) => self.replace(stream, subject, 0, None, proposal.clone()).await,
                Err(why) => Err(why),
            };
            match outcome {
                Ok(seq) => return Ok(Agreed { payload: proposal.clone(), seq }),
                Err(why) if why.came_second() => {}
                Err(why) if begun.elapsed() > AGREE_TIMEOUT => {
                    let why = why.to_string();
                    return Err(LinkError::Stream { stream: stream.to_owned(), why });
                }
                Err(why) => tracing::debug!(%why, subject, "not agreed yet"),
            }
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
    }

    /// The stream of the secret.
    fn secret_stream(&self) -> Config {
        Config {
            name: format!("{}-secret", self.options().stream),
            subjects: vec![self.subject("secret")],
            max_messages_per_subject: 1,
            allow_direct: true,
            allow_message_ttl: true,
            ..Config::default()
        }
    }

    /// Puts the secret back where an operator has deleted it, for as long as it is polled: a node that
    /// starts would make another one, and what one part of the nodes signs would be nothing to the rest.
    pub(crate) async fn keep_secret(self, secret: Vec<u8>) {
        let (config, subject) = (self.secret_stream(), self.subject("secret"));
        let (mut missing, mut differs) = (0, false);
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            match self.newest(&config.name, &subject).await {
                Ok(Some(found)) if *found.payload == *secret => (missing, differs) = (0, false),
                Ok(Some(_)) => {
                    missing = 0;
                    if !differs {
                        tracing::error!(
                            stream = config.name,
                            "the nodes' shared secret is another one; this node goes on with its own, and what it signs is nothing to nodes that start now: restart it"
                        );
                    }
                    differs = true;
                }
                Ok(None) => missing += 1,
                Err(why) if self.is_missing(&config.name).await => {
                    tracing::debug!(%why, "the stream of the secret is gone");
                    missing += 1;
                }
                Err(why) => tracing::debug!(%why, "the shared secret cannot be looked at"),
            }
            if missing < MAX_MISSING {
                continue;
            }
            let putting = async {
                self.find_or_make(&config).await.map_err(|why| why.to_string())?;
                let secret = Bytes::copy_from_slice(&secret);
                let put = self.replace(&config.name, &subject, 0, None, secret).await;
                put.map_err(|why| why.to_string())
            };
            match putting.await {
                Ok(_) => {
                    missing = 0;
                    tracing::warn!(
                        stream = config.name,
                        "the nodes' shared secret was deleted; this node has put it back"
                    );
                }
                // Another node may have been first, which the next look shows.
                Err(why) => tracing::debug!(why, "the shared secret is not put back yet"),
            }
        }
    }

    /// The secret of all nodes: what they have, or `proposal`, where this one is the first. It is in a
    /// stream of its own, so that nothing that follows messages, or copies them, has it.
    ///
    /// # Errors
    ///
    /// As [`Link::agree`].
    pub(crate) async fn secret(&self, proposal: &[u8]) -> Result<Bytes, LinkError> {
        let (config, subject) = (self.secret_stream(), self.subject("secret"));
        self.find_or_make(&config).await?;
        let agreed = self.agree(&config.name, &subject, &Bytes::copy_from_slice(proposal)).await?;
        Ok(agreed.payload)
    }
}
