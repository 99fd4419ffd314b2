//! What a long history costs: a send, a page and a resume with a million messages in the journal
//! beside the same with a hundred; the start over a million messages; and how fast one reader that
//! is far behind catches up, beside a plain loop that writes the same bytes.
//!
//! What is compared is measured in turns, since a shared machine has good and bad minutes; each
//! figure is a median.
//!
//! `cargo bench --bench history`. Its first run fills a journal, which takes up to a minute and is
//! kept in the build directory for the next.

mod support;

use std::{
    fs,
    io::{self, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use hubbub::{
    journal::{Journal, Retention},
    message::{Draft, Key, Name, RoomName, Text},
    metrics::Metrics,
};
use rusqlite::OpenFlags;
use support::{
    App, Connection, directory, median, ms, percentile, print_table,
    side::{form, get},
};
use tempfile::TempDir;
use tokio::task::JoinSet;

/// A long history and a short one.
const LONG: u64 = 1_000_000;
const SHORT: u64 = 100;

/// Keeps all of it.
const FLAGS: [&str; 4] = ["--keep", "2000000", "--ttl", "0"];

/// Rounds of each measurement.
const ROUNDS: usize = 9;

/// Requests of each kind to each server in a round: a few tenths of a second of processor time,
/// which is counted in hundredths.
const REQUESTS: usize = 1000;

/// How far behind a reader is that resumes, and one that catches up.
const BEHIND: u64 = 50;
const FAR_BEHIND: u64 = 100_000;

/// What is said: a short text.
const TEXT: &str = "Shall we meet at the harbour at seven? I bring the boat.";

// One thread: the client should leave the processors to the server.
#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let long = Arc::new(copy(&filled(LONG).await?)?);
    let short = Arc::new(copy(&filled(SHORT).await?)?);
    let homes = [short, long];
    measure_size(&homes).await?;
    measure_starts(&homes).await?;
    measure_catch_up(&homes[1]).await
}

/// A journal with `count` messages, from an earlier run or filled now.
async fn filled(count: u64) -> io::Result<PathBuf> {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("history-{count}.db"));
    if messages(&kept) == Some(count) {
        return Ok(kept);
    }
    println!("filling a journal with {count} messages …");
    let home = directory();
    let data = home.path().join("hubbub.db");
    let journal = Journal::open(&data, Retention { keep: u64::MAX, ttl: None }, Metrics::new());
    let journal = journal.expect("a new journal can be opened");
    let draft = |key| Draft {
        room: RoomName::parse("lobby").expect("a room"),
        name: Name::parse("ann").expect("a name"),
        text: Text::parse(TEXT).expect("a text"),
        key,
        author: None,
    };
    let mut sending = JoinSet::new();
    for _ in 0..count {
        // Half of what the journal's queue holds.
        if sending.len() == 512 {
            sending.join_next().await;
        }
        let (journal, draft) = (journal.clone(), draft(Key::fresh()));
        sending.spawn(async move { journal.append(draft).await.expect("it is stored") });
    }
    sending.join_all().await;
    journal.close().await;
    fs::rename(&data, &kept)?;
    assert_eq!(messages(&kept), Some(count));
    Ok(kept)
}

/// How many messages a closed journal holds; `None` where there is none.
fn messages(data: &Path) -> Option<u64> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let journal = rusqlite::Connection::open_with_flags(data, flags).ok()?;
    journal.query_row("SELECT count(*) FROM entries", [], |row| row.get(0)).ok()
}

/// A directory with a copy of `data`, for a server to write to.
fn copy(data: &Path) -> io::Result<TempDir> {
    let home = directory();
    fs::copy(data, home.path().join("hubbub.db"))?;
    Ok(home)
}

/// One kind of request to one server: the waits of each round, and the server's processor time
/// for all of them.
#[derive(Default)]
struct Measured {
    rounds: Vec<Vec<Duration>>,
    cpu: Duration,
}

impl Measured {
    fn medians(&self) -> Vec<f64> {
        self.rounds.iter().map(|waits| ms(median(waits))).collect()
    }

    fn p99(&self) -> f64 {
        ms(percentile(&self.rounds.concat(), 0.99))
    }

    /// Microseconds of processor time per request.
    #[expect(clippy::cast_precision_loss, reason = "not that many")]
    fn cpu(&self) -> f64 {
        let count: usize = self.rounds.iter().map(Vec::len).sum();
        self.cpu.as_secs_f64() * 1e6 / count as f64
    }
}

/// A server, a connection to it, and what is asked of it.
struct Side {
    app: App,
    connection: Connection,
    /// A send by a script, without a key: the server gives each its own.
    send: Vec<u8>,
    /// The page of a tab that joined.
    tab: Vec<u8>,
    /// Its page with the messages before the newest. What a room's newest messages look like is
    /// kept until the next send; the past is read and rendered each time.
    past: Vec<u8>,
}

impl Side {
    async fn over(home: &Arc<TempDir>) -> io::Result<Self> {
        let app = App::over(Arc::clone(home), &FLAGS);
        let mut connection = Connection::open(app.address()).await?;
        let text = TEXT.replace('?', "%3F").replace(' ', "+");
        let send = form("/rooms/lobby/messages", &format!("username=bob&text={text}"));
        let newest = between(connection.ask(&send).await?, "\"id\":\"", "\"").to_owned();
        let (tab, past) = {
            let answer = connection.ask(&form("/rooms/lobby/join", "username=ann")).await?;
            let cookie = format!("Cookie: {}\r\n", between(answer, "set-cookie: ", ";"));
            let path = between(answer, "location: ", "\r\n");
            (get(path, &cookie), get(&format!("{path}?before={newest}"), &cookie))
        };
        Ok(Self { app, connection, send, tab, past })
    }

    /// Asks for the stream from `count` messages back.
    async fn resume(&mut self, count: u64) -> io::Result<Vec<u8>> {
        let answer = self.connection.ask(&self.send).await?;
        let (epoch, last) = between(answer, "\"id\":\"", "\"").split_once('-').expect("an id");
        let last: u64 = last.parse().expect("a number");
        Ok(get(&format!("/rooms/lobby/events?after={epoch}-{}", last - count), ""))
    }
}

/// A kind of request.
#[derive(Clone, Copy)]
enum Kind {
    Send,
    Past,
    Resume,
}

impl Kind {
    fn title(self) -> &'static str {
        match self {
            Self::Send => "durable send",
            Self::Past => "page of the past",
            Self::Resume => "resume 50 back",
        }
    }
}

/// What a request costs beside the size of the history.
async fn measure_size(homes: &[Arc<TempDir>; 2]) -> io::Result<()> {
    let kinds = [Kind::Send, Kind::Past, Kind::Resume];
    let mut measured = kinds.map(|_| [Measured::default(), Measured::default()]);
    for _ in 0..ROUNDS {
        // Fresh processes: one may be lucky with its threads' processors for all its life.
        let mut sides = [Side::over(&homes[0]).await?, Side::over(&homes[1]).await?];
        for (kind, measured) in kinds.into_iter().zip(&mut measured) {
            let used = [sides[0].app.cpu(), sides[1].app.cpu()];
            let waits = take_turns(&mut sides, kind).await?;
            for (place, waits) in waits.into_iter().enumerate() {
                measured[place].cpu += sides[place].app.cpu().saturating_sub(used[place]);
                measured[place].rounds.push(waits);
            }
        }
    }
    let mut rows = Vec::new();
    for (kind, [short, long]) in kinds.into_iter().zip(&measured) {
        let (medians, its) = (short.medians(), long.medians());
        let ratios: Vec<f64> = its.iter().zip(&medians).map(|(long, short)| long / short).collect();
        let mut row = |unit: &str, short: f64, long: f64, ratio: f64| {
            let title = format!("{}, {unit}", kind.title());
            let figures = [short, long, ratio].map(|figure| format!("{figure:.2}"));
            rows.push([[title].as_slice(), &figures].concat());
        };
        row("median ms", median(&medians), median(&its), median(&ratios));
        row("p99 ms", short.p99(), long.p99(), long.p99() / short.p99());
        row("server CPU µs", short.cpu(), long.cpu(), long.cpu() / short.cpu());
    }
    let titles = ["messages in the journal", &SHORT.to_string(), &LONG.to_string(), "ratio"];
    print_table(&titles, &rows);
    println!();
    Ok(())
}

/// The waits of one round of one kind of request, one at a time to either server.
async fn take_turns(sides: &mut [Side; 2], kind: Kind) -> io::Result<[Vec<Duration>; 2]> {
    let resumes = [sides[0].resume(BEHIND).await?, sides[1].resume(BEHIND).await?];
    let mut waits = [Vec::new(), Vec::new()];
    for time in 0..REQUESTS {
        // Each goes first every other time.
        for place in [time % 2, 1 - time % 2] {
            let side = &mut sides[place];
            let asked = Instant::now();
            match kind {
                Kind::Send => assert_is(side.connection.ask(&side.send).await?, "201"),
                Kind::Past => assert_is(side.connection.ask(&side.past).await?, "200"),
                Kind::Resume => {
                    let socket = ask_for_stream(&side.app, &resumes[place])?;
                    read_events(socket, BEHIND, |_| {})?;
                }
            }
            waits[place].push(asked.elapsed());
        }
    }
    Ok(waits)
}

/// From the start of the process, the one before having been killed, to its first page.
async fn measure_starts(homes: &[Arc<TempDir>; 2]) -> io::Result<()> {
    let mut waits = [const { Vec::new() }; 4];
    let tabs = [Side::over(&homes[0]).await?.tab, Side::over(&homes[1]).await?.tab];
    let room = get("/rooms/lobby", "");
    for _ in 0..2 * ROUNDS {
        for (place, waits) in waits.iter_mut().enumerate() {
            let home = place % 2;
            let request = if place < 2 { &room } else { &tabs[home] };
            let begun = Instant::now();
            let app = App::over(Arc::clone(&homes[home]), &FLAGS);
            let mut connection = Connection::open(app.address()).await?;
            assert_is(connection.ask(request).await?, "200");
            waits.push(ms(begun.elapsed()));
        }
    }
    let row = |what: &str, short: &[f64], long: &[f64]| {
        let figures = [median(short), median(long), percentile(long, 1.0)];
        [[what.to_owned()].as_slice(), &figures.map(|figure| format!("{figure:.1}"))].concat()
    };
    let [short_room, long_room, short_tab, long_tab] = &waits;
    print_table(
        &["start to first page, ms", &SHORT.to_string(), &LONG.to_string(), "worst"],
        &[row("GET /rooms/lobby", short_room, long_room), row("joined page", short_tab, long_tab)],
    );
    println!();
    Ok(())
}

/// One reader far behind that reads as fast as it can, beside a plain loop that writes the same
/// bytes to such a reader.
async fn measure_catch_up(home: &Arc<TempDir>) -> io::Result<()> {
    let mut bytes = Vec::new();
    let mut plain = Vec::new();
    let mut stream = Vec::new();
    let mut cpus = Vec::new();
    let mut memory = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        // A fresh process each time: its highest memory is this reader's doing.
        let mut side = Side::over(home).await?;
        let request = side.resume(FAR_BEHIND).await?;
        let (before, used) = (side.app.memory("VmRSS"), side.app.cpu());
        let took = read_events(ask_for_stream(&side.app, &request)?, FAR_BEHIND, |_| {})?;
        let (peak, after) = (side.app.memory("VmHWM"), side.app.memory("VmRSS"));
        cpus.push(side.app.cpu().saturating_sub(used).as_secs_f64() * 1e6);
        stream.push(took.as_secs_f64());
        for (values, value) in memory.iter_mut().zip([before, peak, after, peak - before]) {
            values.push(value);
        }

        if bytes.is_empty() {
            let socket = ask_for_stream(&side.app, &request)?;
            read_events(socket, FAR_BEHIND, |part| bytes.extend_from_slice(part))?;
        }
        plain.push(read_events(write_plainly(&bytes)?, FAR_BEHIND, |_| {})?.as_secs_f64());
    }

    #[expect(clippy::cast_precision_loss, reason = "not that many")]
    let (count, size) = (FAR_BEHIND as f64, bytes.len() as f64);
    let ratios: Vec<f64> = plain.iter().zip(&stream).map(|(plain, its)| plain / its).collect();
    let row = |what: &str, took: f64, ratio: f64, cpu: String| {
        let (messages, megabytes) = (count / took, size / took / 1e6);
        let figures =
            [format!("{messages:.0}"), format!("{megabytes:.0}"), format!("{ratio:.2}"), cpu];
        [[what.to_owned()].as_slice(), &figures].concat()
    };
    print_table(
        &[&format!("{FAR_BEHIND} messages behind"), "messages/s", "MB/s", "ratio", "server CPU µs"],
        &[
            row("plain loop", median(&plain), 1.0, String::new()),
            row(
                "event stream",
                median(&stream),
                median(&ratios),
                format!("{:.2}", median(&cpus) / count),
            ),
        ],
    );
    let [before, peak, after, more] = memory.map(|values| median(&values));
    println!("resident: {before} KB before, {peak} at most, {after} after; {more} KB more at most");
    Ok(())
}

/// Opens a connection and asks for a stream on it.
fn ask_for_stream(app: &App, request: &[u8]) -> io::Result<TcpStream> {
    let mut socket = TcpStream::connect(app.address())?;
    socket.set_nodelay(true)?;
    socket.write_all(request)?;
    Ok(socket)
}

/// A socket to which all of `bytes` are written by a thread that does nothing else.
fn write_plainly(bytes: &[u8]) -> io::Result<TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let reader = TcpStream::connect(listener.local_addr()?)?;
    let (mut writer, _) = listener.accept()?;
    let bytes = bytes.to_vec();
    thread::spawn(move || bytes.chunks(PIECE).try_for_each(|piece| writer.write_all(piece)));
    Ok(reader)
}

/// Reads until `count` events have begun, hands on what was read, and says how long it took.
fn read_events(
    mut socket: TcpStream,
    count: u64,
    mut with: impl FnMut(&[u8]),
) -> io::Result<Duration> {
    /// What each message's event begins with, and no other line.
    const MARK: &[u8] = b"\nid: ";
    let begun = Instant::now();
    let mut buffer = vec![0; MARK.len() + PIECE];
    // The end of what was read before stands in front, since a mark may come in two parts.
    let mut kept = 0;
    let mut seen = 0;
    while seen < count {
        let length = socket.read(&mut buffer[kept..])?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        with(&buffer[kept..kept + length]);
        let read = kept + length;
        seen += buffer[..read].windows(MARK.len()).filter(|part| *part == MARK).count() as u64;
        kept = read.min(MARK.len() - 1);
        buffer.copy_within(read - kept..read, 0);
    }
    Ok(begun.elapsed())
}

/// What is read or written at once.
const PIECE: usize = 64 * 1024;

fn assert_is(answer: &[u8], status: &str) {
    assert!(answer.starts_with(format!("HTTP/1.1 {status} ").as_bytes()), "it answers {status}");
}

/// What stands in an answer between two marks.
fn between<'a>(answer: &'a [u8], start: &str, end: &str) -> &'a str {
    let answer = str::from_utf8(answer).expect("UTF-8");
    let (_, rest) = answer.split_once(start).unwrap_or_else(|| panic!("{start} in {answer}"));
    rest.split_once(end).map_or(rest, |(part, _)| part)
}
