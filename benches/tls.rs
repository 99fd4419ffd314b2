//! What encryption costs: processor time of a delivery and of a handshake beside nginx with nchan over
//! TLS, and the memory of a tab over HTTP/1.1 and over HTTP/2.
//!
//! TLS 1.3, a key of P-256, and every handshake a full one. Server and load have a processor each, and
//! the sides take turns; processor time is the server's.
//!
//! `cargo bench --bench tls`, with `-- 1000` for that many readers, `ROUNDS=9` for more rounds,
//! `OTHER=path` for one more side, another build of hubbub.

mod support;

use std::{
    env, io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::http::Request;
use bytes::Bytes;
use h2::{RecvStream, client::SendRequest};
use support::{
    App,
    crowd::Crowd,
    median,
    nchan::Nchan,
    print_table,
    process::memory,
    quick,
    side::Side,
    tls::{Client, Identity},
};
use tokio::{net::TcpStream, task::JoinHandle, time::timeout};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

const READERS: usize = 1_000;

/// Messages of a round, and those before it is measured.
const MESSAGES: u64 = 100;
const FIRST: u64 = 3;

/// Between two messages.
const EVERY: Duration = Duration::from_millis(50);

/// Handshakes of a round.
const HANDSHAKES: u32 = 2_000;

/// Streams that one connection of HTTP/2 has beside its first.
const FURTHER: usize = 200;

/// How long nothing comes before it is measured.
const QUIET: Duration = Duration::from_millis(1500);

/// Reached only by what is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// One side in one round.
struct Measured {
    /// Microseconds of processor time per delivery.
    delivery: f64,
    /// The same per handshake.
    handshake: f64,
}

fn main() -> io::Result<()> {
    if !support::begin() {
        return Ok(());
    }
    let rounds = env::var("ROUNDS").map_or(3, |rounds| rounds.parse().expect("ROUNDS is a number"));
    let rounds = if quick() { 1 } else { rounds };
    let asked = support::asked();
    let readers = asked.first().map_or(READERS, |asked| asked.parse().expect("how many readers"));
    let readers = if quick() { readers / 10 } else { readers };
    let identity = Identity::new();
    let flags = identity.flags();
    let flags = flags.each_ref().map(String::as_str);
    let (mut hubbub, mut nchan, mut other) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        hubbub.push(round(&Side::Hubbub(App::pinned(&flags)), readers, &identity)?);
        if let Some(peer) = Nchan::encrypted(&identity)? {
            nchan.push(round(&Side::Nchan(peer), readers, &identity)?);
        }
        if let Some(build) = App::other(&flags) {
            other.push(round(&Side::Hubbub(build), readers, &identity)?);
        }
    }
    report(readers, &hubbub, &nchan, &other);
    println!();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut rows =
        vec![runtime.block_on(held("hubbub", App::pinned(&flags), readers, &identity))?];
    if let Some(build) = App::other(&flags) {
        rows.push(runtime.block_on(held("the other build", build, readers, &identity))?);
    }
    let title = format!("{readers} streams without a name, over TLS: bytes each");
    print_table(&[&title, "HTTP/1.1", "HTTP/2, first", "HTTP/2, each further"], &rows);
    Ok(())
}

/// Messages at a distance, each to every reader; then handshakes one after another.
fn round(side: &Side, readers: usize, identity: &Identity) -> io::Result<Measured> {
    let client = identity.client("http/1.1");
    let messages = if quick() { 10 } else { MESSAGES };
    let mut crowd = Crowd::new()?;
    crowd.open_encrypted(side.address(), &client, (0..readers).map(|_| side.stream()))?;
    let sender = crowd.add_encrypted_sender(side.address(), &client)?;
    let mut used = Duration::ZERO;
    for number in 0..FIRST + messages {
        if number == FIRST {
            crowd.until_quiet(QUIET)?;
            used = side.cpu();
        }
        let sent = Instant::now();
        crowd.deliver(sender, &side.send(number), number)?;
        crowd.during(EVERY.saturating_sub(sent.elapsed()))?;
    }
    #[expect(clippy::cast_precision_loss, reason = "not that many")]
    let deliveries = (readers as u64 * messages) as f64;
    let delivery = (side.cpu() - used).as_secs_f64() * 1e6 / deliveries;
    drop(crowd);
    Ok(Measured { delivery, handshake: handshakes(side, &client)? })
}

/// Each connects, is through its handshake, and goes.
fn handshakes(side: &Side, client: &Client) -> io::Result<f64> {
    let count = if quick() { HANDSHAKES / 20 } else { HANDSHAKES };
    for _ in 0..count / 20 {
        client.connect(side.address())?;
    }
    // What those that went leave to be done.
    std::thread::sleep(QUIET);
    let used = side.cpu();
    for _ in 0..count {
        client.connect(side.address())?;
    }
    std::thread::sleep(QUIET);
    Ok((side.cpu() - used).as_secs_f64() * 1e6 / f64::from(count))
}

fn report(readers: usize, hubbub: &[Measured], nchan: &[Measured], other: &[Measured]) {
    let sides = [("hubbub", hubbub), ("nginx with nchan", nchan), ("the other build", other)];
    let rows = sides.into_iter().filter(|(_, rounds)| !rounds.is_empty()).map(|(what, rounds)| {
        let figure = |of: fn(&Measured) -> f64| {
            let values: Vec<f64> = rounds.iter().map(of).collect();
            let ratios: Vec<f64> =
                rounds.iter().zip(hubbub).map(|(one, ours)| of(one) / of(ours)).collect();
            (median(&values), format!("{:.2}", median(&ratios)))
        };
        let (delivery, delivery_ratio) = figure(|round| round.delivery);
        let (handshake, handshake_ratio) = figure(|round| round.handshake);
        vec![
            what.to_owned(),
            format!("{delivery:.2}"),
            delivery_ratio,
            format!("{handshake:.0}"),
            handshake_ratio,
            format!("{:.0}", 1e6 / handshake),
        ]
    });
    print_table(
        &[
            &format!("{readers} readers over TLS"),
            "CPU µs per delivery",
            "ratio",
            "CPU µs per handshake",
            "ratio",
            "a second of a processor",
        ],
        &rows.collect::<Vec<_>>(),
    );
    if nchan.is_empty() {
        println!("nginx with nchan is not installed (Debian: nginx libnginx-mod-nchan)");
    }
}

/// What streams that are open and say nothing are held in.
async fn held(
    what: &str,
    app: App,
    readers: usize,
    identity: &Identity,
) -> io::Result<Vec<String>> {
    let side = Side::Hubbub(app);
    let resident = || memory(side.id(), "VmRSS");
    let one = identity.client("http/1.1");
    let mut crowd = Crowd::new()?;
    // One first of each: what a process does for the first of all is not a stream's.
    crowd.open_encrypted(side.address(), &one, [side.stream()])?;
    let two = identity.client("h2");
    let mut connections = vec![Connection::open(side.address(), &two).await?];
    let mut before = resident();
    crowd.open_encrypted(side.address(), &one, (0..readers).map(|_| side.stream()))?;
    crowd.until_quiet(QUIET)?;
    let http_1 = each(before, resident(), readers);
    before = resident();
    for _ in 0..readers {
        connections.push(Connection::open(side.address(), &two).await?);
    }
    tokio::time::sleep(QUIET).await;
    let first = each(before, resident(), readers);
    before = resident();
    let many = readers / 100;
    for connection in connections.iter_mut().rev().take(many) {
        for _ in 0..FURTHER {
            connection.stream().await?;
        }
    }
    tokio::time::sleep(QUIET).await;
    let further = each(before, resident(), many * FURTHER);
    let figures = [http_1, first, further].map(|bytes| format!("{bytes:.0}"));
    Ok([what.to_owned()].into_iter().chain(figures).collect())
}

#[expect(clippy::cast_precision_loss, reason = "not that many")]
fn each(before: u64, after: u64, count: usize) -> f64 {
    (after.saturating_sub(before) * 1024) as f64 / count as f64
}

/// A connection of HTTP/2 with its streams.
struct Connection {
    client: SendRequest<Bytes>,
    streams: Vec<RecvStream>,
    _task: JoinHandle<()>,
}

impl Connection {
    /// One with a stream.
    async fn open(address: &str, client: &Client) -> io::Result<Self> {
        let address: SocketAddr = address.parse().expect("an address");
        let socket = TcpStream::connect(address).await?;
        let name = ServerName::try_from("localhost").expect("a name");
        let socket = TlsConnector::from(Arc::clone(&client.0)).connect(name, socket).await?;
        let (client, connection) = h2::client::handshake(socket).await.map_err(io::Error::other)?;
        let task = tokio::spawn(async move {
            // It ends with the bench.
            let _ = connection.await;
        });
        let mut connection = Self { client, streams: Vec::new(), _task: task };
        connection.stream().await?;
        Ok(connection)
    }

    /// One more stream, up to its first bytes.
    async fn stream(&mut self) -> io::Result<()> {
        let request = Request::get("https://localhost/rooms/lobby/events");
        let request = request.header("accept", "text/event-stream").body(()).expect("a request");
        std::future::poll_fn(|context| self.client.poll_ready(context))
            .await
            .map_err(io::Error::other)?;
        let (answer, _) = self.client.send_request(request, true).map_err(io::Error::other)?;
        let answered = timeout(PATIENCE, answer).await?;
        let mut body = answered.map_err(io::Error::other)?.into_body();
        let first = timeout(PATIENCE, body.data()).await?;
        first.expect("a first frame").map_err(io::Error::other)?;
        self.streams.push(body);
        Ok(())
    }
}
