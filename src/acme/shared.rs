//! What several nodes have of an authority together: one record in a stream of its own, which is
//! replaced by compare-and-set. So one of them orders at a time, and what it notes is noted for all.
//!
//! The record holds the account's and the certificate's keys as they are: whom the servers let read
//! this stream, they let read those.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_nats::jetstream::stream::Config;
use sha2::{Digest as _, Sha256};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use super::{
    ORDER_TIMEOUT, Wanted, after,
    store::{Kept, Lease},
};
use crate::{
    nats::{self, Link, Refused},
    server::tls::{Lookup, server_name},
};

/// How long a node that orders has for it, and for what it notes. One that dies meanwhile is followed
/// by another then.
const LEASE: Duration = ORDER_TIMEOUT.saturating_add(Duration::from_secs(30));

/// How often a node looks what the others have; and before there is a certificate at all.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
const FIRST_LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Records that are kept: of names that were wanted before, a few.
const MAX_RECORDS: i64 = 16;

/// How long it is tried to make the stream; then it is tried again.
const MAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// The nodes' record of what is wanted.
pub(super) struct Shared {
    link: Link,
    subject: String,
    /// Where in the stream the record stands that was read or written last; 0 for none.
    seq: u64,
    /// This process.
    node: String,
    /// Nothing was heard when it was last asked for.
    is_silent: bool,
}

impl Shared {
    pub(super) fn new(link: Link, wanted: &Wanted) -> Self {
        let subject = link.subject(&format!("acme.{}", digest(wanted)));
        let node = format!("{:016x}", rand::random::<u64>());
        Self { link, subject, seq: 0, node, is_silent: false }
    }

    /// This node orders from now on.
    pub(super) fn lease(&self) -> Lease {
        Lease { node: self.node.clone(), until: after(LEASE) }
    }

    /// What the nodes have, or nothing yet.
    ///
    /// # Errors
    ///
    /// [`Refused`], where nobody answers.
    pub(super) async fn read(&mut self) -> Result<Option<Kept>, Refused> {
        let read = match self.try_read().await {
            Err(_) if self.link.is_connected() => {
                // There may be no stream yet.
                self.make().await?;
                self.try_read().await
            }
            read => read,
        };
        match &read {
            Ok(_) if self.is_silent => tracing::info!("the nodes' certificate can be had again"),
            Err(why) if !self.is_silent => {
                tracing::warn!(%why, "the nodes' certificate cannot be had: none is renewed");
            }
            _ => {}
        }
        self.is_silent = read.is_err();
        read
    }

    async fn try_read(&mut self) -> Result<Option<Kept>, Refused> {
        let found = read(&self.link, &self.subject).await?;
        let (seq, kept) = found.map_or((0, None), |(seq, kept)| (seq, Some(kept)));
        self.seq = seq;
        Ok(kept)
    }

    /// Puts this in the place of what was read or written last.
    ///
    /// # Errors
    ///
    /// [`Refused`], where another node was first as well.
    pub(super) async fn write(&mut self, kept: &Kept) -> Result<(), Refused> {
        let payload = serde_json::to_vec(kept).map_err(|why| Refused::own(&why))?;
        let stream = stream(&self.link);
        let put = self.link.replace(&stream, &self.subject, self.seq, None, payload.into());
        self.seq = put.await?;
        Ok(())
    }

    async fn make(&self) -> Result<(), Refused> {
        let config = Config {
            name: stream(&self.link),
            subjects: vec![self.link.subject("acme.*")],
            max_messages_per_subject: 1,
            max_messages: MAX_RECORDS,
            allow_direct: true,
            allow_message_ttl: true,
            ..Config::default()
        };
        let made = timeout(MAKE_TIMEOUT, self.link.find_or_make(&config)).await;
        let made = made.map_err(|_| Refused::own(&"no stream in time"))?;
        made.map(drop).map_err(|why| Refused::own(&why))
    }

    /// Answers an authority for the node that orders. It is asked for in the handshake, so that there
    /// is no moment in which a node does not know it yet.
    pub(super) fn lookup(&self, wanted: &Wanted) -> Lookup {
        let names: Arc<[String]> = wanted.names.clone().into();
        let (link, subject) = (self.link.clone(), self.subject.clone());
        // When the answers were read, and those. Anybody can begin such a handshake: however many
        // there are, one reads, and who came before it began has its answer from it.
        let read_last = Arc::new(Mutex::new((None::<Instant>, BTreeMap::new())));
        Box::new(move |asked| {
            let (names, read_last) = (Arc::clone(&names), Arc::clone(&read_last));
            let (link, subject) = (link.clone(), subject.clone());
            Box::pin(async move {
                let name = names.iter().find(|name| server_name(name) == asked)?;
                let came = Instant::now();
                let mut last = read_last.lock().await;
                if last.0.is_none_or(|at| at < came) {
                    let begun = Instant::now();
                    let kept = read(&link, &subject).await.ok().flatten();
                    *last = (Some(begun), kept.map(|(_, kept)| kept.answers).unwrap_or_default());
                }
                Some((name.clone(), last.1.get(name)?.clone()))
            })
        })
    }
}

/// When a node looks again.
pub(super) fn look_interval(has_certificate: bool) -> Duration {
    if has_certificate { LOOK_INTERVAL } else { FIRST_LOOK_INTERVAL }
}

async fn read(link: &Link, subject: &str) -> Result<Option<(u64, Kept)>, Refused> {
    let Some(found) = link.newest(&stream(link), subject).await? else { return Ok(None) };
    let kept = serde_json::from_slice(&found.payload).map_err(|why| Refused::own(&why))?;
    Ok(Some((found.seq, kept)))
}

fn stream(link: &Link) -> String {
    format!("{}-acme", link.options().stream)
}

/// A word of a subject, for these names at this authority: nodes that want something else, while
/// flags are changed on one after another, have another record.
fn digest(wanted: &Wanted) -> String {
    let mut hash = Sha256::new();
    for part in [&wanted.directory].into_iter().chain(&wanted.names) {
        hash.update(part);
        hash.update([0]);
    }
    nats::word(hash)
}
