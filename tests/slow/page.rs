//! A busy room in a real Chromium: how soon a key shows, and whether the page ever freezes.
//!
//! Its figures are of this machine, and of all that it does beside: each is the best of some runs.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::{task::JoinSet, time};

use crate::{
    chromium::Chromium,
    proxy::{Proxy, Streams},
    support::{App, client::client},
    tab::Tab,
};

/// Runs at most, of which the best one counts.
const RUNS: usize = 3;

/// Watches for frames that are late and for tasks that are long (Long Tasks API), and measures each
/// key from its press to the frame that shows it (Event Timing API; what takes less than 16 ms it
/// does not tell).
const WATCH: &str = r"
    window.keys = []
    window.pressed = window.longest = window.latest = 0
    addEventListener('keydown', () => pressed++, true)
    new PerformanceObserver((list) => {
        for (const { name, duration } of list.getEntries()) if (name === 'keydown') keys.push(duration)
    }).observe({ type: 'event', durationThreshold: 16 })
    new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) longest = Math.max(longest, duration)
    }).observe({ type: 'longtask' })
    let last
    const tick = (now) => {
        if (last) latest = Math.max(latest, now - last)
        last = now
        requestAnimationFrame(tick)
    }
    requestAnimationFrame(tick)";

/// Sends so many messages to the lobby, so many at once, and `pause` apart.
async fn send(app: &App, messages: usize, at_once: usize, pause: Duration) {
    let url = Arc::new(app.url("/rooms/lobby/messages"));
    let mut senders = JoinSet::new();
    for sender in 0..at_once {
        let url = Arc::clone(&url);
        senders.spawn(async move {
            let client = reqwest::Client::new();
            let mut due = time::interval(pause.max(Duration::from_micros(1)));
            for n in 0..messages / at_once {
                due.tick().await;
                let text = format!("message {n} of sender {sender}, of a usual length for a chat");
                let form = [("username", format!("sender {sender}")), ("text", text)];
                let sent = client.post(&*url).form(&form).send().await.expect("an answer");
                assert_eq!(sent.status(), 201);
            }
        });
    }
    while let Some(sent) = senders.join_next().await {
        sent.expect("it sends");
    }
}

/// A tab in a room that others send to without limits.
async fn busy(chromium: &mut Chromium) -> (App, Proxy, Tab) {
    let app = App::with(&["--address-sends", "0"]);
    let proxy = Proxy::before(app.address(), Streams::Pass).await;
    let tab = chromium.join(&proxy.home(), "ann").await;
    // Without what looks at every frame of a page that a test joined, for messages that stand twice.
    tab.driver().await.refresh().await.unwrap();
    tab.caught_up().await;
    // A page that is in use for a while has all that it keeps.
    send(&app, 600, 20, Duration::ZERO).await;
    shows(&app, &tab).await;
    tab.run(WATCH).await;
    (app, proxy, tab)
}

/// Waits until the page shows the newest message.
async fn shows(app: &App, tab: &Tab) {
    let newest = client().get(app.url("/rooms/lobby/messages?limit=1"));
    let newest = newest.header("accept", "application/json").send().await.unwrap();
    let newest: serde_json::Value = newest.json().await.unwrap();
    let id = newest[0]["seq"].as_u64().expect("a message");
    tab.until(&format!("document.querySelector('#messages > .message:last-child').id === 'm{id}'"))
        .await;
}

#[tokio::test]
async fn at_a_hundred_messages_a_second_a_key_shows_within_fifty_milliseconds() {
    const KEYS: usize = 200;
    let Some(mut chromium) = Chromium::start().await else { return };
    let (app, _proxy, tab) = busy(&mut chromium).await;
    // Once, and not for each key: the driver turns to a tab by commands of its own.
    let cdp = tab.driver().await.cdp();
    let mut best = f64::MAX;
    for _ in 0..RUNS {
        tab.run("keys.length = pressed = longest = latest = 0").await;
        let begun = Instant::now();
        let (rate, ()) = tokio::join!(
            async {
                send(&app, 1000, 10, Duration::from_millis(100)).await;
                1000.0 / begun.elapsed().as_secs_f64()
            },
            async {
                let mut due = time::interval(Duration::from_millis(45));
                for _ in 0..KEYS {
                    due.tick().await;
                    let key = json!({ "type": "keyDown", "key": "x", "code": "KeyX", "text": "x" });
                    cdp.send_raw("Input.dispatchKeyEvent", key).await.expect("it takes keys");
                }
            }
        );
        assert_eq!(tab.eval::<usize>("pressed").await, KEYS);
        let mut took: Vec<f64> = tab.eval("keys").await;
        // The others were shown sooner than is told.
        took.resize(KEYS, 16.0);
        took.sort_by(f64::total_cmp);
        let at = |share: usize| took[KEYS * share / 100 - 1];
        let (longest, latest): (f64, f64) = tab.eval("[longest, latest]").await;
        println!(
            "{rate:.0} messages a second: a key shows after {} ms at the median, {} at p95, {} at most; \
             the longest task {longest:.0} ms, the longest without a frame {latest:.0} ms",
            at(50),
            at(95),
            at(100)
        );
        best = best.min(at(95));
        if best <= 50.0 {
            break;
        }
    }
    assert!(best <= 50.0, "{best} ms at p95");
}

#[tokio::test]
async fn five_thousand_messages_at_once_are_shown_without_a_freeze() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let mut best = f64::MAX;
    for _ in 0..RUNS {
        let (app, proxy, tab) = busy(&mut chromium).await;
        // They come as fast as the page takes them, and nobody else works meanwhile.
        proxy.set(Streams::Hold);
        send(&app, 5000, 50, Duration::ZERO).await;
        tab.run("longest = latest = 0").await;
        let begun = Instant::now();
        proxy.set(Streams::Pass);
        shows(&app, &tab).await;
        let shown = begun.elapsed();
        let (longest, latest): (f64, f64) = tab.eval("[longest, latest]").await;
        println!(
            "5000 messages are shown after {shown:.1?}; the longest task {longest:.0} ms, the longest \
             without a frame {latest:.0} ms"
        );
        best = best.min(longest);
        if best <= 200.0 {
            break;
        }
    }
    assert!(best <= 200.0, "{best} ms");
}
