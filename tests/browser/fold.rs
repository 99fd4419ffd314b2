//! Texts that would push everything else out of sight, or paint over it.

use serde_json::json;
use thirtyfour::Key;

use crate::{
    chromium::Chromium,
    post,
    support::{Server, TestApp, until},
    tab::Tab,
};

const LIVE: &str = "iframe.live";

/// How many lines of the text are seen in the first message that is folded or could be, and whether
/// it has more of them.
async fn lines(tab: &Tab) -> (f64, bool) {
    tab.eval(
        "(() => {
            const text = document.querySelector('.message[data-long] span')
            const line = parseFloat(getComputedStyle(text).lineHeight)
            return [text.clientHeight / line, text.scrollHeight > text.clientHeight + 1]
        })()",
    )
    .await
}

/// A paste of so many lines, with a link in the last.
fn paste(lines: usize) -> String {
    let lines: Vec<_> = (1..lines).map(|n| format!("line {n}")).collect();
    lines.join("\n") + "\nhttps://a.example/"
}

#[tokio::test]
async fn a_long_text_is_folded_and_shows_all_by_mouse_by_keyboard_and_on_paper() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    post(&app, "bob", "short").await;
    let tab = chromium.join(&app.url(""), "ann").await;
    tab.caught_up().await;
    post(&app, "bob", &paste(20)).await;
    post(&app, "bob", "after it").await;
    tab.until("document.querySelectorAll('#messages > .message').length === 3").await;
    assert_eq!(lines(&tab).await, (8.0, true));
    assert_eq!(tab.eval::<u32>("document.querySelectorAll('.all').length").await, 1);
    assert_eq!(tab.shown().await[1].text, paste(20), "all of it is there");

    // What one goes on reading stays where it was.
    let place = tab.place(&paste(20)).await;
    tab.element(".all").await.click().await.unwrap();
    assert_eq!(lines(&tab).await, (20.0, false));
    assert!((tab.place(&paste(20)).await - place).abs() <= 1.0, "it grew upwards");
    tab.element(".all input").await.send_keys(" ").await.unwrap();
    assert_eq!(lines(&tab).await, (8.0, true));
    assert_eq!(tab.focus().await, "");
    let ring = "getComputedStyle(document.activeElement).outlineStyle !== 'none'";
    assert!(tab.eval::<bool>(ring).await, "it is seen where the keyboard is");
    let outside = "(({ top, bottom }) => top < 0 || bottom > innerHeight)(document.activeElement.getBoundingClientRect())";
    assert!(!tab.eval::<bool>(outside).await);

    // The keyboard goes to no place that cannot be seen.
    let keys = tab.driver().await.action_chain();
    keys.key_down(Key::Shift).send_keys(Key::Tab + "").key_up(Key::Shift).perform().await.unwrap();
    assert!(tab.eval::<bool>("document.activeElement.matches('span a')").await);
    assert_eq!(lines(&tab).await, (20.0, false));
    tab.run("document.activeElement.blur()").await;
    assert_eq!(lines(&tab).await, (8.0, true));

    // And for those who listen it has a name.
    let cdp = tab.driver().await.cdp();
    let tree = cdp.send_raw("Accessibility.getFullAXTree", json!({})).await.unwrap();
    let nodes = tree["nodes"].as_array().unwrap();
    let named = nodes.iter().find(|node| node["role"]["value"] == "checkbox");
    assert_eq!(named.expect("a checkbox")["name"]["value"], "Show all");

    tab.cdp("Emulation.setEmulatedMedia", json!({ "media": "print" })).await;
    let whole = "(({ offsetHeight }) => offsetHeight)(document.querySelector('[data-long]'))";
    assert!(tab.eval::<f64>(whole).await > 20.0 * 20.0, "on paper there is all of it");
    assert!(!tab.element(".all").await.is_displayed().await.unwrap());
}

#[tokio::test]
async fn without_scripts_a_long_text_is_folded_and_shows_all_too() {
    let Some(mut chromium) = Chromium::without_scripts().await else { return };
    let app = TestApp::start();
    post(&app, "bob", &"word ".repeat(790)).await;
    let ann = chromium.join(&app.url(""), "ann").await;
    let live = ann.frame(LIVE);
    live.until("location.search.includes('format=html')").await;
    let folded = lines(&live).await;
    assert_eq!(folded, (8.0, true));
    live.element(".all").await.click().await.unwrap();
    let (shown, more) = lines(&live).await;
    assert!(shown > 40.0 && !more, "{shown}");
    // What arrives folds nothing again.
    post(&app, "bob", "next").await;
    live.until("document.querySelectorAll('.message').length === 2").await;
    assert_eq!(lines(&live).await, (shown, false));
}

/// What is painted in a part of the page.
async fn picture(tab: &Tab, css: &str) -> String {
    let place: serde_json::Value = tab
        .eval(&format!(
            "(({{ x, y, width, height }}) => ({{ x, y, width, height, scale: 1 }}))(document.querySelector('{css}').getBoundingClientRect())"
        ))
        .await;
    let cdp = tab.driver().await.cdp();
    let taken = cdp.send_raw("Page.captureScreenshot", json!({ "clip": place })).await.unwrap();
    taken["data"].as_str().expect("a picture").to_owned()
}

#[tokio::test]
async fn marks_that_are_stacked_on_a_character_paint_over_no_other_message() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let marks = "\u{30d}\u{30e}\u{304}\u{305}\u{33f}\u{311}\u{316}\u{317}\u{318}\u{319}".repeat(30);
    for text in ["above", &format!("a{marks}"), "below"] {
        post(&app, "bob", text).await;
    }
    let tab = chromium.join(&app.url(""), "ann").await;
    tab.caught_up().await;
    tab.until("document.querySelectorAll('#messages > .message').length === 3").await;
    // Wide bubbles, to have beside the marks what they could paint over. How high marks are stacked is
    // the font's affair: here they are high with any.
    for rule in [
        ".message { min-width: 80%; height: 60px; border-radius: 0 }",
        "#m2 span { font-size: 240px; line-height: 20px }",
    ] {
        tab.run(&format!(
            "document.styleSheets[1].insertRule('{rule}', document.styleSheets[1].cssRules.length)"
        ))
        .await;
    }
    let all = async || (picture(&tab, "#m1").await, picture(&tab, "#m3").await);
    let beside = all().await;
    let own = picture(&tab, "#m2").await;
    tab.run("document.querySelector('#m2 span').style.visibility = 'hidden'").await;
    assert!(all().await == beside, "what stands beside it is painted as without the marks");
    until("the marks are gone", async || (picture(&tab, "#m2").await != own).then_some(())).await;
}
