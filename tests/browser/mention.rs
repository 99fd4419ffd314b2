//! What names the reader, where one left off, and notifications of a tab that nobody looks at.

use serde_json::json;

use crate::{
    browser::Browser,
    chromium::Chromium,
    engine::Engine,
    post,
    proxy::{Proxy, Streams},
    support::{Server, TestApp, until},
    tab::Tab,
};

/// The texts of the messages that are marked so.
async fn marked(tab: &Tab, class: &str) -> Vec<String> {
    let all = format!("[...document.querySelectorAll('.message.{class} > span')]");
    tab.eval(&format!("{all}.map(({{ textContent }}) => textContent)")).await
}

pub async fn a_text_that_names_somebody_is_marked_for_them_and_for_nobody_else(engine: Engine) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    let texts = [
        "hi @ann!",
        "@ANN",
        "@ann's turn",
        "(@ann)",
        "@anna",
        "write to x@ann",
        "run `@ann`",
        "ann",
        "@zoë k. and @ann_b",
        "ありがとう@annさん",
    ];
    for text in texts {
        post(&app, "eve", text).await;
    }
    let ann = browser.join(&app.url(""), "ann").await;
    let zoe = browser.join(&app.url(""), "Zoë K.").await;
    ann.say("@ann is me").await;
    for tab in [&ann, &zoe] {
        tab.until("document.querySelectorAll('#messages > .message[data-day]').length === 11")
            .await;
    }
    let named = [&texts[..4], &texts[9..]].concat();
    assert_eq!(marked(&ann, "mention").await, named, "what names ann");
    assert_eq!(marked(&zoe, "mention").await, [texts[8]]);
    let heard: String = ann.eval("document.getElementById('m1').innerText").await;
    assert!(heard.contains("(mentions you)"), "{heard}");
    assert_eq!(browser.complaints().await, <[String; 0]>::default());
}

#[tokio::test]
async fn the_line_where_one_left_off_stands_there_before_the_script_that_moves_it() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::with(&["--admin", "127.0.0.1:0"]);
    let proxy = Proxy::before(app.address(), Streams::Pass).await;
    let ann = chromium.join(&proxy.home(), "ann").await;
    ann.say("before").await;
    let page: String = ann.eval("location.href").await;
    ann.goto(&format!("{}/rooms", proxy.home())).await;
    until("nobody sees the page", async || {
        let metrics = reqwest::get(app.metrics_url()).await.unwrap().text().await.unwrap();
        metrics.contains("hubbub_streams{format=\"sse\"} 0\n").then_some(())
    })
    .await;
    for text in ["first", "second"] {
        post(&app, "bob", text).await;
    }
    // It is not taken from the browser's cache either.
    ann.cdp("Network.clearBrowserCache", json!({})).await;
    proxy.refuse(Some("/static/unread."));
    ann.goto(&page).await;
    ann.until("document.querySelectorAll('.message[data-day]').length === 3").await;
    assert_eq!(marked(&ann, "unread").await, ["first"]);
    assert!(ann.eval::<bool>("hubbub.look === undefined").await, "that script never came");
}

pub async fn a_line_stands_where_one_left_off_and_the_title_counts_what_names_one(engine: Engine) {
    let Some(mut browser) = Browser::with_one_window(engine).await else { return };
    let app = TestApp::start();
    let ann = browser.join(&app.url(""), "ann").await;
    ann.say("before").await;
    ann.caught_up().await;
    browser.hide(&ann).await;
    let lines = "x\n".repeat(40);
    for text in ["first", &format!("{lines}@ann"), &lines, &lines] {
        post(&app, "bob", text).await;
    }
    browser.show(&ann).await;
    ann.caught_up().await;
    ann.until("document.title === '(4, @1) #lobby'").await;
    assert_eq!(marked(&ann, "unread").await, ["first"]);
    ann.scroll(1_000_000).await;
    ann.until("document.title === '#lobby'").await;
    assert_eq!(marked(&ann, "unread").await, ["first"], "read on, it stays where it is");

    // Who scrolled up left off there, too, and before that there is no other line.
    ann.scroll(-2_000).await;
    post(&app, "bob", "second").await;
    ann.until("document.title === '(1) #lobby'").await;
    assert_eq!(marked(&ann, "unread").await, ["second"]);
}

pub async fn who_comes_back_to_a_room_finds_the_line_where_they_left_off(engine: Engine) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    post(&app, "bob", "before").await;
    let ann = browser.join(&app.url(""), "ann").await;
    ann.caught_up().await;
    assert_eq!(
        marked(&ann, "unread").await,
        <[String; 0]>::default(),
        "all is new to who comes first"
    );
    ann.say("bye").await;
    ann.caught_up().await;
    ann.leave().await;
    post(&app, "bob", "first").await;
    for n in 0..60 {
        post(&app, "bob", &format!("more {n}")).await;
    }
    ann.join(&app.url(""), "ann").await;
    ann.caught_up().await;
    // Not all of it is on the page yet; the line goes along to where it belongs.
    assert_eq!(marked(&ann, "unread").await, ["more 10"]);
    ann.scroll(-1_000_000).await;
    ann.until("document.querySelector('.message.unread > span').textContent === 'first'").await;
    ann.goto(&ann.eval::<String>("location.href").await).await;
    ann.caught_up().await;
    assert_eq!(marked(&ann, "unread").await, <[String; 0]>::default(), "now it was seen");
}

pub async fn a_hidden_tab_notifies_of_what_was_asked_for_and_one_of_them_keeps_its_stream(
    engine: Engine,
) {
    let Some(mut browser) = Browser::with_one_window(engine).await else { return };
    let app = TestApp::start();
    let proxy = Proxy::before(app.address(), Streams::Pass).await;
    let ann = browser.join(&proxy.home(), "ann").await;
    let origin = proxy.home();
    if engine == Engine::Chromium {
        let grant = json!({ "origin": origin, "permissions": ["notifications"] });
        ann.cdp("Browser.grantPermissions", grant).await;
    } else {
        ann.prefer("permissions.default.desktop-notification", 1).await;
    }
    // Who looks at it would show it: what it told stands where another tab can see it, too.
    let record = "window.told = []
        window.Notification = class extends Notification {
            constructor(title, options) {
                super(title, options)
                told.push([title, options.body])
                localStorage.told = told.length
            }
        }";
    ann.run(record).await;
    let pressed = "[...document.querySelectorAll('[data-notify]')].map((button) => button.ariaPressed).join()";
    assert_eq!(ann.eval::<String>(pressed).await, "false,false");
    ann.open("#menu").await;
    ann.element("[data-notify=mentions]").await.click().await.unwrap();
    ann.until(&format!("{pressed} === 'true,false'")).await;

    // Another tab of the browser has heard of it, and of the two the first keeps its stream.
    let bob = browser.join(&proxy.home(), "bob").await;
    bob.caught_up().await;
    assert_eq!(bob.eval::<String>(pressed).await, "true,false");
    let other = browser.open().await; // Which hides the two.
    other.goto(&format!("{origin}/api")).await;
    until("one lets go", async || (proxy.open() == 1).then_some(())).await;
    post(&app, "eve", "for everybody").await;
    post(&app, "eve", "hi @ann").await;
    other.until("localStorage.told === '1'").await;
    assert_eq!(proxy.open(), 1);
    browser.show(&ann).await;
    let all: Vec<(String, String)> = ann.eval("told").await;
    assert_eq!(all, [("#lobby".to_owned(), "eve: hi @ann".to_owned())]);

    // Of all, where that is wished; and of nothing, where it is no more.
    ann.open("#menu").await;
    ann.element("[data-notify=all]").await.click().await.unwrap();
    ann.until(&format!("{pressed} === 'false,true'")).await;
    other.driver().await;
    post(&app, "eve", "for everybody, again").await;
    other.until("localStorage.told === '2'").await;
    browser.show(&ann).await;
    ann.open("#menu").await;
    ann.element("[data-notify=all]").await.click().await.unwrap();
    ann.until(&format!("{pressed} === 'false,false'")).await;
    other.driver().await;
    until("it lets go", async || (proxy.open() == 0).then_some(())).await;
    browser.show(&ann).await;
    assert_eq!(ann.eval::<usize>("told.length").await, 2);
    assert_eq!(browser.complaints().await, <[String; 0]>::default());
}
