//! Contrast, computed: of text, of fields' borders, and of the ring around what has the keyboard, in
//! every state, in light, in dark and in forced colours. axe looks at resting text alone.

use serde::Deserialize;
use serde_json::json;

use crate::{
    browser::Browser,
    engine::Engine,
    post,
    support::{Server, TestApp},
    tab::Tab,
};

/// Contrast by WCAG 2.2 (1.4.3, 1.4.11), of each control on the page; `state` says what is looked at.
const MEASURE: &str = r"
    const [state, done] = arguments
    const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true })
    const rgba = (colour) => {
        canvas.clearRect(0, 0, 1, 1)
        canvas.fillStyle = colour
        canvas.fillRect(0, 0, 1, 1)
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data
        return [r, g, b, a / 255]
    }
    const over = ([r, g, b, a], under) => [r, g, b].map((part, i) => part * a + under[i] * (1 - a)).concat(1)
    const behind = (node) => {
        if (!node) return rgba(matchMedia('(prefers-color-scheme: dark)').matches ? 'black' : 'white')
        return over(rgba(getComputedStyle(node).backgroundColor), behind(node.parentElement))
    }
    const light = (colour) => {
        const [r, g, b] = colour.map((part) => part / 255).map((part) =>
            part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b
    }
    const contrast = (one, other) => {
        const [dark, bright] = [light(one), light(other)].sort((a, b) => a - b)
        return (bright + 0.05) / (dark + 0.05)
    }
    const look = (node) => {
        const style = getComputedStyle(node)
        const [on, around] = [behind(node), behind(node.parentElement)]
        const field = node.matches('input, textarea')
        const ring = style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth)
        return {
            what: `${state} ${node.localName} ${node.textContent.trim() || node.id}`,
            text: contrast(over(rgba(style.color), on), on),
            placeholder: field ? contrast(over(rgba(getComputedStyle(node, '::placeholder').color), on), on) : null,
            border: field ? contrast(over(rgba(style.borderTopColor), around), around) : null,
            ring: state === 'focused' ? ring && contrast(over(rgba(style.outlineColor), around), around) : null,
        }
    }
    const seen = [...document.querySelectorAll('a, button, input, textarea, summary')].filter((node) =>
        node.checkVisibility() && node.type !== 'hidden')
    // Colours that change slowly are looked at as they end.
    const settle = () => { for (const change of document.getAnimations()) change.finish() }
    ;(async () => {
        const found = []
        await new Promise(requestAnimationFrame)
        for (const node of seen) {
            if (state === 'hovered' && !node.matches(':hover')) continue
            if (state === 'focused') node.focus({ focusVisible: true })
            await new Promise(requestAnimationFrame)
            settle()
            found.push(look(node))
        }
        done(found)
    })()";

#[derive(Debug, Deserialize)]
struct Seen {
    what: String,
    text: f64,
    placeholder: Option<f64>,
    border: Option<f64>,
    ring: Option<f64>,
}

impl Seen {
    /// What is hard to see.
    fn faults(&self) -> Vec<String> {
        let parts = [
            ("text", Some(self.text), 4.5),
            ("placeholder", self.placeholder, 4.5),
            ("border", self.border, 3.0),
            ("ring", self.ring, 3.0),
        ];
        let low =
            parts.iter().filter(|(_, contrast, least)| contrast.is_some_and(|it| it < *least));
        low.map(|(part, contrast, _)| format!("{}: {part} {contrast:?}", self.what)).collect()
    }
}

async fn measure(tab: &Tab, state: &str) -> Vec<Seen> {
    let driver = tab.driver().await;
    let answer = driver.execute_async(MEASURE, vec![json!(state)]).await.expect("it runs");
    answer.convert().expect("what was seen")
}

/// Looks at every control of the page as it stands.
async fn look(tab: &Tab, least: usize, faults: &mut Vec<String>) {
    for colours in tab.colours {
        tab.turn(*colours).await;
        let mut seen = measure(tab, "resting").await;
        assert!(seen.len() >= least, "{seen:?}");
        seen.extend(measure(tab, "focused").await);
        tab.run("document.activeElement.blur()").await;
        let places: Vec<(f64, f64)> = tab
            .eval(
                r"[...document.querySelectorAll('a, button, input, textarea, summary')]
                    .filter((node) => node.checkVisibility() && node.type !== 'hidden')
                    .map((node) => node.getBoundingClientRect())
                    .map(({ x, y, width, height }) => [x + width / 2, y + height / 2])",
            )
            .await;
        for (x, y) in places {
            tab.point(x, y).await;
            seen.extend(measure(tab, "hovered").await);
        }
        let hovered = seen.iter().filter(|seen| seen.what.starts_with("hovered")).count();
        assert!(hovered > 0, "{seen:?}");
        let found = seen.iter().flat_map(Seen::faults);
        faults.extend(found.map(|fault| format!("{colours:?}: {fault}")));
    }
}

pub async fn every_control_can_be_seen_at_rest_hovered_and_with_the_keyboard_on_it(engine: Engine) {
    Browser::in_all_colours(engine, seen).await;
}

async fn seen(mut browser: Browser) {
    let app = TestApp::start();
    post(&app, "bob", "look at https://a.example/").await;
    let mut faults = Vec::new();
    let tab = browser.open().await;
    for (path, least) in [("/rooms/lobby", 4), ("/rooms", 3)] {
        tab.goto(&app.url(path)).await;
        look(&tab, least, &mut faults).await;
    }
    tab.join(&app.url(""), "ann").await;
    tab.open("#menu").await;
    look(&tab, 6, &mut faults).await;
    assert_eq!(faults, [""; 0]);
}
