//! A file of schema version 1, as the hubbub of that time made it.

use super::*;
use crate::journal::OpenError;

/// Its tables, word for word.
const SCHEMA: &str = "
    CREATE TABLE journal (
        epoch TEXT NOT NULL,
        last INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE rooms (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        sent INTEGER NOT NULL,
        dropped INTEGER NOT NULL,
        dropped_seq INTEGER NOT NULL,
        last_sent_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE messages (
        seq INTEGER PRIMARY KEY,
        room INTEGER NOT NULL REFERENCES rooms (id),
        n INTEGER NOT NULL,
        key TEXT NOT NULL,
        sent_at INTEGER NOT NULL,
        name TEXT NOT NULL,
        text TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX messages_by_room ON messages (room, seq);
    CREATE UNIQUE INDEX messages_by_key ON messages (room, key);
    CREATE TABLE dropped (
        room INTEGER NOT NULL REFERENCES rooms (id),
        seq INTEGER NOT NULL,
        n INTEGER NOT NULL,
        key TEXT NOT NULL,
        sent_at INTEGER NOT NULL,
        PRIMARY KEY (room, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX dropped_by_key ON dropped (room, key);
";

/// Two rooms of 20 and 3 messages, of which the first 12 of the lobby were trimmed, and the first
/// 2 of those forgotten.
fn write(path: &Path) {
    let file = rusqlite::Connection::open(path).unwrap();
    file.pragma_update(None, "auto_vacuum", "incremental").unwrap();
    file.execute_batch(SCHEMA).unwrap();
    file.execute("INSERT INTO journal (epoch, last) VALUES ('k3v9x2mq', 23)", []).unwrap();
    file.execute(
        "INSERT INTO rooms (name, sent, dropped, dropped_seq, last_sent_at)
         VALUES ('lobby', 20, 12, 12, 20000), ('kitchen', 3, 0, 0, 23000)",
        [],
    )
    .unwrap();
    for seq in 1..=23_i64 {
        let (room, n) = if seq <= 20 { (1, seq) } else { (2, seq - 20) };
        let (key, sent_at) = (format!("key-{seq}"), seq * 1000);
        if seq > 12 {
            file.execute(
                "INSERT INTO messages (seq, room, n, key, sent_at, name, text)
                 VALUES (?1, ?2, ?3, ?4, ?5, 'ann', ?1)",
                rusqlite::params![seq, room, n, key, sent_at],
            )
            .unwrap();
        } else if seq > 2 {
            file.execute(
                "INSERT INTO dropped (room, seq, n, key, sent_at) VALUES (?1, ?2, ?3, ?4, ?5)",
                rusqlite::params![room, seq, n, key, sent_at],
            )
            .unwrap();
        }
    }
    file.pragma_update(None, "user_version", 1).unwrap();
    file.pragma_update(None, "journal_mode", "wal").unwrap();
    file.close().unwrap();
    let mut mark = path.as_os_str().to_owned();
    mark.push(".lock");
    std::fs::write(mark, format!("{:>20}", 23)).unwrap();
}

fn open(home: &TempDir, retention: Retention) -> Journal {
    sqlite(home.path(), retention)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_it_is_lost() {
    let home = tempdir().unwrap();
    write(&home.path().join("hubbub.db"));
    for time in 0..2 {
        let journal = open(&home, ALL);
        assert_eq!(journal.epoch().as_str(), "k3v9x2mq");
        assert_eq!(journal.last(), Seq::new(23 + time), "opened for the {time}. time");

        let page = journal.after(&room("lobby"), Seq::new(15), 10).await.unwrap();
        let got: Vec<_> = page.messages().iter().map(|one| one.text.as_str().to_owned()).collect();
        assert_eq!(got, texts(16..21), "cursors are what they were");
        assert_eq!(page.gap, None);
        assert_eq!(page.messages()[0].sent_at.as_millisecond(), 16_000);
        assert_eq!(page.messages()[0].name.as_str(), "ann");
        assert_eq!(page.messages()[0].id.to_string(), "k3v9x2mq-16");
        assert_eq!(kept(&journal, "lobby").await, texts(13..21));
        let newest = journal.before(&room("lobby"), None, 100).await.unwrap();
        assert_eq!((newest.messages.len(), newest.more), (8, false));
        assert_eq!(journal.before_newest(&room("lobby"), 100).await.unwrap(), Seq::new(12));

        for (cursor, gone) in [(0, Some(12)), (1, None), (3, Some(9)), (11, Some(1))] {
            let page = journal.after(&room("lobby"), Seq::new(cursor), 1).await.unwrap();
            assert_eq!(page.gap, Some(Gap { gone }), "a cursor at {cursor}");
            assert_eq!(page.messages()[0].text.as_str(), "13");
        }

        for seq in [3, 12, 13, 20] {
            let again = journal.append(draft("lobby", &seq.to_string(), &format!("key-{seq}")));
            let again = again.await.unwrap();
            assert!(!again.fresh && again.message.seq() == Seq::new(seq), "key {seq}");
        }
        let why = journal.append(draft("lobby", "another", "key-13")).await.unwrap_err();
        assert!(matches!(why, AppendError::KeyReused));
        let rooms = journal.rooms(10).await.unwrap();
        let rooms: Vec<_> = rooms.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(rooms, ["kitchen", "lobby"]);

        let fresh = send(&journal, "kitchen", "new").await;
        assert_eq!(fresh.message.seq(), Seq::new(24 + time));
        journal.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_trimmed_like_any_other() {
    let home = tempdir().unwrap();
    write(&home.path().join("hubbub.db"));
    let journal = open(&home, Retention { keep: 5, ttl: None });
    until("the lobby is trimmed", async || {
        (kept(&journal, "lobby").await == texts(16..21)).then_some(())
    })
    .await;
    let page = journal.after(&room("lobby"), Seq::new(5), 10).await.unwrap();
    assert_eq!(page.gap, Some(Gap { gone: Some(10) }));
    journal.close().await;
    // They were sent in 1970, and so long ago that nothing would be remembered of them.
    let file = rusqlite::Connection::open(home.path().join("hubbub.db")).unwrap();
    let today = jiff::Timestamp::now().as_millisecond();
    file.execute("UPDATE rooms SET last_sent_at = ?1", [today]).unwrap();
    drop(file);
    let journal = open(&home, Retention { keep: 5, ttl: Some(Duration::from_secs(1)) });
    until("all of it is too old", async || {
        (kept(&journal, "lobby").await.len() + kept(&journal, "kitchen").await.len() == 0)
            .then_some(())
    })
    .await;
    let again = journal.append(draft("lobby", "20", "key-20")).await.unwrap();
    assert!(!again.fresh, "a retry is known when all is gone");
}

#[tokio::test]
async fn a_later_schema_and_somebody_elses_database_are_left_alone() {
    let home = tempdir().unwrap();
    let path = home.path().join("hubbub.db");
    for version in [0, 1, 2, 3, 4, 5, 6, 7] {
        let file = rusqlite::Connection::open(&path).unwrap();
        file.execute_batch("CREATE TABLE messages (x); INSERT INTO messages VALUES (7)").unwrap();
        file.pragma_update(None, "user_version", version).unwrap();
        file.close().unwrap();
        let before = std::fs::read(&path).unwrap();
        let why = Journal::open(&path, ALL, Metrics::new()).err().expect("it is refused");
        if version == 7 {
            assert!(matches!(why, OpenError::Newer { found: 7, .. }), "{why}");
        } else {
            assert!(matches!(why, OpenError::NotAJournal(_)), "{version}: {why}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), before);
        std::fs::remove_file(&path).unwrap();
    }
}
