//! Sockets: what a server meets from thousands of peers, slow ones, silent ones, and none that go.

mod requests;

use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt as _;

use crate::{
    client::{Events, client, send},
    support::{App, soon, until},
    wire::{Wire, stream},
};
use requests::half_a_form;

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
        "GET /rooms/lobby/events HTTP/1.1\r\nHost: hubbub\r\nLast-Event-ID: {seen}\r\n\r\n"
    );
    let back = async || {
        let mut wires = Vec::new();
        for _ in 0..5_000 {
            let mut wire = Wire::to(&app).await;
            wire.say(&asked).await.unwrap();
            wires.push(wire);
        }
        for wire in &mut wires {
            let missed = wire.until("<span>missed 20</span>").await + &wire.until("\n\n").await;
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
    for _ in 0..80 {
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

/// The ids of the messages in what a reader got, those only that came whole.
fn whole(read: &str) -> Vec<String> {
    let ended = read.rfind("\n\n").unwrap_or(0);
    let begun = read[..ended].split("id: ").skip(1);
    begun.map(|event| event.lines().next().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_stop_are_cut_and_resume_and_cost_the_others_and_the_memory_nothing() {
    // Failure 6: a reader stops reading, memory grows or others wait.
    let app = App::with(&["--admin", "127.0.0.1:0"]);
    let start = send(&app, "lobby", "ann", "the cursor of a page").await.id;
    let mut others = Vec::new();
    for _ in 0..20 {
        let mut other = Events::open(&app, "/rooms/lobby/events", None).await;
        // All the time: whoever only reads when all is sent has stopped, too, on a slow machine.
        others.push(tokio::spawn(async move { other.ids(1000).await }));
    }
    let mut stopped = Vec::new();
    for _ in 0..100 {
        let mut wire = Wire::narrow(&app);
        wire.get("/rooms/lobby/events").await.unwrap();
        wire.until(": hubbub\n\n").await;
        stopped.push(wire);
    }
    let mut trickling = Wire::narrow(&app);
    trickling.get("/rooms/lobby/events").await.unwrap();
    let trickled = tokio::spawn(async move {
        // 100 bytes a second.
        loop {
            let mut bytes = [0; 100];
            match trickling.socket.read(&mut bytes).await {
                Ok(0) | Err(_) => return,
                Ok(count) => trickling.read.push_str(&String::from_utf8_lossy(&bytes[..count])),
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    // Twice what fills the ring and the sockets, so that the ring is part of what is measured.
    let text = "x".repeat(4000);
    let say = async |count: usize| {
        let mut sent = Vec::with_capacity(count);
        for _ in 0..count {
            sent.push(send(&app, "lobby", "ann", &text).await.id);
        }
        sent
    };
    let mut sent = say(400).await;
    let before = app.status("VmRSS");
    sent.extend(say(600).await);
    for other in others {
        assert_eq!(other.await.unwrap(), sent, "the others get everything");
    }
    let grown = app.status("VmRSS").saturating_sub(before);
    // Held for each of those that stopped, the 600 messages would be 250 MB.
    assert!(grown < 20_000, "{grown} kB more");

    soon("the trickle's end", trickled).await.unwrap();
    let cut = async || {
        let metrics = client().get(app.metrics_url()).send().await.unwrap().text().await.unwrap();
        metrics.contains("hubbub_evictions_total 101\n").then_some(())
    };
    until("all are cut", cut).await;
    let read = stopped.pop().unwrap().rest().await;
    let had = whole(&read);
    assert!(had.len() < 200, "{} came through", had.len());
    let cursor = had.last().unwrap_or(&start);
    let mut again = Events::open(&app, "/rooms/lobby/events", Some(cursor)).await;
    let got: Vec<_> = had.iter().cloned().chain(again.ids(1000 - had.len()).await).collect();
    assert_eq!(got, sent, "with its cursor it lacks nothing");
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
