//! What a second processor gives: how long a message takes to the last reader of one large room, and
//! one in each of many rooms to the last of all, with one processor and with two.
//!
//! The load takes none of either: readers take everything into large buffers of their sockets, and
//! only the last ones of each room are looked at. Each figure is a median over the rounds, in which
//! the sides take turns; ratios are within a round.
//!
//! `cargo bench --bench cores`, with `ROUNDS=9` for more rounds.

mod support;

use std::{
    env,
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use socket2::{Domain, Socket, Type};

use support::{App, median, ms, print_table, process::app::Launch, quick, side};

/// The server's processors on each side.
const SIDES: [&str; 2] = ["0", "0,1"];

/// Rooms, and readers of each: as many in all.
const CASES: [(usize, usize); 2] = [(1, 2_000), (32, 64)];

/// Readers of a room that are looked at: the last ones of every share of them.
const LOOKED_AT: usize = 4;

/// What a reader's socket holds: all messages of a round, with what the kernel needs around each.
const BUFFER_BYTES: usize = 2 * 1024 * 1024;

/// Messages in a round, to each room.
const MESSAGES: u64 = 200;

/// Messages of a round before it is measured.
const FIRST: u64 = 10;

/// Reached only by what is broken.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> io::Result<()> {
    if !support::begin() {
        return Ok(());
    }
    let rounds = env::var("ROUNDS").map_or(3, |rounds| rounds.parse().expect("ROUNDS is a number"));
    let rounds = if quick() { 1 } else { rounds };
    let mut rows = Vec::new();
    for (rooms, readers) in CASES {
        let mut took = [const { Vec::new() }; SIDES.len()];
        for _ in 0..rounds {
            for (side, processors) in SIDES.iter().enumerate() {
                took[side].push(round(processors, rooms, readers)?);
            }
        }
        let ratios: Vec<f64> = took[0].iter().zip(&took[1]).map(|(one, two)| one / two).collect();
        #[expect(clippy::cast_precision_loss, reason = "not that many")]
        let rate = |took: &[f64]| (rooms * readers) as f64 / median(took) * 1e3;
        rows.push(vec![
            format!("{rooms} of {readers} readers"),
            format!("{:.2}", median(&took[0])),
            format!("{:.2}", median(&took[1])),
            format!("{:.0}", rate(&took[0])),
            format!("{:.0}", rate(&took[1])),
            format!("{:.2}", median(&ratios)),
        ]);
    }
    let titles =
        ["rooms", "one processor, ms", "two, ms", "deliveries/s with one", "with two", "ratio"];
    print_table(&titles, &rows);
    Ok(())
}

/// How long a message in every room took to the last reader of all, in milliseconds: the median.
fn round(processors: &str, rooms: usize, readers: usize) -> io::Result<f64> {
    let app = Launch::new(&[]).behind(&["taskset", "-c", processors]).start();
    let mut connections = Vec::new();
    let mut senders = Vec::new();
    for room in 0..rooms {
        let ask = side::stream(&format!("/rooms/room-{room}/events"), "");
        let mut readers: Vec<TcpStream> =
            (0..readers).map(|_| reader(&app, &ask)).collect::<io::Result<_>>()?;
        for reader in &mut readers {
            until(reader, b": hubbub\n\n\r\n")?;
        }
        connections.push(readers);
        let sender = TcpStream::connect(app.address())?;
        sender.set_nodelay(true)?;
        sender.set_read_timeout(Some(PATIENCE))?;
        senders.push(sender);
    }
    let messages = if quick() { MESSAGES / 10 } else { MESSAGES };
    let mut took = Vec::new();
    for number in 0..FIRST + messages {
        let begun = Instant::now();
        for (room, sender) in senders.iter_mut().enumerate() {
            sender.write_all(&side::hubbub_send_to(&format!("room-{room}"), number))?;
        }
        for readers in &mut connections {
            let first = readers.len() - LOOKED_AT;
            for reader in &mut readers[first..] {
                until(reader, b"</p>\n\n\r\n")?;
            }
        }
        if number >= FIRST {
            took.push(ms(begun.elapsed()));
        }
        for sender in &mut senders {
            let read = sender.read(&mut [0; 4096])?;
            assert!(read > 0, "it is answered");
        }
    }
    Ok(median(&took))
}

/// A reader that takes everything by itself.
fn reader(app: &App, ask: &[u8]) -> io::Result<TcpStream> {
    let address: SocketAddr = app.address().parse().expect("an address");
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    // Before it is connected, so that the window can grow as far.
    socket.set_recv_buffer_size(BUFFER_BYTES)?;
    socket.connect(&address.into())?;
    let mut socket = TcpStream::from(socket);
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.write_all(ask)?;
    Ok(socket)
}

/// Reads until what was read ends so.
fn until(reader: &mut TcpStream, end: &[u8]) -> io::Result<()> {
    let mut have = Vec::new();
    let mut read = [0; 4096];
    while !have.ends_with(end) {
        let length = reader.read(&mut read)?;
        assert!(length > 0, "the stream goes on");
        have.extend_from_slice(&read[..length]);
    }
    Ok(())
}
