//! Two tabs of one browser, with and without scripts.

use crate::{
    browser::Browser,
    chromium::Chromium,
    engine::Engine,
    post,
    proxy::{Proxy, Streams},
    support::{Server, TestApp, until},
};

pub async fn what_one_tab_sends_appears_in_both_once_and_in_one_order_without_a_reload(
    engine: Engine,
) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    let ann = browser.join(&app.url(""), "ann").await;
    let bob = browser.join(&app.url(""), "bob").await;
    assert!(ann.element("header").await.text().await.unwrap().contains("Posting as ann"));
    assert!(bob.element("header").await.text().await.unwrap().contains("Posting as bob"));

    ann.say("one").await;
    assert_eq!(ann.focus().await, "text", "the sender can go on typing");
    bob.say("two").await;
    assert_eq!(bob.focus().await, "text", "the sender can go on typing");
    ann.say("three").await;
    ann.say("four").await;
    bob.say("five").await;

    for tab in [&ann, &bob] {
        tab.shows(&["one", "two", "three", "four", "five"]).await;
        assert!(tab.is_marked().await, "the page was loaded anew");
        assert_eq!(tab.twice().await, <[String; 0]>::default());
    }
    assert_eq!(ann.shown().await, bob.shown().await);
    let names: Vec<_> = ann.shown().await.into_iter().map(|shown| shown.name).collect();
    assert_eq!(names, ["ann", "bob", "ann", "ann", "bob"]);
    assert_eq!(browser.complaints().await, <[String; 0]>::default());
}

#[tokio::test]
async fn a_reload_keeps_the_name() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let ann = chromium.join(&app.url(""), "ann").await;
    let bob = chromium.join(&app.url(""), "bob").await;
    for (tab, name) in [(&ann, "ann"), (&bob, "bob")] {
        tab.driver().await.refresh().await.unwrap();
        let header = tab.element("header").await.text().await.unwrap();
        assert!(header.contains(&format!("Posting as {name}")), "{header}");
        assert!(!tab.is_marked().await, "the page was not loaded anew");
        tab.say(&format!("still {name}")).await;
    }
    bob.shows(&["still ann", "still bob"]).await;
    let names: Vec<_> = bob.shown().await.into_iter().map(|shown| shown.name).collect();
    assert_eq!(names, ["ann", "bob"]);
}

#[tokio::test]
async fn what_is_typed_while_a_send_is_under_way_stays() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let proxy = Proxy::before(app.address(), Streams::Pass).await;
    let ann = chromium.join(&proxy.home(), "ann").await;

    proxy.hold_posts(true);
    ann.send("first").await;
    ann.field().await.send_keys(" and sec").await.unwrap();
    proxy.hold_posts(false);
    ann.shows(&["first"]).await;
    let left = async || (ann.draft().await == " and sec").then_some(());
    until("the field holds what was typed since", left).await;
    ann.field().await.send_keys("ond").await.unwrap();
    ann.say("").await;

    // Written anew, it is no less the sender's.
    proxy.hold_posts(true);
    ann.send("third").await;
    ann.field().await.clear().await.unwrap();
    ann.field().await.send_keys("fourth").await.unwrap();
    proxy.hold_posts(false);
    ann.shows(&["first", " and second", "third"]).await;
    let left = async || (ann.draft().await == "fourth").then_some(());
    until("the field holds what was written anew", left).await;
    ann.say("").await;
    ann.shows(&["first", " and second", "third", "fourth"]).await;
}

#[tokio::test]
async fn what_was_entered_behind_a_send_that_failed_is_a_draft_again() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let proxy = Proxy::before(app.address(), Streams::Pass).await;
    let ann = chromium.join(&proxy.home(), "ann").await;
    proxy.sign_in(Some("/send"));
    ann.run(
        "for (const text of ['ab', 'aba', 'abaab']) {
            document.getElementById('text').value = text
            document.getElementById('send').requestSubmit()
        }",
    )
    .await;
    ann.until("document.getElementById('send-note').textContent.startsWith('Not sent')").await;
    assert_eq!(ann.draft().await, "abaab");
    proxy.sign_in(None);
    ann.say("").await;
    ann.shows(&["abaab"]).await;
    assert_eq!(ann.note().await, "");

    // Nor is what stands behind one that was refused sent, where the field begins with it by chance.
    ann.run(
        "for (const length of [4001, 4002]) {
            document.getElementById('text').value = 'x'.repeat(length)
            document.getElementById('send').requestSubmit()
        }",
    )
    .await;
    ann.until("document.querySelector('#text[aria-invalid]') != null").await;
    assert_eq!(ann.draft().await, "x".repeat(4002));
    ann.field().await.clear().await.unwrap();
    ann.say("short").await;
    ann.shows(&["abaab", "short"]).await;
}

#[tokio::test]
async fn enter_pressed_twice_sends_once() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let proxy = Proxy::before(app.address(), Streams::Pass).await;
    let ann = chromium.join(&proxy.home(), "ann").await;
    proxy.hold_posts(true);
    ann.send("once").await;
    ann.send("").await;
    proxy.hold_posts(false);
    until("the answer", async || ann.draft().await.is_empty().then_some(())).await;
    ann.say("again").await;
    post(&app, "eve", "after").await;
    ann.shows(&["once", "again", "after"]).await;
}
