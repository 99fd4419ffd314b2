//! The journal's contract as one list of cases, held to every engine there is.

use std::{path::Path, time::Duration};

use hubbub::{
    journal::{AppendError, Appended, Gap, Journal, Retention},
    message::{Draft, Key, Message, Name, RoomName, Seq, Text},
    metrics::Metrics,
};
use tempfile::{TempDir, tempdir};
use tokio_stream::StreamExt as _;

use crate::support::{soon, until};

/// An engine: how it opens a journal.
type Engine = fn(&Path, Retention) -> Journal;

fn sqlite(home: &Path, retention: Retention) -> Journal {
    Journal::open(&home.join("hubbub.db"), retention, Metrics::new()).expect("it opens")
}

/// Makes one test per case and engine.
macro_rules! contract {
    ($($case:ident)*) => {
        mod on_one_node {
            $(#[tokio::test(flavor = "multi_thread")] async fn $case() {
                super::$case(super::Bench::new(super::sqlite)).await;
            })*
        }
    };
}

contract! {
    a_message_is_read_back_as_it_was_sent
    seqs_rise_by_one_over_all_rooms
    a_repeated_key_is_the_first_message_also_after_reopening
    a_key_used_for_another_text_or_name_is_refused
    a_trimmed_message_is_not_stored_again_under_its_key
    pages_go_forwards_and_backwards_by_seq
    reopened_it_has_the_same_epoch_messages_and_next_seq
    following_gives_every_message_of_all_rooms_in_order
    it_keeps_as_many_messages_per_room_as_it_is_told
    a_smaller_number_kept_trims_by_itself
    what_is_older_than_the_ttl_goes_and_a_ttl_of_none_keeps_it
    a_gap_is_told_with_its_number_where_that_is_known
    ids_survive_trimming_of_everything_and_vacuum
    a_deleted_file_is_a_new_epoch
    an_older_copy_put_back_is_a_new_epoch_with_its_messages
    closing_stores_what_was_accepted_and_refuses_what_comes_later
    many_senders_at_once_get_seqs_without_a_hole
    an_answered_message_is_readable_at_once
}

/// A place for a journal, and the engine under test.
struct Bench {
    home: TempDir,
    engine: Engine,
}

const ALL: Retention = Retention { keep: 1_000_000, ttl: None };

impl Bench {
    fn new(engine: Engine) -> Self {
        Self { home: tempdir().unwrap(), engine }
    }

    fn open(&self, retention: Retention) -> Journal {
        (self.engine)(self.home.path(), retention)
    }
}

fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

fn draft(room_name: &str, text: &str, key: &str) -> Draft {
    Draft {
        room: room(room_name),
        name: Name::parse("ann").unwrap(),
        text: Text::parse(text).unwrap(),
        key: Key::parse(key).unwrap(),
    }
}

async fn send(journal: &Journal, room: &str, text: &str) -> Appended {
    journal.append(draft(room, text, Key::fresh().as_str())).await.expect("it is stored")
}

/// Sends `numbers` as texts.
async fn fill(journal: &Journal, room: &str, numbers: std::ops::Range<u32>) {
    for number in numbers {
        send(journal, room, &number.to_string()).await;
    }
}

/// The texts that are kept of a room, oldest first.
async fn kept(journal: &Journal, name: &str) -> Vec<String> {
    let page = journal.after(&room(name), Seq::ZERO, 1_000_000).await.unwrap();
    page.messages.iter().map(|message| message.text.as_str().to_owned()).collect()
}

fn texts(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

async fn a_message_is_read_back_as_it_was_sent(bench: Bench) {
    let journal = bench.open(ALL);
    let sent = send(&journal, "lobby", "hi\n\"you\" 😀").await;
    assert!(sent.fresh);
    let page = journal.after(&room("lobby"), Seq::ZERO, 10).await.unwrap();
    assert_eq!(page.messages, [sent.message]);
    assert_eq!(page.gap, None);
}

async fn seqs_rise_by_one_over_all_rooms(bench: Bench) {
    let journal = bench.open(ALL);
    for number in 1..=10 {
        let name = if number % 3 == 0 { "kitchen" } else { "lobby" };
        assert_eq!(send(&journal, name, "hi").await.message.seq(), Seq::new(number));
        assert_eq!(journal.last(), Seq::new(number));
    }
}

async fn a_repeated_key_is_the_first_message_also_after_reopening(bench: Bench) {
    let journal = bench.open(ALL);
    let first = journal.append(draft("lobby", "hi", "k")).await.unwrap();
    let again = journal.append(draft("lobby", "hi", "k")).await.unwrap();
    assert!(first.fresh && !again.fresh);
    assert_eq!(again.message, first.message);
    let elsewhere = journal.append(draft("kitchen", "hi", "k")).await.unwrap();
    assert!(elsewhere.fresh, "a key is a room's");
    // In one batch: both are in the queue before the first is committed.
    let (one, other) = tokio::join!(
        journal.append(draft("lobby", "b", "b")),
        journal.append(draft("lobby", "b", "b"))
    );
    assert_eq!(one.unwrap().message, other.unwrap().message);
    journal.close().await;

    let journal = bench.open(ALL);
    let again = journal.append(draft("lobby", "hi", "k")).await.unwrap();
    assert_eq!(again.message, first.message);
    assert_eq!(kept(&journal, "lobby").await, ["hi", "b"]);
}

async fn a_key_used_for_another_text_or_name_is_refused(bench: Bench) {
    let journal = bench.open(ALL);
    journal.append(draft("lobby", "hi", "k")).await.unwrap();
    let why = journal.append(draft("lobby", "ho", "k")).await.unwrap_err();
    assert!(matches!(why, AppendError::KeyReused));
    let other = Draft { name: Name::parse("bob").unwrap(), ..draft("lobby", "hi", "k") };
    assert!(matches!(journal.append(other).await.unwrap_err(), AppendError::KeyReused));
    assert_eq!(kept(&journal, "lobby").await, ["hi"]);
}

async fn a_trimmed_message_is_not_stored_again_under_its_key(bench: Bench) {
    let journal = bench.open(Retention { keep: 2, ttl: None });
    let first = journal.append(draft("lobby", "first", "k")).await.unwrap();
    fill(&journal, "lobby", 0..5).await;
    assert_eq!(kept(&journal, "lobby").await, ["3", "4"]);
    let again = journal.append(draft("lobby", "first", "k")).await.unwrap();
    assert!(!again.fresh);
    assert_eq!(again.message, first.message);
    assert_eq!(kept(&journal, "lobby").await, ["3", "4"]);
}

async fn pages_go_forwards_and_backwards_by_seq(bench: Bench) {
    let journal = bench.open(ALL);
    for number in 0..20 {
        send(&journal, "lobby", &number.to_string()).await;
        send(&journal, "kitchen", "between").await;
    }
    let mut forwards = Vec::new();
    let mut place = Seq::ZERO;
    while place < journal.last() {
        let page = journal.after(&room("lobby"), place, 7).await.unwrap();
        assert!(page.messages.len() <= 7 && page.upto > place);
        place = page.upto;
        forwards.extend(page.messages);
    }
    let mut backwards = Vec::new();
    let mut before = None;
    loop {
        let page = journal.before(&room("lobby"), before, 7).await.unwrap();
        assert!(page.messages.len() <= 7);
        assert_eq!(page.upto, journal.last());
        before = page.messages.first().map(Message::seq);
        backwards.splice(0..0, page.messages);
        if !page.more {
            break;
        }
    }
    assert_eq!(forwards, backwards);
    let got: Vec<_> = forwards.iter().map(|message| message.text.as_str().to_owned()).collect();
    assert_eq!(got, texts(0..20));
    let none = journal.after(&room("nowhere"), Seq::ZERO, 7).await.unwrap();
    assert!(none.messages.is_empty() && none.gap.is_none() && none.upto == journal.last());
}

async fn reopened_it_has_the_same_epoch_messages_and_next_seq(bench: Bench) {
    let journal = bench.open(ALL);
    let epoch = journal.epoch().clone();
    fill(&journal, "lobby", 0..5).await;
    journal.close().await;
    let journal = bench.open(ALL);
    assert_eq!(*journal.epoch(), epoch);
    assert_eq!(kept(&journal, "lobby").await, texts(0..5));
    assert_eq!(send(&journal, "lobby", "5").await.message.seq(), Seq::new(6));
}

async fn following_gives_every_message_of_all_rooms_in_order(bench: Bench) {
    let journal = bench.open(ALL);
    fill(&journal, "lobby", 0..5).await;
    let mut follow = Box::pin(journal.follow(Seq::new(2), |_| false));
    let sender = tokio::spawn({
        let journal = journal.clone();
        async move {
            for number in 0..300 {
                send(&journal, ["lobby", "kitchen", "hall"][number % 3], "x").await;
            }
            journal.close().await;
        }
    });
    let mut seen = Vec::new();
    while let Some(batch) = soon("a batch", follow.next()).await {
        match batch {
            Ok(messages) => seen.extend(messages.iter().map(|message| message.seq().get())),
            // Closed while it read: what is missing is then behind `seen`, checked below.
            Err(_) => break,
        }
        if seen.len() == 303 {
            break;
        }
    }
    sender.await.unwrap();
    assert!(seen.len() > 3);
    assert_eq!(seen, (3..3 + seen.len() as u64).collect::<Vec<_>>());
}

async fn it_keeps_as_many_messages_per_room_as_it_is_told(bench: Bench) {
    let journal = bench.open(Retention { keep: 10, ttl: None });
    fill(&journal, "lobby", 0..25).await;
    fill(&journal, "kitchen", 0..5).await;
    assert_eq!(kept(&journal, "lobby").await, texts(15..25));
    assert_eq!(kept(&journal, "kitchen").await, texts(0..5));
}

async fn a_smaller_number_kept_trims_by_itself(bench: Bench) {
    let journal = bench.open(ALL);
    fill(&journal, "lobby", 0..300).await;
    fill(&journal, "kitchen", 0..300).await;
    journal.close().await;
    let journal = bench.open(Retention { keep: 10, ttl: None });
    until("both rooms are trimmed", async || {
        let trimmed = kept(&journal, "lobby").await.len() + kept(&journal, "kitchen").await.len();
        (trimmed == 20).then_some(())
    })
    .await;
    assert_eq!(kept(&journal, "lobby").await, texts(290..300));
}

async fn what_is_older_than_the_ttl_goes_and_a_ttl_of_none_keeps_it(bench: Bench) {
    let journal = bench.open(Retention { keep: 1_000, ttl: Some(Duration::from_millis(1)) });
    fill(&journal, "lobby", 0..100).await;
    fill(&journal, "kitchen", 0..100).await;
    until("everything is too old", async || {
        (kept(&journal, "lobby").await.len() + kept(&journal, "kitchen").await.len() == 0)
            .then_some(())
    })
    .await;
    journal.close().await;
    let journal = bench.open(ALL);
    send(&journal, "lobby", "stays").await;
    assert_eq!(kept(&journal, "lobby").await, ["stays"]);
}

async fn a_gap_is_told_with_its_number_where_that_is_known(bench: Bench) {
    // Failure 5: the cursor is older than what is kept.
    let journal = bench.open(Retention { keep: 100, ttl: None });
    fill(&journal, "lobby", 0..50).await;
    let away = journal.last();
    for number in 50..250 {
        send(&journal, "lobby", &number.to_string()).await;
        send(&journal, "kitchen", "between").await;
    }
    let page = journal.after(&room("lobby"), away, 10).await.unwrap();
    assert_eq!(page.gap, Some(Gap { gone: Some(100) }), "50 to 149");
    assert_eq!(page.messages[0].text.as_str(), "150");
    let start = journal.after(&room("lobby"), Seq::ZERO, 10).await.unwrap();
    assert_eq!(start.gap, Some(Gap { gone: Some(150) }));
    let one_missing = Seq::new(page.messages[0].seq().get() - 4);
    let page = journal.after(&room("lobby"), one_missing, 10).await.unwrap();
    assert_eq!(page.gap, Some(Gap { gone: Some(1) }));
    let none_missing = Seq::new(page.messages[0].seq().get() - 2);
    let page = journal.after(&room("lobby"), none_missing, 10).await.unwrap();
    assert_eq!(page.gap, None);
    let elsewhere = journal.after(&room("kitchen"), away, 10).await.unwrap();
    assert_eq!(elsewhere.gap, Some(Gap { gone: Some(100) }), "200 sent since, 100 kept");
}

async fn ids_survive_trimming_of_everything_and_vacuum(bench: Bench) {
    let journal = bench.open(Retention { keep: 10, ttl: Some(Duration::from_millis(1)) });
    let epoch = journal.epoch().clone();
    fill(&journal, "lobby", 0..20).await;
    until("everything is trimmed", async || kept(&journal, "lobby").await.is_empty().then_some(()))
        .await;
    let page = journal.after(&room("lobby"), Seq::new(5), 10).await.unwrap();
    assert_eq!(
        page.gap,
        Some(Gap { gone: Some(15) }),
        "a reader is told also when nothing is left"
    );
    journal.close().await;
    let file = rusqlite::Connection::open(bench.home.path().join("hubbub.db")).unwrap();
    file.execute_batch("VACUUM").unwrap();
    file.close().unwrap();
    let journal = bench.open(ALL);
    assert_eq!(*journal.epoch(), epoch);
    assert_eq!(journal.last(), Seq::new(20));
    assert_eq!(send(&journal, "lobby", "next").await.message.seq(), Seq::new(21));
}

async fn a_deleted_file_is_a_new_epoch(bench: Bench) {
    let journal = bench.open(ALL);
    let epoch = journal.epoch().clone();
    send(&journal, "lobby", "hi").await;
    journal.close().await;
    std::fs::remove_file(bench.home.path().join("hubbub.db")).unwrap();
    let journal = bench.open(ALL);
    assert_ne!(*journal.epoch(), epoch);
    assert_eq!(send(&journal, "lobby", "hi").await.message.seq(), Seq::new(1));
}

async fn an_older_copy_put_back_is_a_new_epoch_with_its_messages(bench: Bench) {
    // Failure 4: restored data gives ids again that readers have seen for other messages.
    let (data, copy) = (bench.home.path().join("hubbub.db"), bench.home.path().join("copy.db"));
    let journal = bench.open(ALL);
    let epoch = journal.epoch().clone();
    fill(&journal, "lobby", 0..3).await;
    journal.close().await;
    std::fs::copy(&data, &copy).unwrap();
    let journal = bench.open(ALL);
    assert_eq!(*journal.epoch(), epoch, "a plain restart keeps it");
    fill(&journal, "lobby", 3..5).await;
    journal.close().await;
    std::fs::rename(&copy, &data).unwrap();
    let journal = bench.open(ALL);
    assert_ne!(*journal.epoch(), epoch);
    let renewed = journal.epoch().clone();
    assert_eq!(kept(&journal, "lobby").await, texts(0..3));
    journal.close().await;
    assert_eq!(*bench.open(ALL).epoch(), renewed, "once is enough");
}

async fn closing_stores_what_was_accepted_and_refuses_what_comes_later(bench: Bench) {
    let journal = bench.open(ALL);
    let senders: Vec<_> = (0..50)
        .map(|number: u32| {
            let journal = journal.clone();
            tokio::spawn(async move {
                journal.append(draft("lobby", &number.to_string(), &number.to_string())).await
            })
        })
        .collect();
    journal.close().await;
    journal.close().await;
    let mut stored = Vec::new();
    for sender in senders {
        match sender.await.unwrap() {
            Ok(appended) => stored.push(appended.message),
            Err(why) => assert!(matches!(why, AppendError::Closed), "{why}"),
        }
    }
    stored.sort_by_key(Message::seq);
    let late = journal.append(draft("lobby", "late", "late")).await;
    assert!(matches!(late, Err(AppendError::Closed)));
    let journal = bench.open(ALL);
    let page = journal.after(&room("lobby"), Seq::ZERO, 100).await.unwrap();
    assert_eq!(page.messages, stored, "what was refused is not there, what was answered is");
}

async fn many_senders_at_once_get_seqs_without_a_hole(bench: Bench) {
    let journal = bench.open(ALL);
    let senders: Vec<_> = (0..64)
        .map(|_| {
            let journal = journal.clone();
            tokio::spawn(async move {
                let mut seqs = Vec::new();
                for _ in 0..10 {
                    seqs.push(send(&journal, "lobby", "x").await.message.seq().get());
                }
                assert!(seqs.is_sorted());
                seqs
            })
        })
        .collect();
    let mut seqs = Vec::new();
    for sender in senders {
        seqs.extend(sender.await.unwrap());
    }
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=640).collect::<Vec<_>>());
}

async fn an_answered_message_is_readable_at_once(bench: Bench) {
    let journal = bench.open(ALL);
    for _ in 0..100 {
        let sent = send(&journal, "lobby", "x").await.message;
        assert!(journal.last() >= sent.seq());
        let newest = journal.before(&room("lobby"), None, 1).await.unwrap();
        assert_eq!(newest.messages, [sent]);
    }
}
