//! What a quiet room notices of a loud one: how long its messages take to their reader, and its page
//! to a tab, alone and while
//!
//! - another room is flooded: what comes of that flood is told as well;
//! - clients ask for ten thousand messages and read nothing, or little at a time;
//! - ten thousand readers elsewhere get twenty messages a second.
//!
//! With the default `--keep`; the server has a processor of its own, and the load the other.
//!
//! `cargo bench --bench isolation`, with `OTHER=path` for another build.

mod support;

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, TcpStream},
    thread,
    time::{Duration, Instant},
};

use socket2::SockRef;
use support::{
    App,
    crowd::Crowd,
    median, percentile, print_table, quick,
    quiet::{Measured, Quiet},
    side::{hubbub_send, stream},
};

/// Who reads and who sends in the flooded room, and for how long.
const READERS: usize = 1_000;
const SENDERS: usize = 64;
const TIME: Duration = Duration::from_secs(10);

/// Who reads where twenty messages a second are sent.
const MANY: usize = 10_000;
const EVERY: Duration = Duration::from_millis(50);

/// How many messages are asked for at once: as many as may be.
const LAST: u64 = 10_000;

/// How long who reads nothing is looked at: for less than the time after which it is cut.
const SILENCE: Duration = Duration::from_secs(8);

/// What a client's connection takes beside what the server's kernel does.
const FULL: usize = 4096;

/// What a slow client reads at once, and how often: 20 KB a second.
const SIP: usize = 2_000;
const SIPS: Duration = Duration::from_millis(100);

/// The message behind a flood.
const END: u64 = 99_999_999;

/// What came of a flood.
struct Flood {
    messages: u64,
    deliveries: u64,
    /// Seconds from the first send until the last reader had the last message, and the part of
    /// them behind the last acknowledgement.
    took: f64,
    behind: f64,
    /// Gaps that readers were told of, all of whom stayed connected.
    gaps: u64,
    /// Resident at most, in KB.
    memory: u64,
}

fn main() -> io::Result<()> {
    if !support::begin() {
        return Ok(());
    }
    let mut quiet = Vec::new();
    let mut floods = Vec::new();
    measure("hubbub", &|| Some(App::pinned(&[])), &mut quiet, &mut floods)?;
    measure("the other build", &|| App::other(&[]), &mut quiet, &mut floods)?;
    report(&quiet, &floods);
    Ok(())
}

type Rows<T> = Vec<(String, T)>;

fn measure(
    build: &str,
    start: &dyn Fn() -> Option<App>,
    quiet: &mut Rows<Measured>,
    floods: &mut Rows<Flood>,
) -> io::Result<()> {
    let Some(app) = start() else { return Ok(()) };
    let mut row = |what: &str, measured| quiet.push((format!("{build}, {what}"), measured));
    row("alone", during(&app, short(TIME))?);
    let (flood, measured) = flood(&app)?;
    row("beside a flood", measured);
    floods.push((build.to_owned(), flood));

    // The flooded room is full now.
    let silent = [ask_for_all(&app)?, ask_for_all(&app)?];
    row("beside 2 that read nothing of 10,000 messages", during(&app, short(SILENCE))?);
    end(&silent)?;
    let slow = [(); 4].map(|()| ask_for_all(&app));
    let slow = slow.into_iter().collect::<io::Result<Vec<_>>>()?;
    for socket in &slow {
        let mut socket = socket.try_clone()?;
        // Ends with the connection.
        thread::spawn(move || {
            while socket.read_exact(&mut [0; SIP]).is_ok() {
                thread::sleep(SIPS);
            }
        });
    }
    row("beside 4 that read 20 KB of them a second", during(&app, short(TIME))?);
    end(&slow)?;
    drop(app);

    let Some(app) = start() else { return Ok(()) };
    row("beside 10,000 readers of 20 messages a second", steady(&app)?);
    Ok(())
}

fn short(time: Duration) -> Duration {
    if quick() { time / 10 } else { time }
}

fn few(count: usize) -> usize {
    if quick() { count / 10 } else { count }
}

fn during(app: &App, time: Duration) -> io::Result<Measured> {
    let quiet = Quiet::start(app)?;
    thread::sleep(time);
    quiet.stop()
}

/// A crowd in the lobby, with senders.
fn crowd(app: &App, readers: usize, senders: usize) -> io::Result<Crowd> {
    let mut crowd = Crowd::that_may_lack(END)?;
    crowd.open(app.address(), (0..few(readers)).map(|_| stream("/rooms/lobby/events", "")))?;
    for _ in 0..senders {
        crowd.add_sender(app.address())?;
    }
    Ok(crowd)
}

/// Everybody sends as soon as their last message is acknowledged.
fn flood(app: &App) -> io::Result<(Flood, Measured)> {
    let mut crowd = crowd(app, READERS, SENDERS)?;
    let quiet = Quiet::start(app)?;
    let begun = Instant::now();
    let (mut sent, mut acknowledged) = (0, 0);
    for sender in 0..SENDERS {
        crowd.send(sender, &hubbub_send(sent))?;
        sent += 1;
    }
    while acknowledged < sent {
        crowd.turn(Duration::from_secs(1))?;
        while let Some((sender, _)) = crowd.acknowledged.pop_front() {
            acknowledged += 1;
            if begun.elapsed() < short(TIME) {
                crowd.send(sender, &hubbub_send(sent))?;
                sent += 1;
            }
        }
    }
    let flooded = Instant::now();
    // In a thread, since its last message may wait for the crowd to read on.
    let quiet = thread::spawn(move || quiet.stop());
    crowd.send(0, &hubbub_send(END))?;
    crowd.until("the last message", |crowd| crowd.ended == crowd.readers())?;
    let (took, behind) = (begun.elapsed().as_secs_f64(), flooded.elapsed().as_secs_f64());
    let (messages, deliveries, gaps) = (sent + 1, crowd.deliveries, crowd.gaps);
    let all = messages * crowd.readers() as u64;
    assert!(gaps > 0 || deliveries == all, "{deliveries} of {all}, and nobody is told of a gap");
    let memory = app.memory("VmHWM");
    let flood = Flood { messages, deliveries, took, behind, gaps, memory };
    Ok((flood, quiet.join().expect("the quiet room")?))
}

/// A message every so often, to very many.
fn steady(app: &App) -> io::Result<Measured> {
    let mut crowd = crowd(app, MANY, 1)?;
    let quiet = Quiet::start(app)?;
    let begun = Instant::now();
    let mut sent = 0;
    while begun.elapsed() < short(TIME) {
        let asked = Instant::now();
        crowd.send(0, &hubbub_send(sent))?;
        sent += 1;
        crowd.until("an acknowledgement", |crowd| !crowd.acknowledged.is_empty())?;
        crowd.acknowledged.clear();
        crowd.during(EVERY.saturating_sub(asked.elapsed()))?;
    }
    let quiet = thread::spawn(move || quiet.stop());
    crowd.send(0, &hubbub_send(END))?;
    crowd.until("the last message", |crowd| crowd.ended == crowd.readers())?;
    assert_eq!(crowd.gaps, 0, "who is connected and reads lacks nothing");
    quiet.join().expect("the quiet room")
}

/// Asks for all that the lobby keeps.
fn ask_for_all(app: &App) -> io::Result<TcpStream> {
    let mut socket = TcpStream::connect(app.address())?;
    SockRef::from(&socket).set_recv_buffer_size(FULL)?;
    socket.write_all(&stream(&format!("/rooms/lobby/events?last={LAST}"), ""))?;
    Ok(socket)
}

fn end(sockets: &[TcpStream]) -> io::Result<()> {
    sockets.iter().try_for_each(|socket| match socket.shutdown(Shutdown::Both) {
        // The server may have cut it.
        Err(why) if why.kind() == io::ErrorKind::NotConnected => Ok(()),
        other => other,
    })
}

fn report(quiet: &Rows<Measured>, floods: &Rows<Flood>) {
    let rows: Vec<_> = quiet
        .iter()
        .map(|(what, measured)| {
            let mut row = vec![what.clone(), measured.arrived.len().to_string()];
            for waits in [&measured.arrived, &measured.acknowledged, &measured.pages] {
                row.push(format!("{:.1}", median(waits)));
                row.push(format!("{:.1}", percentile(waits, 0.99)));
            }
            row.push(measured.gaps.to_string());
            row
        })
        .collect();
    print_table(
        &[
            "a quiet room",
            "messages",
            "send to arrival, median ms",
            "p99 ms",
            "to acknowledgement, median ms",
            "p99 ms",
            "page, median ms",
            "p99 ms",
            "gaps",
        ],
        &rows,
    );
    println!();
    #[expect(clippy::cast_precision_loss, reason = "not that many")]
    let rows: Vec<_> = floods
        .iter()
        .map(|(build, flood)| {
            vec![
                build.clone(),
                flood.messages.to_string(),
                format!("{:.0}", flood.deliveries as f64 / flood.took),
                format!("{:.2}", flood.behind),
                flood.gaps.to_string(),
                flood.memory.to_string(),
            ]
        })
        .collect();
    print_table(
        &[
            &format!("the flood: {SENDERS} send, {} read", few(READERS)),
            "messages",
            "deliveries/s",
            "last reader behind, s",
            "gaps told",
            "resident at most, KB",
        ],
        &rows,
    );
}
