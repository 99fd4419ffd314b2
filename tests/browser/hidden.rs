//! Tabs that nobody looks at, pages that one comes back to, and a browser that slept.

use std::collections::BTreeSet;

use serde_json::json;

use crate::{
    browser::Browser,
    chromium::Chromium,
    engine::Engine,
    post,
    proxy::{Proxy, Streams},
    support::{Server, TestApp, nginx::Nginx, until},
    tab::Tab,
};

/// Who is in the lobby, and who of them is away.
async fn people(app: &impl Server) -> (BTreeSet<String>, BTreeSet<String>) {
    let asked = reqwest::Client::new().get(app.url("/rooms/lobby/presence"));
    let answer = asked.header("accept", "application/json").send().await.expect("an answer");
    let people: serde_json::Value = answer.json().await.expect("JSON");
    let set = |names: &serde_json::Value| {
        let names = names.as_array().into_iter().flatten();
        names.map(|name| name.as_str().expect("a name").to_owned()).collect()
    };
    (set(&people["names"]), set(&people["away"]))
}

async fn one_stream(proxy: &Proxy) {
    until("one stream", async || (proxy.open() == 1).then_some(())).await;
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn eight_tabs_of_one_browser_load_and_send_and_are_all_here() {
    let Some(mut chromium) = Chromium::with_one_window().await else { return };
    let app = TestApp::start();
    let proxy = Proxy::before(app.address(), Streams::Pass).await;
    let mut tabs = Vec::new();
    for n in 1..=8 {
        tabs.push(chromium.join(&proxy.home(), &format!("tab {n}")).await);
        one_stream(&proxy).await;
    }
    let all: BTreeSet<_> = (1..=8).map(|n| format!("tab {n}")).collect();
    let others = |shown: &str| all.iter().filter(|name| *name != shown).cloned().collect();
    let away: BTreeSet<_> = others("tab 8");
    until("seven are away", async || {
        (people(&app).await == (all.clone(), away.clone())).then_some(())
    })
    .await;
    let mut texts = Vec::new();
    for (n, tab) in (1..).zip(&tabs) {
        tab.say(&format!("from {n}")).await;
        texts.push(format!("from {n}"));
        one_stream(&proxy).await;
        assert_eq!(people(&app).await.0, all, "nobody goes by being hidden");
    }
    for tab in &tabs {
        tab.shows(&texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
        assert_eq!(tab.twice().await, <[String; 0]>::default());
        assert!(tab.is_marked().await, "the page was loaded anew");
    }
    one_stream(&proxy).await;
    // Closed while hidden, a tab is gone.
    let closed = tabs.remove(0);
    tabs[0].driver().await;
    until("it is away", async || people(&app).await.1.contains("tab 1").then_some(())).await;
    closed.close_unseen().await;
    until("it is gone", async || (!people(&app).await.0.contains("tab 1")).then_some(())).await;
    assert_eq!(chromium.complaints().await, <[String; 0]>::default());
}

pub async fn a_hidden_tab_catches_up_when_it_is_shown_and_says_how_much_is_new(engine: Engine) {
    let Some(mut browser) = Browser::with_one_window(engine).await else { return };
    let app = TestApp::start();
    let proxy = Proxy::before(app.address(), Streams::Pass).await;
    let ann = browser.join(&proxy.home(), "ann").await;
    ann.say("before").await;
    browser.hide(&ann).await;
    until("it lets go", async || (proxy.open() == 0).then_some(())).await;
    let missed: Vec<_> = (1..=60).map(|n| format!("missed {n}")).collect();
    for text in &missed {
        post(&app, "bob", text).await;
    }
    let mut all = vec!["before"];
    all.extend(missed.iter().map(String::as_str));
    browser.show(&ann).await;
    ann.shows(&all).await;
    ann.caught_up().await;
    assert_eq!(proxy.open(), 1);
    // From the first that was missed, and not from the last.
    ann.until("document.title === '(60) #lobby'").await;
    assert_eq!(
        ann.eval::<String>("document.getElementById('newest').textContent").await,
        "60 new messages"
    );
    assert_eq!(
        ann.eval::<String>("document.getElementById('missed').textContent").await,
        "60 new messages"
    );
    let seen = "(({ top }) => top >= -1 && top < innerHeight / 2)(document.getElementById('m2').getBoundingClientRect())";
    assert!(ann.eval::<bool>(seen).await);
    ann.scroll(1_000_000).await;
    ann.until("document.title === '#lobby'").await;

    // What fits is seen at once.
    browser.hide(&ann).await;
    until("it lets go", async || (proxy.open() == 0).then_some(())).await;
    post(&app, "bob", "one more").await;
    all.push("one more");
    browser.show(&ann).await;
    ann.shows(&all).await;
    ann.caught_up().await;
    ann.until("document.title === '#lobby'").await;
    assert_eq!(ann.twice().await, <[String; 0]>::default());
    assert_eq!(proxy.open(), 1);
}

#[tokio::test]
async fn a_tab_that_was_hidden_while_it_reconnected_or_before_it_opened_takes_no_connection() {
    let Some(mut chromium) = Chromium::with_one_window().await else { return };
    let app = TestApp::start();
    let proxy = Proxy::before(app.address(), Streams::Pass).await;
    let ann = chromium.join(&proxy.home(), "ann").await;
    one_stream(&proxy).await;
    let other = chromium.open().await;
    until("it lets go", async || (proxy.open() == 0).then_some(())).await;

    // Shown, hidden while its request is on the way, and answered then.
    proxy.set(Streams::Hold);
    let seen = proxy.seen();
    ann.driver().await;
    until("it asks", async || (proxy.seen() > seen).then_some(())).await;
    other.driver().await;
    let opened = proxy.opened();
    proxy.set(Streams::Pass);
    let let_go = async || (proxy.opened() > opened && proxy.open() == 0).then_some(());
    until("it lets go", let_go).await;
    post(&app, "bob", "meanwhile").await;
    assert_eq!(proxy.open(), 0);
    ann.shows(&["meanwhile"]).await;
    one_stream(&proxy).await;

    // Opened behind another, as by a click with the middle button.
    let path: String = ann.eval("location.href").await;
    other.driver().await;
    until("it lets go", async || (proxy.open() == 0).then_some(())).await;
    let seen = proxy.seen();
    let url = json!({ "url": path, "background": true });
    let told = proxy.told();
    let made = other.driver().await.cdp().send_raw("Target.createTarget", url).await.unwrap();
    let behind = made["targetId"].as_str().expect("a target").to_owned();
    until("it says that it is hidden", async || (proxy.told() > told).then_some(())).await;
    // A stream that it wanted it would ask for while it loads, and before this.
    let loaded = "new Promise((done) => document.readyState === 'complete'
        ? fetch('/healthz').then(done) : addEventListener('load', () => fetch('/healthz').then(done)))";
    chromium.run_unseen(&behind, loaded).await;
    assert_eq!((proxy.open(), proxy.seen()), (0, seen), "it asks for no stream");
    post(&app, "bob", "behind").await;
    let handles = other.driver().await.windows().await.unwrap();
    let behind =
        Tab::new(other.engine, other.driver().await.clone(), handles.last().unwrap().clone());
    behind.shows(&["meanwhile", "behind"]).await;
    one_stream(&proxy).await;
}

pub async fn back_and_forward_end_in_a_complete_list_and_one_stream(engine: Engine) {
    let Some(mut browser) = Browser::with_one_window(engine).await else { return };
    let app = TestApp::start();
    let proxy = Proxy::before(app.address(), Streams::Pass).await;
    let ann = browser.join(&proxy.home(), "ann").await;
    let mut all = Vec::new();
    // From the browser's cache of whole pages (bfcache), and without it.
    for kept in [true, false] {
        for text in ["one", "two", "three"] {
            ann.mark().await;
            if !kept {
                // What keeps a page out of that cache.
                ann.run("window.onunload = () => {}; navigator.locks.request('x', () => new Promise(() => {}))").await;
            }
            ann.goto(&format!("{}/rooms", proxy.home())).await;
            until("no stream", async || (proxy.open() == 0).then_some(())).await;
            post(&app, "bob", text).await;
            all.push(text);
            ann.driver().await.back().await.unwrap();
            ann.shows(&all).await;
            // Others decide by rules of their own.
            if engine == Engine::Chromium {
                assert_eq!(ann.is_marked().await, kept, "the page is the very one that was left");
            }
            ann.caught_up().await;
            one_stream(&proxy).await;
            ann.driver().await.forward().await.unwrap();
            ann.element("#room").await;
            ann.driver().await.back().await.unwrap();
            ann.element("#messages").await;
            ann.shows(&all).await;
            ann.caught_up().await;
            one_stream(&proxy).await;
        }
    }
    post(&app, "bob", "live").await;
    all.push("live");
    ann.shows(&all).await;
}

#[tokio::test]
async fn after_a_sleep_the_list_is_complete_with_one_stream() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let proxy = Proxy::before(app.address(), Streams::Pass).await;
    let ann = chromium.join(&proxy.home(), "ann").await;
    ann.caught_up().await;
    let mut all = Vec::new();
    // The connection lives through the sleep, or does not.
    for (cut, text) in [(false, "slept"), (true, "slept longer"), (false, "dozed")] {
        ann.cdp("Page.setWebLifecycleState", json!({ "state": "frozen" })).await;
        post(&app, "bob", text).await;
        all.push(text);
        if cut {
            proxy.set(Streams::Hold);
            proxy.set(Streams::Pass);
        }
        ann.cdp("Page.setWebLifecycleState", json!({ "state": "active" })).await;
        ann.shows(&all).await;
        ann.caught_up().await;
        one_stream(&proxy).await;
    }
    assert_eq!(ann.twice().await, <[String; 0]>::default());
    assert!(ann.is_marked().await, "the page was loaded anew");
}

#[tokio::test]
async fn over_http_2_a_hidden_tab_stays_live_and_its_title_counts() {
    let Some(mut chromium) = Chromium::with_one_window().await else { return };
    let app = TestApp::start();
    let Some(nginx) = Nginx::before(app.address(), "", true) else { return };
    let ann = chromium.join(&nginx.home("https"), "ann").await;
    let protocol = "performance.getEntriesByType('navigation')[0].nextHopProtocol";
    assert_eq!(ann.eval::<String>(protocol).await, "h2");
    ann.caught_up().await;
    ann.run(
        "window.titles = []
        new MutationObserver(() => titles.push([document.visibilityState, document.title].join(' ')))
            .observe(document.querySelector('title'), { childList: true })",
    )
    .await;
    let bob = chromium.join(&nginx.home("https"), "bob").await; // Hides the first.
    until("ann is away", async || (people(&app).await.1 == names(&["ann"])).then_some(())).await;
    for text in ["one", "two", "three"] {
        bob.say(text).await;
    }
    // Its stream is open: it is here by that, and by no word that could run out.
    assert_eq!(people(&app).await.0, names(&["ann", "bob"]));
    bob.until("document.getElementById('presence').textContent === '2 here: ann (away), bob'")
        .await;

    let titles: Vec<String> = ann.eval("titles").await;
    let counted = ["hidden (1) #lobby", "hidden (2) #lobby", "hidden (3) #lobby"];
    assert_eq!(titles[..3], counted, "{titles:?}");
    ann.shows(&["one", "two", "three"]).await;
    ann.until("document.title === '#lobby'").await;
    until("ann is back", async || (people(&app).await.1 == names(&["bob"])).then_some(())).await;
}
