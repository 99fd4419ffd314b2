//! One ruling: published until the stream says something certain, and answered once it holds here.

use std::{sync::Weak, time::Duration};

use async_nats::HeaderMap;
use bytes::Bytes;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::{
    Inner,
    publish::{APPEND_TIMEOUT, MAX_RETRY_INTERVAL, RETRY_INTERVAL},
    stream,
};
use crate::{
    journal::{AppendError, Ruled, rulebook::Rulebook},
    message::{Ruling, Seq, now},
};

/// How much longer than it holds a rule is on the stream: clocks differ.
const SLACK: Duration = Duration::from_mins(1);

/// Between two tries of what is put again.
const AGAIN_INTERVAL: Duration = Duration::from_secs(5);

impl Inner {
    pub(super) async fn rule(
        &self,
        ruling: &Ruling,
        expected: Option<Seq>,
    ) -> Result<Ruled, AppendError> {
        if self.closed.is_cancelled() || self.end.is_cancelled() {
            return Err(AppendError::Closed);
        }
        if !self.health.is_good() || self.engine.is_refusing() {
            return Err(AppendError::NotWritable);
        }
        if self.engine.is_gone() {
            return Err(AppendError::Unreachable);
        }
        let end = Instant::now() + APPEND_TIMEOUT;
        let link = &self.identity.link;
        let subject = stream::rule_subject(link, &ruling.key);
        let payload = Bytes::from(ruling.encode());
        // A try that comes to the stream twice is one.
        let once = format!("rule {:032x}", rand::random::<u128>());
        let mut pause = RETRY_INTERVAL;
        let mut unsure = false;
        loop {
            let mut headers = HeaderMap::new();
            headers.insert(async_nats::header::NATS_MESSAGE_ID, once.as_str());
            headers.insert("Nats-TTL", ttl(ruling).as_str());
            if let Some(expected) = expected {
                let expected = expected.get().to_string();
                headers.insert("Nats-Expected-Last-Subject-Sequence", expected.as_str());
            }
            let name = &link.options().stream;
            let putting = link.put(name, subject.clone(), headers, payload.clone());
            tokio::select! {
                acked = putting => match acked {
                    Ok(ack) => {
                        self.engine.heard(Seq::new(ack.seq));
                        return self.holds(Seq::new(ack.seq), end).await;
                    }
                    Err(why) if why.came_second() => return Ok(Ruled::Conflict),
                    Err(why) if why.is_final() => {
                        self.engine.refuses(&why);
                        if !unsure {
                            return Err(AppendError::NotWritable);
                        }
                    }
                    Err(why) => {
                        unsure = true;
                        tracing::debug!(%why, "not acknowledged");
                    }
                },
                () = sleep_until(end) => return Err(AppendError::Unknown),
            }
            tokio::select! {
                () = sleep(pause) => pause = (pause * 2).min(MAX_RETRY_INTERVAL),
                () = self.end.cancelled() => return Err(AppendError::Unknown),
                () = sleep_until(end) => return Err(AppendError::Unknown),
            }
        }
    }

    /// Waits until it holds on this node.
    async fn holds(&self, seq: Seq, end: Instant) -> Result<Ruled, AppendError> {
        let mut committed = self.committed.clone();
        let applied = async { committed.wait_for(|last| *last >= seq).await.is_ok() };
        match timeout_at(end, applied).await {
            Ok(true) => Ok(Ruled::Stored(seq)),
            _ => Err(AppendError::Unknown),
        }
    }
}

/// How long a message is kept, as a stream is told: a rule without an end for ever, as a room's others
/// may all be too old by now.
fn ttl(ruling: &Ruling) -> String {
    match ruling.rule.as_ref().and_then(crate::message::Rule::until) {
        None => "never".to_owned(),
        Some(until) => {
            let left = until.duration_since(now());
            let left = if left.is_negative() { Duration::ZERO } else { left.unsigned_abs() };
            format!("{}s", (left + SLACK).as_secs())
        }
    }
}

/// Puts the rules of this node on a stream that has none of them: another one, or a new one. What others
/// put there first holds.
pub(super) async fn put_again(shared: Weak<Inner>, rulebook: Rulebook) -> Option<&'static str> {
    loop {
        let missing = rulebook.without_place();
        if missing.is_empty() {
            break;
        }
        for ruling in missing {
            let inner = shared.upgrade()?;
            match inner.rule(&ruling, Some(Seq::ZERO)).await {
                Ok(_) => {}
                Err(why) => tracing::debug!(%why, rule = %ruling.key, "not put again yet"),
            }
        }
        sleep(AGAIN_INTERVAL).await;
    }
    std::future::pending().await
}
