//! What the page says of its stream.

use crate::{
    chromium::Chromium,
    post,
    proxy::{Proxy, Streams},
    support::{App, Server, TestApp},
    tab::Tab,
};

const SEEN: &str = "document.getElementById('connection').textContent === 'Reconnecting…'
    && getComputedStyle(document.getElementById('connection')).visibility === 'visible'";

/// How long after it was lost the loss can be seen, in milliseconds of the page's own clock.
async fn seen_after(tab: &Tab, lose: impl FnOnce()) -> f64 {
    tab.run(&format!(
        "window.lost = window.told = null
        document.addEventListener('htmx:sse:close', () => {{ lost ??= performance.now() }}, {{ capture: true }})
        const look = () => {{
            if ({SEEN}) told ??= performance.now()
            else requestAnimationFrame(look)
        }}
        look()"
    ))
    .await;
    lose();
    tab.until("told !== null").await;
    tab.eval("told - lost").await
}

#[tokio::test]
async fn a_loss_is_told_while_it_lasts_and_nothing_is_told_otherwise() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let proxy = Proxy::before(app.address(), Streams::Pass).await;
    let ann = chromium.join(&proxy.home(), "ann").await;
    ann.caught_up().await;
    for streams in [Streams::Hold, Streams::Refuse] {
        let after = seen_after(&ann, || proxy.set(streams)).await;
        // The page waits 0.7 s, so that a stream that is back at once makes no noise.
        assert!((650.0..2000.0).contains(&after), "{after} ms");
        post(&app, "bob", "meanwhile").await;
        proxy.set(Streams::Pass);
        ann.caught_up().await;
        assert!(!ann.eval::<bool>(SEEN).await);
    }
    ann.shows(&["meanwhile", "meanwhile"]).await;
}

#[tokio::test]
async fn a_stream_that_never_opened_is_told_too() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let proxy = Proxy::before(app.address(), Streams::Refuse).await;
    let ann = chromium.join(&proxy.home(), "ann").await;
    ann.until(SEEN).await;
    proxy.set(Streams::Pass);
    ann.caught_up().await;
    post(&app, "bob", "live").await;
    ann.shows(&["live"]).await;
}

#[tokio::test]
async fn a_restart_of_the_server_is_told_and_then_forgotten() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let mut app = App::start();
    let ann = chromium.join(&app.url(""), "ann").await;
    ann.caught_up().await;
    app.stop();
    ann.until(SEEN).await;
    app.start_again();
    ann.caught_up().await;
    assert!(ann.is_marked().await, "the page was loaded anew");
}
