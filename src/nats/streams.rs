//! Streams that a node makes where they are not there yet.

use std::time::{Duration, Instant};

use async_nats::jetstream::{
    ErrorCode,
    context::{CreateStreamErrorKind, GetStreamError, GetStreamErrorKind},
    stream::{Config, Info},
};
use sha2::{Digest as _, Sha256};

use super::{Link, LinkError, Replicas};

/// How long a start waits for a stream: its servers may be starting too.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// How long three replicas are waited for before one has to do.
const REPLICAS_TIMEOUT: Duration = Duration::from_secs(10);

/// Between two tries.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);

/// A word of a subject, for whatever was hashed.
pub(crate) fn word(hash: Sha256) -> String {
    let half = hash.finalize().first_chunk().copied().unwrap_or_default();
    format!("{:032x}", u128::from_be_bytes(half))
}

impl Link {
    /// Whether the servers say that there is no stream of this name.
    pub(super) async fn is_missing(&self, name: &str) -> bool {
        let found = self.context().get_stream(name).await;
        found.is_err_and(|why| says_missing(&why))
    }

    /// The stream of this name as it is, or made so, with as many replicas as the operator wants.
    ///
    /// # Errors
    ///
    /// [`LinkError::Stream`], where it cannot be had for long.
    pub(crate) async fn find_or_make(&self, wanted: &Config) -> Result<Info, LinkError> {
        let begun = Instant::now();
        let auto = self.options().replicas == Replicas::Auto;
        let mut replicas = match self.options().replicas {
            Replicas::Auto => 3,
            Replicas::Count(count) => count,
        };
        loop {
            let why = match self.context().get_stream(&wanted.name).await {
                Ok(stream) => return Ok(stream.cached_info().clone()),
                Err(why) => why,
            };
            let missing = says_missing(&why);
            let mut why = why.to_string();
            if missing {
                let config = Config { num_replicas: replicas, ..wanted.clone() };
                match self.context().create_stream(config).await {
                    Ok(stream) => {
                        tracing::info!(stream = wanted.name, replicas, "the stream was made");
                        return Ok(stream.cached_info().clone());
                    }
                    Err(refused)
                        if auto
                            && replicas > 1
                            && is_too_small(refused.kind(), begun.elapsed()) =>
                    {
                        replicas = 1;
                        continue;
                    }
                    Err(refused) => why = refused.to_string(),
                }
            }
            if begun.elapsed() > START_TIMEOUT {
                return Err(LinkError::Stream { stream: wanted.name.clone(), why });
            }
            tracing::debug!(why, stream = wanted.name, "the stream cannot be had yet");
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
    }
}

fn says_missing(why: &GetStreamError) -> bool {
    matches!(
        why.kind(),
        GetStreamErrorKind::JetStream(why) if why.error_code() == ErrorCode::STREAM_NOT_FOUND
    )
}

/// Whether there are no servers for three replicas: at once where there is no cluster, and in one
/// after a while, since they may be starting.
fn is_too_small(why: CreateStreamErrorKind, waited: Duration) -> bool {
    let CreateStreamErrorKind::JetStream(why) = why else { return false };
    let code = why.error_code();
    code == ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED
        || (code == ErrorCode::CLUSTER_NO_PEERS && waited > REPLICAS_TIMEOUT)
}
