//! Many windows of one browser over HTTP/2, and a page below a path.

use crate::{
    chromium::Chromium,
    support::{App, Server, TestApp, nginx::Nginx, tls::Identity},
};

const PROTOCOL: &str = "performance.getEntriesByType('navigation')[0].nextHopProtocol";

#[tokio::test]
async fn nine_visible_windows_of_one_browser_over_http_2_are_live_and_all_can_send() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let identity = Identity::new();
    let flags = identity.flags();
    let app = TestApp::with(&flags.each_ref().map(String::as_str));
    let mut windows = Vec::new();
    for n in 1..=9 {
        windows.push(chromium.join(&app.url(""), &format!("window {n}")).await);
    }
    assert_eq!(windows[0].eval::<String>(PROTOCOL).await, "h2");
    for window in &windows {
        window.caught_up().await;
        assert_eq!(window.eval::<String>("document.visibilityState").await, "visible");
    }
    let mut texts = Vec::new();
    for (n, window) in (1..).zip(&windows) {
        window.say(&format!("from {n}")).await;
        texts.push(format!("from {n}"));
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for window in &windows {
        window.shows(&texts).await;
        assert_eq!(window.twice().await, <[String; 0]>::default());
        assert!(window.is_marked().await, "the page was loaded anew");
    }
    let present = "document.getElementById('presence').textContent.startsWith('9 here')";
    windows[0].until(present).await;
    assert_eq!(chromium.complaints().await, <[String; 0]>::default());
}

#[tokio::test]
async fn over_its_own_http_2_hidden_tabs_stay_live_and_their_titles_count() {
    let Some(mut chromium) = Chromium::with_one_window().await else { return };
    let identity = Identity::new();
    let flags = identity.flags();
    let app = TestApp::with(&flags.each_ref().map(String::as_str));
    let mut hidden = Vec::new();
    for n in 1..=8 {
        let tab = chromium.join(&app.url(""), &format!("tab {n}")).await;
        tab.caught_up().await;
        tab.run(
            "window.titles = []
            new MutationObserver(() => titles.push([document.visibilityState, document.title].join(' ')))
                .observe(document.querySelector('title'), { childList: true })",
        )
        .await;
        hidden.push(tab);
    }
    let bob = chromium.join(&app.url(""), "bob").await; // Hides the last of them.
    bob.until("document.getElementById('presence').textContent.startsWith('9 here')").await;
    for text in ["one", "two", "three"] {
        bob.say(text).await;
    }
    bob.shows(&["one", "two", "three"]).await;
    for tab in &hidden {
        let titles: Vec<String> = tab.eval("titles").await;
        let counted = ["hidden (1) #lobby", "hidden (2) #lobby", "hidden (3) #lobby"];
        assert_eq!(titles.get(..3), Some(&counted.map(String::from)[..]), "{titles:?}");
        tab.shows(&["one", "two", "three"]).await;
    }
}

#[tokio::test]
async fn below_a_path_behind_nginx_the_page_joins_sends_and_is_live() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = App::with(&["--base", "/chat"]);
    let Some(nginx) = Nginx::before(app.address(), "", false) else { return };
    let home = format!("{}/chat", nginx.home("http"));
    let ann = chromium.join(&home, "ann").await;
    let bob = chromium.join(&home, "bob").await;
    ann.caught_up().await;
    bob.say("hello").await;
    ann.shows(&["hello"]).await;
    assert!(ann.eval::<String>("location.pathname").await.starts_with("/chat/rooms/lobby/tabs/"));
    ann.say("and back").await;
    bob.shows(&["hello", "and back"]).await;
    assert!(ann.is_marked().await && bob.is_marked().await);
    bob.leave().await;
    bob.until("location.pathname === '/chat/rooms/lobby'").await;
    assert_eq!(chromium.complaints().await, <[String; 0]>::default());
}
