//! Reading further up while others write.

use serde_json::json;

use crate::{
    browser::Browser,
    chromium::Chromium,
    engine::Engine,
    post,
    support::{Server, TestApp},
    tab::Tab,
};

/// What the button to the newest messages says, where it is shown.
async fn newest(tab: &Tab) -> Option<String> {
    tab.eval("(({ hidden, textContent }) => (hidden ? null : textContent))(document.getElementById('newest'))")
        .await
}

/// A tab in a room with fifty messages, `old 0` to `old 49`, which has caught up.
async fn reader(chromium: &mut Browser, app: &impl Server) -> Tab {
    for n in 0..50 {
        post(app, "bob", &format!("old {n}")).await;
    }
    let ann = chromium.join(&app.url(""), "ann").await;
    ann.caught_up().await;
    ann
}

const AT_END: &str = "document.querySelector('.scroller').scrollTop > -1";

pub async fn who_scrolled_up_stays_there_and_is_told_of_new_messages_to_jump_to(engine: Engine) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    let ann = reader(&mut browser, &app).await;
    assert_eq!(newest(&ann).await, None);
    assert_eq!(ann.eval::<String>("document.title").await, "#lobby");
    ann.scroll(-400).await;
    let place = ann.place("old 30").await;
    for n in 1..=3 {
        post(&app, "bob", &format!("new {n}")).await;
        let s = if n == 1 { "" } else { "s" };
        let told =
            format!("document.getElementById('newest').textContent === '{n} new message{s}'");
        ann.until(&told).await;
        assert_eq!(ann.eval::<String>("document.title").await, format!("({n}) #lobby"));
    }
    assert!((ann.place("old 30").await - place).abs() <= 1.0);
    assert_eq!(newest(&ann).await.as_deref(), Some("3 new messages"));

    let button = ann.element("#newest").await;
    assert!(button.is_displayed().await.unwrap());
    button.click().await.unwrap();
    ann.until(AT_END).await;
    ann.until("document.getElementById('newest').hidden").await;
    assert_eq!(ann.eval::<String>("document.title").await, "#lobby");
    assert_eq!(ann.focus().await, "text", "and one can answer");

    // One's own message is where it was written: at the end.
    ann.scroll(-400).await;
    ann.say("mine").await;
    ann.until(AT_END).await;
    assert_eq!(newest(&ann).await, None);
}

#[tokio::test]
async fn who_wants_less_motion_jumps_at_once() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let ann = reader(&mut chromium, &app).await;
    for (wish, at_once) in [("reduce", true), ("no-preference", false)] {
        let media = json!({ "features": [{ "name": "prefers-reduced-motion", "value": wish }] });
        ann.cdp("Emulation.setEmulatedMedia", media).await;
        ann.scroll(-600).await;
        post(&app, "bob", wish).await;
        ann.until("!document.getElementById('newest').hidden").await;
        // In one go, so that no frame is painted between the click and the look.
        let jumped: bool =
            ann.eval(&format!("(document.getElementById('newest').click(), {AT_END})")).await;
        assert_eq!(jumped, at_once, "{wish}");
        ann.until(AT_END).await;
    }
    let moving = "[...document.querySelectorAll('*')].map((part) => getComputedStyle(part))
        .filter(({ transitionDuration }) => parseFloat(transitionDuration) > 0).length";
    assert_ne!(ann.eval::<u32>(moving).await, 0);
    let media = json!({ "features": [{ "name": "prefers-reduced-motion", "value": "reduce" }] });
    ann.cdp("Emulation.setEmulatedMedia", media).await;
    assert_eq!(ann.eval::<u32>(moving).await, 0);
}

#[tokio::test]
async fn a_long_list_lets_its_oldest_go_and_loads_them_again() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let ann = chromium.join(&app.url(""), "ann").await;
    ann.caught_up().await;
    let shown = "document.querySelectorAll('#messages > .message').length";
    for n in 1..=700 {
        post(&app, "bob", &format!("message {n}")).await;
    }
    let last = "[...document.querySelectorAll('#messages > .message')].at(-1)?.querySelector('span').textContent";
    ann.until(&format!("{last} === 'message 700'")).await;
    let number: u32 = ann.eval(shown).await;
    assert!((300..=500).contains(&number), "{number} lines");
    assert_eq!(ann.eval::<u32>("document.querySelectorAll('.older').length").await, 1);

    // Up again, to the first.
    let first = "document.querySelector('#messages > .message span').textContent";
    while ann.eval::<String>(first).await != "message 1" {
        let before: u32 = ann.eval(shown).await;
        ann.scroll(-1_000_000).await;
        ann.until(&format!("{shown} > {before}")).await;
    }
    let all: Vec<_> = (1..=700).map(|n| format!("message {n}")).collect();
    ann.shows(&all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    ann.until("!document.querySelector('#messages > .older')").await;
    // While they are looked at, they stay.
    post(&app, "bob", "message 701").await;
    ann.until(&format!("{shown} === 701")).await;
    ann.element("#newest").await.click().await.unwrap();
    ann.until(AT_END).await;
    ann.until(&format!("{shown} <= 500")).await;
    assert_eq!(ann.twice().await, <[String; 0]>::default());
    assert!(ann.is_marked().await, "the page was loaded anew");
    assert_eq!(chromium.complaints().await, <[String; 0]>::default());
}

#[tokio::test]
async fn who_came_back_to_the_end_stays_there_at_any_size_of_pixels() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let ann = reader(&mut chromium, &app).await;
    let mut number = 50;
    for (width, height, scale) in
        [(800, 601, 1.0), (1279, 777, 1.25), (361, 739, 1.5), (1000, 333, 1.1)]
    {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": scale, "mobile": false });
        ann.cdp("Emulation.setDeviceMetricsOverride", size).await;
        ann.scroll(-333).await;
        assert!(!ann.eval::<bool>(AT_END).await);
        ann.scroll(1_000_000).await;
        for _ in 0..3 {
            post(&app, "bob", "new").await;
            number += 1;
            ann.until(&format!(
                "document.querySelectorAll('#messages > .message').length === {number}"
            ))
            .await;
            let end = "document.getElementById('messages').getBoundingClientRect().bottom
                <= document.querySelector('.scroller').getBoundingClientRect().bottom + 1";
            assert!(ann.eval::<bool>(end).await, "{width} × {height} at {scale}");
        }
    }
}
