//! What one client costs that wants nothing but to cost.

use std::time::{Duration, Instant};

use crate::{
    client::send,
    support::App,
    wire::{Wire, stream},
};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_poured_into_a_stream_costs_next_to_nothing() {
    let app = App::start();
    let mut pouring = stream(&app).await;
    let before = app.cpu();
    let begun = Instant::now();
    let poured = vec![b'x'; 64 * 1024];
    let mut bytes = 0;
    while begun.elapsed() < Duration::from_secs(5) {
        let wrote =
            tokio::time::timeout(Duration::from_millis(100), pouring.socket.writable()).await;
        if wrote.is_ok()
            && let Ok(count) = pouring.socket.try_write(&poured)
        {
            bytes += count;
        }
    }
    let used = app.cpu() - before;
    println!("{bytes} bytes in, {used:?}");
    assert!(used < Duration::from_millis(250), "{used:?}");
    let sent = send(&app, "lobby", "ann", "still there").await;
    pouring.until(&sent.id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_nobody_reads_take_what_the_readme_says_and_give_it_back() {
    let app = App::with(&["--tab-sends", "0"]);
    let text = format!("http://a/{}", "&".repeat(3990));
    for _ in 0..200 {
        send(&app, "lobby", "ann", &text).await;
    }
    let before = app.memory("VmRSS");
    for _ in 0..3 {
        let mut unread = Vec::new();
        for _ in 0..300 {
            let mut wire = Wire::narrow(&app);
            wire.get("/rooms/lobby/messages?limit=200").await.unwrap();
            unread.push(wire);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let grown = app.memory("VmRSS").saturating_sub(before);
        println!("{grown} kB while nobody reads");
        // 64 MB of answers, and 96 KB for each connection.
        assert!(grown < 95_000, "{grown} kB");
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let kept = app.memory("VmRSS").saturating_sub(before);
    println!("{kept} kB after");
    assert!(kept < 40_000, "{kept} kB"); // It was 100,000 from the heap.
}
