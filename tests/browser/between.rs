//! What stands between page and server, and answers in its place, or not at all.

use serde_json::json;

use crate::{
    chromium::Chromium,
    post,
    proxy::{Proxy, Streams},
    support::{Server, TestApp, until},
};

/// Makes the long waits of the pages that are loaded from here on short ones.
const HURRY: &str = r"
    const wait = window.setTimeout
    window.waits = []
    window.setTimeout = (then, time, ...rest) => {
        waits.push(time)
        return wait(then, [20_000, 45_000].includes(time) ? 1_000 : time, ...rest)
    }";

#[tokio::test]
async fn a_sign_in_page_in_the_place_of_an_answer_is_an_outage_and_no_content() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    for n in 0..60 {
        post(&app, "bob", &format!("old {n}")).await;
    }
    let proxy = Proxy::before(app.address(), Streams::Pass).await;
    proxy.sign_in(Some("/events"));
    let ann = chromium.join(&proxy.home(), "ann").await;
    let reconnecting = "document.getElementById('connection').textContent === 'Reconnecting…'";
    until("it was tried twice", async || (proxy.refused() > 1).then_some(())).await;
    assert!(ann.eval::<bool>(reconnecting).await);
    proxy.sign_in(None);
    ann.caught_up().await;

    proxy.sign_in(Some("/send"));
    ann.send("kept").await;
    until("a note", async || ann.note().await.contains("sign-in page").then_some(())).await;
    assert_eq!(ann.draft().await, "kept");
    proxy.sign_in(Some("/messages?"));
    ann.scroll(-1_000_000).await;
    ann.element(".older .failed").await;

    // And where the stream comes back, and the network is gone again.
    proxy.sign_in(Some("/events"));
    let refused = proxy.refused();
    proxy.set(Streams::Refuse);
    until("it is cut", async || (proxy.open() == 0).then_some(())).await;
    proxy.set(Streams::Pass);
    until("it was tried twice", async || (proxy.refused() > refused + 1).then_some(())).await;
    assert!(ann.eval::<bool>(reconnecting).await);
    let strange = "document.body.textContent.includes('Sign in')";
    assert!(!ann.eval::<bool>(strange).await);
    proxy.sign_in(None);
    ann.caught_up().await;
    assert_eq!(ann.note().await, "", "the outage is over");
    ann.say("").await;
    post(&app, "bob", "live").await;
    until("both are there", async || {
        let shown = ann.shown().await;
        let texts: Vec<_> = shown.iter().rev().take(2).map(|shown| &*shown.text).collect();
        (texts == ["live", "kept"]).then_some(())
    })
    .await;
    assert!(ann.is_marked().await, "the page was loaded anew");
}

#[tokio::test]
async fn a_path_that_is_silent_for_too_long_and_one_that_never_answers_are_given_up() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let proxy = Proxy::before(app.address(), Streams::Hold).await;
    let ann = chromium.open().await;
    ann.cdp("Page.addScriptToEvaluateOnNewDocument", json!({ "source": HURRY })).await;
    ann.join(&proxy.home(), "ann").await;
    // The first opening, and one of those after it.
    until("it is asked for again", async || (proxy.seen() > 1).then_some(())).await;
    proxy.set(Streams::Pass);
    ann.caught_up().await;
    proxy.set(Streams::Hold);
    let seen = proxy.seen();
    until("it is asked for again", async || (proxy.seen() > seen + 1).then_some(())).await;
    proxy.set(Streams::Pass);
    ann.caught_up().await;

    let opened = proxy.opened();
    proxy.set(Streams::Silence);
    post(&app, "bob", "into the void").await;
    until("another one", async || (proxy.opened() > opened).then_some(())).await;
    ann.shows(&["into the void"]).await;
    assert!(ann.eval::<bool>("waits.includes(45_000) && waits.includes(20_000)").await);
    assert!(ann.is_marked().await, "the page was loaded anew");
}

#[tokio::test]
async fn under_an_address_with_credentials_and_in_a_browser_that_lacks_much_all_works() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let poor = r"
        delete Navigator.prototype.sendBeacon
        delete window.Intl
        delete window.crypto
        Performance.prototype.getEntriesByType = undefined
        for (const store of ['sessionStorage', 'localStorage']) {
            Object.defineProperty(window, store, { get() { throw new DOMException('blocked') } })
        }";
    let with = app.url("").replace("http://", "http://user:pw@");
    let mut said: Vec<String> = Vec::new();
    for (name, home, script) in [("ann", with, ""), ("bob", app.url(""), poor)] {
        let tab = chromium.open().await;
        tab.cdp("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script })).await;
        tab.join(&home, name).await;
        tab.caught_up().await;
        tab.say(&format!("from {name}")).await;
        post(&app, "eve", &format!("to {name}")).await;
        let mut all = said.clone();
        all.extend([format!("from {name}"), format!("to {name}")]);
        tab.shows(&all.iter().map(String::as_str).collect::<Vec<_>>()).await;
        said = all;
        tab.until("document.querySelectorAll('.own').length === 1").await;
    }
    assert_eq!(chromium.complaints().await, <[String; 0]>::default());
}
