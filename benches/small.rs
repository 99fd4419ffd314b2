//! A small room: ten readers and a hundred messages a second, as a busy chat has. How long a message
//! takes from its send to the last of them, beside a plain loop that writes the same bytes to as
//! many sockets, and beside nginx with nchan. These two keep nothing; hubbub has synced a message to
//! its disk before anybody gets it, so that a plain synced write at the same pace is measured as well.
//!
//! Server and load have a processor each; each figure is a median over the rounds, in which the
//! sides take turns.
//!
//! `cargo bench --bench small`, with `ROUNDS=9` for more rounds, `OTHER=path` for another build.

mod support;

use std::{
    env,
    fs::File,
    io::{self, Write as _},
    time::{Duration, Instant},
};

use support::{
    App,
    crowd::Crowd,
    floor::Floor,
    median, ms,
    nchan::Nchan,
    percentile, print_table, quick,
    side::{self, Side},
};

/// How many read.
const READERS: usize = 10;

/// Messages in a round, and between two of them.
const MESSAGES: u64 = 1_000;
const EVERY: Duration = Duration::from_millis(10);

/// Messages of a round before it is measured: what is done once is done, and buffers are there.
const FIRST: u64 = 20;

/// One side in one round: milliseconds, and microseconds of the server's processor time per message.
struct Measured {
    arrived: Vec<f64>,
    acknowledged: Vec<f64>,
    cpu: f64,
    /// Plain synced writes between the messages, in the floor's rounds.
    synced: Vec<f64>,
}

fn main() -> io::Result<()> {
    if !support::begin() {
        return Ok(());
    }
    let rounds = env::var("ROUNDS").map_or(3, |rounds| rounds.parse().expect("ROUNDS is a number"));
    let rounds = if quick() { 1 } else { rounds };
    let frame = side::frame()?;
    let mut sides = [const { Vec::new() }; 4];
    for _ in 0..rounds {
        let [hubbub, floor, nchan, other] = &mut sides;
        floor.push(round(&Side::Floor(Floor::start()?, frame.clone()))?);
        hubbub.push(round(&Side::Hubbub(App::pinned(&[])))?);
        if let Some(peer) = Nchan::start()? {
            nchan.push(round(&Side::Nchan(peer))?);
        }
        if let Some(build) = App::other(&[]) {
            other.push(round(&Side::Hubbub(build))?);
        }
    }
    report(&sides);
    Ok(())
}

fn round(side: &Side) -> io::Result<Measured> {
    let messages = if quick() { MESSAGES / 10 } else { MESSAGES };
    let mut crowd = Crowd::new()?;
    crowd.open(side.address(), (0..READERS).map(|_| side.stream()))?;
    let sender = crowd.add_sender(side.address())?;
    let (mut arrived, mut acknowledged, mut synced) = (Vec::new(), Vec::new(), Vec::new());
    let directory = support::process::directory();
    let mut file = File::create(directory.path().join("synced"))?;
    let mut used = Duration::ZERO;
    let mut next = Instant::now();
    for number in 0..FIRST + messages {
        if number == FIRST {
            used = side.cpu();
        }
        let sent = Instant::now();
        crowd.send(sender, &side.send(number))?;
        let due = usize::try_from(number).expect("not that many") + 1;
        crowd.until("a message", |crowd| {
            crowd.complete() == due && !crowd.acknowledged.is_empty()
        })?;
        let (_, waited) = crowd.acknowledged.pop_front().expect("it is there");
        let arrival = &crowd.arrivals()[due - 1];
        assert_eq!(arrival.number, number, "what was sent is what came");
        if number >= FIRST {
            arrived.push(ms(arrival.whole.expect("complete") - sent));
            acknowledged.push(ms(waited));
        }
        if matches!(side, Side::Floor(..)) {
            let begun = Instant::now();
            file.write_all(&[b'x'; 300])?; // About a message with its key.
            file.sync_data()?;
            synced.push(ms(begun.elapsed()));
        }
        // Where a message takes longer than that, the next is not sent the sooner for it.
        next = (next + EVERY).max(Instant::now());
        crowd.during(next.saturating_duration_since(Instant::now()))?;
    }
    #[expect(clippy::cast_precision_loss, reason = "not that many")]
    let cpu = (side.cpu() - used).as_secs_f64() * 1e6 / messages as f64;
    Ok(Measured { arrived, acknowledged, cpu, synced })
}

/// The table: each figure, and what it is beside the floor's of the same round.
fn report(sides: &[Vec<Measured>; 4]) {
    let titles = ["hubbub", "plain loop", "nginx with nchan", "the other build"];
    let floor = &sides[1];
    let figures: [fn(&Measured) -> f64; 5] = [
        |side| median(&side.arrived),
        |side| percentile(&side.arrived, 0.99),
        |side| median(&side.acknowledged),
        |side| percentile(&side.acknowledged, 0.99),
        |side| side.cpu,
    ];
    let rows: Vec<_> = titles
        .iter()
        .zip(sides)
        .filter(|(_, rounds)| !rounds.is_empty())
        .map(|(what, rounds)| {
            let mut row = vec![(*what).to_owned()];
            for (place, figure) in figures.iter().enumerate() {
                let values: Vec<f64> = rounds.iter().map(figure).collect();
                row.push(format!("{:.2}", median(&values)));
                // The goals are of the arrival.
                if place < 2 {
                    let ratios =
                        values.iter().zip(floor).map(|(value, floor)| value / figure(floor));
                    row.push(format!("{:.2}", median(&ratios.collect::<Vec<_>>())));
                }
            }
            row
        })
        .collect();
    print_table(
        &[
            &format!("{READERS} readers, 100 messages a second"),
            "to the last, median ms",
            "ratio",
            "p99 ms",
            "ratio",
            "acknowledged, median ms",
            "p99 ms",
            "CPU µs per message",
        ],
        &rows,
    );
    let synced: Vec<f64> = floor.iter().map(|floor| median(&floor.synced)).collect();
    let over = sides[0].iter().zip(&synced).map(|(side, synced)| median(&side.arrived) - synced);
    println!(
        "a plain synced write takes {:.2} ms at this pace; hubbub's last reader has it {:.2} ms later",
        median(&synced),
        median(&over.collect::<Vec<_>>())
    );
    if sides[2].is_empty() {
        println!("nginx with nchan is not installed (Debian: nginx libnginx-mod-nchan)");
    }
}
