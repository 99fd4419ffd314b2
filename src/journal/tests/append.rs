//! Sends: seqs, keys, what is answered.

use super::*;

pub async fn seqs_rise_by_one_over_all_rooms(bench: Bench) {
    let journal = bench.open(ALL);
    let before = journal.last().get();
    for number in before + 1..=before + 10 {
        let name = if number % 3 == 0 { "kitchen" } else { "lobby" };
        assert_eq!(send(&journal, name, "hi").await.message.seq(), Seq::new(number));
        assert_eq!(journal.last(), Seq::new(number));
    }
}

pub async fn a_repeated_key_is_the_first_message_also_after_reopening(bench: Bench) {
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

pub async fn a_key_used_for_another_text_or_name_is_refused(bench: Bench) {
    let journal = bench.open(ALL);
    journal.append(draft("lobby", "hi", "k")).await.unwrap();
    let why = journal.append(draft("lobby", "ho", "k")).await.unwrap_err();
    assert!(matches!(why, AppendError::KeyReused));
    let other = Draft { name: Name::parse("bob").unwrap(), ..draft("lobby", "hi", "k") };
    assert!(matches!(journal.append(other).await.unwrap_err(), AppendError::KeyReused));
    assert_eq!(kept(&journal, "lobby").await, ["hi"]);
}

pub async fn a_trimmed_message_is_not_stored_again_under_its_key(bench: Bench) {
    let journal = bench.open(Retention { keep: 2, ttl: None });
    let first = journal.append(draft("lobby", "first", "k")).await.unwrap();
    fill(&journal, "lobby", 0..5).await;
    assert_eq!(kept(&journal, "lobby").await, ["3", "4"]);
    let again = journal.append(draft("lobby", "first", "k")).await.unwrap();
    assert!(!again.fresh);
    assert_eq!(again.message, first.message);
    assert_eq!(kept(&journal, "lobby").await, ["3", "4"]);
}

pub async fn a_trimmed_messages_key_is_refused_for_another_text_or_name(bench: Bench) {
    let retention = Retention { keep: 1, ttl: None };
    let journal = bench.open(retention);
    let first = journal.append(draft("lobby", "first", "k1")).await.unwrap();
    journal.append(draft("lobby", "second", "k2")).await.unwrap();
    let try_again = async |journal: &Journal| {
        let why = journal.append(draft("lobby", "another", "k1")).await.unwrap_err();
        assert!(matches!(why, AppendError::KeyReused));
        let bob = Draft { name: Name::parse("bob").unwrap(), ..draft("lobby", "first", "k1") };
        assert!(matches!(journal.append(bob).await.unwrap_err(), AppendError::KeyReused));
        let again = journal.append(draft("lobby", "first", "k1")).await.unwrap();
        assert!(!again.fresh);
        assert_eq!(again.message, first.message);
        assert_eq!(kept(journal, "lobby").await, ["second"]);
    };
    try_again(&journal).await;
    until("its text is gone from the file", async || {
        let file = rusqlite::Connection::open(bench.home.path().join("hubbub.db")).unwrap();
        let sql = "SELECT count(*) FROM entries WHERE body = 'first'";
        (file.query_row(sql, [], |row| row.get::<_, u64>(0)).unwrap() == 0).then_some(())
    })
    .await;
    try_again(&journal).await;
    journal.close().await;
    try_again(&bench.open(retention)).await;
}

pub async fn a_lock_of_somebody_elses_refuses_no_send(bench: Bench) {
    /// A backup's, that takes long: more than SQLite is often told to wait.
    const HELD: Duration = Duration::from_secs(7);
    let journal = bench.open(Retention { keep: 1, ttl: None });
    let before = journal.last().get();
    fill(&journal, "lobby", 0..2).await;
    let backup = rusqlite::Connection::open(bench.home.path().join("hubbub.db")).unwrap();
    backup.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let sending: Vec<_> = (2..50)
        .map(|number: u32| {
            let journal = journal.clone();
            tokio::spawn(async move { send(&journal, "lobby", &number.to_string()).await })
        })
        .collect();
    tokio::time::sleep(HELD).await;
    assert!(journal.ready());
    backup.execute_batch("ROLLBACK").unwrap();
    for sent in sending {
        sent.await.unwrap();
    }
    assert_eq!(journal.last(), Seq::new(before + 50));
}

pub async fn many_senders_at_once_get_seqs_without_a_hole(bench: Bench) {
    let journal = bench.open(ALL);
    let before = journal.last().get();
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
    assert_eq!(seqs, (before + 1..=before + 640).collect::<Vec<_>>());
}

pub async fn an_answered_message_is_readable_at_once(bench: Bench) {
    let journal = bench.open(ALL);
    for _ in 0..100 {
        let sent = send(&journal, "lobby", "x").await.message;
        assert!(journal.last() >= sent.seq());
        let newest = journal.before(&room("lobby"), None, 1).await.unwrap();
        assert_eq!(newest.messages, [sent]);
    }
}

pub async fn closing_stores_what_was_accepted_and_refuses_what_comes_later(bench: Bench) {
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
    assert_eq!(page.messages(), stored, "what was refused is not there, what was answered is");
}
