//! An ordered follower of the stream, made anew wherever something is amiss.
//!
//! The server pushes. A consumer that dies with its server says nothing, and what a client drops it
//! does not say either; so there are heartbeats, each delivery is counted, and at any doubt a new
//! consumer begins after the last entry that came.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use async_nats::{
    Message, StatusCode,
    jetstream::consumer::{AckPolicy, DeliverPolicy, push},
};
use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;

use super::{
    apply::{Command, Delivered},
    engine::{Identity, Seen},
    publish::AUTHOR,
    stream,
};
use crate::message::{self, Author, Entry, Key, MessageId, Ruling, Seq};

/// How often a consumer that has nothing says so.
const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(500);

/// How long a consumer may say nothing: two heartbeats, and some for a busy machine.
const MAX_SILENCE: Duration = Duration::from_millis(1250);

/// How long the server may take to make a consumer.
const CREATE_TIMEOUT: Duration = Duration::from_secs(3);

/// After how long without a listener the server forgets one.
const INACTIVE_THRESHOLD: Duration = Duration::from_secs(5);

/// Between two consumers.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// What follows the stream.
pub(super) struct Follower {
    pub identity: Identity,
    /// The last place that was passed on.
    pub last: Seq,
    pub commands: mpsc::Sender<Command>,
    /// For how long messages are kept.
    pub ttl: Option<Duration>,
    /// Since this consumer has brought or confirmed everything up to [`Self::last`], and when that was
    /// sent; `None` while it has not.
    pub complete_at: Option<Timestamp>,
}

/// How following ended.
enum End {
    /// It is to be tried anew; why.
    Again(String),
    /// The stream is another one.
    Another(&'static str),
    /// Nobody takes what comes.
    Closed,
}

/// Where a message stands, as its reply subject says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct At {
    stream: u64,
    consumer: u64,
    /// Nanoseconds since 1970.
    time: i64,
    /// How many are to come.
    pending: u64,
}

impl At {
    fn sent_at(self) -> Timestamp {
        Timestamp::from_millisecond(self.time / 1_000_000).unwrap_or_default()
    }
}

impl Follower {
    /// Follows for as long as it is polled; ends where the stream is another one, and says why.
    pub(super) async fn run(mut self) -> Option<&'static str> {
        loop {
            match self.follow().await {
                End::Again(why) => tracing::debug!(why, last = %self.last, "following anew"),
                End::Another(why) => return Some(why),
                End::Closed => return None,
            }
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
    }

    async fn follow(&mut self) -> End {
        // A consumer of another stream would bring entries of other ids.
        match self.identity.look().await {
            Seen::Same(_) => {}
            Seen::Another(why) => return End::Another(why),
            Seen::Missing => return End::Again("there is no stream".into()),
            Seen::Purged => return End::Again("it has no epoch".into()),
            Seen::Unsure(why) => return End::Again(why),
        }
        let link = self.identity.link.clone();
        let client = link.client();
        let inbox = client.new_inbox();
        let mut messages = match client.subscribe(inbox.clone()).await {
            Ok(messages) => messages,
            Err(why) => return End::Again(why.to_string()),
        };
        let config = push::Config {
            // Named, so that a node's user can be allowed the stream's consumers and no others.
            name: inbox.rsplit_once('.').map(|(_, unique)| unique.to_owned()),
            deliver_subject: inbox,
            ack_policy: AckPolicy::None,
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: self.last.get() + 1 },
            flow_control: true,
            idle_heartbeat: HEARTBEAT_INTERVAL,
            memory_storage: true,
            num_replicas: 1,
            max_deliver: 1,
            inactive_threshold: INACTIVE_THRESHOLD,
            ..push::Config::default()
        };
        let stream = &link.options().stream;
        let making = link.context().create_consumer_on_stream(config, stream);
        match tokio::time::timeout(CREATE_TIMEOUT, making).await {
            Ok(Ok(_)) => {}
            Ok(Err(why)) => return End::Again(why.to_string()),
            Err(_) => return End::Again("no consumer was made in time".into()),
        }
        let mut count = 0;
        self.complete_at = None;
        loop {
            let message = match tokio::time::timeout(MAX_SILENCE, messages.next()).await {
                Ok(Some(message)) => message,
                Ok(None) => return End::Again("the subscription ended".into()),
                Err(_) => return End::Again("the consumer is silent".into()),
            };
            if message.status == Some(StatusCode::IDLE_HEARTBEAT) {
                if let Err(why) = self.beat(&message, count).await {
                    return End::Again(why);
                }
                continue;
            }
            let Some(at) = message.reply.as_ref().and_then(|reply| place(reply)) else {
                return End::Again(format!("{:?} came", message.status));
            };
            if at.consumer != count + 1 {
                return End::Again(format!("{} came after {count}", at.consumer));
            }
            count = at.consumer;
            if at.stream <= self.last.get() {
                return End::Again(format!("{} came after {}", at.stream, self.last));
            }
            if let Some(end) = self.pass_on(&message, at).await {
                return end;
            }
        }
    }

    /// Answers flow control, and counts.
    async fn beat(&mut self, message: &Message, count: u64) -> Result<(), String> {
        let header =
            |name| message.headers.as_ref()?.get(name).map(|value| value.as_str().to_owned());
        let answer = message.reply.as_ref().map(ToString::to_string);
        if let Some(answer) = answer.or_else(|| header("Nats-Consumer-Stalled")) {
            let said = self.identity.link.say(answer, Bytes::new()).await;
            said.map_err(|why| why.to_string())?;
            return Ok(());
        }
        let number = |name| header(name).and_then(|number| number.parse::<u64>().ok());
        match number("Nats-Last-Consumer") {
            Some(last) if last != count => {
                return Err(format!("the consumer is at {last}, we at {count}"));
            }
            _ => {}
        }
        // The newest of the stream may be gone from it, by age.
        let last = number("Nats-Last-Stream").map(Seq::new);
        if let Some(seq) = last.filter(|last| *last > self.last) {
            self.last = seq;
            let gapless = self.is_gapless(0);
            let passed =
                Command::Apply(Delivered { seq, entry: None, author: None, ruling: None, gapless });
            self.commands.send(passed).await.map_err(|why| why.to_string())?;
        }
        self.complete_at = Some(message::now());
        Ok(())
    }

    /// Whether what comes next, with so many after it, follows what was last without anything that the
    /// stream may have dropped in between: neither beyond the slack in number, nor too old.
    fn is_gapless(&self, pending: u64) -> bool {
        let young = |sent_at: Timestamp| {
            let age = message::now().duration_since(sent_at);
            self.ttl.is_none_or(|ttl| age.unsigned_abs() <= ttl)
        };
        pending < stream::SLACK_MESSAGES && self.complete_at.is_some_and(young)
    }

    async fn pass_on(&mut self, message: &Message, at: At) -> Option<End> {
        let link = &self.identity.link;
        let seq = Seq::new(at.stream);
        if message.subject.as_str() == stream::epoch_subject(link)
            && at.stream > self.identity.epoch_seq
            && stream::parse_epoch(&message.payload).as_ref() != Some(&self.identity.epoch)
        {
            return Some(End::Another("it has a new epoch"));
        }
        let room = message.subject.strip_prefix(stream::messages(link).as_str());
        let is_rule = room.is_some_and(|room| room.starts_with(stream::RULE));
        let entry = room.filter(|_| !is_rule).and_then(|room| self.read(message, room, at));
        let ruling = if is_rule { read_rule(&message.payload, at) } else { None };
        let gapless = self.is_gapless(at.pending);
        (self.last, self.complete_at) = (seq, Some(at.sent_at()));
        let author = message.headers.as_ref().and_then(|headers| headers.get(AUTHOR));
        let author = author.and_then(|digits| Author::from_hex(digits.as_str()));
        let delivered = Delivered { seq, entry, author, ruling, gapless };
        let passed = self.commands.send(Command::Apply(delivered)).await;
        passed.is_err().then_some(End::Closed)
    }

    /// The entry in a message; what this hubbub does not understand is passed over, and said once.
    fn read(&self, message: &Message, room: &str, at: At) -> Option<(Key, Entry)> {
        static SAID: AtomicBool = AtomicBool::new(false);
        let id = MessageId::new(self.identity.epoch.clone(), Seq::new(at.stream));
        let why = match Entry::decode(&message.payload, id) {
            Ok((entry, _)) if entry.room().as_str() != room => "it is another room's".to_owned(),
            Ok((entry, key)) => {
                return Some((key, entry.at(at.sent_at())));
            }
            Err(why) => why.to_string(),
        };
        if SAID.swap(true, Ordering::Relaxed) {
            tracing::debug!(why, seq = at.stream, "an entry is passed over");
        } else {
            tracing::warn!(
                why,
                seq = at.stream,
                "an entry is passed over that this hubbub does not understand; further ones are not told"
            );
        }
        None
    }
}

/// The ruling in a message; what this hubbub does not understand is passed over, and said.
fn read_rule(payload: &[u8], at: At) -> Option<(Ruling, Timestamp)> {
    match Ruling::decode(payload) {
        Ok(ruling) => Some((ruling, at.sent_at())),
        Err(why) => {
            tracing::error!(why, seq = at.stream, "a rule is passed over, and does not hold here");
            None
        }
    }
}

/// Reads `$JS.ACK.…`: stream, consumer, deliveries, the two places, the time, how many are pending;
/// newer servers have the domain and the account before these.
fn place(reply: &str) -> Option<At> {
    let words: Vec<&str> = reply.strip_prefix("$JS.ACK.")?.split('.').collect();
    let rest = match words.len() {
        7 => &words[3..],
        9.. => &words[5..],
        _ => return None,
    };
    let number = |at: usize| rest.get(at)?.parse::<u64>().ok();
    let time = rest.get(2)?.parse().ok()?;
    Some(At { stream: number(0)?, consumer: number(1)?, time, pending: number(3)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_from_both_forms_of_a_reply() {
        let at = At { stream: 22, consumer: 7, time: 1_700_000_000_000_000_000, pending: 0 };
        for reply in [
            "$JS.ACK.hubbub.abc.1.22.7.1700000000000000000.0",
            "$JS.ACK.hub.HASH.hubbub.abc.1.22.7.1700000000000000000.0",
            "$JS.ACK.hub.HASH.hubbub.abc.1.22.7.1700000000000000000.0.token",
        ] {
            assert_eq!(place(reply), Some(at), "{reply}");
        }
        for reply in ["", "$JS.ACK.hubbub", "$JS.ACK.a.b.c.d.e.f.g", "$JS.FC.hubbub.abc.1"] {
            assert_eq!(place(reply), None, "{reply}");
        }
    }
}
