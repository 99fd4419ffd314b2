//! The room's page as a conversation: how it reads, what its bar opens, and the field to write in.

use serde_json::json;

use crate::{
    browser::Browser,
    engine::Engine,
    post,
    screen::Colours,
    support::{Server, TestApp},
    tab::Tab,
};

async fn messages(tab: &Tab, number: usize) {
    let all = "document.querySelectorAll('#messages > .message[data-day]').length";
    tab.until(&format!("{all} === {number}")).await;
}

pub async fn a_conversation_stands_on_one_edge_in_lines_of_some_75_characters(engine: Engine) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    let long = "The quick brown fox jumps over the lazy dog, and then it rests for a while. ";
    for (name, text) in [("bob", "hi"), ("bob", "a run"), ("eve", &*long.repeat(8)), ("דנה", "x")]
    {
        post(&app, name, text).await;
    }
    let tab = browser.join(&app.url(""), "ann").await;
    tab.say("my own").await;
    messages(&tab, 5).await;
    for (width, height) in [(360, 740), (768, 1024), (1280, 800), (1920, 1080)] {
        tab.size(width, height).await;
        let edges: Vec<f64> = tab
            .eval("[...document.querySelectorAll('.message > span')].map((text) => text.getBoundingClientRect().left)")
            .await;
        assert!(edges.iter().all(|edge| (edge - edges[0]).abs() < 0.1), "{edges:?} at {width}");
        let (root, size): (String, String) = tab
            .eval("['html', '.message span'].map((css) => getComputedStyle(document.querySelector(css)).fontSize)")
            .await;
        assert_eq!((&*root, &*size), ("16px", "15px"), "at {width}");
        let lines: f64 = tab
            .eval("new Set([...document.querySelector('#m3 span').getClientRects(), ...(() => { const range = document.createRange(); range.selectNodeContents(document.querySelector('#m3 span')); return range.getClientRects() })()].map(({ bottom }) => Math.round(bottom))).size")
            .await;
        #[expect(clippy::cast_precision_loss, reason = "it is short")]
        let characters = (long.len() * 8) as f64 / lines;
        assert!(characters <= 78.0, "{characters} at {width}");
        assert!(width < 700 || characters >= 60.0, "{characters} at {width}");
    }
}

pub async fn each_run_begins_with_a_tile_that_is_the_same_for_every_reader(engine: Engine) {
    Browser::in_all_colours(engine, tiles).await;
}

async fn tiles(mut browser: Browser) {
    let app = TestApp::start();
    for (name, text) in [("bob", "one"), ("bob", "two"), ("zoë", "three")] {
        post(&app, name, text).await;
    }
    let ann = browser.join(&app.url(""), "ann").await;
    let bob = browser.join(&app.url(""), "bob").await;
    let tiles = r#"[...document.querySelectorAll('.message')].map((line) => {
        const { content, backgroundColor } = getComputedStyle(line, '::before')
        // Firefox says where it has the letter from.
        const says = content.replace('attr(data-initial)', `"${line.dataset.initial}"`)
        return [says, content === 'none' ? '' : backgroundColor].join(' ')
    })"#;
    messages(&ann, 3).await;
    messages(&bob, 3).await;
    let seen: Vec<String> = ann.eval(tiles).await;
    assert_eq!(seen, bob.eval::<Vec<String>>(tiles).await);
    assert!(seen[0].contains("\"B\"") && seen[2].contains("\"Z\""), "{seen:?}");
    assert!(seen[1].starts_with("none"), "{seen:?}");
    assert_ne!(seen[0][seen[0].rfind('"').unwrap()..], seen[2][seen[2].rfind('"').unwrap()..]);

    // Each hue has letters that can be read, in both schemes (WCAG 2.2, 1.4.3).
    let contrasts = r"(() => {
        const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true })
        const light = (colour) => {
            canvas.fillStyle = colour
            canvas.fillRect(0, 0, 1, 1)
            const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((part) => part / 255)
                .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
            return 0.2126 * r + 0.7152 * g + 0.0722 * b
        }
        const line = document.querySelector('.message')
        return [...Array(12).keys()].map((hue) => {
            line.dataset.hue = hue
            const { color, backgroundColor } = getComputedStyle(line, '::before')
            const [dark, bright] = [light(color), light(backgroundColor)].sort((a, b) => a - b)
            return (bright + 0.05) / (dark + 0.05)
        })
    })()";
    for colours in ann.colours.iter().filter(|colours| **colours != Colours::Forced) {
        ann.turn(*colours).await;
        let all: Vec<f64> = ann.eval(contrasts).await;
        assert!(all.iter().all(|contrast| *contrast >= 4.5), "{colours:?}: {all:?}");
    }
}

pub async fn name_and_time_stand_in_a_line_and_who_goes_on_has_the_time_on_hover_and_focus(
    engine: Engine,
) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    for text in ["one", "see https://a.example/"] {
        post(&app, "bob", text).await;
    }
    let tab = browser.join(&app.url(""), "ann").await;
    messages(&tab, 2).await;
    let line = "(() => {
        const [name, time, text] = ['strong', 'time', 'span'].map((css) => document.querySelector(`#m1 > ${css}`).getBoundingClientRect())
        return name.right <= time.left && time.bottom <= text.top + 1 && name.bottom <= text.top + 1
    })()";
    assert!(tab.eval::<bool>(line).await);
    let name: String = tab.eval("document.querySelector('#m1 strong').textContent").await;
    assert_eq!(name, "bob", "without a colon");
    let seen = "getComputedStyle(document.querySelector('#m2 time')).opacity";
    assert_eq!(tab.eval::<String>(seen).await, "0");
    let height = "document.getElementById('m2').offsetHeight";
    let before: u32 = tab.eval(height).await;
    let (x, y): (f64, f64) = tab
        .eval("(({ x, y }) => [x + 60, y + 10])(document.getElementById('m2').getBoundingClientRect())")
        .await;
    tab.point(x, y).await;
    tab.until(&format!("{seen} === '1'")).await;
    tab.point(2.0, 2.0).await;
    tab.until(&format!("{seen} === '0'")).await;
    tab.run("document.querySelector('#m2 a').focus()").await;
    assert_eq!(tab.eval::<String>(seen).await, "1");
    assert_eq!(tab.eval::<u32>(height).await, before, "nothing moves");
}

pub async fn ones_own_name_has_a_colour_and_a_word_and_forced_colours_and_paper_have_lines(
    engine: Engine,
) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    post(&app, "bob", "hi").await;
    let tab = browser.join(&app.url(""), "ann").await;
    tab.say("my own").await;
    messages(&tab, 2).await;
    let colours = "['#m1', '#m2'].map((id) => getComputedStyle(document.querySelector(`${id} strong`)).color)";
    let colours: Vec<String> = tab.eval(colours).await;
    assert_ne!(colours[0], colours[1]);
    let words = "[...document.querySelectorAll('.message')].map((line) => line.querySelector('.you')?.textContent.trim() ?? '')";
    assert_eq!(tab.eval::<Vec<String>>(words).await, ["", "(you)"]);
    let you = "document.querySelector('.you').getBoundingClientRect().width";
    let lines = "[...document.querySelectorAll('.message')].every((line) => getComputedStyle(line).borderTopStyle === 'solid')";
    assert!(tab.eval::<f64>(you).await <= 1.0);
    assert!(!tab.eval::<bool>(lines).await);
    if tab.colours.contains(&Colours::Forced) {
        tab.turn(Colours::Forced).await;
        assert!(tab.eval::<f64>(you).await > 10.0 && tab.eval::<bool>(lines).await);
    }
    // The drivers of the others put paper into a file, and never on the page.
    if engine == Engine::Chromium {
        let paper = json!({ "media": "print", "features": [] });
        tab.cdp("Emulation.setEmulatedMedia", paper).await;
        assert!(tab.eval::<f64>(you).await > 10.0 && tab.eval::<bool>(lines).await);
    }
}

pub async fn the_bar_is_one_line_and_people_open_from_their_number_or_stand_beside(engine: Engine) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    let room = "a-room-with-a-name-as-long-as-it-can-be-which-is-sixty-four-char";
    assert_eq!(room.len(), 64);
    let tab = browser.open().await;
    let url = app.url(&format!("/rooms/{room}"));
    tab.goto(&url).await;
    tab.element("#username").await.send_keys("W".repeat(32)).await.unwrap();
    tab.element("#join button").await.click().await.unwrap();
    tab.element("#leave").await;
    tab.caught_up().await;
    for width in [320, 360, 768, 1280, 1920] {
        tab.size(width, 740).await;
        let heights =
            "['main > header', 'h1', '.me'].map((css) => document.querySelector(css).offsetHeight)";
        let heights: Vec<u32> = tab.eval(heights).await;
        assert!(heights.iter().all(|height| *height <= 49), "{heights:?} at {width}");
        let whole: String = tab.eval("document.querySelector('h1').title").await;
        assert_eq!(whole, format!("#{room}"));
    }
    // What opens covers the list and moves nothing.
    tab.size(360, 740).await;
    let seen = "document.getElementById('presence').checkVisibility()";
    let list = "(({ x, y, width, height }) => [x, y, width, height])(document.querySelector('.list').getBoundingClientRect())";
    let before: Vec<f64> = tab.eval(list).await;
    assert!(!tab.eval::<bool>(seen).await);
    tab.open("#people").await;
    assert!(tab.eval::<bool>(seen).await);
    assert_eq!(tab.eval::<Vec<f64>>(list).await, before);

    // It stays open, and counts, as people come.
    let other = browser.open().await;
    other.goto(&url).await;
    other.element("#username").await.send_keys("bob").await.unwrap();
    other.element("#join button").await.click().await.unwrap();
    tab.until("document.getElementById('here').dataset.number === '2 here'").await;
    tab.until("document.getElementById('presence').textContent.includes('bob')").await;
    assert!(tab.eval::<bool>(seen).await);
    tab.element(".scroller").await.click().await.unwrap();
    tab.until(&format!("!{seen}")).await;
    tab.size(1000, 740).await;
    assert!(tab.eval::<bool>(seen).await, "beside the list");
    assert_eq!(tab.eval::<u32>("document.getElementById('people').offsetHeight").await, 0);
    let beside = "document.querySelector('.list').getBoundingClientRect().right
        <= document.getElementById('presence').getBoundingClientRect().left + 1";
    assert!(tab.eval::<bool>(beside).await);
}

pub async fn the_field_grows_to_six_lines_and_its_button_is_in_it(engine: Engine) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    let tab = browser.join(&app.url(""), "ann").await;
    let mut heights = Vec::new();
    for lines in [1, 2, 6, 7, 40] {
        let text = vec!["x"; lines].join("\\n");
        tab.run(&format!(
            "text.value = '{text}'; text.dispatchEvent(new Event('input', {{ bubbles: true }}))"
        ))
        .await;
        heights.push(tab.eval::<u32>("document.getElementById('text').offsetHeight").await);
        let inside = "(() => {
            const [field, button] = ['text', 'send'].map((id) => document.getElementById(id)).map((part) => (part.id === 'send' ? part.querySelector('button') : part).getBoundingClientRect())
            return button.left > field.left && button.right <= field.right && button.top >= field.top && button.bottom <= field.bottom
        })()";
        assert!(tab.eval::<bool>(inside).await, "with {lines} lines");
    }
    assert_eq!(heights[1] - heights[0], 22, "{heights:?}");
    assert_eq!(heights[2] - heights[0], 5 * 22, "{heights:?}");
    assert_eq!(heights[3..], [heights[2]; 2], "{heights:?}");
    // A word that is longer than the field breaks in it as it does behind it.
    tab.run(
        "text.value = 'x'.repeat(400); text.dispatchEvent(new Event('input', { bubbles: true }))",
    )
    .await;
    let hidden = "text.scrollHeight > text.clientHeight + 1 && text.offsetHeight < 6 * 22";
    assert!(!tab.eval::<bool>(hidden).await, "it is as high as what is in it");
}

pub async fn how_much_may_still_be_written_is_told_where_it_is_little(engine: Engine) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    let tab = browser.join(&app.url(""), "ann").await;
    for (length, said) in
        [(0, ""), (3799, ""), (3800, "200 left"), (4000, "0 left"), (4003, "3 too many"), (1, "")]
    {
        tab.run(&format!(
            "text.value = '🙂'.repeat({length}); text.dispatchEvent(new Event('input', {{ bubbles: true }}))"
        ))
        .await;
        let left: String = tab.eval("document.getElementById('send-left').textContent").await;
        assert_eq!(left, said, "{length}");
    }
}

pub async fn on_a_touch_screen_enter_breaks_the_line_and_the_button_sends(engine: Engine) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    let tab = browser.join(&app.url(""), "ann").await;
    let hint = "document.getElementById('text').enterKeyHint";
    assert_eq!(tab.eval::<String>(hint).await, "send");
    tab.touch().await;
    tab.until(&format!("{hint} === 'enter'")).await;
    tab.send("one").await;
    tab.field().await.send_keys("two").await.unwrap();
    assert_eq!(tab.draft().await, "one\ntwo");
    let button = "document.querySelector('#send button').getBoundingClientRect().height";
    assert!(tab.eval::<f64>(button).await >= 44.0);
    tab.element("#send button").await.click().await.unwrap();
    tab.shows(&["one\ntwo"]).await;
    let viewport: String = tab.eval("document.querySelector('meta[name=viewport]').content").await;
    assert!(viewport.contains("interactive-widget=resizes-content"), "{viewport}");
}

pub async fn code_keeps_its_spaces_scrolls_in_itself_and_is_the_text_everywhere_else(
    engine: Engine,
) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    let wide = format!("```rust\nfn main() {{\n    let x = \"{}\";\n}}\n```", "y".repeat(300));
    let many = format!("```\n{}```", "line\n".repeat(30));
    let texts = [&*wide, "run `a   b` now", &many];
    for text in texts {
        post(&app, "bob", text).await;
    }
    let tab = browser.join(&app.url(""), "ann").await;
    messages(&tab, 3).await;
    tab.shows(&texts).await;
    let (scrolls, spills): (bool, bool) = tab
        .eval(
            "[['#m1 code', 1], ['.scroller', 1]].map(([css]) => document.querySelector(css)).map((part) => part.scrollWidth > part.clientWidth + 1)",
        )
        .await;
    assert!(scrolls && !spills);
    let shown: Vec<String> = tab
        .eval("['#m1', '#m2'].map((id) => document.querySelector(`${id} code`).innerText)")
        .await;
    assert_eq!(shown[0], wide["```rust\n".len()..wide.len() - "\n```".len()]);
    assert_eq!(shown[1], "a   b");
    // A long one is folded as any other text is.
    let height = "document.querySelector('#m3 > span').clientHeight";
    let folded: f64 = tab.eval(height).await;
    assert!(folded <= 9.0 * 22.0, "{folded}");
    tab.element("#m3 .all").await.click().await.unwrap();
    assert!(tab.eval::<f64>(height).await >= 30.0 * 20.0);
    let url = app.url("/rooms/lobby/messages");
    let all = reqwest::Client::new().get(url).header("accept", "application/json").send().await;
    let all: serde_json::Value = serde_json::from_str(&all.unwrap().text().await.unwrap()).unwrap();
    for (message, text) in all.as_array().unwrap().iter().zip(texts) {
        assert_eq!(message["text"], text);
    }
}

pub async fn an_empty_room_says_what_to_do_until_something_is_said(engine: Engine) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    let tab = browser.join(&app.url(""), "ann").await;
    let said: String = tab.eval("document.querySelector('.log').innerText").await;
    for part in ["send one", "a second tab", "curl -d username=me -d text=hello "] {
        assert!(said.contains(part), "{said}");
    }
    let line: String = tab.eval("document.querySelector('.start code').textContent").await;
    assert!(line.ends_with(&app.url("/rooms/lobby/messages")), "{line}");
    let other: String = tab.eval("document.querySelector('.start a').pathname").await;
    assert_eq!(other, "/rooms/lobby");
    tab.say("hello").await;
    messages(&tab, 1).await;
    assert!(!tab.element(".start").await.is_displayed().await.unwrap());
}

pub async fn a_messages_menu_opens_and_closes_at_one_place_and_moves_nothing(engine: Engine) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    let tab = browser.join(&app.url(""), "ann").await;
    for text in ["one", "two", "three"] {
        tab.say(text).await;
    }
    messages(&tab, 3).await;
    let places =
        "[...document.querySelectorAll('.message, .message > .menu > summary')].map((part) => {
        const { x, y, width, height } = part.getBoundingClientRect()
        return [x, y, width, height].join(' ')
    })";
    let before: Vec<String> = tab.eval(places).await;
    // The last one has nothing below it but the end of the list.
    for n in 1..=3 {
        let summary = tab.element(&format!(":nth-child({n} of .message) > .menu summary")).await;
        summary.click().await.unwrap();
        let seen = "(() => {
            const list = document.querySelector('.list').getBoundingClientRect()
            const parts = [...document.querySelectorAll('.menu[open] > :not(summary) > *')]
            return parts.length === 2 && parts.every((part) => {
                const { left, right, top, bottom } = part.getBoundingClientRect()
                const at = (x, y) => part.contains(document.elementFromPoint(x, y))
                return right > left && bottom - top >= 24 && bottom - top < 48 && bottom <= list.bottom
                    && at(left + 3, top + 3) && at(right - 3, bottom - 3)
            })
        })()";
        tab.until(seen).await;
        assert_eq!(tab.eval::<Vec<String>>(places).await, before);
        summary.click().await.unwrap();
        tab.until("!document.querySelector('.message .menu[open]')").await;
        assert_eq!(tab.eval::<Vec<String>>(places).await, before);
    }
}
