//! A thousand readers, and among them one that never reads and one that reads a hundred bytes a
//! second: what these cost the others, and what they cost the server in memory. Beside the same
//! without them, in turns.
//!
//! `cargo bench --bench slow`, with `ROUNDS=9` for more rounds.

mod support;

use std::{
    env,
    io::{self, Read as _, Write as _},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use socket2::SockRef;
use support::{
    App,
    crowd::{Crowd, marked},
    median, ms, percentile, print_table, quick,
    side::{Side, form},
};

/// How many read as they should.
const READERS: usize = 1_000;

/// Messages in a round, and between two of them.
const MESSAGES: u64 = 200;
const EVERY: Duration = Duration::from_millis(30);

/// How long a message is: two hundred of them are more than a connection holds that nobody reads.
const LENGTH: usize = 3_500;

/// What the slow ones take at most before their connections are full, beside what the server's
/// kernel takes: little, so that the server soon has nowhere to write.
const FULL: usize = 4096;

/// What the slow one reads, once a second.
const SIP: usize = 100;

struct Measured {
    waits: Vec<f64>,
    /// Resident, in KB, before the first message and after the last.
    memory: [u64; 2],
}

fn main() -> io::Result<()> {
    if !support::begin() {
        return Ok(());
    }
    let rounds = env::var("ROUNDS").map_or(3, |rounds| rounds.parse().expect("ROUNDS is a number"));
    let rounds = if quick() { 1 } else { rounds };
    let mut alone = Vec::new();
    let mut among = Vec::new();
    for _ in 0..rounds {
        alone.push(round(false)?);
        among.push(round(true)?);
    }
    report(&alone, &among);
    Ok(())
}

fn round(slow: bool) -> io::Result<Measured> {
    let (readers, messages) = if quick() { (READERS / 10, 20) } else { (READERS, MESSAGES) };
    let side = Side::Hubbub(App::pinned(&[]));
    let mut crowd = Crowd::new()?;
    // First, so that they stand in the way if anybody can.
    let held = if slow { Some([open_slow(&side)?, open_slow(&side)?]) } else { None };
    crowd.open(side.address(), (0..readers).map(|_| side.stream()))?;
    if let Some([_, sipping]) = &held {
        let mut sipping = sipping.try_clone()?;
        // Ends with the connection.
        thread::spawn(move || {
            while sipping.read_exact(&mut [0; SIP]).is_ok() {
                thread::sleep(Duration::from_secs(1));
            }
        });
    }
    let sender = crowd.add_sender(side.address())?;
    crowd.until_quiet(EVERY * 10)?;
    let before = memory(&side);
    let mut waits = Vec::new();
    for number in 0..messages {
        let sent = Instant::now();
        crowd.deliver(sender, &long(number), number)?;
        waits.push(ms(crowd.arrivals().last().expect("it came").whole.expect("complete") - sent));
        crowd.during(EVERY.saturating_sub(sent.elapsed()))?;
    }
    let after = memory(&side);
    if let Some(held) = held {
        for socket in held {
            let _ = socket.shutdown(std::net::Shutdown::Both);
        }
    }
    Ok(Measured { waits, memory: [before, after] })
}

/// Sends a long text with a number.
fn long(number: u64) -> Vec<u8> {
    let body = format!("username=ann&text={}+{}", "x".repeat(LENGTH), marked(number));
    form("/rooms/lobby/messages", &body)
}

fn open_slow(side: &Side) -> io::Result<TcpStream> {
    let mut socket = TcpStream::connect(side.address())?;
    SockRef::from(&socket).set_recv_buffer_size(FULL)?;
    socket.write_all(&side.stream())?;
    Ok(socket)
}

fn memory(side: &Side) -> u64 {
    support::process::memory(side.id(), "VmRSS")
}

fn report(alone: &[Measured], among: &[Measured]) {
    let row = |what: &str, rounds: &[Measured]| {
        let mut row = vec![what.to_owned()];
        for p in [0.5, 0.99] {
            let figures = |rounds: &[Measured]| -> Vec<f64> {
                rounds.iter().map(|round| percentile(&round.waits, p)).collect()
            };
            let values = figures(rounds);
            let ratios: Vec<f64> =
                values.iter().zip(figures(alone)).map(|(value, alone)| value / alone).collect();
            row.extend([format!("{:.2}", median(&values)), format!("{:.2}", median(&ratios))]);
        }
        let memory = |which: usize| {
            median(&rounds.iter().map(|round| round.memory[which]).collect::<Vec<_>>())
        };
        row.push(format!("{} to {}", memory(0), memory(1)));
        row
    };
    let titles = ["", "to the last, median ms", "ratio", "p99 ms", "ratio", "resident, KB"];
    print_table(&titles, &[row("all read", alone), row("and one never, one 100 bytes/s", among)]);
}
