//! The stream that all nodes share: how it is made, what it must be, and its epoch.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::{
    journal::{Retention, SHARED_KEY_TIME},
    message::{Epoch, RuleKey, Seq},
    nats::{Link, LinkError, Refused, Replicas, word},
};

/// For how long the engine knows a message's key: many times the deadline of a send. Later a key is
/// looked for in the node's own store.
pub(super) const DUPLICATE_WINDOW: Duration = SHARED_KEY_TIME;

/// Messages of a room that the stream has beyond those that are kept: what a node may be behind, and
/// its readers still get each.
pub(super) const SLACK_MESSAGES: u64 = 10_000;

/// The same of a message's age.
const SLACK_AGE: Duration = Duration::from_mins(15);

/// The stream, as it was when it was looked at.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    pub epoch: Epoch,
    /// Where the epoch stands in it.
    pub epoch_seq: u64,
    pub last: Seq,
    /// When it was made, as the server writes it.
    pub created: i128,
}

/// The subjects of rooms' messages, but for the room.
pub(super) fn messages(link: &Link) -> String {
    link.subject("m.")
}

/// Where a room would stand in a subject, the beginning of what a rule has there: no room's name begins
/// so.
pub(super) const RULE: &str = "_rule-";

/// The subject of the rule under a key.
pub(super) fn rule_subject(link: &Link, key: &RuleKey) -> String {
    let hash = Sha256::new().chain_update(key.to_string());
    format!("{}{RULE}{}", messages(link), word(hash))
}

/// The subject of the epoch.
pub(super) fn epoch_subject(link: &Link) -> String {
    link.subject("epoch")
}

/// Looks at the stream, and makes it where there is none. `own` is what a node has that was alone so
/// far: where it makes the stream, its journal goes on there, ids and all.
pub(super) async fn open(
    link: &Link,
    retention: Retention,
    own: Option<(Epoch, Seq)>,
) -> Result<Opened, LinkError> {
    let name = &link.options().stream;
    let wrong = |why: String| LinkError::Stream { stream: name.clone(), why };
    let first = own.as_ref().map(|(_, last)| last.get() + 1);
    let wanted = config(link, retention, first);
    let info = link.find_or_make(&wanted).await?;
    check(&info.config, &wanted).map_err(wrong)?;
    compare(&info.config, retention, link.options().replicas);
    let fresh = own.filter(|_| info.config.first_sequence == first && info.state.messages == 0);
    let epoch = fresh.map_or_else(Epoch::fresh, |(epoch, _)| epoch);
    let agreed =
        link.agree(name, &epoch_subject(link), &Bytes::from(epoch.as_str().to_owned())).await?;
    let epoch = parse_epoch(&agreed.payload).ok_or_else(|| {
        wrong(format!("{} holds something else than an epoch", epoch_subject(link)))
    })?;
    Ok(Opened {
        epoch,
        epoch_seq: agreed.seq,
        last: Seq::new(info.state.last_sequence.max(agreed.seq)),
        created: info.created.unix_timestamp_nanos(),
    })
}

/// The epoch in a message.
pub(super) fn parse_epoch(payload: &[u8]) -> Option<Epoch> {
    Epoch::parse(str::from_utf8(payload).ok()?)
}

/// Gives the stream a new epoch in the place of `old`; `last` is what the stream must end with, where
/// it went back to that: a server that is cut off and only believes so is refused.
pub(super) async fn renew(link: &Link, old: &Epoch, last: Option<u64>) -> Result<(), Refused> {
    let (stream, subject) = (&link.options().stream, epoch_subject(link));
    match link.newest(stream, &subject).await? {
        // Another node was first.
        Some(newest) if parse_epoch(&newest.payload).as_ref() != Some(old) => Ok(()),
        newest => {
            let seq = newest.map_or(0, |newest| newest.seq);
            let fresh = Bytes::from(Epoch::fresh().as_str().to_owned());
            link.replace(stream, &subject, seq, last, fresh).await.map(|_| ())
        }
    }
}

fn config(link: &Link, retention: Retention, first: Option<u64>) -> Config {
    let kept = retention.keep.saturating_add(SLACK_MESSAGES);
    let max_age = retention.ttl.map_or(Duration::ZERO, |ttl| ttl.saturating_add(SLACK_AGE));
    Config {
        name: link.options().stream.clone(),
        subjects: vec![format!("{}*", messages(link)), epoch_subject(link)],
        max_messages: -1,
        max_bytes: -1,
        max_messages_per_subject: i64::try_from(kept).unwrap_or(i64::MAX),
        max_age,
        discard: DiscardPolicy::Old,
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        duplicate_window: DUPLICATE_WINDOW,
        allow_direct: true,
        allow_message_ttl: true,
        first_sequence: first.filter(|first| *first > 1),
        ..Config::default()
    }
}

/// What a stream must be, whoever made it.
fn check(found: &Config, wanted: &Config) -> Result<(), String> {
    let subjects = |config: &Config| {
        let mut subjects = config.subjects.clone();
        subjects.sort_unstable();
        subjects
    };
    let wrong = if !found.allow_message_ttl {
        "allow_msg_ttl must be true, which takes nats-server 2.11 or later"
    } else if !found.allow_direct {
        "allow_direct must be true"
    } else if found.mirror.is_none() && subjects(found) != subjects(wanted) {
        return Err(format!("its subjects must be {}", wanted.subjects.join(" and ")));
    } else if found.storage != wanted.storage {
        "it must be stored in files"
    } else if found.retention != wanted.retention || found.discard != wanted.discard {
        "its retention must be by limits, and discard the oldest"
    } else if found.max_messages > 0 || found.max_bytes > 0 {
        "it must be bounded per subject and by age only: what rooms keep would depend on others"
    } else if found.duplicate_window < wanted.duplicate_window {
        "its duplicate window must be 120 s or more"
    } else {
        return Ok(());
    };
    Err(wrong.to_owned())
}

/// The `--keep` that makes such a limit of a room's messages; none makes one that is below the slack.
fn keep_of(max_messages_per_subject: i64) -> Option<u64> {
    u64::try_from(max_messages_per_subject).ok()?.checked_sub(SLACK_MESSAGES)
}

/// Says where a stream keeps other than this node is told; nobody changes it by itself.
fn compare(found: &Config, retention: Retention, replicas: Replicas) {
    let keep = i64::try_from(retention.keep).unwrap_or(i64::MAX);
    let bounded = found.max_messages_per_subject > 0;
    let exact = keep.saturating_add_unsigned(SLACK_MESSAGES) == found.max_messages_per_subject;
    match keep_of(found.max_messages_per_subject) {
        Some(others) if bounded && !exact => tracing::warn!(
            keep,
            others,
            "--keep is another here than where the stream was made; it should be the same on every node"
        ),
        None if bounded => tracing::warn!(
            keep,
            max_msgs_per_subject = found.max_messages_per_subject,
            "the stream has less of a room than a node may be behind: one that is away for long begins anew"
        ),
        _ => {}
    }
    let ttl = retention.ttl.unwrap_or_default();
    let theirs = found.max_age.saturating_sub(SLACK_AGE);
    if ttl != theirs {
        tracing::warn!(
            ttl_s = ttl.as_secs_f64(),
            others_s = theirs.as_secs_f64(),
            "--ttl is another here than where the stream was made; it should be the same on every node"
        );
    }
    let found = found.num_replicas;
    match replicas {
        Replicas::Count(wanted) if wanted != found => {
            tracing::warn!(
                wanted,
                found,
                "the stream has another number of replicas than --nats-replicas"
            );
        }
        _ if found == 1 => tracing::warn!(
            "the stream has one replica: what is acknowledged does not survive the death of its server"
        ),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Config {
        Config {
            name: "hubbub".into(),
            subjects: vec!["hubbub.m.*".into(), "hubbub.epoch".into()],
            max_messages: -1,
            max_bytes: -1,
            duplicate_window: DUPLICATE_WINDOW,
            allow_direct: true,
            allow_message_ttl: true,
            ..Config::default()
        }
    }

    type Change = fn(&mut Config);

    #[test]
    fn a_limit_that_no_keep_makes_is_not_said_to_be_one() {
        for (limit, keep) in [(3, None), (9_999, None), (10_000, Some(0)), (20_000, Some(10_000))] {
            assert_eq!(keep_of(limit), keep, "{limit}");
        }
    }

    #[test]
    fn a_stream_that_lacks_something_is_refused_by_the_name_of_that() {
        assert_eq!(check(&good(), &good()), Ok(()));
        let turned = Config { subjects: good().subjects.into_iter().rev().collect(), ..good() };
        assert_eq!(check(&turned, &good()), Ok(()));
        let wrong: [(Change, &str); 7] = [
            (|it| it.allow_message_ttl = false, "allow_msg_ttl"),
            (|it| it.allow_direct = false, "allow_direct"),
            (|it| it.subjects = vec!["hubbub.>".into()], "subjects"),
            (|it| it.storage = StorageType::Memory, "files"),
            (|it| it.discard = DiscardPolicy::New, "discard"),
            (|it| it.max_messages = 1000, "bounded per subject"),
            (|it| it.duplicate_window = Duration::from_secs(5), "duplicate window"),
        ];
        for (change, word) in wrong {
            let mut config = good();
            change(&mut config);
            let why = check(&config, &good()).unwrap_err();
            assert!(why.contains(word), "{word}: {why}");
        }
    }
}
