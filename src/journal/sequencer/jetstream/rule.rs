//! One ruling: published until the stream says something certain, and answered once it holds here.

use std::{sync::Weak, time::Duration};

use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};

use super::{
    Inner,
    publish::{APPEND_TIMEOUT, Came, Post},
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
        self.check_takes()?;
        let end = Instant::now() + APPEND_TIMEOUT;
        let subject = stream::rule_subject(&self.identity.link, &ruling.key);
        // A try that comes to the stream twice is one.
        let once = format!("rule {:032x}", rand::random::<u128>());
        let mut post = Post::new(subject, &once, ruling.encode());
        post.headers.insert("Nats-TTL", ttl(ruling).as_str());
        if let Some(expected) = expected {
            let expected = expected.get().to_string();
            post.headers.insert("Nats-Expected-Last-Subject-Sequence", expected.as_str());
        }
        // What comes back is no entry, and nobody is told of it.
        let (_tell, mut told) = oneshot::channel();
        match self.put_until_known(&post, &mut told, end).await? {
            Came::Acked(ack) if self.applied(Seq::new(ack.seq), end).await => {
                Ok(Ruled::Stored(Seq::new(ack.seq)))
            }
            Came::Second => Ok(Ruled::Conflict),
            Came::Acked(_) | Came::Told(_) => Err(AppendError::Unknown),
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
