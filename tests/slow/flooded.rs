//! A flooded room with readers that are slow, and with ten thousand of them.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use tokio::{
    io::AsyncReadExt as _,
    time::{sleep, timeout},
};

use crate::{
    client::send,
    flood::{FLAGS, Flood, Reader, marked},
    support::{App, PATIENCE, soon},
    wire::Wire,
};

/// What the reader that halts has room for.
const BUFFER_BYTES: usize = 64 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn in_a_flooded_room_slow_readers_cost_the_others_the_senders_and_the_memory_nothing() {
    let app = App::with(&FLAGS);
    let path = |format: &str| format!("/rooms/lobby/events?format={format}");
    let mut others = Vec::new();
    for number in 0..16 {
        // (The endless document ends after ten thousand messages, which a quick machine sends meanwhile.)
        let path = path(["sse", "ndjson", "text"][number % 3]);
        let mut reader = Reader::open(Wire::to(&app).await, &path, None).await;
        others.push(tokio::spawn(async move {
            reader.until_mark("end").await;
            reader
        }));
    }
    let wire = Wire::with_buffer(&app, BUFFER_BYTES);
    let mut halting = Reader::open(wire, &path("sse"), None).await;
    let mut never = Vec::new();
    for _ in 0..20 {
        never.push(Reader::open(Wire::narrow(&app), &path("sse"), None).await);
    }
    let mut trickling = Wire::narrow(&app);
    trickling.get(&path("sse")).await.unwrap();
    let trickle = tokio::spawn(async move {
        let mut bytes = [0; 100];
        while !matches!(trickling.socket.read(&mut bytes).await, Ok(0) | Err(_)) {
            sleep(Duration::from_secs(1)).await;
        }
    });

    let flood = Flood::start(&app, "lobby", 16, 3000);
    let begun = Instant::now();
    halting.until_count(10).await;
    let count = flood.count();
    let halted = tokio::spawn(async move {
        // As long as a reader may take nothing, but for a second.
        sleep(Duration::from_secs(9)).await;
        let missed = *count.borrow();
        halting.until_mark("end").await;
        (missed, halting)
    });
    // Until the buffers of all sockets are full.
    flood.reached(500).await;
    let (memory, at) = (app.memory("VmRSS"), begun.elapsed());
    while begun.elapsed() < Duration::from_secs(12) {
        let sent = *flood.count().borrow();
        flood.reached(sent + 100).await;
    }
    flood.reached(2000).await;
    let grown = app.memory("VmRSS").saturating_sub(memory);
    let took = begun.elapsed();
    let sent = flood.stop().await;
    let refused = sent.refused;
    let due = sent.marks();
    println!(
        "{} sent, 500 after {at:?}, all after {took:?}, {refused} refused, {grown} kB more",
        due.len()
    );
    send(&app, "lobby", "ann", &marked("end", 0)).await;
    let due: Vec<_> = due.into_iter().chain(["end".into()]).collect();
    for other in others {
        let other = other.await.unwrap();
        assert_eq!(other.got, due);
        assert_eq!(other.gaps, []);
    }
    let (missed, halting) = halted.await.unwrap();
    assert!(missed > 500, "it was far behind: {missed}");
    assert_eq!(halting.got, due, "who reads again in time misses nothing");
    assert_eq!(halting.gaps, []);
    // Held for each of those that stopped, 1,500 messages would be 100 MB.
    assert!(grown < 30_000, "{grown} kB more");
    assert_eq!(refused, 0, "no sender waits for them");
    timeout(PATIENCE, trickle).await.expect("it is cut").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_in_a_flood_ends_ten_thousand_streams_in_under_two_seconds_and_all_resume() {
    let mut app = App::with(&["--tab-sends", "0", "--address-sends", "0"]);
    let mut readers = Vec::new();
    while readers.len() < 10_000 {
        let mut wires = Vec::new();
        for _ in 0..250 {
            wires.push(Wire::to(&app).await);
        }
        for wire in wires {
            readers.push(Reader::open(wire, "/rooms/lobby/events", None).await);
        }
    }
    let readers: Vec<_> = readers
        .into_iter()
        .map(|mut reader| {
            tokio::spawn(async move {
                let others = reader.until_end().await;
                (reader, others)
            })
        })
        .collect();
    let flood = Flood::start(&app, "lobby", 16, 10);
    flood.reached(100).await;
    app.signal("TERM");
    let begun = Instant::now();
    assert!(tokio::task::block_in_place(|| app.wait()).success());
    let took = begun.elapsed();
    let sent = flood.stop().await;

    let mut pauses = BTreeSet::new();
    let mut sample = Vec::new();
    for (number, reader) in readers.into_iter().enumerate() {
        let (reader, others) = soon("its end", reader).await.unwrap();
        assert_eq!(reader.gaps, []);
        let last: Vec<_> = others.iter().rev().take(3).rev().map(|line| line.trim_end()).collect();
        let [closing, retry, ""] = last[..] else { panic!("{last:?}") };
        assert_eq!(closing, "event: Closing");
        pauses.insert(retry.strip_prefix("retry: ").expect("a pause").parse::<u64>().unwrap());
        if number % 50 == 0 {
            sample.push(reader);
        }
    }
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(pauses.len() > 1000, "spread: {}", pauses.len());

    app.start_again();
    send(&app, "lobby", "ann", &marked("end", 0)).await;
    let mut all = Reader::open(Wire::to(&app).await, "/rooms/lobby/events?last=10000", None).await;
    all.until_mark("end").await;
    let stored: BTreeSet<_> = all.got.iter().collect();
    for (_, mark) in &sent.acknowledged {
        assert!(stored.contains(mark), "{mark} was acknowledged");
    }
    assert!(stored.len() <= sent.acknowledged.len() + sent.open.len() + 1);
    let resumed = sample.len();
    let mut live = 0;
    for mut reader in sample {
        let path = "/rooms/lobby/events";
        let id = reader.id.take().expect("it has had messages");
        live += reader.got.len();
        let mut again = Reader::open(Wire::to(&app).await, path, Some(&id)).await;
        again.until_mark("end").await;
        reader.got.append(&mut again.got);
        assert_eq!(reader.got, all.got, "each once, in one order");
        assert_eq!(again.gaps, []);
    }
    println!(
        "{took:?}; {} sent, {} open; {resumed} resumed, with {live} messages before",
        all.got.len(),
        sent.open.len()
    );
}
