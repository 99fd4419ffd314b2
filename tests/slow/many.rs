//! Thousands at once, who stay, come back, or come and go.

use std::time::{Duration, Instant};

use crate::{
    client::{client, send},
    support::{App, soon, until},
    wire::{Wire, stream},
};

/// Opens `count` streams of the lobby, some hundred at a time.
pub async fn crowd(app: &App, count: usize) -> Vec<Wire> {
    let mut streams = Vec::with_capacity(count);
    while streams.len() < count {
        let batch: Vec<_> = (streams.len()..count.min(streams.len() + 256)).collect();
        let mut opening: Vec<Wire> = Vec::with_capacity(batch.len());
        for _ in batch {
            let mut wire = Wire::to(app).await;
            wire.get("/rooms/lobby/events").await.unwrap();
            opening.push(wire);
        }
        for wire in &mut opening {
            wire.head().await;
            wire.until(": hubbub\n\n").await;
        }
        streams.append(&mut opening);
    }
    streams
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_ten_thousand_streams_in_under_two_seconds_each_with_a_word() {
    // Failure 7: shutdown hangs on open streams.
    let mut app = App::start();
    let streams = crowd(&app, 10_000).await;
    app.signal("TERM");
    let begun = Instant::now();
    assert!(tokio::task::block_in_place(|| app.wait()).success());
    let took = begun.elapsed();
    let mut pauses = std::collections::BTreeSet::new();
    let mut without = 0;
    for mut wire in streams {
        wire.until_end().await;
        assert!(!wire.is_complete(), "who knows a clean end from a broken one comes back");
        match wire.read.rsplit_once("event: Closing\nretry: ") {
            Some((_, word)) => {
                pauses.insert(word.split_once('\n').expect("a line").0.parse::<u64>().unwrap());
            }
            None => without += 1,
        }
    }
    assert_eq!(without, 0, "so many had no word, after {took:?}: {}", app.log());
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(pauses.len() > 1000, "spread: {}", pauses.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_tabs_that_come_back_at_once_are_all_caught_up_while_pages_load() {
    // Failure 8: everybody reconnects at once.
    let mut app = App::start();
    let seen = send(&app, "lobby", "ann", "before").await.id;
    app.kill();
    app.start_again();
    for n in 1..=20 {
        send(&app, "lobby", "ann", &format!("missed {n}")).await;
    }
    let asked = format!(
        "GET /rooms/lobby/events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: {seen}\r\n\r\n"
    );
    let back = async || {
        let mut wires = Vec::new();
        for _ in 0..5_000 {
            let mut wire = Wire::to(&app).await;
            wire.say(&asked).await.unwrap();
            wires.push(wire);
        }
        for wire in &mut wires {
            wire.head().await;
            let missed =
                wire.until("<span>missed 20</span>").await + wire.until("\n\n").await.as_str();
            assert_eq!(missed.matches("event: NewMessage").count(), 20, "{missed}");
        }
        wires
    };
    let pages = async {
        loop {
            let page = soon("a page", client().get(app.url("/rooms/lobby")).send()).await;
            assert_eq!(page.expect("it loads").status(), 200);
        }
    };
    let mut wires = tokio::select! {
        wires = back() => wires,
        () = pages => unreachable!("it goes on"),
    };
    send(&app, "lobby", "ann", "live").await;
    for wire in &mut wires {
        let live = wire.until("<span>live</span>").await;
        assert_eq!(live.matches("event: NewMessage").count(), 1, "{live}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_peers_that_come_and_go_leave_nothing_behind() {
    // Failure 11: leaked tasks.
    let app = App::with(&["--admin", "127.0.0.1:0"]);
    let gauges = async || {
        let metrics = client().get(app.metrics_url()).send().await.unwrap().text().await.unwrap();
        let gauge = |name: &str| {
            let line = metrics.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.rsplit_once(' '))
                .map_or(0, |(_, value)| value.parse::<i64>().unwrap())
        };
        let names = ["hubbub_connections", "hubbub_streams{format=\"sse\"}", "hubbub_rooms"];
        names.map(gauge)
    };
    // Threads and files that come with the first requests.
    drop(stream(&app).await);
    send(&app, "lobby", "ann", "hi").await;
    until("all are gone", async || (gauges().await == [0; 3]).then_some(())).await;
    let files = app.descriptors();
    for round in 0..100 {
        let mut peers = Vec::new();
        for peer in 0..100 {
            let mut wire = Wire::to(&app).await;
            match peer % 4 {
                0 => {}
                1 => wire.say("GET /rooms/lob").await.unwrap(),
                _ => wire.get(&format!("/rooms/r{round}-{peer}/events")).await.unwrap(),
            }
            peers.push((peer, wire));
        }
        for (peer, mut wire) in peers {
            // Some go with word of it (FIN), and some in the middle of things (RST).
            if peer % 4 == 3 {
                wire.until("retry").await;
            }
        }
    }
    until("all are gone", async || (gauges().await == [0; 3]).then_some(())).await;
    until("their files are closed", async || (app.descriptors() <= files + 2).then_some(())).await;
}
