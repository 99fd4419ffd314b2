//! What a delivery and a connect cost, and how long a message takes to its last reader, beside a plain loop
//! that writes the same bytes to as many sockets, and beside nginx with nchan.
//!
//! Server and load have a processor each; each figure is a median over the rounds, in which the
//! sides take turns.
//!
//! `cargo bench --bench fanout`, with `-- 1000` for that many readers, `ROUNDS=9` for more rounds,
//! `OTHER=path` for one more side, another build of hubbub.

mod support;

use std::{
    env, io,
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

/// How many read, and how many messages they get in a round.
const SIZES: [(usize, u64); 2] = [(1_000, 100), (10_000, 20)];

/// Between two messages, and at least between a message's last reader and the next message.
const EVERY: Duration = Duration::from_millis(50);
const REST: Duration = Duration::from_millis(10);

/// Messages of a round before it is measured: what is done once is done, and buffers are there.
const FIRST: u64 = 3;

/// How long nothing comes before it is measured: word of who is here comes twice a second at most.
const QUIET: Duration = Duration::from_millis(600);

/// One side in one round.
struct Measured {
    /// Microseconds of the server's processor time per delivery.
    cpu: f64,
    /// The same for a reader that connects, asks and has the head of its answer.
    connect: f64,
    /// Milliseconds from the send to the last reader.
    waits: Vec<f64>,
}

fn main() -> io::Result<()> {
    if !support::begin() {
        return Ok(());
    }
    let rounds = env::var("ROUNDS").map_or(3, |rounds| rounds.parse().expect("ROUNDS is a number"));
    let rounds = if quick() { 1 } else { rounds };
    let asked: Vec<usize> =
        support::asked().iter().map(|size| size.parse().expect("a number of readers")).collect();
    let frame = side::frame()?;
    for (readers, messages) in SIZES {
        if !asked.is_empty() && !asked.contains(&readers) {
            continue;
        }
        let (readers, messages) = if quick() { (readers / 10, 10) } else { (readers, messages) };
        measure(readers, messages, rounds, &frame)?;
    }
    Ok(())
}

fn measure(readers: usize, messages: u64, rounds: usize, frame: &[u8]) -> io::Result<()> {
    let mut hubbub = Vec::new();
    let mut floor = Vec::new();
    let mut nchan = Vec::new();
    let mut other = Vec::new();
    for _ in 0..rounds {
        hubbub.push(round(&Side::Hubbub(App::pinned(&[])), readers, messages)?);
        floor.push(round(&Side::Floor(Floor::start()?, frame.to_vec()), readers, messages)?);
        if let Some(peer) = Nchan::start()? {
            nchan.push(round(&Side::Nchan(peer), readers, messages)?);
        }
        if let Some(build) = App::other(&[]) {
            other.push(round(&Side::Hubbub(build), readers, messages)?);
        }
    }
    report(readers, frame.len(), &[&floor, &hubbub, &nchan, &other]);
    Ok(())
}

/// Messages at a distance, each to every reader.
fn round(side: &Side, readers: usize, messages: u64) -> io::Result<Measured> {
    let mut crowd = Crowd::new()?;
    // One first: what a process does for the first of all is not a connect's.
    crowd.open(side.address(), [side.stream()])?;
    let used = side.cpu();
    crowd.open(side.address(), (1..readers).map(|_| side.stream()))?;
    #[expect(clippy::cast_precision_loss, reason = "not that many")]
    let connect = (side.cpu() - used).as_secs_f64() * 1e6 / (readers - 1) as f64;
    let sender = crowd.add_sender(side.address())?;
    let mut used = Duration::ZERO;
    let mut waits = Vec::new();
    for number in 0..FIRST + messages {
        if number == FIRST {
            crowd.until_quiet(QUIET)?;
            used = side.cpu();
        }
        let sent = Instant::now();
        crowd.deliver(sender, &side.send(number), number)?;
        let arrival = &crowd.arrivals().last().expect("it came");
        assert_eq!(arrival.number, number, "what was sent is what came");
        if number >= FIRST {
            waits.push(ms(arrival.whole.expect("complete") - sent));
        }
        crowd.during(REST.max(EVERY.saturating_sub(sent.elapsed())))?;
    }
    #[expect(clippy::cast_precision_loss, reason = "not that many")]
    let deliveries = (readers as u64 * messages) as f64;
    Ok(Measured { cpu: (side.cpu() - used).as_secs_f64() * 1e6 / deliveries, connect, waits })
}

/// The table: each figure, and what it is beside the floor's of the same round.
fn report(readers: usize, bytes: usize, sides: &[&[Measured]; 4]) {
    let titles = ["plain loop", "hubbub", "nginx with nchan", "the other build"];
    let [floor, _, nchan, _] = sides;
    let rows = titles.into_iter().zip(sides);
    let rows = rows.filter(|(_, rounds)| !rounds.is_empty()).map(|(what, rounds)| {
        let mut row = vec![what.to_owned()];
        for figure in [Measured::cpu, Measured::median, Measured::p99, Measured::connect] {
            let values: Vec<f64> = rounds.iter().map(figure).collect();
            let ratios: Vec<f64> =
                values.iter().zip(*floor).map(|(value, floor)| value / figure(floor)).collect();
            row.extend([format!("{:.2}", median(&values)), format!("{:.2}", median(&ratios))]);
        }
        row
    });
    print_table(
        &[
            &format!("{readers} readers, {bytes} bytes"),
            "CPU µs per delivery",
            "ratio",
            "to the last, median ms",
            "ratio",
            "p99 ms",
            "ratio",
            "CPU µs per connect",
            "ratio",
        ],
        &rows.collect::<Vec<_>>(),
    );
    if nchan.is_empty() {
        println!("nginx with nchan is not installed (Debian: nginx libnginx-mod-nchan)");
    }
    println!();
}

impl Measured {
    fn cpu(&self) -> f64 {
        self.cpu
    }

    fn connect(&self) -> f64 {
        self.connect
    }

    fn median(&self) -> f64 {
        median(&self.waits)
    }

    fn p99(&self) -> f64 {
        percentile(&self.waits, 0.99)
    }
}
