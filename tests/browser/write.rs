//! Writing: keys, drafts, and what others do meanwhile.

use serde_json::json;
use thirtyfour::Key;

use crate::{
    browser::Browser,
    chromium::Chromium,
    engine::Engine,
    post,
    proxy::{Proxy, Streams},
    support::{Server, TestApp, until},
};

pub async fn enter_sends_and_shift_enter_breaks_the_line(engine: Engine) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    let ann = browser.join(&app.url(""), "ann").await;
    let bob = browser.join(&app.url(""), "bob").await;
    let height = "document.getElementById('text').clientHeight";
    let one: f64 = ann.eval(height).await;
    let keys = ann.driver().await.action_chain().send_keys("one");
    let keys = keys.key_down(Key::Shift).send_keys(Key::Enter + "").key_up(Key::Shift);
    keys.send_keys("two").perform().await.unwrap();
    assert_eq!(ann.draft().await, "one\ntwo");
    assert!(ann.eval::<f64>(height).await > one, "the field grows with what is written");
    ann.type_blindly("").await;
    for tab in [&ann, &bob] {
        tab.shows(&["one\ntwo"]).await;
    }
    ann.until(&format!("{height} === {one}")).await;
    let lines = "[...document.querySelectorAll('.message span')].map((text) => {
        const words = document.createRange()
        words.selectNodeContents(text)
        return new Set([...words.getClientRects()].map(({ top }) => top)).size
    })";
    assert_eq!(bob.eval::<Vec<u32>>(lines).await, [2], "shown in two lines");
}

pub async fn a_draft_survives_a_reload_and_is_no_second_message(engine: Engine) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    let proxy = Proxy::before(app.address(), Streams::Pass).await;
    let ann = browser.join(&proxy.home(), "ann").await;
    ann.field().await.send_keys("half a thou").await.unwrap();
    ann.driver().await.refresh().await.unwrap();
    assert_eq!(ann.draft().await, "half a thou");
    ann.field().await.send_keys("ght").await.unwrap();
    ann.say("").await;
    ann.shows(&["half a thought"]).await;
    ann.driver().await.refresh().await.unwrap();
    assert_eq!(ann.draft().await, "", "what was sent is no draft");

    // Reloaded before the answer to a send came, though the message was stored.
    proxy.lose_answers(true);
    ann.send("sent, or not?").await;
    until("it is stored", async || {
        let all = reqwest::get(app.url("/rooms/lobby/messages")).await.ok()?.text().await.ok()?;
        all.contains("sent, or not?").then_some(())
    })
    .await;
    ann.driver().await.refresh().await.unwrap();
    proxy.lose_answers(false);
    assert_eq!(ann.draft().await, "sent, or not?");
    ann.say("").await;
    ann.say("next").await;
    ann.shows(&["half a thought", "sent, or not?", "next"]).await;
}

#[tokio::test]
async fn arriving_messages_leave_the_text_the_caret_and_the_selection_alone() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let ann = chromium.join(&app.url(""), "ann").await;
    ann.caught_up().await;
    let field = ann.field().await;
    let mut typed = String::new();
    for n in 0..100 {
        let posting = post(&app, "bob", "meanwhile");
        if n % 10 == 0 {
            let word = format!("word{n} ");
            let (sent, ()) = tokio::join!(field.send_keys(&word), posting);
            sent.unwrap();
            typed += &word;
        } else {
            posting.await;
        }
    }
    ann.until("document.querySelectorAll('#messages > .message').length === 100").await;
    assert_eq!(ann.draft().await, typed);
    assert_eq!(ann.focus().await, "text");
    ann.run("document.getElementById('text').setSelectionRange(3, 9, 'backward')").await;
    for _ in 0..100 {
        post(&app, "bob", "meanwhile").await;
    }
    ann.until("document.querySelectorAll('#messages > .message').length === 200").await;
    let selection = "(({ selectionStart, selectionEnd, selectionDirection }) =>
        [selectionStart, selectionEnd, selectionDirection].join(' '))(document.getElementById('text'))";
    assert_eq!(ann.eval::<String>(selection).await, "3 9 backward");
    assert_eq!((ann.draft().await, ann.focus().await), (typed, "text".to_owned()));
}

#[tokio::test]
async fn offline_is_told_keeps_the_draft_and_sends_it_when_it_ends() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let ann = chromium.join(&app.url(""), "ann").await;
    ann.caught_up().await;
    let network = |offline: bool| json!({ "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
    ann.cdp("Network.enable", json!({})).await;
    ann.cdp("Network.emulateNetworkConditions", network(true)).await;
    ann.until("document.getElementById('connection').textContent === 'Reconnecting…'").await;
    ann.send("written in a tunnel").await;
    until("a note", async || ann.note().await.starts_with("Not sent: ").then_some(())).await;
    assert_eq!(ann.draft().await, "written in a tunnel");
    post(&app, "bob", "above ground").await;

    ann.cdp("Network.emulateNetworkConditions", network(false)).await;
    ann.caught_up().await;
    ann.shows(&["above ground", "written in a tunnel"]).await;
    until("the field is empty", async || ann.draft().await.is_empty().then_some(())).await;
    assert_eq!(ann.note().await, "");
}

#[tokio::test]
async fn a_page_that_one_comes_back_to_sends_under_a_key_of_its_own() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let ann = chromium.join(&app.url(""), "ann").await;
    ann.say("first").await;
    for text in ["second", "third"] {
        ann.goto(&app.url("/rooms")).await;
        ann.driver().await.back().await.unwrap();
        ann.element("#leave").await;
        ann.say(text).await;
    }
    ann.shows(&["first", "second", "third"]).await;
}

#[tokio::test]
async fn what_was_wrong_is_said_until_something_else_is_typed() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let tab = chromium.open().await;
    tab.goto(&app.url("/rooms/lobby")).await;
    let wrong = "x".repeat(33);
    tab.element("#username").await.send_keys(wrong + Key::Enter).await.unwrap();
    tab.element("#username-problem").await;
    let faulty = "document.querySelectorAll('[aria-invalid], #username-problem').length";
    assert_eq!(tab.eval::<u32>(faulty).await, 2);
    tab.element("#username").await.clear().await.unwrap();
    tab.element("#username").await.send_keys("a").await.unwrap();
    assert_eq!(tab.eval::<u32>(faulty).await, 0);
    tab.element("#username").await.send_keys("nn".to_owned() + Key::Enter).await.unwrap();
    tab.element("#leave").await;

    tab.run("document.getElementById('text').value = 'x'.repeat(4001)").await;
    tab.send("").await;
    until("a note", async || Some(tab.note().await).filter(|note| !note.is_empty())).await;
    assert_eq!(tab.eval::<u32>(faulty).await, 1);
    tab.field().await.send_keys(Key::Backspace + "").await.unwrap();
    assert_eq!(tab.note().await, "");
    assert_eq!(tab.eval::<u32>(faulty).await, 0);
    assert_eq!(tab.draft().await.len(), 4000);
}
