//! Sends as fast as they are acknowledged, with a thousand readers: every reader gets every
//! message, in one order; how many deliveries that makes a second, beside a plain loop that writes
//! the same bytes.
//!
//! `cargo bench --bench flood`.

mod support;

use std::{
    collections::HashSet,
    io,
    time::{Duration, Instant},
};

use support::{
    App,
    crowd::Crowd,
    floor::Floor,
    median, ms, percentile, print_table, quick,
    side::{self, Side},
};

/// How many read, and how many send at once.
const READERS: usize = 1_000;
const SENDERS: usize = 64;

/// How long they send.
const FLOOD: Duration = Duration::from_secs(10);

/// What one side did.
struct Measured {
    messages: usize,
    deliveries: u64,
    /// From the first send until the last reader had the last message.
    took: Duration,
    /// How much of it was after the last send.
    behind: Duration,
    /// Microseconds of the server's processor time per delivery.
    cpu: f64,
    acknowledged: Vec<f64>,
}

fn main() -> io::Result<()> {
    if !support::begin() {
        return Ok(());
    }
    let frame = side::frame()?;
    // The floor acknowledges when it has written: one sender keeps it busy.
    let floor = flood(&Side::Floor(Floor::start()?, frame), 1)?;
    // Nothing is trimmed while somebody may lack it.
    let hubbub = flood(&Side::Hubbub(App::pinned(&["--keep", "1000000000"])), SENDERS)?;
    report(&floor, &hubbub);
    Ok(())
}

fn flood(side: &Side, senders: usize) -> io::Result<Measured> {
    let readers = if quick() { READERS / 10 } else { READERS };
    let time = if quick() { FLOOD / 10 } else { FLOOD };
    let mut crowd = Crowd::new()?;
    crowd.open(side.address(), (0..readers).map(|_| side.stream()))?;
    for _ in 0..senders {
        crowd.add_sender(side.address())?;
    }
    let used = side.cpu();
    let begun = Instant::now();
    let mut sent = 0;
    for sender in 0..senders {
        crowd.send(sender, &side.send(sent))?;
        sent += 1;
    }
    let mut acknowledged = Vec::new();
    let mut ended = begun;
    while acknowledged.len() < usize::try_from(sent).expect("not that many") {
        crowd.turn(Duration::from_secs(1))?;
        while let Some((sender, waited)) = crowd.acknowledged.pop_front() {
            acknowledged.push(ms(waited));
            ended = Instant::now();
            if begun.elapsed() < time {
                crowd.send(sender, &side.send(sent))?;
                sent += 1;
            }
        }
    }
    let messages = acknowledged.len();
    crowd.until("all messages", |crowd| crowd.complete() == messages)?;
    // The crowd has seen to the order: the same for every reader.
    let numbers: HashSet<u64> = crowd.arrivals().iter().map(|arrival| arrival.number).collect();
    assert_eq!(numbers, (0..sent).collect(), "what was acknowledged is what came, each once");
    let last = crowd.arrivals().last().and_then(|arrival| arrival.whole).expect("complete");
    #[expect(clippy::cast_precision_loss, reason = "not that many")]
    let cpu = (side.cpu() - used).as_secs_f64() * 1e6 / crowd.deliveries as f64;
    let behind = last.saturating_duration_since(ended);
    Ok(Measured {
        messages,
        deliveries: crowd.deliveries,
        took: last - begun,
        behind,
        cpu,
        acknowledged,
    })
}

fn report(floor: &Measured, hubbub: &Measured) {
    #[expect(clippy::cast_precision_loss, reason = "not that many")]
    let rate = |side: &Measured| side.deliveries as f64 / side.took.as_secs_f64();
    let row = |what: &str, side: &Measured| {
        vec![
            what.to_owned(),
            side.messages.to_string(),
            format!("{:.0}", rate(side)),
            format!("{:.2}", rate(side) / rate(floor)),
            format!("{:.2}", side.cpu),
            format!("{:.0}", ms(side.behind)),
            format!("{:.1}", median(&side.acknowledged)),
            format!("{:.1}", percentile(&side.acknowledged, 0.99)),
        ]
    };
    print_table(
        &[
            "",
            "messages",
            "deliveries/s",
            "ratio",
            "CPU µs each",
            "behind, ms",
            "acknowledged, median ms",
            "p99 ms",
        ],
        &[row("plain loop", floor), row(&format!("hubbub, {SENDERS} senders"), hubbub)],
    );
    println!("Every reader got every message, in one order.");
}
