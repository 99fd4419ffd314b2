//! What a node knows of the engine: whether it answers, how far it is, and that it is still the same.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_nats::jetstream::{
    ErrorCode,
    context::GetStreamErrorKind,
    stream::{ClusterInfo, RawMessageErrorKind, Stream},
};
use tokio::{sync::watch, time::MissedTickBehavior};

use super::stream::{self, Opened};
use crate::{
    message::{Entry, Epoch, Key, MessageId, Seq},
    nats::{ANSWER_TIMEOUT, Link, Refused},
};

/// How often the stream is asked how far it is: a silent follower, a server that is cut off from the
/// others, and a stream that is another one show there and nowhere else.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// For how long no answer is none at all. Elections of a few seconds are told from it by time only.
const ANSWERING: Duration = Duration::from_secs(3);

/// After how long without an answer sends are refused at once: longer than an election takes, which is
/// 4 to 9 s.
const GONE: Duration = Duration::from_secs(12);

/// Questions without an answer after which another server is tried.
const MAX_UNANSWERED: u32 = 3;

/// For how long a replica may not have been heard by the stream's leader and counts: it is heard once a
/// second.
const MAX_REPLICA_SILENCE: Duration = Duration::from_secs(3);

/// Answers in a row that there is no such stream, after which it is believed.
const MAX_MISSING: u32 = 3;

/// Answers in a row that its epoch is not in it, after which it was purged: a server that has just
/// become the leader may not have read all of it.
const MAX_PURGED: u32 = 3;

/// Answers in a row of a stream that is further than this node was a question before, after which the
/// node is behind.
const MAX_BEHIND: u32 = 5;

/// For how long sends are refused at once after the engine has said that it takes none; then one tries.
const REFUSING: Duration = Duration::from_secs(5);

/// What is known of the engine; clones share it.
#[derive(Clone)]
pub(super) struct Engine(Arc<Inner>);

struct Inner {
    heard: Mutex<Instant>,
    /// The highest place that it is known to have given.
    last: AtomicU64,
    behind: AtomicU32,
    /// When it said last that it takes nothing, if it has taken nothing since.
    refused: Mutex<Option<Instant>>,
}

/// The newest entry that a node has, by which a stream is known to be the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Newest {
    pub seq: Seq,
    /// The newest that has a key, and that.
    pub keyed: Option<(Seq, Key)>,
}

/// Looks whether the stream is still the one that this node follows.
#[derive(Clone)]
pub(super) struct Identity {
    pub link: Link,
    pub epoch: Epoch,
    pub epoch_seq: u64,
    pub created: i128,
    pub newest: watch::Receiver<Newest>,
}

/// What a look came to.
pub(super) enum Seen {
    /// It is the same, and goes up to here.
    Same(Seq),
    /// It is another, or has another epoch; why.
    Another(&'static str),
    /// There is none.
    Missing,
    /// It is the same, but its epoch is gone: an operator has purged it. Who begins now gives it another.
    Purged,
    /// It cannot be said now.
    Unsure(String),
}

impl Engine {
    /// It has just answered, and was this far.
    pub(super) fn new(last: Seq) -> Self {
        Self(Arc::new(Inner {
            heard: Mutex::new(Instant::now()),
            last: AtomicU64::new(last.get()),
            behind: AtomicU32::new(MAX_BEHIND),
            refused: Mutex::default(),
        }))
    }

    /// It answered, and has something at `seq`.
    pub(super) fn heard(&self, seq: Seq) {
        *self.0.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.last.fetch_max(seq.get(), Ordering::Relaxed);
    }

    /// The highest place that it is known to have given.
    pub(super) fn known(&self) -> Seq {
        Seq::new(self.0.last.load(Ordering::Relaxed))
    }

    /// Whether it answers.
    pub(super) fn answers(&self) -> bool {
        self.silent() < ANSWERING
    }

    /// Whether it has not answered for long.
    pub(super) fn is_gone(&self) -> bool {
        self.silent() >= GONE
    }

    /// It takes nothing, and says why. That is one line of the log, however many sends it is told.
    pub(super) fn refuses(&self, why: &Refused) {
        if self.refused().replace(Instant::now()).is_none() {
            tracing::error!(%why, "NATS takes no messages; sends are refused");
        }
    }

    /// It has taken something.
    pub(super) fn takes(&self) {
        if self.refused().take().is_some() {
            tracing::info!("NATS takes messages again");
        }
    }

    /// Whether it has just said that it takes nothing.
    pub(super) fn is_refusing(&self) -> bool {
        self.refused().is_some_and(|at| at.elapsed() < REFUSING)
    }

    fn refused(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this node is known to lack what others have, and did for a while.
    pub(super) fn is_ahead(&self) -> bool {
        self.0.behind.load(Ordering::Relaxed) >= MAX_BEHIND
    }

    fn silent(&self) -> Duration {
        self.0.heard.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Notes whether the node has come to where the engine was a question before.
    fn compare(&self, before: Seq, node: Seq) {
        if node >= before {
            self.0.behind.store(0, Ordering::Relaxed);
        } else {
            self.0.behind.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Identity {
    /// Looks at it.
    pub(super) async fn look(&self) -> Seen {
        // Before the question: what the node has now, the stream had.
        let newest = self.newest.borrow().clone();
        let name = &self.link.options().stream;
        let looking = tokio::time::timeout(ANSWER_TIMEOUT, self.link.context().get_stream(name));
        let stream = match looking.await {
            Ok(Ok(stream)) => stream,
            Ok(Err(why)) => {
                return match why.kind() {
                    GetStreamErrorKind::JetStream(why)
                        if why.error_code() == ErrorCode::STREAM_NOT_FOUND =>
                    {
                        Seen::Missing
                    }
                    _ => Seen::Unsure(why.to_string()),
                };
            }
            Err(_) => return Seen::Unsure("no answer".into()),
        };
        let info = stream.cached_info();
        if !info.cluster.as_ref().is_none_or(has_quorum) {
            return Seen::Unsure("too few of its servers see each other".into());
        }
        let last = Seq::new(info.state.last_sequence);
        let went_back = last < newest.seq;
        let anew = info.created.unix_timestamp_nanos() != self.created;
        if !went_back && !anew && !self.differs(&stream, &newest).await {
            return self.look_at_epoch(last).await;
        }
        // A new epoch is another node's word for the same; else it is ours to say.
        let expected = went_back.then_some(last.get());
        match stream::renew(&self.link, &self.epoch, expected).await {
            Ok(()) if anew => Seen::Another("it was made anew"),
            Ok(()) => Seen::Another("it is another, or an older copy of it"),
            Err(why) => Seen::Unsure(why.to_string()),
        }
    }

    /// Whether it has the epoch that the node knows; it goes up to `last`.
    async fn look_at_epoch(&self, last: Seq) -> Seen {
        let (stream, subject) = (&self.link.options().stream, stream::epoch_subject(&self.link));
        match self.link.newest(stream, &subject).await {
            // Who answers has not come to where it stands.
            Ok(_) if last.get() < self.epoch_seq => Seen::Same(last),
            Ok(Some(found))
                if stream::parse_epoch(&found.payload).as_ref() == Some(&self.epoch) =>
            {
                Seen::Same(last)
            }
            Ok(Some(_)) => Seen::Another("it has a new epoch"),
            Ok(None) => Seen::Purged,
            Err(why) => Seen::Unsure(why.to_string()),
        }
    }

    /// Gives a stream that was purged a new epoch, where no other node was first.
    async fn renew_purged(&self) -> Result<(), Refused> {
        stream::renew(&self.link, &self.epoch, None).await
    }

    /// Whether the stream has something else where the node's newest entry is.
    async fn differs(&self, stream: &Stream, newest: &Newest) -> bool {
        let Some((seq, key)) = &newest.keyed else { return false };
        let asking = stream.get_raw_message(seq.get());
        let Ok(outcome) = tokio::time::timeout(ANSWER_TIMEOUT, asking).await else { return false };
        match outcome {
            Ok(found) => {
                let id = MessageId::new(self.epoch.clone(), *seq);
                Entry::decode(&found.payload, id).is_ok_and(|(_, its)| its != *key)
            }
            // It was trimmed there.
            Err(why) if why.kind() == RawMessageErrorKind::NoMessageFound => false,
            Err(_) => false,
        }
    }
}

/// Whether so many of the stream's servers hear each other that it takes messages. One that is cut off
/// from the others answers as their leader for 20 s, and then without any.
fn has_quorum(cluster: &ClusterInfo) -> bool {
    let heard = cluster.replicas.iter().filter(|one| one.active <= MAX_REPLICA_SILENCE).count();
    cluster.leader.is_some() && 2 * (heard + 1) > cluster.replicas.len() + 1
}

/// Asks the engine all the time; ends where the stream is another, with why.
pub(super) async fn watch_over(engine: Engine, identity: Identity) -> &'static str {
    let mut polls = tokio::time::interval(POLL_INTERVAL);
    polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut unanswered, mut missing, mut purged, mut before) = (0, 0, 0, engine.known());
    loop {
        polls.tick().await;
        let seen = identity.look().await;
        let node = identity.newest.borrow().seq;
        match seen {
            Seen::Same(last) => {
                (unanswered, missing, purged) = (0, 0, 0);
                engine.heard(last);
                engine.compare(before, node);
                before = last;
            }
            Seen::Another(why) => return why,
            Seen::Missing => {
                missing += 1;
                if missing == MAX_MISSING {
                    return "it is gone";
                }
            }
            Seen::Purged => {
                purged += 1;
                if purged < MAX_PURGED {
                    continue;
                }
                match identity.renew_purged().await {
                    Ok(()) => return "it was purged",
                    // Another node may have been first, which the next look shows.
                    Err(why) => tracing::debug!(%why, "a stream that was purged has no epoch yet"),
                }
            }
            Seen::Unsure(why) => {
                tracing::debug!(why, "the stream does not answer");
                unanswered += 1;
                if unanswered % MAX_UNANSWERED == 0 && identity.link.is_connected() {
                    identity.link.try_another().await;
                }
            }
        }
    }
}

/// What was opened is what the node follows from now on.
pub(super) fn identity(link: &Link, opened: &Opened, newest: watch::Receiver<Newest>) -> Identity {
    Identity {
        link: link.clone(),
        epoch: opened.epoch.clone(),
        epoch_seq: opened.epoch_seq,
        created: opened.created,
        newest,
    }
}

#[cfg(test)]
mod tests {
    use async_nats::jetstream::stream::PeerInfo;

    use super::*;

    #[test]
    fn a_leader_that_hears_too_few_is_none() {
        let peer = |silent| PeerInfo {
            name: "s".into(),
            current: true,
            active: Duration::from_secs(silent),
            offline: false,
            lag: None,
        };
        let cluster = |leader: Option<&str>, silent: &[u64]| ClusterInfo {
            name: None,
            leader: leader.map(Into::into),
            replicas: silent.iter().copied().map(peer).collect(),
            ..ClusterInfo::default()
        };
        for silent in [&[][..], &[0, 0], &[1, 60], &[60, 2], &[0, 1, 60, 60]] {
            assert!(has_quorum(&cluster(Some("s0"), silent)), "{silent:?}");
            assert!(!has_quorum(&cluster(None, silent)), "{silent:?}");
        }
        for silent in [&[4][..], &[4, 60], &[0, 4, 60, 60]] {
            assert!(!has_quorum(&cluster(Some("s0"), silent)), "{silent:?}");
        }
    }

    #[test]
    fn a_node_is_behind_until_it_has_come_up_and_again_when_it_stays_back() {
        let engine = Engine::new(Seq::new(9));
        assert!(engine.is_ahead(), "it has just begun");
        engine.compare(Seq::new(9), Seq::new(9));
        assert!(!engine.is_ahead());
        for _ in 1..MAX_BEHIND {
            engine.compare(Seq::new(20), Seq::new(19));
        }
        assert!(!engine.is_ahead(), "not at once");
        engine.compare(Seq::new(20), Seq::new(19));
        assert!(engine.is_ahead());
        engine.heard(Seq::new(7));
        assert_eq!(engine.known(), Seq::new(9), "what was given stays given");
        assert!(engine.answers() && !engine.is_gone());
    }
}
