//! What an operating system or a deadline ends: file descriptors, silence, readers that stop.

use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt as _;

use crate::{
    client::{Events, client, send},
    many::crowd,
    support::{App, TestApp, soon, until},
    wire::Wire,
};

#[tokio::test]
async fn trickled_heads_and_silent_connections_are_closed_after_ten_seconds_and_idle_ones_are_not()
{
    // Failure 14: trickled headers.
    let app = TestApp::start();
    let mut idle = Wire::to(&app).await;
    idle.get("/healthz").await.unwrap();
    idle.until("alive\n").await;
    let silent = Wire::to(&app).await;
    let mut trickle = Wire::to(&app).await;
    let begun = Instant::now();
    let trickled = tokio::spawn(async move {
        // A head that would take a minute; the end shows when a write fails.
        for byte in "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: aaaaaaaaaaaaaaaaaaaa".chars() {
            if trickle.say(&byte.to_string()).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("a trickled head was taken");
    });
    let _ = silent.rest().await;
    let silenced = begun.elapsed();
    soon("the trickle's end", trickled).await.unwrap();
    idle.get("/healthz").await.unwrap();
    idle.until("alive\n").await;
    for took in [silenced, begun.elapsed()] {
        assert!((9.0..20.0).contains(&took.as_secs_f32()), "{took:?}");
    }
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
    // All 64 are taken. Idle ones go for the next at once, well before their time.
    let begun = Instant::now();
    let first = send(&app, "lobby", "ann", "past the idle").await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());

    // More than all, and they say nothing.
    let mut silent = Vec::new();
    for _ in 0..80 {
        silent.push(Wire::to(&app).await);
    }
    let before = app.cpu();
    let second = send(&app, "lobby", "ann", "past the silent").await;
    let spent = app.cpu() - before;
    assert!(spent < Duration::from_secs(2), "accepting does not spin: {spent:?}");
    assert_eq!(tab.ids(2).await, [first.id, second.id], "open tabs are unharmed");
    assert!(!app.log().contains("could not be accepted"), "{}", app.log());
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
        wire.open("/rooms/lobby/events").await;
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
    let before = app.memory("VmRSS");
    sent.extend(say(600).await);
    for other in others {
        assert_eq!(other.await.unwrap(), sent, "the others get everything");
    }
    let grown = app.memory("VmRSS").saturating_sub(before);
    // Held for each of those that stopped, the 600 messages would be 250 MB.
    assert!(grown < 20_000, "{grown} kB more");

    soon("the trickle's end", trickled).await.unwrap();
    let cut = async || {
        let metrics = client().get(app.metrics_url()).send().await.unwrap().text().await.unwrap();
        metrics.contains("hubbub_evictions_total 101\n").then_some(())
    };
    until("all are cut", cut).await;
    let mut one = stopped.pop().unwrap();
    one.until_end().await;
    assert!(!one.is_complete(), "it was cut");
    let had = whole(&one.read);
    assert!(had.len() < 200, "{} came through", had.len());
    let cursor = had.last().unwrap_or(&start);
    let mut again = Events::open(&app, "/rooms/lobby/events", Some(cursor)).await;
    let got: Vec<_> = had.iter().cloned().chain(again.ids(1000 - had.len()).await).collect();
    assert_eq!(got, sent, "with its cursor it lacks nothing");
}
