//! Who is here, on the page.

use crate::{
    chromium::Chromium,
    proxy::{Proxy, Streams},
    support::{Server, TestApp},
    tab::Tab,
};

async fn here(tab: &Tab, line: &str) {
    tab.until(&format!("document.getElementById('presence').textContent === '{line}'")).await;
}

#[tokio::test]
async fn who_comes_and_goes_is_seen_without_a_reload() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let ann = chromium.join(&app.url(""), "ann").await;
    here(&ann, "1 here: ann").await;
    let bob = chromium.join(&app.url(""), "bob").await;
    here(&ann, "2 here: ann, bob").await;
    here(&bob, "2 here: ann, bob").await;
    let eve = chromium.join(&app.url(""), "<i>eve</i>").await;
    here(&ann, "3 here: <i>eve</i>, ann, bob").await;

    bob.leave().await;
    bob.element("#username").await;
    here(&ann, "2 here: <i>eve</i>, ann").await;
    eve.goto("about:blank").await; // Without a word: after a while it is seen.
    here(&ann, "1 here: ann").await;
    assert!(ann.is_marked().await, "the page was loaded anew");

    ann.say("alone").await;
    assert_eq!(ann.focus().await, "text");
    assert_eq!(chromium.complaints().await, <[String; 0]>::default());
}

#[tokio::test]
async fn a_page_counts_who_sees_it_before_its_stream_is_open() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let proxy = Proxy::before(app.address(), Streams::Hold).await;
    let ann = chromium.join(&proxy.home(), "ann").await;
    here(&ann, "1 here: ann").await;
    let bob = chromium.join(&app.url(""), "bob").await;
    here(&bob, "1 here: bob").await;
    proxy.set(Streams::Pass);
    here(&bob, "2 here: ann, bob").await;
}

#[tokio::test]
async fn a_name_that_is_here_is_refused_beside_its_field() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let ann = chromium.join(&app.url(""), "ann").await;
    let other = chromium.open().await;
    other.goto(&app.url("/rooms/lobby")).await;
    other.element("#username").await.send_keys("Ann").await.unwrap();
    other.element("#join button").await.click().await.unwrap();
    let problem = other.element("#username-problem").await;
    assert!(problem.is_displayed().await.unwrap());
    let sentence = problem.text().await.unwrap();
    assert!(sentence.starts_with("Somebody here has this name"), "{sentence}");
    let entered: String = other.eval("document.getElementById('username').value").await;
    assert_eq!(entered, "Ann", "what was entered is still there");
    assert_eq!(other.focus().await, "username");

    ann.leave().await;
    ann.element("#username").await;
    other.element("#join button").await.click().await.unwrap();
    let header = other.element("main.room > header").await.text().await.unwrap();
    assert!(header.contains("Posting as Ann"), "free at once: {header}");
}
