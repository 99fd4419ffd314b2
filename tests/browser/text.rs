//! Texts that would be markup, if they could.

use crate::{
    browser::Browser,
    chromium::Chromium,
    engine::Engine,
    support::{Server, TestApp},
};

const EVIL: [&str; 5] = [
    "<img src=x onerror=\"document.title = 'owned'\">",
    "</span></p><script>document.title = 'owned'</script>",
    "<div hx-get=\"/healthz\" hx-trigger=\"load\" hx-target=\"body\">x</div>",
    "<hx-partial hx-target=\"#send\">gone</hx-partial>",
    "&lt;b&gt; & \"quotes\" 'and' `ticks` \u{2028} <p id=\"m1\">",
];

#[tokio::test]
async fn a_text_with_markup_shows_as_that_text() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let ann = chromium.join(&app.url(""), "ann").await;
    let bob = chromium.join(&app.url(""), "<b>bob</b>").await;
    for evil in EVIL {
        bob.say(evil).await; // Live in both, by the stream and by the sender's own answer.
    }
    ann.shows(&EVIL).await;
    bob.shows(&EVIL).await;
    let names: Vec<_> = ann.shown().await.into_iter().map(|shown| shown.name).collect();
    assert_eq!(names, ["<b>bob</b>"; EVIL.len()]);
    bob.driver().await.refresh().await.unwrap(); // And in the page itself.
    bob.shows(&EVIL).await;

    for tab in [&ann, &bob] {
        tab.until("document.title === '#lobby'").await; // And no other for longer than it counts.
        let grown = "document.querySelectorAll('.message span :not(code, code > i), .message strong *, main img').length";
        assert_eq!(tab.eval::<u32>(grown).await, 0);
        tab.element("#send").await;
    }
    assert_eq!(chromium.complaints().await, <[String; 0]>::default());
}

pub async fn a_field_and_a_text_have_the_direction_of_what_is_written(engine: Engine) {
    let app = TestApp::start();
    let directions = "[...document.querySelectorAll('#username, #text')].map((field) => getComputedStyle(field).direction)";
    let Some(mut browser) = Browser::start(engine).await else { return };
    let tab = browser.open().await;
    tab.goto(&app.url("/rooms/lobby")).await;
    for (name, direction) in [("ann", "ltr"), ("דנה", "rtl")] {
        let field = tab.element("#username").await;
        field.clear().await.unwrap();
        field.send_keys(name).await.unwrap();
        assert_eq!(tab.eval::<Vec<String>>(directions).await, [direction], "{name}");
    }
    tab.element("#join button").await.click().await.unwrap();
    tab.element("#leave").await;
    // The dot is at the end of what is read from the right: to the left of it.
    let left = "(() => {
        const text = document.querySelector('.message:last-child span').firstChild
        const place = (at) => {
            const range = document.createRange()
            range.setStart(text, at)
            range.setEnd(text, at + 1)
            return range.getBoundingClientRect().left
        }
        return place(text.length - 1) < place(0)
    })()";
    for (text, direction) in [("hello.", "ltr"), ("שלום.", "rtl")] {
        tab.field().await.send_keys(text).await.unwrap();
        assert_eq!(tab.eval::<Vec<String>>(directions).await, [direction], "{text}");
        tab.say("").await;
        tab.until(&format!("document.querySelector('#messages > .message:last-child span')?.textContent === '{text}'")).await;
        assert_eq!(tab.eval::<bool>(left).await, direction == "rtl", "{text}");
    }
}
