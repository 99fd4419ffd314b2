//! The page of a tab that joined, with fifty messages: requests a second with wrk (Debian's `wrk`),
//! beside a bare axum handler that answers the same bytes, in turns. And the same page with ten
//! thousand names in the room, which should cost as much: it lists fifty of them.
//!
//! `cargo bench --bench page`, with `ROUNDS=9` for more rounds, `OTHER=path` for another build.

mod support;

use std::{
    env,
    io::{self, Read as _},
    path::Path,
    time::Duration,
};

use axum::{Router, body::Bytes, http::HeaderMap, routing::get};
use support::{
    App, Connection, median, print_table,
    process::{self, Process},
    quick,
    side::{get as ask, hubbub_send},
    tabs::{self, Tab},
};

/// Messages on the page, which shows as many at most.
const MESSAGES: u64 = 50;

/// Names in the room, the one of who asks among them.
const NAMES: [usize; 2] = [1, 10_000];

/// Connections that ask all the time: enough that the server never waits for one.
const CONNECTIONS: usize = 32;

/// How long each measurement of a round takes.
const TURN: Duration = Duration::from_secs(4);

/// Where Debian's package puts it.
const WRK: &str = "/usr/bin/wrk";

/// The argument that makes this binary the bare handler.
const ROLE: &str = "--bare";

/// A server, and how its page is asked for.
struct Side {
    id: u32,
    address: String,
    path: String,
    cookie: String,
    /// Who is in the room.
    tabs: Vec<Tab>,
}

#[derive(Default)]
struct Measured {
    rates: Vec<f64>,
    /// Microseconds of the server's processor time per request.
    cpus: Vec<f64>,
}

fn main() -> io::Result<()> {
    if env::args().nth(1).is_some_and(|role| role == ROLE) {
        return bare();
    }
    if support::begin() { measure() } else { Ok(()) }
}

// As hubbub itself runs.
#[tokio::main]
async fn bare() -> io::Result<()> {
    let mut page = Vec::new();
    io::stdin().read_to_end(&mut page)?;
    let page = Bytes::from(page);
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "text/html; charset=utf-8".parse().expect("a value"));
    let router = Router::new().route("/", get(async move || (headers, page)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    axum::serve(listener, router).await
}

#[tokio::main(flavor = "current_thread")]
async fn measure() -> io::Result<()> {
    let rounds = env::var("ROUNDS").map_or(3, |rounds| rounds.parse().expect("ROUNDS is a number"));
    let names = if quick() { [1, 100] } else { NAMES };
    let (mut apps, mut sides, mut titles) = (Vec::new(), Vec::new(), Vec::new());
    let mut page = Vec::new();
    // Joins are as many as it takes.
    let flags = &["--address-joins", "0"];
    for names in names {
        let hubbub = (Some(App::pinned(flags)), "hubbub");
        for (app, what) in [hubbub, (App::other(flags), "the other build")] {
            let Some(app) = app else { continue };
            let (side, its_page) = joined(&app, names).await?;
            if page.is_empty() {
                page = its_page;
            }
            apps.push(app);
            sides.push(side);
            titles.push(format!("{what}, {names} here"));
        }
    }
    let (_bare, bare) = start_bare(&page)?;
    let mut connection = Connection::open(&bare.address).await?;
    assert!(connection.ask(&ask("/", "")).await?.ends_with(&page), "the same bytes");
    println!("{} bytes, {MESSAGES} messages", page.len());
    if !Path::new(WRK).exists() {
        println!("wrk is not installed (Debian: wrk)");
        return Ok(());
    }

    sides.insert(0, bare);
    titles.insert(0, "bare axum handler".to_owned());
    let mut measured: Vec<_> = sides.iter().map(|_| Measured::default()).collect();
    for _ in 0..if quick() { 1 } else { rounds } {
        for (side, measured) in sides.iter().zip(&mut measured) {
            // Again each time, since it holds for less than all rounds may take.
            side.hide_all().await?;
            side.load(measured)?;
        }
    }
    let rows = titles.iter().zip(&measured).map(|(what, side)| row(what, side, &measured[0]));
    print_table(&["", "requests/s", "ratio", "CPU µs each", "ratio"], &rows.collect::<Vec<_>>());
    Ok(())
}

/// A room with messages and so many names in it, and the page of one.
async fn joined(app: &App, names: usize) -> io::Result<(Side, Vec<u8>)> {
    let mut connection = Connection::open(app.address()).await?;
    for number in 0..MESSAGES {
        connection.ask(&hubbub_send(number)).await?;
    }
    let tabs = tabs::join_hidden(app, names).await?;
    // The one before was idle for longer than the server keeps it.
    let mut connection = Connection::open(app.address()).await?;
    let tab = &tabs[0];
    let answer = connection.ask(&ask(&tab.path, &tab.proof())).await?;
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "the joined page");
    let text = str::from_utf8(answer).expect("UTF-8");
    assert_eq!(text.matches("class=\"message\"").count() as u64, MESSAGES);
    assert!(text.contains(&format!(">{names} here: ")), "{text}");
    let page = text.split_once("\r\n\r\n").expect("a body").1.as_bytes().to_vec();
    let (address, cookie) = (app.address().to_owned(), tab.proof().trim().to_owned());
    Ok((Side { id: app.id(), address, path: tab.path.clone(), cookie, tabs }, page))
}

/// This binary, as the bare handler of `page`.
fn start_bare(page: &[u8]) -> io::Result<(Process, Side)> {
    let (process, address) = process::in_role(ROLE, page)?;
    let side = Side {
        id: process.id(),
        address,
        path: "/".to_owned(),
        cookie: "Cookie: none=".to_owned(),
        tabs: Vec::new(),
    };
    Ok((process, side))
}

impl Side {
    /// Says for each tab that it is in the room.
    async fn hide_all(&self) -> io::Result<()> {
        let mut connection = Connection::open(&self.address).await?;
        for tab in &self.tabs {
            tab.hide(&mut connection).await?;
        }
        Ok(())
    }

    /// Asks for the page as fast as it comes.
    fn load(&self, measured: &mut Measured) -> io::Result<()> {
        let turn = if quick() { Duration::from_secs(1) } else { TURN };
        let used = process::cpu(self.id);
        let output = process::on_load(WRK)
            .args(["--threads", "1", "--connections", &CONNECTIONS.to_string()])
            .args(["--duration", &format!("{}s", turn.as_secs()), "--header", &self.cookie])
            .arg(format!("http://{}{}", self.address, self.path))
            .output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "wrk: {said}");
        assert!(!said.contains("Non-2xx") && !said.contains("Socket errors"), "wrk: {said}");
        let figure = |before: &str, after: &str| -> f64 {
            let (_, rest) = said.split_once(before).unwrap_or_else(|| panic!("wrk: {said}"));
            let figure = rest.split_once(after).map_or(rest, |(figure, _)| figure);
            figure.trim().parse().expect("a figure of wrk's")
        };
        // The last line but two or three: `93412 requests in 4.00s, 1.20GB read`.
        let (counted, _) = said.split_once(" requests in").expect("a count of wrk's");
        let requests: f64 = counted
            .rsplit(char::is_whitespace)
            .next()
            .and_then(|count| count.parse().ok())
            .expect("a number");
        measured.rates.push(figure("Requests/sec:", "\n"));
        measured.cpus.push((process::cpu(self.id) - used).as_secs_f64() * 1e6 / requests);
        Ok(())
    }
}

fn row(what: &str, side: &Measured, bare: &Measured) -> Vec<String> {
    let mut row = vec![what.to_owned()];
    for (values, bare) in [(&side.rates, &bare.rates), (&side.cpus, &bare.cpus)] {
        let ratios: Vec<f64> = values.iter().zip(bare).map(|(value, bare)| value / bare).collect();
        row.extend([format!("{:.0}", median(values)), format!("{:.2}", median(&ratios))]);
    }
    row
}
