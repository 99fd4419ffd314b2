//! Sockets: what a server meets from thousands of peers, slow ones, silent ones, and none that go.

use std::time::{Duration, Instant};

use crate::{
    client::{Events, client, send},
    support::{App, soon, until},
    wire::{Wire, stream},
};

/// Opens `count` streams of the lobby, some hundred at a time.
async fn crowd(app: &App, count: usize) -> Vec<Wire> {
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
            assert!(wire.until(": hubbub\n\n").await.starts_with("HTTP/1.1 200"));
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
    for wire in streams {
        let said = wire.rest().await;
        let pause = said.rsplit_once("event: Closing\nretry: ").expect("a word").1;
        pauses.insert(pause.split_once('\n').expect("a line").0.parse::<u64>().unwrap());
    }
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(pauses.len() > 1000, "spread: {}", pauses.len());
}

#[tokio::test]
async fn readyz_says_that_it_stops_on_an_open_connection_before_the_port_is_closed() {
    let mut app = App::start();
    let mut probe = Wire::to(&app).await;
    app.signal("TERM");
    loop {
        probe.get("/readyz").await.unwrap();
        let answer = probe.until("\n").await + &probe.until("\r\n\r\n").await;
        if answer.starts_with("HTTP/1.1 503") {
            probe.until("stopping\n").await;
            break;
        }
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        probe.until("ready\n").await;
    }
    let mut other = Wire::to(&app).await;
    other.get("/readyz").await.unwrap();
    assert!(other.until("stopping\n").await.starts_with("HTTP/1.1 503"));
    let begun = Instant::now();
    assert!(app.wait().success());
    assert!(begun.elapsed() < Duration::from_secs(1), "idle connections hold nothing up");
    assert_eq!(probe.rest().await, "");
}

/// Signals are handled, and a form is on its way that never comes to its end.
async fn half_a_form(app: &App) -> Wire {
    let mut wire = Wire::to(app).await;
    wire.say("POST /rooms/lobby/messages HTTP/1.1\r\nHost: hubbub\r\n").await.unwrap();
    wire.say("Content-Type: application/x-www-form-urlencoded\r\n").await.unwrap();
    wire.say("Content-Length: 23\r\n\r\nusername=ann").await.unwrap();
    wire
}

#[tokio::test]
async fn a_second_signal_ends_the_process_at_once() {
    for (first, second, status) in
        [("TERM", "TERM", 143), ("INT", "TERM", 143), ("TERM", "INT", 130)]
    {
        let mut app = App::start();
        let _held = half_a_form(&app).await;
        let mut probe = stream(&app).await;
        app.signal(first);
        probe.until("event: Closing").await;
        app.signal(second);
        assert_eq!(app.wait().code(), Some(status), "{first}, {second}");
    }
}

#[tokio::test]
async fn a_form_that_is_on_its_way_at_sigterm_is_stored_and_answered() {
    let mut app = App::start();
    let mut form = half_a_form(&app).await;
    let mut probe = stream(&app).await;
    app.signal("TERM");
    probe.until("event: Closing").await;
    form.say("&text=above").await.unwrap();
    assert!(form.until("\r\n").await.starts_with("HTTP/1.1 201"));
    assert!(app.wait().success());
    app.start_again();
    let kept = client().get(app.url("/rooms/lobby/messages")).send().await.unwrap();
    assert!(kept.text().await.unwrap().contains("above"));
}

#[tokio::test]
async fn trickled_heads_and_idle_connections_are_closed_after_ten_seconds() {
    // Failure 14: trickled headers.
    let app = App::start();
    let mut idle = Wire::to(&app).await;
    idle.get("/healthz").await.unwrap();
    idle.until("alive\n").await;
    let silent = Wire::to(&app).await;
    let mut trickle = Wire::to(&app).await;
    let begun = Instant::now();
    let trickled = tokio::spawn(async move {
        // A head that would take a minute; the end shows when a write fails.
        for byte in "GET /healthz HTTP/1.1\r\nHost: hubbub\r\nX: aaaaaaaaaaaaaaaaaaaa".chars() {
            if trickle.say(&byte.to_string()).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("a trickled head was taken");
    });
    assert_eq!(idle.rest().await, "");
    let idled = begun.elapsed();
    let _ = silent.rest().await;
    let silenced = begun.elapsed();
    soon("the trickle's end", trickled).await.unwrap();
    for took in [idled, silenced, begun.elapsed()] {
        assert!((9.0..20.0).contains(&took.as_secs_f32()), "{took:?}");
    }
}

#[tokio::test]
async fn the_limit_on_file_descriptors_is_raised_as_far_as_it_may_be() {
    let app = App::under("ulimit -S -n 100", &[]);
    until("it is raised", async || {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", app.pid())).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        let numbers: Vec<_> = line.split_whitespace().skip(3).take(2).collect();
        (numbers[0] == numbers[1] && numbers[0] != "100").then_some(())
    })
    .await;
}

#[tokio::test]
async fn where_file_descriptors_run_out_open_tabs_live_on_and_idle_connections_make_room() {
    // Failure 14: fd exhaustion. 64 of these are for its own files.
    let app = App::under("ulimit -n 128", &[]);
    let mut tab = Events::open(&app, "/rooms/lobby/events", None).await;
    let _tabs = crowd(&app, 40).await;
    let mut idle = Vec::new();
    for _ in 0..23 {
        let mut wire = Wire::to(&app).await;
        wire.get("/healthz").await.unwrap();
        wire.until("alive\n").await;
        idle.push(wire);
    }
    // All 64 are taken. Idle ones go for the next at once, well before their ten seconds.
    let begun = Instant::now();
    let first = send(&app, "lobby", "ann", "past the idle").await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());

    // More than all, and they say nothing.
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(Wire::to(&app).await);
    }
    let before = processor(&app);
    let second = send(&app, "lobby", "ann", "past the silent").await;
    let spent = processor(&app) - before;
    assert!(spent < 200, "accepting does not spin: {spent} hundredths of a second");
    assert_eq!(tab.ids(2).await, [first.id, second.id], "open tabs are unharmed");
    assert!(!app.log().contains("could not be accepted"), "{}", app.log());
}

/// What it has used of the processor, in hundredths of a second.
fn processor(app: &App) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", app.pid())).unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}
