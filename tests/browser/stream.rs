//! The stream of a page, refused, cut and held back.

use crate::{
    chromium::Chromium,
    post,
    proxy::{Proxy, Streams},
    support::{Server, TestApp, until},
};

#[tokio::test]
async fn what_lands_between_the_page_and_its_stream_appears_once() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    post(&app, "eve", "before the page").await;
    let proxy = Proxy::before(app.address(), Streams::Hold).await;
    let ann = chromium.join(&proxy.home(), "ann").await;
    ann.shows(&["before the page"]).await;
    until("the page asks for its stream", async || (proxy.seen() == 1).then_some(())).await;

    post(&app, "eve", "between").await;
    proxy.set(Streams::Pass);
    ann.shows(&["before the page", "between"]).await;
    post(&app, "eve", "live").await;
    ann.shows(&["before the page", "between", "live"]).await;
    assert_eq!(ann.twice().await, <[String; 0]>::default());
}

#[tokio::test]
async fn the_stream_opens_though_a_script_is_slow_to_arrive() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    for (name, script) in
        [("ann", "/static/hx-sse."), ("bob", "/static/app."), ("eva", "/static/htmx.")]
    {
        let proxy = Proxy::before(app.address(), Streams::Pass).await;
        proxy.slow(script);
        let tab = chromium.join(&proxy.home(), name).await;
        post(&app, "eve", script).await;
        until(script, async || (tab.shown().await.last()?.text == script).then_some(())).await;
    }
}

#[tokio::test]
async fn a_first_opening_that_gets_a_503_is_tried_again_and_nothing_is_missed() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    post(&app, "eve", "before the page").await;
    let proxy = Proxy::before(app.address(), Streams::Hold).await;
    let ann = chromium.join(&proxy.home(), "ann").await;
    until("the page asks for its stream", async || (proxy.seen() == 1).then_some(())).await;
    post(&app, "eve", "between").await;
    proxy.set(Streams::RefuseOnce);

    ann.shows(&["before the page", "between"]).await;
    post(&app, "eve", "live").await;
    ann.shows(&["before the page", "between", "live"]).await;
    assert_eq!(proxy.streams(), Streams::Pass);
    assert_eq!(proxy.seen(), 2, "one stream was refused, one is open");
    assert!(ann.is_marked().await, "the page was loaded anew");
    assert_eq!(ann.twice().await, <[String; 0]>::default());
}

#[tokio::test]
async fn a_stream_that_is_cut_and_gets_a_503_goes_on_from_its_last_message() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let proxy = Proxy::before(app.address(), Streams::Pass).await;
    let ann = chromium.join(&proxy.home(), "ann").await;
    post(&app, "eve", "1").await;
    ann.shows(&["1"]).await;

    let mut texts = vec!["1"];
    for (first, second) in [("2", "3"), ("4", "5")] {
        proxy.set(Streams::RefuseOnce);
        post(&app, "eve", first).await;
        until("the 503", async || (proxy.streams() == Streams::Pass).then_some(())).await;
        post(&app, "eve", second).await;
        texts.extend([first, second]);
        ann.shows(&texts).await;
    }
    assert_eq!(proxy.seen(), 5, "opened once, and twice refused and opened again");
    assert!(ann.is_marked().await, "the page was loaded anew");
    assert_eq!(ann.twice().await, <[String; 0]>::default());
}

#[tokio::test]
async fn the_senders_own_message_shows_once_though_its_stream_is_down() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let proxy = Proxy::before(app.address(), Streams::Pass).await;
    let ann = chromium.join(&proxy.home(), "ann").await;
    ann.say("up").await;
    ann.shows(&["up"]).await;

    proxy.set(Streams::Refuse);
    post(&app, "eve", "unseen").await;
    ann.say("down").await;
    ann.shows(&["up", "down"]).await;
    ann.say("still down").await;
    ann.shows(&["up", "down", "still down"]).await;

    proxy.set(Streams::Pass);
    let all = ["up", "unseen", "down", "still down"];
    ann.shows(&all).await;
    post(&app, "eve", "after").await;
    ann.shows(&[&all[..], &["after"]].concat()).await;
    assert_eq!(ann.twice().await, <[String; 0]>::default());
}

#[tokio::test]
async fn the_senders_own_message_shows_once_though_its_stream_never_opened() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let proxy = Proxy::before(app.address(), Streams::Hold).await;
    let ann = chromium.join(&proxy.home(), "ann").await;
    ann.say("down").await;
    ann.shows(&["down"]).await;
    proxy.set(Streams::RefuseOnce);
    until("the 503", async || (proxy.streams() == Streams::Pass).then_some(())).await;
    post(&app, "eve", "after").await;
    ann.shows(&["down", "after"]).await;
    assert_eq!(ann.twice().await, <[String; 0]>::default());
}
