//! What very many rooms cost, a million of them with a message each: the list of rooms beside the
//! same of a hundred, the processor time of a server that has nothing to do, a page right after 150
//! lists that were asked for and not waited for, and how fast messages go that have expired.
//!
//! The files are filled past hubbub, in the shape that it gives them: a million sends would take a
//! quarter of an hour.
//!
//! `cargo bench --bench rooms`, with `-- 100000` for that many rooms, `OTHER=path` for another build.

mod support;

use std::{
    io::{self, Write as _},
    net::TcpStream,
    path::Path,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use hubbub::{
    journal::{Journal, Retention},
    metrics::Metrics,
};
use rusqlite::{OpenFlags, params};
use support::{App, Connection, directory, median, ms, print_table, quick, side::get};
use tempfile::TempDir;

/// Rooms, unless the command line says; and those that they are compared with.
const MANY: u64 = 1_000_000;
const FEW: u64 = 100;

/// Lists in a round, and rounds, in which the sides take turns.
const LISTS: usize = 100;
const ROUNDS: usize = 5;

/// Lists that nobody waits for.
const ABANDONED: usize = 150;

/// For how long nothing is done before it is said what that costs.
const IDLE: Duration = Duration::from_secs(5);

/// How long ago the messages were sent that expire, in milliseconds, and the age that is kept.
const AGE: i64 = 2 * 60 * 60 * 1000;
const TTL: &str = "1h";

/// How often what is left is counted.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    if !support::begin() {
        return Ok(());
    }
    let asked = support::asked();
    let many = asked.first().map_or(MANY, |asked| asked.parse().expect("how many rooms"));
    let many = if quick() { 2000 } else { many };
    let mut rows = Vec::new();
    for is_other in [false, true] {
        let build = if is_other { "the other build" } else { "hubbub" };
        let start = |home, flags: &[&str]| {
            if is_other {
                App::other_over(home, flags)
            } else {
                Some(App::pinned_over(home, flags))
            }
        };
        let Some(few) = start(filled(FEW, 0).await, &["--ttl", "0"]) else { continue };
        let full = start(filled(many, 0).await, &["--ttl", "0"]).expect("as before");
        rows.push(lists(build, many, [&few, &full]).await?);
        rows.push(idle(build, &full));
        rows.push(abandoned(build, &full).await?);
        drop((few, full));
        let home = filled(many, AGE).await;
        let expiring = start(Arc::clone(&home), &["--ttl", TTL]).expect("as before");
        rows.push(expired(build, many, &home, &expiring));
    }
    let title = format!("{many} rooms");
    print_table(&[&title, "figure", "beside", "ratio", "goal"], &rows);
    Ok(())
}

/// A journal with `count` rooms of one message each, sent so long ago.
async fn filled(count: u64, age: i64) -> Arc<TempDir> {
    let home = directory();
    let data = home.path().join("hubbub.db");
    let journal = Journal::open(&data, Retention { keep: 10_000, ttl: None }, Metrics::new());
    journal.expect("a new journal can be opened").close().await;
    fill(&data, count, age).expect("it can be filled");
    Arc::new(home)
}

fn fill(data: &Path, count: u64, age: i64) -> Result<(), rusqlite::Error> {
    let now = SystemTime::UNIX_EPOCH.elapsed().expect("a clock").as_millis();
    let sent_at = i64::try_from(now).expect("a date") - age;
    let mut journal = rusqlite::Connection::open(data)?;
    let filling = journal.transaction()?;
    filling.execute("UPDATE journal SET last = ?1", [count])?;
    {
        let mut room = filling.prepare(
            "INSERT INTO rooms (id, name, sent, dropped, dropped_seq, emptied_seq, last_sent_at,
             oldest_sent_at, last_seq) VALUES (?1, ?2, 1, 0, 0, 0, ?3, ?3, ?1)",
        )?;
        let mut entry = filling.prepare(
            "INSERT INTO entries (seq, room, n, key, sent_at, name, body, kind)
             VALUES (?1, ?1, 1, ?2, ?3, 'ann', 'a message of usual length for a chat', 1)",
        )?;
        for number in 1..=count {
            room.execute(params![number, format!("room-{number}"), sent_at])?;
            entry.execute(params![number, format!("k{number}"), sent_at])?;
        }
    }
    filling.commit()
}

/// The list of rooms, of few and of many.
async fn lists(build: &str, many: u64, apps: [&App; 2]) -> io::Result<Vec<String>> {
    let mut rounds = [const { Vec::new() }; 2];
    let request = get("/rooms", "");
    for _ in 0..if quick() { 1 } else { ROUNDS } {
        for (app, rounds) in apps.iter().zip(&mut rounds) {
            let mut connection = Connection::open(app.address()).await?;
            let mut waits = Vec::with_capacity(LISTS);
            for _ in 0..LISTS {
                let begun = Instant::now();
                let answer = connection.ask(&request).await?;
                waits.push(ms(begun.elapsed()));
                assert!(answer.starts_with(b"HTTP/1.1 200 "), "the list of rooms");
            }
            rounds.push(median(&waits));
        }
    }
    let [few, full] = &rounds;
    let ratios: Vec<_> = few.iter().zip(full).map(|(few, full)| full / few).collect();
    Ok(vec![
        format!("{build}: GET /rooms, median, beside {FEW} rooms of {many}"),
        format!("{:.2} ms", median(full)),
        format!("{:.2} ms", median(few)),
        format!("{:.2}", median(&ratios)),
        "1.5 times".into(),
    ])
}

/// What a server takes of a processor that nobody asks for anything.
fn idle(build: &str, app: &App) -> Vec<String> {
    let (before, begun) = (app.cpu(), Instant::now());
    std::thread::sleep(if quick() { IDLE / 10 } else { IDLE });
    let share = (app.cpu() - before).as_secs_f64() / begun.elapsed().as_secs_f64();
    row(build, "processor time while idle", &format!("{:.1} %", share * 100.0), "")
}

/// A page right after lists that nobody waits for.
async fn abandoned(build: &str, app: &App) -> io::Result<Vec<String>> {
    for _ in 0..ABANDONED {
        let mut socket = TcpStream::connect(app.address())?;
        socket.write_all(&get("/rooms", ""))?;
    }
    let begun = Instant::now();
    let mut connection = Connection::open(app.address()).await?;
    let answer = connection.ask(&get("/rooms/room-7/messages", "")).await?;
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "a page");
    let waited = format!("{:.1} ms", ms(begun.elapsed()));
    Ok(row(build, &format!("a page after {ABANDONED} abandoned lists"), &waited, ""))
}

/// How fast messages go that are too old.
#[expect(clippy::cast_precision_loss, reason = "not that many")]
fn expired(build: &str, many: u64, home: &TempDir, app: &App) -> Vec<String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let journal = rusqlite::Connection::open_with_flags(home.path().join("hubbub.db"), flags);
    let journal = journal.expect("it is there");
    let left = || -> u64 {
        let counted =
            journal
                .query_row("SELECT count(*) FROM rooms WHERE sent > dropped", [], |row| row.get(0));
        counted.expect("it can be read")
    };
    let before = app.cpu();
    let (mut begun, mut first) = (Instant::now(), many);
    loop {
        let now = left();
        if now == 0 {
            break;
        }
        if first == many && now < many {
            (begun, first) = (Instant::now(), now);
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
    let rate = first as f64 / begun.elapsed().as_secs_f64();
    let used = (app.cpu() - before).as_secs_f64();
    let what = format!("expired messages a second ({used:.1} s of processor time for all)");
    row(build, &what, &format!("{rate:.0}"), "50000")
}

fn row(build: &str, what: &str, figure: &str, goal: &str) -> Vec<String> {
    let cells = [&format!("{build}: {what}"), figure, "", "", goal];
    cells.map(ToOwned::to_owned).to_vec()
}
