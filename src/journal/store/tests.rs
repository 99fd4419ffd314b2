//! The writer by itself, with times of the test's choosing.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::StatementStatus;
use tempfile::{TempDir, tempdir};

use super::{Lane, MAX_IDLE_TIME, Store, Writer, age, check, find, open, read::Reader, trim};
use crate::{
    journal::{Retention, followers::Followers, holds::Holds},
    message::{Entry, Epoch, Key, Message, MessageId, Name, RoomName, Seq, State, Text},
};

mod clock;
mod files;
mod forget;
#[cfg(feature = "nats")]
mod node;

/// A writer over a file of its own.
struct Bench {
    home: TempDir,
    writer: Writer,
    followers: Followers,
    holds: Holds,
    seq: u64,
    /// What each message says.
    text: String,
    /// When it is [`NOW`].
    begun: Instant,
}

/// A moment in 2026.
const NOW: i64 = 1_795_000_000_000;
const HOUR: i64 = 3_600_000;
const TTL: Option<Duration> = Some(Duration::from_hours(1));

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap()
}

fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

impl Bench {
    fn new(retention: Retention) -> Self {
        Self::over(tempdir().unwrap(), retention, 0)
    }

    fn over(home: TempDir, retention: Retention, seq: u64) -> Self {
        let (followers, holds) = (Followers::default(), Holds::default());
        let path = home.path().join("hubbub.db");
        let mut writer = Writer::open(&path, retention, followers.clone(), holds.clone()).unwrap();
        writer.keep();
        Self { home, writer, followers, holds, seq, text: "hi".to_owned(), begun: Instant::now() }
    }

    fn reopen(self, retention: Retention) -> Self {
        let Self { home, writer, seq, .. } = self;
        writer.close().unwrap();
        Self::over(home, retention, seq)
    }

    /// Stores messages in one batch: rooms, and when each was sent.
    fn send<'a>(&mut self, messages: impl IntoIterator<Item = (&'a str, i64)>) {
        let mut batch = self.writer.batch().unwrap();
        for (name, sent_at) in messages {
            self.seq += 1;
            let message = Message {
                id: MessageId::new(Epoch::parse("e").unwrap(), Seq::new(self.seq)),
                room: room(name),
                name: Name::parse("ann").unwrap(),
                text: Text::parse(&self.text).unwrap(),
                sent_at: at(sent_at),
                state: State::Sent,
            };
            batch.insert(&Key::fresh(), &Entry::Message(message), None).unwrap();
        }
        batch.commit(Seq::new(self.seq)).unwrap();
    }

    /// Tends until nothing comes further; answers after how many steps.
    fn tend(&mut self, now: i64) -> usize {
        (1..100_000).find(|_| !self.step(now)).expect("an end")
    }

    /// One step, with a clock that runs evenly.
    fn step(&mut self, now: i64) -> bool {
        let passed = Duration::from_millis(u64::try_from(now - NOW).expect("no time before"));
        self.writer.tend(at(now), self.begun + passed).unwrap()
    }

    fn number(&self, sql: &str) -> i64 {
        self.writer.connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// How many messages are kept of a room.
    fn kept(&self, name: &str) -> i64 {
        self.number(&format!("SELECT sent - dropped FROM rooms WHERE name = '{name}'"))
    }
}

#[test]
fn no_statement_that_runs_with_batches_builds_a_table_or_sorts() {
    let bench = Bench::new(Retention { keep: 10, ttl: None });
    for sql in trim::STATEMENTS {
        let mut explain = bench.writer.connection.prepare(&format!("EXPLAIN {sql}")).unwrap();
        // Whatever is bound: nothing is executed.
        let bound = rusqlite::params_from_iter((0..explain.parameter_count()).map(|_| 0));
        let codes = explain.query_map(bound, |row| row.get::<_, String>("opcode")).unwrap();
        let codes: Vec<_> = codes.map(Result::unwrap).collect();
        assert!(codes.len() > 5, "{codes:?}");
        for code in codes {
            let builds = ["OpenEphemeral", "OpenAutoindex", "SorterOpen", "RowSetAdd"];
            assert!(!builds.contains(&&*code), "{code} in {sql}");
        }
    }
}

#[test]
fn a_room_that_was_written_to_is_not_looked_up_again() {
    let mut bench = Bench::new(Retention { keep: 10, ttl: None });
    bench.send([("lobby", NOW)]);
    // Behind its back, so that a look would find no such room.
    bench.writer.connection.execute("UPDATE rooms SET name = 'moved'", []).unwrap();
    bench.send([("lobby", NOW), ("lobby", NOW)]);
    assert_eq!(bench.number("SELECT count(*) FROM rooms"), 1);
    assert_eq!(bench.number("SELECT sent FROM rooms"), 3);
}

#[test]
fn a_batch_that_fails_leaves_no_trace_in_what_is_known_of_rooms() {
    let mut bench = Bench::new(Retention { keep: 10, ttl: None });
    bench.send([("lobby", NOW)]);
    let message = |seq: u64| Message {
        id: MessageId::new(Epoch::parse("e").unwrap(), Seq::new(seq)),
        room: room("lobby"),
        name: Name::parse("ann").unwrap(),
        text: Text::parse("hi").unwrap(),
        sent_at: at(NOW),
        state: State::Sent,
    };
    for _ in 0..5 {
        let mut batch = bench.writer.batch().unwrap();
        batch.insert(&Key::fresh(), &Entry::Message(message(2)), None).unwrap();
        drop(batch);
    }
    bench.send([("lobby", NOW)]);
    assert_eq!(bench.number("SELECT sent FROM rooms"), 2);
    assert_eq!(bench.number("SELECT max(n) FROM entries"), 2);
}

#[test]
fn what_is_trimmed_becomes_tombstones_by_the_chunk_or_when_there_is_time() {
    let mut bench = Bench::new(Retention { keep: 10, ttl: None });
    let texts = "SELECT count(*) FROM entries WHERE kind <> 0";
    let chunk = i64::try_from(trim::CHUNK).unwrap();
    for _ in 1..10 + chunk {
        bench.send([("lobby", NOW)]);
    }
    let counted = (bench.kept("lobby"), bench.number(texts));
    assert_eq!(counted, (10, 9 + chunk), "one statement for many");
    for _ in 0..7 {
        bench.send([("lobby", NOW)]);
    }
    assert_eq!((bench.kept("lobby"), bench.number(texts)), (10, 16));
    bench.tend(NOW);
    assert_eq!(bench.number(texts), 10);
    bench.send([("lobby", NOW), ("lobby", NOW)]);
    assert_eq!((bench.kept("lobby"), bench.number(texts)), (10, 12));
    let mut bench = bench.reopen(Retention { keep: 10, ttl: None });
    bench.tend(NOW);
    assert_eq!(bench.number(texts), 10, "also after a restart");
    let trimmed = "SELECT count(*) FROM entries WHERE kind = 0 AND name = '' AND body <> 'hi'";
    assert_eq!(bench.number(trimmed), chunk + 8);
}

#[test]
fn tombstones_of_long_texts_take_no_more_room_than_others() {
    let mut bench = Bench::new(Retention { keep: 10, ttl: None });
    bench.text = "€".repeat(Text::MAX_CHARS);
    for _ in 0..2000 {
        bench.send([("lobby", NOW)]);
    }
    bench.tend(NOW);
    assert_eq!(bench.number("SELECT count(*) FROM entries WHERE octet_length(body) > 16"), 10);
    assert_eq!(bench.number("SELECT count(*) FROM entries WHERE kind = 0"), 1990);
    let used = bench.number("PRAGMA page_count") - bench.number("PRAGMA freelist_count");
    // 10 texts of 3 pages, and a tenth of a page for each tombstone and its places in two indexes.
    assert!(used < 30 + 200 + 20, "{used} pages");
}

#[test]
fn tombstones_are_forgotten_beyond_what_is_remembered() {
    let mut bench = Bench::new(Retention { keep: 10, ttl: None });
    for _ in 0..100 {
        bench.send([("lobby", NOW); 200]);
    }
    bench.tend(NOW);
    assert_eq!(bench.kept("lobby"), 10);
    let rows = bench.number("SELECT count(*) FROM entries");
    assert!((10_010..10_400).contains(&rows), "{rows}");
    assert_eq!(bench.number("SELECT max(n) - min(n) + 1 FROM entries"), rows, "the newest");
}

#[test]
fn a_room_that_is_held_keeps_no_other_from_being_trimmed() {
    let names: Vec<String> = (0..1000).map(|number| format!("room-{number}")).collect();
    let mut bench = Bench::new(Retention { keep: 1000, ttl: TTL });
    bench.send(names.iter().flat_map(|name| [(&**name, NOW), (&**name, NOW)]));
    // The first ones: those that are looked at before all others.
    let holds: Vec<_> =
        names[..900].iter().map(|name| bench.holds.hold(&room(name), Seq::ZERO)).collect();
    let sum = "SELECT sum(sent - dropped) FROM rooms";
    let trim = |bench: &mut Bench, left| {
        // Each step passes over some of those that are held.
        let done = (0..1000).find(|_| {
            bench.tend(NOW + HOUR + 1);
            bench.number(sum) <= left
        });
        assert!(done.is_some(), "{} are left, not {left}", bench.number(sum));
    };
    trim(&mut bench, 1800);
    drop(holds);
    trim(&mut bench, 0);

    let mut bench = bench.reopen(Retention { keep: 1000, ttl: None });
    bench.send(names.iter().flat_map(|name| [(&**name, NOW), (&**name, NOW)]));
    let mut bench = bench.reopen(Retention { keep: 1, ttl: None });
    let _hold = bench.holds.hold(&room("room-0"), Seq::ZERO);
    // A step lasts a time, in which a busy machine may do little.
    let done = (0..1000).find(|_| {
        bench.tend(NOW);
        bench.number(sum) <= 1001
    });
    assert!(done.is_some());
    assert_eq!(bench.number(sum), 1001, "by number as well");
}

#[test]
fn what_nobody_followed_yet_is_trimmed_later_in_however_many_rooms() {
    let names: Vec<String> = (0..6000).map(|number| format!("room-{number}")).collect();
    let mut bench = Bench::new(Retention { keep: 1, ttl: None });
    let feed = bench.followers.register("feed", Seq::ZERO);
    for names in names.chunks(500) {
        bench.send(names.iter().flat_map(|name| [(&**name, NOW), (&**name, NOW)]));
    }
    for _ in 0..3 {
        assert!(bench.tend(NOW) < 10, "it does not go round and round");
    }
    assert_eq!(bench.number("SELECT sum(sent - dropped) FROM rooms"), 12_000);
    feed.advance(Seq::new(bench.seq));
    for _ in 0..3 {
        bench.tend(NOW);
    }
    assert_eq!(bench.number("SELECT sum(sent - dropped) FROM rooms"), 6000);
    assert_eq!(bench.number("SELECT count(*) FROM entries WHERE kind <> 0"), 6000);
}

#[test]
fn where_somebody_else_has_the_file_locked_tending_waits_for_another_time() {
    let mut bench = Bench::new(Retention { keep: 1, ttl: None });
    bench.send([("lobby", NOW), ("lobby", NOW)]);
    let other = rusqlite::Connection::open(bench.home.path().join("hubbub.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let begun = Instant::now();
    assert!(!bench.step(NOW), "no error either");
    assert!(begun.elapsed() < open::LOCK_TIMEOUT / 2, "sends would wait with it");
    other.execute_batch("ROLLBACK").unwrap();
    assert!(bench.step(NOW));
    assert_eq!(bench.number("PRAGMA synchronous"), 2, "batches are synced again");
}

#[test]
fn temporary_tables_are_in_memory() {
    let bench = Bench::new(Retention { keep: 1, ttl: None });
    assert_eq!(bench.number("PRAGMA temp_store"), 2);
    let reader = open::readable(&bench.home.path().join("hubbub.db")).unwrap();
    let store = reader.pragma_query_value(None, "temp_store", |row| row.get::<_, i64>(0));
    assert_eq!(store.unwrap(), 2);
}

#[test]
fn the_rooms_list_and_the_search_for_old_messages_do_not_go_through_all_rooms() {
    let names: Vec<String> = (0..5000).map(|number| format!("room-{number}")).collect();
    let mut bench = Bench::new(Retention { keep: 10, ttl: TTL });
    bench.send(names.iter().map(|name| (&**name, NOW)));
    bench.send([("room-17", NOW + 1)]);

    let mut connection = open::readable(&bench.home.path().join("hubbub.db")).unwrap();
    let epoch = Epoch::parse("e").unwrap();
    let rooms = Reader::begin(&mut connection, &epoch).unwrap().rooms(10).unwrap();
    assert_eq!((rooms.len(), rooms[0].0.as_str()), (10, "room-17"));
    for (sql, most) in [(super::read::SELECT_ROOMS, 200), (age::SELECT_OLD, 50)] {
        let mut statement = bench.writer.connection.prepare(sql).unwrap();
        let values = [10, NOW, 0];
        let mut rows = statement
            .query(rusqlite::params_from_iter(&values[..statement.parameter_count()]))
            .unwrap();
        while rows.next().unwrap().is_some() {}
        drop(rows);
        let steps = statement.get_status(StatementStatus::VmStep);
        assert!(steps < most, "{steps} steps for {sql}");
    }
    // Nor does who looks for a name that hardly any has.
    for (sql, part, found) in [
        (find::SELECT_NEWEST, "17", 2),
        (find::SELECT_BEGINNING, "room-499", 11),
        (find::SELECT_BEGINNING, "r", 100),
    ] {
        let mut statement = bench.writer.connection.prepare(sql).unwrap();
        let rows = statement.query_map(rusqlite::params![part, 100, 200], |_| Ok(())).unwrap();
        assert_eq!(rows.count(), found, "{part}");
        let steps = statement.get_status(StatementStatus::VmStep);
        assert!(steps < 3_000, "{steps} steps for {sql}");
    }
    let found = Reader::begin(&mut connection, &epoch).unwrap().find_rooms("m-17", 5).unwrap();
    let found: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(found, ["room-17", "room-1799", "room-1798", "room-1797", "room-1796"]);
    // Nothing is left in any of them.
    while bench.number("SELECT max(sent - dropped) FROM rooms") > 0 {
        bench.tend(NOW + 2 * HOUR);
    }
    let rooms = Reader::begin(&mut connection, &epoch).unwrap().rooms(10).unwrap();
    assert!(rooms.is_empty());
    let mut statement = bench.writer.connection.prepare(super::read::SELECT_ROOMS).unwrap();
    assert!(!statement.exists([10]).unwrap());
    let steps = statement.get_status(StatementStatus::VmStep);
    assert!(steps < 50, "{steps} steps where there is nothing");
}

#[tokio::test]
async fn connections_that_nobody_reads_by_any_more_are_closed() {
    let bench = Bench::new(Retention { keep: 1000, ttl: None });
    let store = Store::open(bench.writer.path(), Epoch::fresh()).unwrap();
    let idle = || store.0.idle.lock().unwrap();
    for _ in 0..3 {
        let since = Instant::now() - MAX_IDLE_TIME * 2;
        idle().insert(0, (since, open::readable(bench.writer.path()).unwrap()));
    }
    assert_eq!(idle().len(), 4);
    store.read(Lane::Page, |_| Ok(())).await.unwrap();
    assert_eq!(idle().len(), 1, "the one that was read by is kept");
}
