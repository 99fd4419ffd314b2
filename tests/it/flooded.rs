//! A flooded room: its readers get everything, and nobody else has to wait.

use std::time::{Duration, Instant};

use reqwest::header;
use serde_json::Value;
use tokio::time::timeout;

use crate::{
    client::{Events, Tab, client, ids_on, send},
    flood::{FLAGS, Flood, Reader, marked},
    support::{App, until},
    wire::Wire,
};

const FORMATS: [&str; 4] = ["sse", "ndjson", "text", "html"];

/// What a reader that halts has room for: far less than what is sent in the meantime.
const BUFFER_BYTES: usize = 64 * 1024;

/// How long a reader halts at most: one that takes nothing for ten seconds is cut.
const MAX_HALT: Duration = Duration::from_secs(8);

/// Waits until nothing of the lobby before this id is kept.
async fn until_trimmed(app: &App, before: &str) {
    until("it is trimmed", async || {
        let url = app.url(&format!("/rooms/lobby/messages?limit=1&before={before}"));
        let page = client().get(url);
        let page = page.header(header::ACCEPT, "application/json").send().await.unwrap();
        let page: Vec<Value> = page.json().await.unwrap();
        page.is_empty().then_some(())
    })
    .await;
}

/// The id of the message that is so many after that with `id`, where nobody sends elsewhere.
fn later(id: &str, count: usize) -> String {
    let (epoch, seq) = id.split_once('-').unwrap();
    format!("{epoch}-{}", seq.parse::<usize>().unwrap() + count)
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_flooded_room_connected_readers_get_every_message_once_in_one_order_and_no_gap() {
    // Failure 17: a connected reader is told of a gap.
    let app = App::with(&FLAGS);
    let first = send(&app, "lobby", "ann", &marked("first", 0)).await.id;
    let mut leaving = Reader::open(Wire::to(&app).await, "/rooms/lobby/events", None).await;
    let mut opened = Vec::new();
    for number in 0..36 {
        // The last eight halt in the middle, until they are far below what the hub has in memory.
        let halts = number >= 28;
        let wire = if halts { Wire::with_buffer(&app, BUFFER_BYTES) } else { Wire::to(&app).await };
        let path = format!("/rooms/lobby/events?format={}", FORMATS[number % 4]);
        opened.push((halts, Reader::open(wire, &path, None).await));
    }
    let flood = Flood::start(&app, "lobby", 16, 1000);
    let mut readers = Vec::new();
    for (halts, mut reader) in opened {
        let mut count = flood.count();
        readers.push(tokio::spawn(async move {
            if halts {
                reader.until_count(50).await;
                let _ = timeout(MAX_HALT, count.wait_for(|count| *count >= 1200)).await;
            }
            reader.until_mark("end").await;
            reader
        }));
    }

    leaving.until_count(50).await;
    let (left_at, had) = (leaving.id.take().unwrap(), leaving.got.len());
    drop(leaving);
    flood.reached(1200).await;
    // What comes after its last message goes: then it comes back, and so does one that left before.
    until_trimmed(&app, &later(&left_at, 2)).await;
    let mut away = Vec::new();
    for (cursor, had) in [(&first, 1), (&left_at, had + 1)] {
        let wire = Wire::to(&app).await;
        let mut reader = Reader::open(wire, "/rooms/lobby/events", Some(cursor)).await;
        reader.until_count(1).await;
        let sent = *flood.count().borrow();
        away.push((had, sent, reader));
    }
    let all = *flood.count().borrow() + 300;
    flood.reached(all).await;

    let mut due = flood.stop().await.marks();
    send(&app, "lobby", "ann", &marked("end", 0)).await;
    due.push("end".into());
    for reader in readers {
        let reader = reader.await.unwrap();
        assert_eq!(reader.got, due);
        assert_eq!(reader.gaps, []);
    }
    due.insert(0, "first".into());
    for (had, sent, mut reader) in away {
        reader.until_mark("end").await;
        let begins = due.iter().position(|mark| *mark == reader.got[0]).unwrap();
        assert_eq!(
            reader.gaps,
            [Some((begins - had) as u64)],
            "between what it had and what it gets"
        );
        assert_eq!(reader.got, due[begins..]);
        // Up to 16 more were on their way.
        assert!(begins + 100 <= 1 + sent + 16, "{begins} of {sent}: all that is kept");
    }
    until_trimmed(&app, &later(&first, due.len() - 100)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_flooded_room_a_quiet_one_has_its_messages_and_its_page() {
    // Failure 16: a flooded room slows others.
    let app = App::with(&FLAGS);
    let mut readers = Vec::new();
    for number in 0..32 {
        let path = format!("/rooms/lobby/events?format={}", FORMATS[number % 4]);
        let mut reader = Reader::open(Wire::to(&app).await, &path, None).await;
        readers.push(tokio::spawn(async move {
            reader.until_mark("end").await;
        }));
    }
    let mut quiet = Events::open(&app, "/rooms/quiet/events", None).await;
    let tab = Tab::join(&app, "quiet", "bob").await;
    let flood = Flood::start(&app, "lobby", 16, 200);
    flood.reached(100).await;
    for number in 0..10 {
        let before = *flood.count().borrow();
        let id = send(&app, "quiet", "ann", &number.to_string()).await.id;
        assert_eq!(quiet.ids(1).await, [id.as_str()]);
        assert!(ids_on(&tab.page().await).contains(&id));
        // The flood went on.
        flood.reached(before + 1).await;
    }
    assert!(flood.stop().await.marks().len() > 100);
    send(&app, "lobby", "ann", &marked("end", 0)).await;
    for reader in readers {
        reader.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_catch_up_and_read_nothing_hold_nothing_that_others_need() {
    // Failure 18: a scarce permit held across a stuck socket.
    let mut app = App::with(&["--admin", "127.0.0.1:0"]);
    // Far more than a narrow socket takes.
    let flood = Flood::start(&app, "lobby", 16, 3900);
    flood.reached(1000).await;
    flood.stop().await;
    let mut live = Events::open(&app, "/rooms/hall/events", None).await;
    let mut stuck = Vec::new();
    // More than there are permits on a small machine, each with pages of its own.
    for last in [10_000, 900, 850, 800, 750, 700, 650, 600] {
        let mut wire = Wire::narrow(&app);
        wire.get(&format!("/rooms/lobby/events?last={last}")).await.unwrap();
        wire.until("\r\n\r\n").await;
        stuck.push(wire);
    }
    let counted = async |name: &str| {
        let metrics = client().get(app.metrics_url()).send().await.unwrap().text().await.unwrap();
        let value = metrics.lines().find_map(|line| line.strip_prefix(name));
        value.expect("it is counted").trim().parse::<usize>().unwrap()
    };
    until("each has its first page", async || {
        (counted("hubbub_replays_total").await >= 8).then_some(())
    })
    .await;

    let id = send(&app, "hall", "ann", "live").await.id;
    assert_eq!(live.ids(1).await, [id], "another room is live");
    let page = client().get(app.url("/rooms/lobby/messages")).send().await.unwrap();
    assert_eq!(
        (page.status().as_u16(), ids_on(&page.text().await.unwrap()).is_empty()),
        (200, false)
    );
    let path = "/rooms/lobby/events?last=500";
    let mut other = Reader::open(Wire::to(&app).await, path, None).await;
    other.until_count(500).await;
    // After ten seconds the kernel would have cut them.
    assert_eq!(counted("hubbub_evictions_total").await, 0, "and they were stuck all the time");
    app.signal("TERM");
    let begun = Instant::now();
    assert!(tokio::task::block_in_place(|| app.wait()).success());
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
}
