//! Pages in a browser that runs no script: the messages are live in one frame, the form is in
//! another.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use thirtyfour::ElementId;

use crate::{
    browser::Browser,
    chromium::Chromium,
    engine::Engine,
    looks::set_times,
    post,
    support::{App, Server, TestApp, until},
    tab::Tab,
};

const LIVE: &str = "iframe.live";
const SEND: &str = "iframe.send";

/// A tab that joined the lobby, and is live.
async fn join(chromium: &mut Browser, app: &impl Server, name: &str) -> Tab {
    let tab = chromium.join(&app.url(""), name).await;
    tab.frame(LIVE).until("location.search.includes('format=html')").await;
    tab
}

/// Sends by the form in its frame, with a click, and waits for the fresh one.
async fn say(tab: &Tab, text: &str) {
    let form = tab.frame(SEND);
    form.send_by_button(text).await;
    form.until("document.getElementById('text').value === ''").await;
}

/// What the driver calls the document in a frame: another name after each load.
async fn document(tab: &Tab, css: &'static str) -> ElementId {
    tab.frame(css).element("html").await.element_id()
}

pub async fn without_scripts_two_tabs_are_live_both_ways(engine: Engine) {
    let Some(mut browser) = Browser::without_scripts(engine).await else { return };
    let app = TestApp::start();
    let ann = join(&mut browser, &app, "ann").await;
    let bob = join(&mut browser, &app, "bob").await;
    assert!(ann.element("header").await.text().await.unwrap().contains("Posting as ann"));
    for hidden in ["main > .list", "main > #send"] {
        assert!(!ann.element(hidden).await.is_displayed().await.unwrap(), "{hidden}");
    }
    for tab in [&ann, &bob] {
        tab.mark().await;
        tab.frame(LIVE).shows(&[]).await;
    }
    let documents = (document(&ann, LIVE).await, document(&bob, LIVE).await);

    say(&ann, "one").await;
    bob.frame(LIVE).shows(&["one"]).await;
    say(&bob, "two").await;
    say(&ann, "<b>three</b>").await;
    post(&app, "eve", "four").await;

    for tab in [&ann, &bob] {
        tab.frame(LIVE).shows(&["one", "two", "<b>three</b>", "four"]).await;
        assert!(tab.is_marked().await, "the page was loaded anew");
    }
    assert_eq!(ann.frame(LIVE).shown().await, bob.frame(LIVE).shown().await);
    let names: Vec<_> = ann.frame(LIVE).shown().await.into_iter().map(|shown| shown.name).collect();
    assert_eq!(names, ["ann", "bob", "ann", "eve"]);
    assert_eq!(documents, (document(&ann, LIVE).await, document(&bob, LIVE).await));
    assert_eq!(browser.complaints().await, <[String; 0]>::default());
}

#[tokio::test]
async fn without_scripts_the_next_message_can_be_typed_at_once() {
    let Some(mut chromium) = Chromium::without_scripts().await else { return };
    let app = TestApp::start();
    let ann = join(&mut chromium, &app, "ann").await;
    let (form, live) = (ann.frame(SEND), ann.frame(LIVE));
    let stays = document(&ann, LIVE).await;

    for texts in [&["first"][..], &["first", "second"], &["first", "second", "third"]] {
        form.until("document.hasFocus() && document.activeElement.id === 'text'").await;
        let before = document(&ann, SEND).await;
        form.type_blindly(texts.last().unwrap()).await;
        live.shows(texts).await;
        until("the fresh form", async || (document(&ann, SEND).await != before).then_some(()))
            .await;
        assert_eq!(form.draft().await, "");
    }
    assert_eq!(document(&ann, LIVE).await, stays, "the messages were loaded anew");

    // What cannot be sent comes back in the frame, with the reason and the keyboard.
    let long = "x".repeat(4001);
    form.eval::<Option<()>>(&format!("void (document.getElementById('text').value = '{long}')"))
        .await;
    form.type_blindly("").await;
    form.until("document.getElementById('send-note').textContent !== ''").await;
    assert_eq!(form.draft().await, long);
    assert_eq!(document(&ann, LIVE).await, stays, "the messages were loaded anew");
}

pub async fn without_scripts_the_list_sticks_to_the_newest_and_holds_still_for_who_scrolled_up(
    engine: Engine,
) {
    let Some(mut browser) = Browser::without_scripts(engine).await else { return };
    let app = TestApp::start();
    for n in 1..=40 {
        post(&app, "eve", &format!("old {n}")).await;
    }
    let ann = join(&mut browser, &app, "ann").await;
    let live = ann.frame(LIVE);
    let last = |text: &str| {
        format!(
            "document.querySelector('#messages').lastElementChild.textContent.includes('{text}')"
        )
    };
    live.until(&last("old 40")).await;
    let seen = "document.querySelector('#messages').lastElementChild.getBoundingClientRect().bottom
        <= document.querySelector('.scroller').getBoundingClientRect().bottom + 1";

    live.until(seen).await;
    post(&app, "eve", "new 1").await;
    live.until(&last("new 1")).await;
    assert!(live.eval::<bool>(seen).await, "at the bottom it stays at the bottom");

    live.run("document.querySelector('.scroller').scrollBy(0, -300)").await;
    let place = live.place("old 30").await;
    for n in 2..=9 {
        post(&app, "eve", &format!("new {n}")).await;
        live.until(&last(&format!("new {n}"))).await;
        let moved = (live.place("old 30").await - place).abs();
        // WebKit holds no place, and no script is there to do it.
        assert!(moved <= 1.0, "moved by {moved} pixels");
    }
    assert!(!live.eval::<bool>(seen).await);
}

#[tokio::test]
async fn without_scripts_the_page_is_loaded_though_its_stream_never_ends() {
    let Some(mut chromium) = Chromium::without_scripts().await else { return };
    let app = TestApp::start();
    post(&app, "eve", "before").await;
    let ann = join(&mut chromium, &app, "ann").await;
    ann.until("document.readyState === 'complete'").await;
    ann.until("performance.getEntriesByType('navigation')[0].loadEventEnd > 0").await;
    assert_eq!(ann.frame(LIVE).eval::<String>("document.readyState").await, "loading");
    // And is alive, and still loaded.
    post(&app, "eve", "after").await;
    ann.frame(LIVE).shows(&["before", "after"]).await;
    assert_eq!(ann.eval::<String>("document.readyState").await, "complete");
}

pub async fn without_scripts_one_can_leave(engine: Engine) {
    let Some(mut browser) = Browser::without_scripts(engine).await else { return };
    let app = TestApp::start();
    let ann = join(&mut browser, &app, "ann").await;
    let here = async || {
        let url = app.url("/rooms/lobby/presence");
        reqwest::get(url).await.expect("an answer").text().await.expect("a body")
    };
    assert!(here().await.contains("ann"));
    ann.leave().await;
    ann.element("#username").await;
    assert!(here().await.contains("Nobody is here"), "{}", here().await);
}

#[tokio::test]
async fn without_scripts_there_are_dates_the_zone_of_the_times_and_a_way_to_older_messages() {
    let Some(mut chromium) = Chromium::without_scripts().await else { return };
    let mut app = App::start();
    for n in 1..=60 {
        post(&app, "eve", &format!("message {n}")).await;
    }
    assert!(app.stop().success());
    set_times(&app, &["2026-11-02T03:04:05Z"; 60]);
    app.start_again();
    let ann = join(&mut chromium, &app, "ann").await;
    let times = "[...new Set([...document.querySelectorAll('.message time')].map((time) => time.innerText))]";
    assert_eq!(ann.frame(LIVE).eval::<Vec<String>>(times).await, ["2026-11-02 03:04 UTC"]);

    let older = ann.element(".older a").await;
    assert!(older.is_displayed().await.unwrap());
    older.click().await.unwrap();
    let all: Vec<_> = (1..=10).map(|n| format!("message {n}")).collect();
    ann.shows(&all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(ann.eval::<Vec<String>>(times).await, ["2026-11-02 03:04 UTC"]);
    assert!(ann.element("#m10").await.is_displayed().await.unwrap());
    ann.element(".newest a").await.click().await.unwrap();
    ann.frame(LIVE).until("location.search.includes('format=html')").await;
}

#[tokio::test]
async fn without_scripts_a_line_says_how_to_go_on_after_a_crash_and_what_was_written_stays() {
    let Some(mut chromium) = Chromium::without_scripts().await else { return };
    let mut app = App::start();
    let ann = join(&mut chromium, &app, "ann").await;
    say(&ann, "before").await;
    ann.frame(LIVE).shows(&["before"]).await;
    ann.frame(SEND).field().await.send_keys("half a thou").await.unwrap();
    app.kill();
    app.start_again();
    post(&app, "eve", "after").await;
    let line = ann.element(".again").await.text().await.unwrap();
    assert!(line.starts_with("Nothing new for a while? Load the messages again"), "{line}");
    ann.element(".again a").await.click().await.unwrap();
    ann.frame(LIVE).shows(&["before", "after"]).await;
    ann.frame(LIVE).until("location.search.includes('format=html')").await;
    post(&app, "eve", "and live").await;
    ann.frame(LIVE).shows(&["before", "after", "and live"]).await;
    assert_eq!(ann.frame(SEND).draft().await, "half a thou");
    assert!(ann.is_marked().await, "the page was loaded anew");
}

/// By how many levels the colours of two pictures differ where they do most.
async fn difference(judge: &Tab, one: &[u8], other: &[u8]) -> u64 {
    let script = r"
        const [one, other, done] = arguments
        const pixels = async (png) => {
            const image = new Image()
            image.src = `data:image/png;base64,${png}`
            await image.decode()
            const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d')
            canvas.drawImage(image, 0, 0)
            return canvas.getImageData(0, 0, image.width, image.height).data
        }
        Promise.all([pixels(one), pixels(other)]).then(([a, b]) => {
            let far = a.length === b.length ? 0 : 255
            a.forEach((level, at) => (far = Math.max(far, Math.abs(level - b[at]))))
            done(far)
        })";
    let pictures = [one, other].map(|png| BASE64_STANDARD.encode(png).into());
    let answer = judge.driver().await.execute_async(script, pictures.to_vec()).await;
    answer.expect("it runs").json().as_u64().expect("a number")
}

#[tokio::test]
async fn without_scripts_the_messages_are_seen_while_the_stream_takes_over() {
    let Some(mut chromium) = Chromium::without_scripts().await else { return };
    let app = TestApp::start();
    for n in 1..=40 {
        post(&app, "eve", &format!("message {n}")).await;
    }
    let ann = join(&mut chromium, &app, "ann").await;
    ann.frame(LIVE).until("document.querySelectorAll('.message').length === 40").await;
    let picture = async || ann.driver().await.screenshot_as_png().await.expect("a picture");
    let mut shown = picture().await;
    until("all of it is painted", async || {
        let before = std::mem::replace(&mut shown, picture().await);
        (before == shown).then_some(())
    })
    .await;
    // As a document is that has painted nothing yet.
    ann.frame(LIVE)
        .run("document.documentElement.style = 'visibility: hidden; background: none'")
        .await;
    let hidden = "getComputedStyle(document.querySelector('.message')).visibility === 'hidden'";
    ann.frame(LIVE).until(hidden).await;
    // Letters on nothing are painted a level of colour lighter here and there than on a ground.
    let judge = chromium.open().await;
    until("what is behind it shows the same", async || {
        (difference(&judge, &picture().await, &shown).await <= 1).then_some(())
    })
    .await;
    ann.frame("iframe.first").run("document.body.remove()").await;
    let far = difference(&judge, &picture().await, &shown).await;
    assert!(far > 100, "and it is that what is seen: {far}");
    // Nobody who goes by keyboard or by ear meets it.
    assert!(ann.eval::<bool>("document.querySelector('iframe.first').inert").await);
}
