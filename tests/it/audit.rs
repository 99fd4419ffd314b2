//! The audit: senders and readers on a network that breaks, a server that dies, and at the end
//! the books: every acknowledged message reached every reader once, in one order, and every other
//! message at most once.
//!
//! `just audit` runs a larger one, of any numbers, and with `nodes=3 servers=3` that of [`nodes`]. A seed fixes the texts, the fate of each connection in
//! the order in which they come, and where the deaths fall; how the machine weaves them together
//! stays its own.

mod nodes;
mod people;
mod proxy;
mod verdict;

use std::{
    env,
    path::Path,
    process::ExitStatus,
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::{sync::watch, task::block_in_place, time::timeout_at};

use crate::{
    client::{Message, Raw, send},
    removal::places_of,
    support::{App, PATIENCE, soon},
};
use people::{Errand, Reader, Sent, TAKEN_BACK};
use proxy::Proxy;
use verdict::Books;

/// The text of the message that is sent last.
const END: &str = "end";

/// How large an audit is, and what its dice are.
#[derive(Clone, Copy)]
struct Plan {
    readers: usize,
    senders: usize,
    messages: usize,
    deaths: usize,
    /// The longest pause between two messages of a sender, in milliseconds.
    pause: Option<u64>,
    /// How long a message is tried.
    patience: Duration,
    seed: u64,
}

impl Plan {
    fn from_env() -> Self {
        Self {
            readers: number("READERS").unwrap_or(10),
            senders: number("SENDERS").unwrap_or(8),
            messages: number("MESSAGES").unwrap_or(1000),
            deaths: number("DEATHS").unwrap_or(2),
            pause: None,
            patience: PATIENCE,
            seed: number("SEED").unwrap_or_else(rand::random),
        }
    }

    /// Dice of their own for each thing that is drawn, so that how often one is thrown does not
    /// change what another gives.
    fn dice(&self, what: Drawn, number: usize) -> StdRng {
        let lane = (what as u64) << 56;
        StdRng::seed_from_u64(self.seed ^ lane ^ number as u64)
    }
}

/// What the dice are thrown for.
#[derive(Clone, Copy)]
enum Drawn {
    Connection = 1,
    Message,
    Reader,
    Deaths,
    Person,
}

/// A number from the environment; one that is none fails the audit rather than being passed over.
fn number<T: FromStr>(name: &str) -> Option<T> {
    let name = format!("HUBBUB_AUDIT_{name}");
    let raw = env::var(&name).ok().filter(|raw| !raw.is_empty())?;
    Some(raw.parse().unwrap_or_else(|_| panic!("{name} takes a number, not {raw:?}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_network_that_breaks_and_over_deaths_nothing_acknowledged_is_lost_or_comes_twice() {
    let plan = Plan::from_env();
    // Before all else: a run that hangs or panics must be repeatable too.
    println!("audit: seed {}", plan.seed);
    let begun = Instant::now();

    // Everything is kept, so a gap would be a lie.
    let mut app = App::with(&["--keep", "1000000", "--log", "hubbub=warn"]);
    let proxy = Proxy::start(app.address().parse().expect("an address"), plan).await;
    // A reader's place before the first message, which all of them then have to see.
    let start = send(&app, "audit", "ann", "start").await;

    let readers: Vec<Reader> = (0..plan.readers)
        .map(|number| {
            let url = proxy.url(&format!("/rooms/audit/events?after={}", start.id));
            Reader::start(vec![url], plan.dice(Drawn::Reader, number))
        })
        .collect();
    let (settled, progress) = watch::channel(0);
    let errand = Errand::new(plan, vec![proxy.url("/rooms/audit/messages")], settled);
    let errand = Arc::new(errand);
    let senders: Vec<_> =
        (0..plan.senders).map(|_| tokio::spawn(people::send_all(Arc::clone(&errand)))).collect();

    let deaths = die(&mut app, plan, progress.clone()).await;
    reached(progress, plan.messages).await;
    let mut sent: Vec<Sent> = Vec::new();
    for sender in senders {
        sent.push(soon("a sender is done", sender).await.expect("no sender failed"));
    }

    // What is owed now is owed whole, in any weather; fair weather makes the wait for it short.
    proxy.clear_up();
    let end = send(&app, "audit", "ann", END).await;
    let none = deaths.is_empty().then_some("none".to_owned());
    let deaths: Vec<String> = deaths.into_iter().chain(none).collect();
    println!("audit: deaths: {}", deaths.join(", "));
    println!("audit: connections: {}", proxy.struck());
    let left = taken_back(&app, &[(app.home().path(), 0)], &start.id).await;
    settle(plan, begun, (&sent, &end), readers, left).await;
}

/// Waits until each reader is at the end, and makes the books.
async fn settle(
    plan: Plan,
    begun: Instant,
    (sent, end): (&[Sent], &Message),
    readers: Vec<Reader>,
    mut faults: Vec<String>,
) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let (mut seen, mut opened) = (Vec::new(), Vec::new());
    for mut reader in readers {
        // One that never gets to the end is judged by what it has.
        if let Ok(ended) = timeout_at(deadline, &mut reader.task).await {
            ended.expect("no reader failed");
        }
        opened.push(reader.opened());
        seen.push(reader.seen());
    }
    let books = Books::new(sent, end);
    faults.extend(books.faults(&seen));
    opened.sort_unstable();
    let total = |count: fn(&Sent) -> usize| sent.iter().map(count).sum::<usize>();
    println!(
        "audit: {} messages acknowledged, {} given up ({} of them stored), {} retried",
        total(|sent| sent.acknowledged.len()),
        total(|sent| sent.given_up.len()),
        books.stored_although_given_up(&seen),
        total(|sent| sent.retried),
    );
    println!(
        "audit: {} readers reconnected {} / {} / {} times (least / median / most)",
        opened.len(),
        opened.first().map_or(0, |first| first - 1),
        opened.get(opened.len() / 2).map_or(0, |median| median - 1),
        opened.last().map_or(0, |last| last - 1),
    );
    println!("audit: took {:.1} s", begun.elapsed().as_secs_f64());
    assert!(faults.is_empty(), "audit: seed {}:\n{}", plan.seed, faults.join("\n"));
    println!(
        "audit: every reader: {} messages, one order, none missing, none twice",
        seen.first().map_or(0, Vec::len)
    );
}

/// Where something is left of what was taken back: in what a reader gets that comes back from before all
/// of it, and in the files below `homes`, each with how many messages may be.
async fn taken_back(app: &App, homes: &[(&Path, usize)], start: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for format in ["sse", "sse-json", "ndjson", "text", "html"] {
        let path = format!("/rooms/audit/events?format={format}&after={start}");
        let mut raw = Raw::open(app, &path).await;
        let ended = |all: &str| {
            [">end<", "\"text\":\"end\"", ": end\n"].iter().any(|end| all.contains(end))
        };
        if raw.until(format, ended).await.contains(TAKEN_BACK) {
            faults.push(format!("{format} has what was taken back"));
        }
    }
    let begun = Instant::now();
    loop {
        let left: Vec<_> = homes
            .iter()
            .map(|(home, most)| (places_of(home, TAKEN_BACK), most))
            .filter(|(files, most)| files.iter().map(|(_, count)| count).sum::<usize>() > **most)
            .collect();
        if left.is_empty() || begun.elapsed() > PATIENCE {
            let fault = |(file, count): &(String, usize)| {
                format!("{file} has {count} messages that were taken back")
            };
            faults.extend(left.iter().flat_map(|(files, _)| files.iter().map(fault)));
            return faults;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Ends the server and starts it again, by SIGKILL and SIGTERM in turn, whenever a drawn part of
/// the messages is settled. Says what happened.
async fn die(app: &mut App, plan: Plan, progress: watch::Receiver<usize>) -> Vec<String> {
    let mut dice = plan.dice(Drawn::Deaths, 0);
    let (first, last) = (plan.messages / 20, plan.messages - plan.messages / 20);
    let mut points: Vec<usize> =
        (0..plan.deaths).map(|_| dice.random_range(first..=last)).collect();
    points.sort_unstable();
    let mut by_kill: bool = dice.random();
    let mut deaths = Vec::new();
    for point in points {
        reached(progress.clone(), point).await;
        let begun = Instant::now();
        let took = |begun: Instant| format!("{:.2} s", begun.elapsed().as_secs_f64());
        deaths.push(block_in_place(|| {
            let how = if by_kill {
                app.kill();
                "SIGKILL".to_owned()
            } else {
                let status: ExitStatus = app.stop();
                assert!(status.success(), "a stop that was asked for is no failure: {status}");
                format!("SIGTERM (took {})", took(begun))
            };
            app.start_again();
            format!("{how} after {point}")
        }));
        by_kill = !by_kill;
    }
    deaths
}

/// Waits until so many messages are settled, as long as some are.
async fn reached(mut progress: watch::Receiver<usize>, count: usize) {
    while *progress.borrow_and_update() < count {
        soon("a message is settled", progress.changed()).await.expect("senders are at work");
    }
}

/// A span of time between two, in milliseconds.
fn between(dice: &mut StdRng, least: u64, most: u64) -> Duration {
    Duration::from_millis(dice.random_range(least..=most))
}
