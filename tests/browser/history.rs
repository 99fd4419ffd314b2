//! What was said before: further up, while away, and in a journal that is no more.

use std::fs;

use crate::{
    browser::Browser,
    chromium::Chromium,
    engine::Engine,
    post,
    proxy::{Proxy, Streams},
    support::{App, Server, TestApp, until},
};

/// What the list says, gaps and all, line by line.
const LINES: &str = "[...document.querySelectorAll('#messages > :is(.message, .gap)')]
    .map((line) => (line.querySelector('span') ?? line).textContent)";

pub async fn scrolling_up_brings_older_messages_and_the_place_holds_still(engine: Engine) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    let all: Vec<_> = (1..=160).map(|n| format!("message {n}")).collect();
    for text in &all {
        post(&app, "eve", text).await;
    }
    let ann = browser.join(&app.url(""), "ann").await;
    ann.shows(&all[110..].iter().map(String::as_str).collect::<Vec<_>>()).await;

    // Up to the start of the room, page by page.
    for oldest in [110, 60, 10] {
        let top = &all[oldest];
        let script = r"
            const [text, done] = arguments
            const shown = () => [...document.querySelectorAll('.message')]
            const it = shown().find((message) => message.querySelector('span').textContent === text)
            document.querySelector('.scroller').scrollBy(0, -100000)
            const number = shown().length, place = it.getBoundingClientRect().bottom
            const begun = performance.now()
            const look = () => {
                if (shown().length > number) requestAnimationFrame(() => requestAnimationFrame(() =>
                    done([place, it.getBoundingClientRect().bottom])))
                else if (performance.now() - begun > 20000) done(null)
                else requestAnimationFrame(look)
            }
            look()";
        let driver = ann.driver().await;
        let ran = driver.execute_async(script, vec![top.as_str().into()]).await.unwrap();
        let places: Option<(f64, f64)> = ran.convert().unwrap();
        let (before, after) = places.expect("older messages");
        assert!((before - after).abs() <= 1.0, "from {before} to {after}");
    }
    ann.shows(&all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    ann.until("!document.querySelector('.older')").await;

    // And it is live as before.
    post(&app, "eve", "live").await;
    let mut all: Vec<_> = all.iter().map(String::as_str).collect();
    all.push("live");
    ann.shows(&all).await;
    assert!(ann.is_marked().await, "the page was loaded anew");
    assert_eq!(ann.twice().await, <[String; 0]>::default());
    assert_eq!(browser.complaints().await, <[String; 0]>::default());
}

#[tokio::test]
async fn older_messages_that_cannot_be_had_now_leave_the_way_to_them() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    for n in 1..=60 {
        post(&app, "eve", &n.to_string()).await;
    }
    let proxy = Proxy::before(app.address(), Streams::Pass).await;
    let ann = chromium.join(&proxy.home(), "ann").await;
    let lines: u32 = ann.eval("document.getElementById('messages').childNodes.length").await;

    proxy.refuse(Some("/messages?before="));
    ann.run("addEventListener('htmx:finally:request', () => window.answered = true)").await;
    ann.scroll(-100_000).await;
    until("the 503", async || (proxy.refused() == 1).then_some(())).await;
    // htmx says so when it has put on the page what it puts there. An error page is no message.
    ann.until("window.answered === true").await;
    let now: u32 = ann.eval("document.getElementById('messages').childNodes.length").await;
    assert_eq!(now, lines);

    proxy.refuse(None);
    ann.element(".older a").await.click().await.unwrap();
    let all: Vec<_> = (1..=60).map(|n| n.to_string()).collect();
    ann.shows(&all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert!(ann.is_marked().await, "the page was loaded anew");
}

pub async fn who_was_away_for_longer_than_is_kept_is_told_and_gets_all_that_is_kept(
    engine: Engine,
) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::with(&["--keep", "20"]);
    let proxy = Proxy::before(app.address(), Streams::Pass).await;
    let ann = browser.join(&proxy.home(), "ann").await;
    post(&app, "eve", "seen").await;
    ann.shows(&["seen"]).await;

    proxy.set(Streams::Hold);
    for n in 1..=60 {
        post(&app, "eve", &format!("missed {n}")).await;
    }
    // What is over the measure goes a little at a time, with what is sent and when nobody sends.
    until("as many are kept as should be", async || {
        let asked = reqwest::Client::new().get(app.url("/rooms/lobby/messages?limit=200"));
        let kept = asked.header("accept", "application/json").send().await.unwrap();
        (kept.json::<Vec<serde_json::Value>>().await.unwrap().len() == 20).then_some(())
    })
    .await;
    proxy.set(Streams::Pass);

    let mut expected =
        vec!["seen".to_owned(), "40 earlier messages are no longer kept.".to_owned()];
    expected.extend((41..=60).map(|n| format!("missed {n}")));
    ann.until(&format!("document.querySelectorAll('.message').length === {}", 21)).await;
    assert_eq!(ann.eval::<Vec<String>>(LINES).await, expected);
    post(&app, "eve", "live").await;
    expected.push("live".to_owned());
    ann.until(&format!("document.querySelectorAll('.message').length === {}", 22)).await;
    assert_eq!(ann.eval::<Vec<String>>(LINES).await, expected);
    assert!(ann.is_marked().await, "the page was loaded anew");
    assert_eq!(ann.twice().await, <[String; 0]>::default());
}

#[tokio::test]
async fn a_journal_that_was_deleted_takes_its_messages_off_the_page() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let mut app = App::start();
    for n in 1..=60 {
        post(&app, "eve", &format!("old {n}")).await;
    }
    let proxy = Proxy::before(app.address(), Streams::Pass).await;
    let ann = chromium.join(&proxy.home(), "ann").await;
    ann.say("old 61").await;
    proxy.set(Streams::Hold);
    proxy.refuse(Some("/messages?before="));
    ann.say("old 62, which no stream brings to its place any more").await;

    assert!(app.stop().success());
    for name in ["hubbub.db", "hubbub.db-wal", "hubbub.db-shm"] {
        let _ = fs::remove_file(app.data().with_file_name(name));
    }
    app.start_again();
    post(&app, "eve", "new 1").await;
    proxy.set(Streams::Pass);
    ann.shows(&["new 1"]).await;
    let lines = ["Some earlier messages may be missing.", "new 1"];
    assert_eq!(ann.eval::<Vec<String>>(LINES).await, lines);
    // The way to the old journal's messages leads nowhere, and is gone.
    let all = "[...document.getElementById('messages').childNodes]
        .map((node) => node.className ?? node.data)";
    assert_eq!(ann.eval::<Vec<String>>(all).await, ["empty", "gap", "day", "message"]);
    ann.say("new 2").await;
    ann.shows(&["new 1", "new 2"]).await;
    // In view it would have been taken before the page could say anything.
    assert_eq!(proxy.refused(), 0, "nobody went that way");
    assert!(ann.is_marked().await, "the page was loaded anew");
    assert_eq!(ann.twice().await, <[String; 0]>::default());
}
