//! Durable sends per second, one sender alone and many at once, beside plain synced writes to the
//! same disk; in a room that keeps all it is sent, and in one that is full, where each message that
//! comes is one that goes. All are measured in turns, since a shared disk has good and bad minutes;
//! each figure is a median over the rounds.
//!
//! `cargo bench --bench append`, with `ROUNDS=20` for more rounds, `OTHER=path` for another build.

mod support;

use std::{
    collections::HashSet,
    env,
    fs::File,
    io::{self, Write as _},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use rusqlite::OpenFlags;
use support::{App, Connection, directory, median, ms, number_after, percentile, print_table};
use tokio::task::JoinSet;

/// How many send at once.
const MANY: usize = 64;

/// How long each measurement of a round takes: hundreds of syncs, and some log checkpoints.
const TURN: Duration = Duration::from_secs(2);

/// What a plain write appends: about what one message is with its name, key and time.
const RECORD: [u8; 200] = [b'.'; 200];

/// One measurement: how long each write took, how long all of them, and the server's part in it.
struct Measured {
    waits: Vec<Duration>,
    took: Duration,
    cpu: Duration,
}

impl Measured {
    #[expect(clippy::cast_precision_loss, reason = "not that many")]
    fn rate(&self) -> f64 {
        self.waits.len() as f64 / self.took.as_secs_f64()
    }

    /// Microseconds of the server's processor time per message: what bounds the rate where a sync
    /// is short.
    #[expect(clippy::cast_precision_loss, reason = "not that many")]
    fn cpu(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.waits.len() as f64
    }

    fn median(&self) -> f64 {
        ms(median(&self.waits))
    }

    fn p99(&self) -> f64 {
        ms(percentile(&self.waits, 0.99))
    }
}

/// A hubbub, its senders, and what was measured of it.
struct Side {
    title: String,
    app: App,
    /// How many messages it keeps.
    keep: u64,
    request: Arc<[u8]>,
    acknowledged: Vec<u64>,
    one: Vec<Measured>,
    many: Vec<Measured>,
}

/// What a full room keeps: the default.
const KEEP: u64 = 10_000;

impl Side {
    fn new(title: &str, app: App, keep: u64) -> Self {
        let (title, request) = (title.to_owned(), request(app.address()).into());
        let (acknowledged, one, many) = (Vec::new(), Vec::new(), Vec::new());
        Self { title, app, keep, request, acknowledged, one, many }
    }

    /// Each build, with a room that is never full and with one that is.
    fn all() -> Vec<Self> {
        let (all, some) = (u64::MAX >> 1, KEEP);
        let mut sides = Vec::new();
        for (keep, what) in [(all, ""), (some, ", full")] {
            let flag = keep.min(1_000_000_000).to_string();
            let flags = ["--keep", &flag];
            sides.push(Self::new(what, App::with(&flags), keep));
            if let Some(app) = App::other_with(&flags) {
                sides.push(Self::new(&format!("{what}, other build"), app, keep));
            }
        }
        sides
    }

    /// Until caches are warm and files have grown a little; or until the room is full, and as much
    /// as is remembered of what was trimmed is there too.
    async fn warm(&mut self) -> io::Result<()> {
        loop {
            self.send(MANY, TURN / 4).await?;
            if self.keep > KEEP || self.acknowledged.len() as u64 > 2 * KEEP + 1000 {
                return Ok(());
            }
        }
    }

    async fn measure(&mut self) -> io::Result<()> {
        let one = self.send(1, TURN).await?;
        self.one.push(one);
        let many = self.send(MANY, TURN).await?;
        self.many.push(many);
        Ok(())
    }

    /// Some senders at once, each sending its next message when its last is acknowledged.
    async fn send(&mut self, senders: usize, turn: Duration) -> io::Result<Measured> {
        // New ones: an idle connection is closed before its turn comes again.
        let mut connections = Vec::new();
        for _ in 0..senders {
            connections.push(Connection::open(self.app.address()).await?);
        }
        let used = self.app.cpu();
        let begun = Instant::now();
        let mut sending = JoinSet::new();
        for mut sender in connections {
            let request = Arc::clone(&self.request);
            sending.spawn(async move {
                let mut waits = Vec::new();
                let mut seqs = Vec::new();
                while begun.elapsed() < turn {
                    let asked = Instant::now();
                    let answer = sender.ask(&request).await?;
                    waits.push(asked.elapsed());
                    assert!(
                        answer.starts_with(b"HTTP/1.1 201 "),
                        "{}",
                        str::from_utf8(answer).unwrap()
                    );
                    seqs.push(number_after(answer, b"#m").expect("the message's place"));
                }
                Ok::<_, io::Error>((waits, seqs))
            });
        }
        let mut waits = Vec::new();
        while let Some(sent) = sending.join_next().await {
            let (waited, seqs) = sent.expect("it runs to its end")?;
            waits.extend(waited);
            self.acknowledged.extend(seqs);
        }
        Ok(Measured { waits, took: begun.elapsed(), cpu: self.app.cpu() - used })
    }
}

// One thread: the client should leave the processors to the server.
#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let rounds = env::var("ROUNDS").map_or(7, |rounds| rounds.parse().expect("ROUNDS is a number"));
    let home = directory();
    let mut plain = File::create(home.path().join("plain"))?;
    let mut sides = Side::all();
    for side in &mut sides {
        side.warm().await?;
    }
    let mut reference = Vec::new();
    for _ in 0..rounds {
        reference.push(write_plainly(&mut plain, TURN)?);
        for side in &mut sides {
            side.measure().await?;
        }
    }
    report(&reference, &sides);
    for side in &mut sides {
        side.app.kill();
        check(&side.app.data(), &side.acknowledged, side.keep);
    }
    Ok(())
}

/// A message as a script would send it, without a key: the server gives each its own.
fn request(address: &str) -> Vec<u8> {
    let body = "username=ann&text=Shall+we+meet+at+the+harbour+at+seven%3F+I+bring+the+boat.";
    format!(
        "POST /rooms/lobby/messages HTTP/1.1\r\nHost: {address}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Appends to one file and syncs, one after another.
fn write_plainly(file: &mut File, turn: Duration) -> io::Result<Measured> {
    let mut waits = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < turn {
        let asked = Instant::now();
        file.write_all(&RECORD)?;
        file.sync_data()?;
        waits.push(asked.elapsed());
    }
    Ok(Measured { waits, took: begun.elapsed(), cpu: Duration::ZERO })
}

/// The table, and the figures that are goals.
fn report(plain: &[Measured], sides: &[Side]) {
    let over = |values: &[f64]| median(values);
    let rates = |turns: &[Measured]| turns.iter().map(Measured::rate).collect::<Vec<_>>();
    // Round by round, so that a slow minute of the disk is on both sides.
    let ratio = |turns: &[Measured], to: &[Measured]| {
        let ratios: Vec<f64> =
            rates(turns).iter().zip(&rates(to)).map(|(one, other)| one / other).collect();
        over(&ratios)
    };
    let row = |what: String, turns: &[Measured]| {
        let medians: Vec<f64> = turns.iter().map(Measured::median).collect();
        let p99s: Vec<f64> = turns.iter().map(Measured::p99).collect();
        let cpus: Vec<f64> = turns.iter().map(Measured::cpu).collect();
        vec![
            what,
            format!("{:.0}", over(&rates(turns))),
            format!("{:.2}", ratio(turns, plain)),
            format!("{:.2}", over(&medians)),
            format!("{:.2}", over(&p99s)),
            format!("{:.0}", over(&cpus)),
        ]
    };
    let mut rows = vec![row("plain synced writes".to_owned(), plain)];
    rows.extend(sides.iter().map(|side| row(format!("1 sender{}", side.title), &side.one)));
    rows.extend(sides.iter().map(|side| row(format!("{MANY} senders{}", side.title), &side.many)));
    print_table(&["", "per second", "ratio", "median ms", "p99 ms", "server CPU µs"], &rows);
    let one = &sides[0].one;
    let more: Vec<f64> = one.iter().zip(plain).map(|(a, b)| a.median() - b.median()).collect();
    println!("1 sender waits one sync and {:.2} ms more at the median", over(&more));
    let full = &sides[sides.len() / 2];
    println!(
        "a full room takes {:.2} of what another takes from 1 sender, {:.2} from {MANY}",
        ratio(&full.one, one),
        ratio(&full.many, &sides[0].many)
    );
}

/// Every acknowledged message has a place of its own and is in the journal, if it is kept.
fn check(data: &Path, acknowledged: &[u64], keep: u64) {
    let journal = rusqlite::Connection::open_with_flags(data, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .expect("the journal can be opened");
    let mut seqs = journal
        .prepare("SELECT seq FROM entries")
        .or_else(|_| journal.prepare("SELECT seq FROM messages")) // Another build's.
        .expect("there is a table");
    let kept: HashSet<u64> = seqs
        .query_map([], |row| row.get(0))
        .and_then(Iterator::collect)
        .expect("the journal can be read");
    let places: HashSet<u64> = acknowledged.iter().copied().collect();
    assert_eq!(places.len(), acknowledged.len(), "two messages were given one place");
    let last = places.iter().max().copied().unwrap_or(0);
    let due = places.iter().filter(|place| **place > last.saturating_sub(keep));
    let missing = due.filter(|place| !kept.contains(place)).count();
    assert_eq!(missing, 0, "acknowledged messages are not in the journal");
    println!("{} messages acknowledged, all in the journal after kill -9", places.len());
}
