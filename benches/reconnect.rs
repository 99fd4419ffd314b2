//! Ten thousand tabs that come back at once after the server was killed and started again, each a
//! hundred messages behind: how long until the last of them has them all, and how much memory that
//! takes at most. Beside a plain loop that writes the same messages to as many new connections.
//!
//! Browsers are asked to spread over some seconds; here none waits.
//!
//! `cargo bench --bench reconnect`, with `-- 1000` for that many tabs.

mod support;

use std::{
    io,
    time::{Duration, Instant},
};

use support::{
    App, Connection,
    crowd::Crowd,
    floor::Floor,
    print_table, quick,
    side::{self, Side},
    tabs,
};

/// How many, unless the command line says.
const TABS: usize = 10_000;

/// How far behind they are.
const BEHIND: u64 = 100;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    if !support::begin() {
        return Ok(());
    }
    let asked = support::asked();
    let count = asked.first().map_or(TABS, |asked| asked.parse().expect("how many tabs"));
    let count = if quick() { 100 } else { count };

    let mut app = App::pinned(&[]);
    let tabs = tabs::join(&app, count).await?;
    let cursor = messages(&app).await?;
    let (home, address) = (app.home(), app.address().to_owned());
    app.kill();
    let app = App::pinned_at(&address, home, &[]);
    let before = app.memory("VmRSS");
    let requests = tabs.iter().map(|tab| tab.events(Some(&cursor)));
    let (took, cpu) = come_back(&Side::Hubbub(app), requests, |side| {
        let peak = support::process::memory(side.id(), "VmHWM");
        println!("resident: {before} KB after the start, {peak} KB at most");
    })?;

    let frame = side::frame()?;
    let floor = Side::Floor(Floor::behind(&frames(&frame))?, frame);
    let requests = (0..count).map(|_| floor.stream());
    let (plain, plain_cpu) = come_back(&floor, requests, |_| ())?;

    let row = |what: &str, took: Duration, cpu: Duration| {
        vec![
            what.to_owned(),
            format!("{:.2}", took.as_secs_f64()),
            format!("{:.2}", took.as_secs_f64() / plain.as_secs_f64()),
            format!("{:.2}", cpu.as_secs_f64()),
            format!("{:.2}", cpu.as_secs_f64() / plain_cpu.as_secs_f64()),
        ]
    };
    print_table(
        &[&format!("{count} tabs, {BEHIND} behind"), "seconds", "ratio", "CPU s", "ratio"],
        &[row("plain loop", plain, plain_cpu), row("hubbub", took, cpu)],
    );
    println!("Every tab has every message, once and in order.");
    Ok(())
}

/// Sends one message that all tabs have, and those that they lack; gives the id of the first.
async fn messages(app: &App) -> io::Result<String> {
    let mut sender = Connection::open(app.address()).await?;
    let first = sender.ask(&side::hubbub_send(BEHIND)).await?;
    let first = str::from_utf8(first).expect("UTF-8");
    let (_, rest) = first.split_once("\"id\":\"").expect("the message");
    let id = rest.split_once('"').expect("its id").0.to_owned();
    for number in 0..BEHIND {
        sender.ask(&side::hubbub_send(number)).await?;
    }
    Ok(id)
}

/// What the floor writes to each: as many frames, numbered, in one chunk, as a page is.
fn frames(frame: &[u8]) -> Vec<u8> {
    let frame = side::unchunked(frame);
    let page = (0..BEHIND).flat_map(|number| side::numbered(frame, number));
    side::chunked(&page.collect::<Vec<_>>())
}

/// Everybody connects and asks at once.
fn come_back(
    side: &Side,
    requests: impl Iterator<Item = Vec<u8>>,
    then: impl FnOnce(&Side),
) -> io::Result<(Duration, Duration)> {
    let mut crowd = Crowd::new()?;
    let used = side.cpu();
    let begun = Instant::now();
    crowd.open_at_once(side.address(), requests)?;
    let all = usize::try_from(BEHIND).expect("not that many");
    crowd.until("all messages", |crowd| crowd.complete() == all)?;
    let took = begun.elapsed();
    let numbers = crowd.arrivals().iter().map(|arrival| arrival.number);
    assert!(numbers.eq(0..BEHIND), "what was missed is what came, in order");
    then(side);
    Ok((took, side.cpu() - used))
}
