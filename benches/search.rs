//! The search beside a million messages: how fast they are indexed, and how large that is; how long a
//! search takes, by what is looked for; and what a send costs with the index, beside the same without.
//!
//! The words are made up, and as often as words are: the most usual one is in nearly every message, and
//! half of them in a handful.
//!
//! `cargo bench --bench search`. Its first run fills a journal, which takes up to a minute and is kept in
//! the build directory for the next.

mod support;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use hubbub::{
    journal::{Journal, Retention},
    message::{Draft, Key, Name, RoomName, Text},
    metrics::Metrics,
};
use support::{
    App, Connection, directory, median, ms, number_after, percentile, print_table,
    side::{form, get},
};
use tempfile::TempDir;
use tokio::task::JoinSet;

/// Messages in the journal.
const MESSAGES: u64 = 1_000_000;

/// Rooms that they are in.
const ROOMS: u64 = 20;

/// Words that there are, and those of a message.
const WORDS: u64 = 50_000;
const WORDS_EACH: u64 = 12;

/// Keeps all of it, and lets one address ask for it.
const FLAGS: [&str; 8] =
    ["--keep", "2000000", "--ttl", "0", "--address-sends", "0", "--admin", "127.0.0.1:0"];

/// Searches of each kind, and sends of each round.
const SEARCHES: usize = 200;
const SENDS: usize = 2000;

/// Rounds of the comparison.
const ROUNDS: usize = 9;

// One thread: the client should leave the processors to the server.
#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let kept = filled().await?;
    let home = Arc::new(directory());
    fs::copy(kept, home.path().join("hubbub.db"))?;
    let app = measure_indexing(&home).await?;
    measure_searches(&app).await?;
    drop(app);
    measure_sends().await
}

/// A number that looks like chance, and is the same in each run.
struct Chance(u64);

impl Chance {
    /// Below `most`, the smaller the more often, as the ranks of words are (Zipf).
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a rank"
    )]
    fn rank(&mut self, most: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let share = (self.0 >> 11) as f64 / (1_u64 << 53) as f64;
        ((most as f64).powf(share) as u64).saturating_sub(1).min(most - 1)
    }
}

/// The word of a rank: the usual ones are short.
fn word(rank: u64) -> String {
    const SYLLABLES: [&str; 16] = [
        "ka", "lo", "mi", "re", "su", "ta", "ne", "vo", "di", "pa", "shu", "ber", "tin", "gol",
        "fra", "wy",
    ];
    let mut word = String::new();
    let mut rest = rank + 1;
    while rest > 0 {
        word.push_str(SYLLABLES[usize::try_from(rest % 16).expect("small")]);
        rest /= 16;
    }
    word
}

fn text(chance: &mut Chance) -> String {
    let words = (0..WORDS_EACH).map(|_| word(chance.rank(WORDS)));
    words.collect::<Vec<_>>().join(" ")
}

/// A journal with all messages, from an earlier run or filled now.
async fn filled() -> io::Result<PathBuf> {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("search-{MESSAGES}.db"));
    if kept.exists() {
        return Ok(kept);
    }
    println!("filling a journal with {MESSAGES} messages …");
    let home = directory();
    let data = home.path().join("hubbub.db");
    let journal = Journal::open(&data, Retention { keep: u64::MAX, ttl: None }, Metrics::new());
    let journal = journal.expect("a new journal can be opened");
    let mut chance = Chance(1);
    let mut sending = JoinSet::new();
    for number in 0..MESSAGES {
        // Half of what the journal's queue holds.
        if sending.len() == 512 {
            sending.join_next().await;
        }
        let draft = Draft {
            room: RoomName::parse(&format!("room-{}", number % ROOMS)).expect("a room"),
            name: Name::parse("ann").expect("a name"),
            text: Text::parse(&text(&mut chance)).expect("a text"),
            key: Key::fresh(),
            author: None,
        };
        let journal = journal.clone();
        sending.spawn(async move { journal.append(draft).await.expect("it is stored") });
    }
    sending.join_all().await;
    journal.close().await;
    fs::rename(&data, &kept)?;
    Ok(kept)
}

/// How far the index is behind.
async fn lag(app: &App) -> io::Result<u64> {
    let address = app.metrics_url().trim_start_matches("http://").trim_end_matches("/metrics");
    let mut connection = Connection::open(address).await?;
    let answer = connection.ask(&get("/metrics", "")).await?;
    Ok(number_after(answer, b"\nhubbub_search_lag ").expect("a lag"))
}

/// From the start of the server until all can be found.
#[expect(clippy::cast_precision_loss, reason = "not that many")]
async fn measure_indexing(home: &Arc<TempDir>) -> io::Result<App> {
    let begun = Instant::now();
    let app = App::over(Arc::clone(home), &FLAGS);
    while lag(&app).await? > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let took = begun.elapsed().as_secs_f64();
    let length = |ending: &str| {
        let file = home.path().join(format!("hubbub.db{ending}"));
        fs::metadata(file).map_or(0, |file| file.len()) as f64 / MESSAGES as f64
    };
    println!(
        "{MESSAGES} messages indexed in {took:.1} s, {:.0} a second, {:.1} s of processor time; {:.0} \
         bytes each, of {:.0} in the journal; {} MB resident at most\n",
        MESSAGES as f64 / took,
        app.cpu().as_secs_f64(),
        length(".search") + length(".search-wal"),
        length(""),
        app.memory("VmHWM") / 1024
    );
    Ok(app)
}

/// What is looked for, and what somebody would call it.
fn kinds() -> Vec<(&'static str, String)> {
    let (usual, common, some, rare) = (word(0), word(20), word(1000), word(40_000));
    vec![
        ("the most usual word", format!("{usual}+")),
        ("a common word", format!("{common}+")),
        ("an uncommon word", format!("{some}+")),
        ("a rare word", format!("{rare}+")),
        ("no such word", "xylophone+".to_owned()),
        ("two common words", format!("{common}+{usual}+")),
        ("a common and a rare word", format!("{usual}+{rare}+")),
        ("five words", format!("{}+{}+{}+{}+{}+", word(0), word(1), word(2), word(3), word(9))),
        ("a phrase of common words", format!("%22{usual}+{common}%22")),
        ("a phrase of uncommon words", format!("%22{some}+{}%22", word(1001))),
        ("two letters of a word", usual[..2].to_owned()),
        ("three letters of a word", word(300)[..3].to_owned()),
        ("most of a word", rare[..rare.len() - 1].to_owned()),
    ]
}

async fn measure_searches(app: &App) -> io::Result<()> {
    let mut connection = Connection::open(app.address()).await?;
    let mut rows = Vec::new();
    let mut all = Vec::new();
    for (what, words) in kinds() {
        for (place, title) in [("/search", "all rooms"), ("/rooms/room-7/search", "one room")] {
            let request = get(&format!("{place}?q={words}&format=json"), "");
            let mut waits = Vec::new();
            let mut hits = 0;
            for _ in 0..SEARCHES {
                let asked = Instant::now();
                let answer = connection.ask(&request).await?;
                waits.push(asked.elapsed());
                assert!(
                    answer.starts_with(b"HTTP/1.1 200 "),
                    "{}",
                    String::from_utf8_lossy(answer)
                );
                hits = answer.windows(9).filter(|part| part == b"\"sent_at\"").count();
            }
            let figures =
                [median(&waits), percentile(&waits, 0.99)].map(|wait| format!("{:.2}", ms(wait)));
            rows.push([&[format!("{what}, {title}"), hits.to_string()][..], &figures].concat());
            all.extend(waits);
        }
    }
    let figures = [median(&all), percentile(&all, 0.99)].map(|wait| format!("{:.2}", ms(wait)));
    rows.push([&["all of them".to_owned(), String::new()][..], &figures].concat());
    print_table(&["a search", "hits", "median ms", "p99 ms"], &rows);
    println!();
    Ok(())
}

/// A send with the index, and the same where there can be none: a directory with something in it stands
/// in its place.
async fn measure_sends() -> io::Result<()> {
    let mut waits = [Vec::new(), Vec::new()];
    let mut cpu = [Duration::ZERO; 2];
    let mut chance = Chance(2);
    for _ in 0..ROUNDS {
        let homes = [Arc::new(directory()), Arc::new(directory())];
        fs::create_dir_all(homes[1].path().join("hubbub.db.search/in-the-way"))?;
        let mut sides = Vec::new();
        for home in homes {
            let app = App::over(home, &FLAGS);
            let connection = Connection::open(app.address()).await?;
            sides.push((app, connection));
        }
        let mut round = [Vec::new(), Vec::new()];
        let used = [sides[0].0.cpu(), sides[1].0.cpu()];
        for time in 0..SENDS {
            let text = text(&mut chance).replace(' ', "+");
            let send = form("/rooms/lobby/messages", &format!("username=bob&text={text}"));
            // Each goes first every other time.
            for place in [time % 2, 1 - time % 2] {
                let asked = Instant::now();
                let answer = sides[place].1.ask(&send).await?;
                round[place].push(asked.elapsed());
                assert!(answer.starts_with(b"HTTP/1.1 201 "), "it is taken");
            }
        }
        for place in 0..2 {
            cpu[place] += sides[place].0.cpu().saturating_sub(used[place]);
            waits[place].push((ms(median(&round[place])), ms(percentile(&round[place], 0.99))));
        }
    }
    let of = |place: usize, which: fn(&(f64, f64)) -> f64| -> Vec<f64> {
        waits[place].iter().map(which).collect()
    };
    let ratio = |which: fn(&(f64, f64)) -> f64| {
        let ratios: Vec<f64> =
            of(0, which).iter().zip(of(1, which)).map(|(with, without)| with / without).collect();
        format!("{:.3}", median(&ratios))
    };
    let row = |what: &str, which: fn(&(f64, f64)) -> f64| {
        let figures = [0, 1].map(|place| format!("{:.3}", median(&of(place, which))));
        [&[what.to_owned()][..], &figures, &[ratio(which)]].concat()
    };
    #[expect(clippy::cast_precision_loss, reason = "not that many")]
    let cpu = cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / (ROUNDS * SENDS) as f64);
    let cpu_row = [cpu[0], cpu[1], cpu[0] / cpu[1]].map(|figure| format!("{figure:.2}"));
    print_table(
        &["a send", "with the index", "without", "ratio"],
        &[
            row("median ms", |wait| wait.0),
            row("p99 ms", |wait| wait.1),
            [&["server CPU µs".to_owned()][..], &cpu_row].concat(),
        ],
    );
    Ok(())
}
