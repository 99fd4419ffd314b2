//! Several nodes: what a send costs beside the engine's own rate, how far a second node is behind the
//! first, how fast one that starts empty fills, and how long readers wait where a server dies. Three
//! NATS servers, two nodes and the load share one machine; engine and nodes are measured in turns.
//!
//! `HUBBUB_NATS_SERVER=path cargo bench --bench nodes`; without a nats-server it says so and ends.

#[path = "nodes/foreign.rs"]
mod foreign;
#[path = "../tests/support/nats.rs"]
#[expect(dead_code, reason = "tests use the rest of it")]
mod servers;
mod support;

use std::{
    io,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use async_nats::{HeaderMap, jetstream};
use servers::Nats;
use support::{App, Connection, median, ms, percentile, print_table, quick};
use tokio::{io::AsyncReadExt as _, net::TcpStream, task::JoinSet};

/// How many send at once.
const SENDERS: [usize; 3] = [1, 64, 256];

const TEXT: &str = "Shall+we+meet+at+the+harbour+at+seven%3F+I+bring+the+boat.";

/// Rooms that the messages are spread over which an empty node is to get.
const ROOMS: usize = 64;

/// Limits are not what is measured.
const FLAGS: [&str; 4] = ["--address-sends", "0", "--address-streams", "0"];

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How long each of a number of waits was, and all together.
struct Measured {
    waits: Vec<Duration>,
    took: Duration,
}

impl Measured {
    #[expect(clippy::cast_precision_loss, reason = "not that many")]
    fn rate(&self) -> f64 {
        self.waits.len() as f64 / self.took.as_secs_f64()
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let Some(mut nats) = Nats::cluster(3) else { return Ok(()) };
    let urls = nats.urls();
    let flags = [&["--nats", &*urls], &FLAGS[..]].concat();
    let (one, other) = (App::with(&flags), App::with(&flags));
    until_ready(&one).await;
    until_ready(&other).await;
    let client = async_nats::connect(nats.url(0)).await?;
    let engine = jetstream::new(client);

    rates(&engine, &one).await?;
    behind(&one, &other).await?;
    foreign::tabs(&nats, [&one, &other]).await?;
    filling(&engine, &one, &flags).await?;
    stall(&engine, &mut nats, &one, Death::Planned).await?;
    until_ready(&one).await;
    stall(&engine, &mut nats, &one, Death::Sudden).await?;
    until_ready(&one).await;
    loss(&one, other).await
}

async fn until_ready(app: &App) {
    let request = get(app, "/readyz/sends");
    loop {
        if let Ok(mut connection) = Connection::open(app.address()).await
            && connection
                .ask(request.as_bytes())
                .await
                .is_ok_and(|it| it.starts_with(b"HTTP/1.1 200"))
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn get(app: &App, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", app.address())
}

fn post(app: &App) -> Vec<u8> {
    let body = format!("username=ann&text={TEXT}");
    format!(
        "POST /rooms/lobby/messages HTTP/1.1\r\nHost: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        app.address(),
        body.len()
    )
    .into_bytes()
}

/// What a node puts into the stream.
fn entry(room: &str, key: &str) -> (HeaderMap, String) {
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", format!("{room}:{key}").as_str());
    let body = format!(
        r#"{{"v":1,"kind":1,"room":"{room}","key":"{key}","sent_at":0,"name":"ann","body":"{TEXT}"}}"#
    );
    (headers, body)
}

/// The engine alone, and a node in front of it.
async fn rates(engine: &jetstream::Context, app: &App) -> Result<()> {
    let (rounds, turn) = if quick() { (1, 500) } else { (5, 3000) };
    let turn = Duration::from_millis(turn);
    let mut rows = Vec::new();
    for senders in SENDERS {
        let (mut raw, mut sent) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            raw.push(raw_turn(engine, senders, turn).await?);
            sent.push(http_turn(app, senders, turn).await?);
        }
        let ratio: Vec<f64> = sent.iter().zip(&raw).map(|(s, r)| s.rate() / r.rate()).collect();
        for (what, all) in [("engine", &raw), ("over HTTP", &sent)] {
            let rates: Vec<f64> = all.iter().map(Measured::rate).collect();
            let middle: Vec<f64> = all.iter().map(|it| ms(median(&it.waits))).collect();
            let p99: Vec<f64> = all.iter().map(|it| ms(percentile(&it.waits, 0.99))).collect();
            rows.push(vec![
                format!("{senders} senders, {what}"),
                format!("{:.0}", median(&rates)),
                format!("{:.2}", if what == "engine" { 1.0 } else { median(&ratio) }),
                format!("{:.2}", median(&middle)),
                format!("{:.2}", median(&p99)),
            ]);
        }
    }
    print_table(&["", "per second", "ratio", "median ms", "p99 ms"], &rows);
    Ok(())
}

async fn raw_turn(engine: &jetstream::Context, writers: usize, turn: Duration) -> Result<Measured> {
    let begun = Instant::now();
    let mut writing = JoinSet::new();
    for writer in 0..writers {
        let engine = engine.clone();
        writing.spawn(async move {
            let mut waits = Vec::new();
            while begun.elapsed() < turn {
                let key = format!("{begun:?}{writer}-{}", waits.len()).replace(' ', "");
                let (headers, body) =
                    entry("lobby", &key.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
                let asked = Instant::now();
                let ack = engine.publish_with_headers("hubbub.m.lobby", headers, body.into());
                ack.await?.await?;
                waits.push(asked.elapsed());
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(waits)
        });
    }
    let mut waits = Vec::new();
    while let Some(done) = writing.join_next().await {
        waits.extend(done??);
    }
    Ok(Measured { waits, took: begun.elapsed() })
}

async fn http_turn(app: &App, senders: usize, turn: Duration) -> Result<Measured> {
    let request: Arc<[u8]> = post(app).into();
    let mut connections = Vec::new();
    for _ in 0..senders {
        connections.push(Connection::open(app.address()).await?);
    }
    let begun = Instant::now();
    let mut sending = JoinSet::new();
    for mut connection in connections {
        let request = Arc::clone(&request);
        sending.spawn(async move {
            let mut waits = Vec::new();
            while begun.elapsed() < turn {
                let asked = Instant::now();
                let answer = connection.ask(&request).await?;
                waits.push(asked.elapsed());
                assert!(
                    answer.starts_with(b"HTTP/1.1 201 "),
                    "{}",
                    String::from_utf8_lossy(answer)
                );
            }
            Ok::<_, io::Error>(waits)
        });
    }
    let mut waits = Vec::new();
    while let Some(done) = sending.join_next().await {
        waits.extend(done??);
    }
    Ok(Measured { waits, took: begun.elapsed() })
}

/// When each of a stream's messages came.
async fn arrivals(
    app: &App,
    room: &str,
    count: usize,
    end: Instant,
) -> Result<tokio::task::JoinHandle<Vec<Instant>>> {
    let mut socket = TcpStream::connect(app.address()).await?;
    let path = format!("/rooms/{room}/events?format=ndjson");
    tokio::io::AsyncWriteExt::write_all(&mut socket, get(app, &path).as_bytes()).await?;
    Ok(tokio::spawn(async move {
        let (mut came, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
        while came.len() < count {
            let reading = tokio::time::timeout_at(end.into(), socket.read(&mut buffer));
            let Ok(Ok(read @ 1..)) = reading.await else { break };
            let now = Instant::now();
            let lines = buffer[..read].windows(6).filter(|six| six == b"{\"id\":").count();
            came.extend(std::iter::repeat_n(now, lines));
        }
        came
    }))
}

/// How much later readers of the other node have a message.
async fn behind(one: &App, other: &App) -> Result<()> {
    let count = if quick() { 50 } else { 2000 };
    let end = Instant::now() + Duration::from_mins(1);
    let first = arrivals(one, "lobby", count, end).await?;
    let second = arrivals(other, "lobby", count, end).await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut sender = Connection::open(one.address()).await?;
    let request = post(one);
    for _ in 0..count {
        sender.ask(&request).await?;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let (first, second) = (first.await?, second.await?);
    assert_eq!((first.len(), second.len()), (count, count), "each reader has each message");
    let later: Vec<f64> = first
        .iter()
        .zip(&second)
        .map(|(one, other)| ms(other.saturating_duration_since(*one)))
        .collect();
    println!(
        "the second node is {:.2} ms behind the first at the median, {:.2} ms at p99",
        median(&later),
        percentile(&later, 0.99)
    );
    Ok(())
}

/// How fast a node fills that starts empty.
async fn filling(engine: &jetstream::Context, one: &App, flags: &[&str]) -> Result<()> {
    let count = if quick() { 5_000 } else { 300_000 };
    let mut acks = Vec::new();
    for number in 0..count {
        let room = format!("room-{}", number % ROOMS);
        let (headers, body) = entry(&room, &format!("fill-{number}"));
        acks.push(
            engine.publish_with_headers(format!("hubbub.m.{room}"), headers, body.into()).await?,
        );
        if acks.len() == 1000 {
            for ack in acks.drain(..) {
                ack.await?;
            }
        }
    }
    for ack in acks {
        ack.await?;
    }
    let last = engine.get_stream("hubbub").await?.cached_info().state.last_sequence;
    while last_of(&one.data()) < last {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let begun = Instant::now();
    let late = App::with(flags);
    while last_of(&late.data()) < last {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let took = begun.elapsed();
    #[expect(clippy::cast_precision_loss, reason = "not that many")]
    let rate = last as f64 / took.as_secs_f64();
    println!(
        "a node that starts empty has {last} messages after {:.0} ms: {rate:.0} a second",
        ms(took)
    );
    Ok(())
}

fn last_of(data: &Path) -> u64 {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let last = rusqlite::Connection::open_with_flags(data, flags)
        .and_then(|file| file.query_row("SELECT last FROM journal", [], |row| row.get(0)));
    last.unwrap_or(0)
}

/// How a server goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Death {
    Planned,
    Sudden,
}

/// How long readers wait where the stream's leader is stopped or killed, beside a writer of the engine's
/// own.
async fn stall(
    engine: &jetstream::Context,
    nats: &mut Nats,
    one: &App,
    death: Death,
) -> Result<()> {
    let room = if death == Death::Planned { "planned" } else { "sudden" };
    let info = engine.get_stream("hubbub").await?.cached_info().clone();
    let leader = info.cluster.and_then(|cluster| cluster.leader).unwrap_or_default();
    let leader = leader.trim_start_matches('s').parse().unwrap_or(0);
    let servers = (0..nats.len()).map(|number| nats.url(number).parse());
    let servers: Vec<async_nats::ServerAddr> = servers.collect::<std::result::Result<_, _>>()?;
    let own = async_nats::connect(&servers[..]).await?;
    let own = jetstream::ContextBuilder::new().timeout(Duration::from_millis(250)).build(own);
    let end = Instant::now() + Duration::from_secs(if quick() { 12 } else { 20 });
    let writing = tokio::spawn(async move {
        let mut acked = Vec::new();
        let mut number = 0;
        while Instant::now() < end {
            number += 1;
            let (headers, body) = entry(room, &format!("raw-{number}"));
            let subject = format!("hubbub.m.{room}");
            if let Ok(ack) = own.publish_with_headers(subject, headers, body.into()).await
                && ack.await.is_ok()
            {
                acked.push(Instant::now());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        acked
    });
    let reading = arrivals(one, room, usize::MAX, end).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    tokio::task::block_in_place(|| match death {
        Death::Planned => nats.stop(leader),
        Death::Sudden => nats.kill(leader),
    });
    let (acked, seen) = (writing.await?, reading.await?);
    let longest =
        |times: &[Instant]| times.windows(2).map(|two| two[1] - two[0]).max().unwrap_or_default();
    tokio::task::block_in_place(|| nats.start_again(leader));
    let how = if death == Death::Planned { "stopped as planned" } else { "killed" };
    println!(
        "the leader was {how}: the engine took nothing for {:.0} ms, readers waited {:.0} ms",
        ms(longest(&acked)),
        ms(longest(&seen))
    );
    Ok(())
}

/// How soon a tab is live on another node where its own was killed: from its coming there to the first
/// message that was sent after.
async fn loss(one: &App, mut other: App) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(30);
    let before = arrivals(&other, "loss", usize::MAX, end).await?;
    other.kill();
    before.await?;
    let back = Instant::now();
    let reading = arrivals(one, "loss", 1, end).await?;
    let mut sender = Connection::open(one.address()).await?;
    let request = post(one);
    let text = String::from_utf8(request)?.replace("/rooms/lobby/", "/rooms/loss/");
    tokio::time::sleep(Duration::from_millis(50)).await;
    sender.ask(text.as_bytes()).await?;
    let came = reading.await?;
    let first = came.first().ok_or("it is not live on the other node")?;
    println!(
        "a node was killed: its reader was live on the other after {:.0} ms",
        ms(*first - back)
    );
    Ok(())
}
