//! A busy room: the list grows by many messages a second, and the keyboard is answered all the same.

use serde_json::json;

use crate::{
    chromium::Chromium,
    support::{Server, TestApp, until},
    tab::Tab,
};

/// Counts what is done to the list, and the tasks of 200 ms and more.
const WATCH: &str = r"
    window.mutations = window.frames = window.freezes = window.longest = 0
    new MutationObserver(() => mutations++).observe(document.getElementById('messages'), { childList: true })
    const tick = () => { frames++; requestAnimationFrame(tick) }
    tick()
    new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) {
            freezes += duration > 200
            longest = Math.max(longest, duration)
        }
    }).observe({ type: 'longtask' })";

/// Hands the stream's events of so many messages to the page, as if they came in one piece each.
async fn deliver(tab: &Tab, first: usize, last: usize) {
    let script = r"
        const [first, last] = arguments
        const epoch = document.getElementById('messages').getAttribute('hx-sse:connect').match(/after=(\w+)-/)[1]
        for (let n = first; n <= last; n++) {
            const data = `<p id='m${n}' data-key='${epoch}-${n}' class='message' data-name='bob'><strong>bob:</strong> <span>text ${n}</span> <time datetime='2026-11-24T04:15:07Z'>2026-11-24 04:15 UTC</time></p>`
            const message = { data, event: 'NewMessage', id: `${epoch}-${n}` }
            const detail = { message, connection: null, waitUntil() {} }
            document.dispatchEvent(new CustomEvent('htmx:sse:before:message', { detail }))
        }";
    let arguments = vec![json!(first), json!(last)];
    tab.driver().await.execute(script, arguments).await.expect("it runs");
}

#[tokio::test]
async fn five_thousand_messages_at_once_freeze_nothing_and_are_arranged_once_a_frame() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let ann = chromium.join(&app.url(""), "ann").await;
    ann.caught_up().await;
    ann.run(WATCH).await;
    deliver(&ann, 1, 5000).await;
    ann.field().await.send_keys("typed meanwhile").await.unwrap();
    assert_eq!(ann.draft().await, "typed meanwhile");
    until("all are shown", async || {
        let last = "document.querySelector('#messages > .message:last-child')?.id === 'm5000'";
        ann.eval::<bool>(last).await.then_some(())
    })
    .await;
    let shown: usize = ann.eval("document.querySelectorAll('.message').length").await;
    assert!((300..=560).contains(&shown), "{shown}");
    // One for what is swapped in and one for what is trimmed, in each frame.
    let (mutations, frames): (u32, u32) = ann.eval("[mutations, frames]").await;
    assert!(mutations <= 2 * frames + 2, "{mutations} in {frames} frames");
    assert!((5000 / 100..1200).contains(&mutations), "{mutations}");
    // How long a task takes is the machine's affair; it is told where somebody asks.
    let (freezes, longest): (u32, f64) = ann.eval("[freezes, longest]").await;
    println!(
        "{mutations} mutations in {frames} frames; {freezes} tasks above 200 ms, the longest {longest} ms"
    );
}

#[tokio::test]
async fn what_a_translation_makes_of_the_page_decides_nothing() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let ann = chromium.join(&app.url(""), "ann").await;
    ann.say("one").await;
    ann.shows(&["one"]).await;
    ann.until("document.querySelectorAll('#messages > .message').length === 1").await;
    for name in [".me strong", ".message strong", "h1", "#presence"] {
        let kept = format!("document.querySelector({name:?}).translate");
        assert!(!ann.eval::<bool>(&kept).await, "{name} is a name");
    }
    assert!(ann.eval::<bool>("document.querySelector('.message span').translate").await);
    ann.run(
        "for (const shown of document.querySelectorAll('strong, time, #presence, title')) {
            shown.innerHTML = '<font>translated</font>'
        }",
    )
    .await;
    ann.say("two").await;
    ann.until("document.querySelectorAll('#messages > .message').length === 2").await;
    ann.until("document.querySelectorAll('.message.own').length === 2").await;
    let runs: Vec<bool> = ann
        .eval("[...document.querySelectorAll('.message')].map((it) => it.matches('.run'))")
        .await;
    assert_eq!(runs, [false, true], "one person's, one after the other");
}
