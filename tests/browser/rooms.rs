//! The list of rooms beside the conversation.

use crate::{
    browser::Browser,
    chromium::Chromium,
    engine::Engine,
    proxy::{Proxy, Streams},
    support::{Server, TestApp, client::send, until},
    tab::Tab,
};

/// What is said of a room on the list.
fn said(room: &str) -> String {
    format!("document.querySelector('#list [data-room={room}] small').textContent")
}

/// Goes to a room that is not on the list yet, and joins it.
async fn enter(tab: &Tab, home: &str, room: &str, name: &str) {
    tab.goto(&format!("{home}/rooms/{room}")).await;
    tab.until("document.readyState === 'complete'").await;
    tab.element("#username").await.clear().await.unwrap();
    tab.element("#username").await.send_keys(name).await.unwrap();
    click(tab, "#join button").await;
    tab.until("document.getElementById('messages') !== null").await;
    tab.caught_up().await;
}

/// Opens the list, where a wide window does not show it anyhow.
async fn open_list(tab: &Tab) {
    if tab.element("#rooms summary").await.is_displayed().await.unwrap() {
        tab.open("#rooms").await;
    }
}

async fn click(tab: &Tab, css: &str) {
    tab.element(css).await.click().await.unwrap();
}

pub async fn what_is_unread_elsewhere_is_counted_live_and_opening_the_room_by_one_click_reads_it(
    engine: Engine,
) {
    let Some(mut browser) = Browser::with_one_window(engine).await else { return };
    let app = TestApp::with(&["--admin", "127.0.0.1:0"]);
    let proxy = Proxy::before(app.address(), Streams::Pass).await;
    let home = proxy.home();
    let tab = browser.join(&home, "ann").await;
    enter(&tab, &home, "attic", "ann").await;
    send(&app, "attic", "bob", "seen live").await;
    tab.shows(&["seen live"]).await;
    // One click, and one is there under the same name; what was shown is read.
    open_list(&tab).await;
    click(&tab, "#list [data-room=lobby] a").await;
    tab.until("document.querySelector('h1')?.textContent === '#lobby'").await;
    tab.caught_up().await;
    assert!(tab.eval::<String>("document.querySelector('.me').textContent").await.contains("ann"));
    let current = "document.querySelector('#list [aria-current=page]').parentElement.dataset.room";
    assert_eq!(tab.eval::<String>(current).await, "lobby");
    assert_eq!(tab.eval::<String>(&said("attic")).await, "");
    // From when the server sees that too: what a room shows that is being left is read.
    until("one stream", async || {
        let metrics = reqwest::get(app.metrics_url()).await.unwrap().text().await.unwrap();
        metrics.contains("hubbub_streams{format=\"sse\"} 1\n").then_some(())
    })
    .await;
    for text in ["one", "two"] {
        send(&app, "attic", "bob", text).await;
    }
    tab.until(&format!("{} === '2 unread'", said("attic"))).await;
    send(&app, "attic", "bob", "three").await;
    tab.until(&format!("{} === '3 unread'", said("attic"))).await;
    assert_eq!(proxy.open(), 1, "no stream of its own");
    send(&app, "attic", "bob", "@Ann, look").await;
    tab.until(&format!("{} === '4 unread, @1'", said("attic"))).await;
    tab.until("!!document.querySelector('#list [data-room=attic] small.mention')").await;

    assert_eq!(browser.complaints().await, <[String; 0]>::default());

    // After an outage it is right as well.
    proxy.set(Streams::Refuse);
    for _ in 0..100 {
        send(&app, "attic", "bob", "more").await;
    }
    proxy.set(Streams::Pass);
    tab.until(&format!("{} === '99+ unread'", said("attic"))).await;
    open_list(&tab).await;
    click(&tab, "#list [data-room=attic] a").await;
    tab.until("document.querySelector('h1')?.textContent === '#attic'").await;
    assert_eq!(tab.eval::<String>(&said("attic")).await, "");
    assert_eq!(tab.eval::<String>(&said("lobby")).await, "");
}

#[tokio::test]
async fn a_page_that_is_hidden_or_left_has_read_what_it_showed_and_no_more() {
    let Some(mut chromium) = Chromium::with_one_window().await else { return };
    let app = TestApp::start();
    let home = app.url("");
    let attic = chromium.join(&home, "ann").await;
    enter(&attic, &home, "attic", "ann").await;
    send(&app, "attic", "bob", "one").await;
    attic.shows(&["one"]).await;
    // A second tab hides the first.
    let lobby = chromium.join(&home, "anna").await;
    lobby.caught_up().await;
    until("only what came since is unread", async || {
        send(&app, "attic", "bob", "later").await;
        lobby.driver().await.refresh().await.unwrap();
        lobby.until("document.getElementById('list') !== null").await;
        let said: String = lobby.eval(&said("attic")).await;
        let unread: usize = said.strip_suffix(" unread").and_then(|it| it.parse().ok())?;
        let all: usize = reqwest::get(app.url("/rooms/attic/messages?format=json"))
            .await
            .unwrap()
            .json::<Vec<serde_json::Value>>()
            .await
            .unwrap()
            .len();
        (unread == all - 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn without_scripts_the_numbers_are_right_when_a_page_is_loaded() {
    let Some(mut chromium) = Chromium::without_scripts().await else { return };
    let app = TestApp::start();
    let home = app.url("");
    let tab = chromium.open().await;
    for room in ["attic", "lobby"] {
        tab.goto(&format!("{home}/rooms/{room}")).await;
        tab.element("#username").await.send_keys("ann").await.unwrap();
        tab.element("#join button").await.click().await.unwrap();
        tab.element("#list").await;
    }
    for text in ["one", "two"] {
        send(&app, "attic", "bob", text).await;
    }
    tab.arrive(async { tab.driver().await.refresh().await.unwrap() }).await;
    click(&tab, "#rooms summary").await;
    let text = async |css: &str| tab.element(css).await.text().await.unwrap();
    assert_eq!(text("#list [data-room=attic] a").await.replace('\n', " "), "#attic 2 unread");
    tab.arrive(click(&tab, "#list [data-room=attic] a")).await;
    assert_eq!(text("h1").await, "#attic");
    click(&tab, "#rooms summary").await;
    assert_eq!(text("#list [data-room=attic] a").await, "#attic");
    // Pinned, and taken off.
    click(&tab, "#list [data-room=lobby] summary").await;
    tab.arrive(click(&tab, "#list [data-room=lobby] button[value=pin]")).await;
    click(&tab, "#rooms summary").await;
    assert_eq!(text("#list li:first-child a").await, "#lobby");
    click(&tab, "#list [data-room=lobby] summary").await;
    tab.arrive(click(&tab, "#list [data-room=lobby] button[value=off]")).await;
    click(&tab, "#rooms summary").await;
    assert_eq!(text("#list li:first-child a").await, "#attic");
    assert_eq!(
        tab.driver().await.find_all(thirtyfour::By::Css("#list li")).await.unwrap().len(),
        1
    );
}

pub async fn on_a_wide_screen_rooms_stand_beside_the_conversation_and_else_one_tap_away(
    engine: Engine,
) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    let home = app.url("");
    let tab = browser.join(&home, "ann").await;
    enter(&tab, &home, "a-room-with-quite-a-long-name-which-takes-more-than-one-line", "ann").await;
    send(&app, "lobby", "bob", "hi").await;
    tab.until(&format!("{} === '1 unread'", said("lobby"))).await;
    let shown = "document.getElementById('list').checkVisibility()";
    for (width, height) in [(360, 740), (768, 1024), (1000, 700), (1280, 800), (1920, 1080)] {
        tab.size(width, height).await;
        let is_wide = width >= 1000;
        assert_eq!(tab.eval::<bool>(shown).await, is_wide, "{width}");
        let scrolls = "document.documentElement.scrollWidth > innerWidth";
        assert!(!tab.eval::<bool>(scrolls).await, "{width}");
        if is_wide {
            let apart = "(() => {
                const box = (css) => document.querySelector(css).getBoundingClientRect()
                return box('#list').right <= box('.list').left + 1 && box('.list').right <= box('#presence').left + 1
            })()";
            assert!(tab.eval::<bool>(apart).await, "{width}");
        } else {
            click(&tab, "#rooms summary").await;
            tab.until(shown).await;
            let inside = "(({ left, right }) => left >= 0 && right <= innerWidth)(document.getElementById('list').getBoundingClientRect())";
            assert!(tab.eval::<bool>(inside).await, "{width}");
            click(&tab, "#list [data-room=lobby] summary").await;
            tab.until("document.querySelector('#list [data-room=lobby] button').checkVisibility()")
                .await;
            assert!(tab.eval::<bool>(shown).await, "a click in it does not close it");
            click(&tab, "h1").await;
            tab.until(&format!("!{shown}")).await;
        }
    }
}

pub async fn on_the_page_of_all_rooms_no_name_takes_the_place_of_another(engine: Engine) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    let home = app.url("");
    let room = "a-room-with-a-name-as-long-as-it-can-be-which-is-sixty-four-char";
    let joined = browser.open().await;
    enter(&joined, &home, room, &"W".repeat(32)).await;
    let tab = browser.open().await;
    tab.goto(&format!("{home}/rooms")).await;
    tab.until("document.querySelector('ul.rooms .own') !== null").await;
    for width in [320, 360, 768, 1280] {
        tab.size(width, 740).await;
        let widths = "['li', 'li > a', '.own'].map((css) => document.querySelector(`ul.rooms ${css}`).clientWidth)";
        let [row, name, own]: [u32; 3] = tab.eval(widths).await;
        assert!(3 * name >= row && 3 * own >= row, "{name} and {own} of {row} at {width}");
        let out = "document.documentElement.scrollWidth > innerWidth";
        assert!(!tab.eval::<bool>(out).await, "at {width}");
    }
}
