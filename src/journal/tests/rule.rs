//! Rules.

use super::{change::files_with, *};
use crate::{
    journal::{Ruled, Seen},
    message::{Act, Ban, Banned, RoomRules, Rule, RuleKey, Ruling, now},
};

fn act(what: &str) -> Act {
    Act { by: "operator".into(), what: what.into(), room: Some(room("lobby")), target: None }
}

/// A rule of the lobby.
fn slow(seconds: u32) -> Ruling {
    let rules = RoomRules { slow_seconds: seconds, ..RoomRules::default() };
    let key = RuleKey::Room(room("lobby"));
    Ruling { key, rule: Some(Rule::Room(rules)), act: act(&format!("slow {seconds}")) }
}

/// A ban of somebody by a browser, that ends after a time.
fn ban(id: &str, time: Duration) -> Ruling {
    let ban = Ban {
        whom: Banned::Browser("saltpetre".into()),
        name: "eve".into(),
        room: None,
        until: now() + time,
        reason: String::new(),
        by_operator: false,
    };
    Ruling { key: RuleKey::Ban(id.into()), rule: Some(Rule::Ban(ban)), act: act("ban") }
}

fn lift(id: &str) -> Ruling {
    Ruling { key: RuleKey::Ban(id.into()), rule: None, act: act("lift") }
}

async fn put(journal: &Journal, ruling: Ruling, expected: Option<Seq>) -> Ruled {
    journal.rule(ruling, expected).await.expect("it is answered")
}

async fn stored(journal: &Journal, ruling: Ruling, expected: Option<Seq>) -> Seq {
    match put(journal, ruling, expected).await {
        Ruled::Stored(seq) => seq,
        Ruled::Conflict => panic!("it is refused"),
    }
}

fn slow_seconds(journal: &Journal) -> Option<u32> {
    journal.rulebook().room(&room("lobby")).map(|rules| rules.slow_seconds)
}

pub async fn of_two_rules_at_once_that_expect_the_same_one_is_put(bench: Bench) {
    let journal = bench.open(ALL);
    let mut expected = Seq::ZERO;
    for round in 1..=10 {
        let (one, other) = tokio::join!(
            put(&journal, slow(2 * round), Some(expected)),
            put(&journal, slow(2 * round + 1), Some(expected)),
        );
        let (seq, seconds) = match (one, other) {
            (Ruled::Stored(seq), Ruled::Conflict) => (seq, 2 * round),
            (Ruled::Conflict, Ruled::Stored(seq)) => (seq, 2 * round + 1),
            other => panic!("{other:?}"),
        };
        assert!(seq > expected);
        assert_eq!(journal.rulebook().room_at(&room("lobby")).map(|(at, _)| at), Some(seq));
        assert_eq!(slow_seconds(&journal), Some(seconds), "it holds when it is answered");
        assert_eq!(put(&journal, slow(99), Some(expected)).await, Ruled::Conflict);
        expected = seq;
    }
    journal.close().await;
}

pub async fn a_rule_is_no_message_and_takes_a_place_of_its_own(bench: Bench) {
    let journal = bench.open(ALL);
    let one = send(&journal, "lobby", "one").await.message;
    let rule = stored(&journal, slow(9), None).await;
    let two = send(&journal, "lobby", "two").await.message;
    assert!(one.seq() < rule && rule < two.seq());
    assert_eq!(kept(&journal, "lobby").await, ["one", "two"]);
    assert_eq!(journal.totals().await.unwrap().messages, 2);
    let page = journal.after(&room("lobby"), one.seq(), 9).await.unwrap();
    assert!(page.gap.is_none(), "no reader is told of a gap for it");
    let mut following = std::pin::pin!(journal.follow("test", Seq::ZERO, |_| false));
    let mut followed = Vec::new();
    while followed.len() < 2 {
        followed.extend(soon("it", following.next()).await.unwrap().unwrap());
    }
    let seqs: Vec<_> = followed.iter().map(Entry::seq).collect();
    assert_eq!(seqs, [one.seq(), two.seq()]);
    journal.close().await;
}

pub async fn what_is_ruled_holds_after_reopening_and_the_last_one_put(bench: Bench) {
    let hour = Duration::from_hours(1);
    let journal = bench.open(ALL);
    stored(&journal, slow(1), None).await;
    let last = stored(&journal, slow(2), None).await;
    stored(&journal, ban("stays", hour), None).await;
    stored(&journal, ban("lifted", hour), None).await;
    stored(&journal, lift("lifted"), None).await;
    stored(&journal, lift("never-was"), None).await;
    let log = journal.log(None, 99).await.unwrap();
    journal.close().await;

    let journal = bench.open(ALL);
    assert_eq!(journal.rulebook().room_at(&room("lobby")).map(|(seq, _)| seq), Some(last));
    assert_eq!(slow_seconds(&journal), Some(2));
    let bans = journal.rulebook().bans(now());
    assert_eq!(bans.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["stays"]);
    assert_eq!(journal.log(None, 99).await.unwrap(), log);
    let what: Vec<_> = log.iter().map(|line| line.act.what.as_str()).collect();
    assert_eq!(what, ["lift", "lift", "ban", "ban", "slow 2", "slow 1"], "the newest first");
    let older = journal.log(Some(log[3].seq), 1).await.unwrap();
    assert_eq!(older, log[4..5]);
    assert_eq!(put(&journal, slow(3), Some(Seq::ZERO)).await, Ruled::Conflict);
    stored(&journal, slow(3), Some(last)).await;
    journal.close().await;
}

pub async fn a_rule_with_an_end_ends_and_is_forgotten(bench: Bench) {
    let journal = bench.open(ALL);
    stored(&journal, ban("short", Duration::from_millis(1500)), None).await;
    stored(&journal, ban("long", Duration::from_hours(1)), None).await;
    let banned = |journal: &Journal, at| {
        journal.rulebook().bans(at).into_iter().map(|(id, _)| id).collect::<Vec<_>>()
    };
    assert_eq!(banned(&journal, now()), ["long", "short"], "who ends last comes first");
    let meant = |browser: &str, counts: bool| {
        let seen = Seen { browser: || Some(browser.to_owned()), ip: None, name: None };
        journal.rulebook().ban(&room("lobby"), now(), seen, |_| counts).is_some()
    };
    assert!(meant("saltpetre", true), "a ban from all rooms is one of each");
    assert!(!meant("saltpetre", false) && !meant("another", true));
    assert_eq!(banned(&journal, now() + Duration::from_secs(2)), ["long"]);
    let file = journal.path().to_owned();
    until("it is forgotten", async || {
        let connection = rusqlite::Connection::open(&file).unwrap();
        let count = connection.query_row("SELECT count(*) FROM rules", [], |row| row.get(0));
        (count == Ok(1)).then_some(())
    })
    .await;
    journal.close().await;
    let journal = bench.open(ALL);
    assert_eq!(banned(&journal, now()), ["long"]);
    journal.close().await;
}

pub async fn nothing_of_what_was_lifted_or_replaced_stays_on_any_disk(bench: Bench) {
    let journal = bench.open(ALL);
    stored(&journal, ban("one", Duration::from_hours(1)), None).await;
    stored(&journal, lift("one"), None).await;
    stored(&journal, ban("two", Duration::from_hours(1)), None).await;
    stored(&journal, lift("two"), None).await;
    let mut homes = vec![bench.home.path().to_owned()];
    #[cfg(feature = "nats")]
    homes.extend(bench.servers.iter().map(|servers| servers.store(0)));
    let left =
        || -> Vec<_> { homes.iter().flat_map(|home| files_with(home, &["saltpetre"])).collect() };
    until("nothing of it is left", async || left().is_empty().then_some(())).await;
    journal.close().await;
    assert_eq!(left(), [""; 0]);
}

pub async fn where_there_is_no_room_for_more_rules_those_that_are_there_can_be_changed(
    bench: Bench,
) {
    let journal = bench.open(ALL);
    let rulebook = journal.rulebook();
    rulebook.fill();
    let more = journal.rule(ban("more", Duration::from_hours(1)), None).await;
    assert!(matches!(more, Err(AppendError::Busy)), "{more:?}");
    let full = journal.rule(slow(1), None).await;
    assert!(matches!(full, Err(AppendError::Busy)), "{full:?}");
    let lifted = journal.rule(lift("0"), None).await;
    assert!(matches!(lifted, Ok(Ruled::Stored(_))), "{lifted:?}");
    stored(&journal, ban("more", Duration::from_hours(1)), None).await;
    stored(&journal, ban("more", Duration::from_hours(2)), None).await;
    let known = Ruling { key: RuleKey::Room(room("room-0")), ..slow(1) };
    stored(&journal, known, None).await;
    journal.close().await;
}
