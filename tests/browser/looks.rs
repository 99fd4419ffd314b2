//! What the page looks like: by measure, where eyes are not at hand.

use serde_json::json;

use crate::{
    browser::Browser,
    chromium::Chromium,
    engine::Engine,
    post,
    support::{App, Server, TestApp},
    tab::Tab,
};

/// Gives the messages of a journal that is not open these times, in their order.
pub fn set_times(app: &App, times: &[&str]) {
    let journal = rusqlite::Connection::open(app.data()).unwrap();
    for (seq, at) in (1..).zip(times) {
        let at: jiff::Timestamp = at.parse().unwrap();
        let set = "UPDATE entries SET sent_at = ?1 WHERE seq = ?2";
        assert_eq!(journal.execute(set, (at.as_millisecond(), seq)).unwrap(), 1);
    }
}

/// The list, line by line: days, and messages with what the script put on them.
async fn lines(tab: &Tab) -> Vec<String> {
    tab.eval(
        r"[...document.querySelectorAll('#messages > :is(.message, .day)')].map((line) => {
            if (line.matches('.day')) return line.textContent
            const [name, text, time] = ['strong', 'span', 'time'].map((part) => line.querySelector(part).textContent)
            return [line.classList.contains('run') ? '…' : name, text, time, ...(line.classList.contains('own') ? ['own'] : [])].join(' ')
        }).map((line) => line.replaceAll('\u{202f}', ' '))",
    )
    .await
}

/// What the test below expects to read in a language: the days, the first line of each, those of
/// another than before it, and the short one between.
const TIMES: [[&str; 9]; 2] = [
    [
        "Friday 20 November 2026",
        "20 Nov, 23:30",
        "Saturday 21 November 2026",
        "21 Nov, 00:01",
        "00:02",
        "21 Nov, 00:02",
        "21 Nov, 00:03",
        "21 Nov, 00:08",
        "Friday 20 November 2026 at 23:30:00",
    ],
    [
        "Friday November 20, 2026",
        "Nov 20, 11:30 PM",
        "Saturday November 21, 2026",
        "Nov 21, 12:01 AM",
        "12:02 AM",
        "Nov 21, 12:02 AM",
        "Nov 21, 12:03 AM",
        "Nov 21, 12:08 AM",
        "Friday November 20, 2026 at 11:30:00 PM",
    ],
];

pub async fn times_and_days_are_the_readers_and_runs_of_one_person_and_own_messages_stand_out(
    engine: Engine,
) {
    let Some(mut browser) = Browser::in_zone(engine, "Asia/Kolkata").await else { return };
    let mut app = App::start();
    for (name, text) in [
        ("bob", "late"),
        ("bob", "past midnight"),
        ("bob", "soon after"),
        ("eve", "another"),
        ("bob", "again"),
        ("bob", "after a pause"),
    ] {
        post(&app, name, text).await;
    }
    assert!(app.stop().success());
    set_times(
        &app,
        &[
            "2026-11-20T18:00:00Z", // 23:30 in Kolkata
            "2026-11-20T18:31:00Z", // 00:01 there
            "2026-11-20T18:32:00Z",
            "2026-11-20T18:32:30Z",
            "2026-11-20T18:33:00Z",
            "2026-11-20T18:38:01Z",
        ],
    );
    app.start_again();
    let tab = browser.open().await;
    // The others speak the one language that they come with.
    if engine == Engine::Chromium {
        tab.cdp("Emulation.setLocaleOverride", json!({ "locale": "en-GB" })).await;
    }
    tab.join(&app.url(""), "ann").await;
    let at = TIMES[usize::from(engine != Engine::Chromium)];
    let expected = [
        at[0].to_owned(),
        format!("bob late {}", at[1]),
        at[2].to_owned(),
        format!("bob past midnight {}", at[3]),
        format!("… soon after {}", at[4]),
        format!("eve another {}", at[5]),
        format!("bob again {}", at[6]),
        format!("bob after a pause {}", at[7]),
    ];
    let shown: Vec<_> =
        lines(&tab).await.iter().map(|line| line.replacen("day, ", "day ", 1)).collect();
    assert_eq!(shown, expected);

    // The whole of it is there for who points at it.
    let titles = "[...document.querySelectorAll('.message time')].map(({ title }) => title)";
    let titles: Vec<String> = tab.eval(titles).await;
    assert_eq!(titles[0].replacen(", ", " ", 1).replace('\u{202f}', " "), at[8]);

    // What arrives, and what one says oneself, is arranged alike, and today's has no day.
    tab.say("mine").await;
    tab.say("and mine").await;
    post(&app, "bob", "yours").await;
    tab.until("document.querySelectorAll('#messages > .message').length === 9").await;
    let shown = lines(&tab).await;
    let parts: Vec<_> = shown[8..].iter().map(|line| line.split(' ').collect::<Vec<_>>()).collect();
    assert_eq!(parts.len(), 4, "{shown:?}");
    assert_eq!((parts[1][0], parts[1][1], parts[1].last()), ("ann", "mine", Some(&"own")));
    assert_eq!((parts[2][0], parts[2].last()), ("…", Some(&"own")));
    let clock = at[4].split(' ').count();
    assert_eq!((parts[3][0], parts[3][1], parts[3].len()), ("bob", "yours", 2 + clock));
    // The bytes are the server's for everybody; only this page shows them so.
    let fragment = reqwest::get(app.url("/rooms/lobby/messages?limit=1")).await.unwrap();
    assert!(fragment.text().await.unwrap().contains("class=\"message\""));
}

#[tokio::test]
async fn times_stand_in_their_places_before_the_first_paint() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    for n in 0..60 {
        post(&app, "bob", &format!("message {n}")).await;
    }
    let proxy = crate::proxy::Proxy::before(app.address(), crate::proxy::Streams::Pass).await;
    proxy.slow("/static/htmx."); // The page is painted long before this.
    let tab = chromium.join(&proxy.home(), "ann").await;
    tab.caught_up().await;
    let shifts = shifts(&tab, ".log").await;
    assert!(shifts == 0.0, "{shifts}");
    tab.run("document.body.prepend(Object.assign(document.createElement('p'), { innerText: 1 }))")
        .await;
    tab.until("document.body.innerText.startsWith('1')").await;
    assert!(self::shifts(&tab, ".log").await > 0.0, "it would have been seen");
}

#[tokio::test]
async fn nothing_shifts_while_an_empty_room_fills() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    let tab = chromium.join(&app.url(""), "ann").await;
    tab.caught_up().await;
    let before = shifts(&tab, "html").await;
    for n in 0..50 {
        post(&app, if n % 3 == 0 { "bob" } else { "eve" }, &format!("message {n}")).await;
    }
    tab.until("document.querySelectorAll('#messages > .message').length === 50").await;
    let scrolls = "document.querySelector('.log').offsetHeight > document.querySelector('.scroller').offsetHeight";
    assert!(tab.eval::<bool>(scrolls).await, "it is full");
    let more = shifts(&tab, "html").await - before;
    assert!(more == 0.0, "{more}");
}

/// What the browser counted as layout shifts of a part of the page that nobody asked for (Layout
/// Instability API). The header may say that it connects, which moves what stands beside that.
async fn shifts(tab: &Tab, part: &str) -> f64 {
    let script = r"
        const [part, done] = arguments
        // What was laid out by now is counted when it has been painted.
        requestAnimationFrame(() => requestAnimationFrame(() => {
            const observer = new PerformanceObserver(() => {})
            observer.observe({ type: 'layout-shift', buffered: true })
            const whole = document.querySelector(part)
            const inIt = ({ node }) => node && (whole.contains(node) || node.contains?.(whole))
            const unasked = observer.takeRecords().filter(({ hadRecentInput, sources }) => !hadRecentInput && sources.some(inIt))
            done(unasked.reduce((sum, { value }) => sum + value, 0))
        }))";
    tab.driver().await.execute_async(script, vec![part.into()]).await.unwrap().convert().unwrap()
}

pub async fn nothing_but_the_list_moves_while_messages_arrive(engine: Engine) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    let tab = browser.join(&app.url(""), "ann").await;
    tab.caught_up().await;
    tab.run(
        r"window.moved = []
        // Chromium alone tells of what moves; the others are asked where things are whenever something changed.
        new PerformanceObserver((list) => {
            for (const { sources } of list.getEntries())
                for (const { node } of sources) // Null where it is gone, as the list of who is here.
                    if (node && !(node.closest ? node : node.parentElement).closest('.log')) window.moved.push(node.outerHTML ?? node.data)
        }).observe({ type: 'layout-shift' })
        new MutationObserver(() => requestAnimationFrame(() => {
            if (places().join() !== window.stood) window.moved.push(places().join())
        })).observe(document.querySelector('.log'), { childList: true, subtree: true })
        window.places = () => ['header', '#text', '.list', '#send button'].map((css) => {
            const { x, y, width, height } = document.querySelector(css).getBoundingClientRect()
            return [x, y, width, height].join(' ')
        })
        window.stood = places().join()",
    )
    .await;
    let before: Vec<String> = tab.eval("places()").await;
    for n in 0..40 {
        post(&app, if n % 3 == 0 { "bob" } else { "eve" }, &"word ".repeat(1 + n)).await;
    }
    tab.until("document.querySelectorAll('#messages > .message').length === 40").await;
    assert_eq!(tab.eval::<Vec<String>>("places()").await, before);
    assert_eq!(tab.eval::<Vec<String>>("moved").await, <[String; 0]>::default());
}

/// Widths of a phone, of a desktop, and of a desktop at 200 and at 400 % (WCAG 2.2, 1.4.4 and
/// 1.4.10), in CSS pixels, and their zoom.
const WINDOWS: [(u32, u32, u32); 5] =
    [(360, 740, 1), (768, 1024, 1), (1280, 800, 1), (640, 400, 2), (320, 256, 4)];

pub async fn at_every_width_and_zoom_all_is_in_reach_and_nothing_scrolls_sideways(engine: Engine) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    let tab = browser.join(&app.url(""), &"W".repeat(32)).await;
    let others = [browser.join(&app.url(""), &"M".repeat(32)).await];
    for text in ["x".repeat(4000), format!("https://a.example/{}", "y".repeat(500))] {
        post(&app, "eve", &text).await;
    }
    tab.until("document.querySelectorAll('#messages > .message').length === 2").await;
    for (width, height, zoom) in WINDOWS {
        tab.zoomed(width, height, zoom).await;
        let wide: Vec<String> = tab
            .eval(
                "[...document.querySelectorAll('body, main, .scroller, .message, #send, header')]
                .filter((part) => part.scrollWidth > part.clientWidth + 1
                    || part.getBoundingClientRect().right > innerWidth + 1)
                .map((part) => `${part.tagName}.${part.className} ${part.scrollWidth}`)",
            )
            .await;
        assert_eq!(wide, <[String; 0]>::default(), "at {width}");
        tab.run(
            "document.getElementById('people').open = document.getElementById('menu').open = false",
        )
        .await;
        for css in ["#text", "#send button", ".me", "#presence", "#leave button", "a.rooms"] {
            // On a wide screen it is there at all times.
            if css == "#presence" && width < 1000 {
                tab.open("#people").await;
            } else if css == "#leave button" {
                tab.open("#menu").await;
            }
            let seen: bool = tab
                .eval(&format!(
                    "(() => {{
                        const part = document.querySelector('{css}')
                        part.scrollIntoView({{ block: 'nearest' }})
                        const {{ left, right, top, bottom }} = part.getBoundingClientRect()
                        return right > left && bottom > top && left >= 0 && right <= innerWidth + 1
                            && top >= -1 && bottom <= innerHeight + 1
                    }})()"
                ))
                .await;
            assert!(seen, "{css} at {width} × {height}");
        }
        let list: f64 = tab.eval("document.querySelector('.list').clientHeight").await;
        assert!(list >= 100.0, "{list} pixels of messages at {width} × {height}");
    }
    drop(others);
}

pub async fn the_api_page_fits_every_width_and_a_click_selects_a_line_of_it(engine: Engine) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    let tab = browser.open().await;
    tab.goto(&app.url("/api")).await;
    for (width, height, zoom) in WINDOWS {
        tab.zoomed(width, height, zoom).await;
        let wide: Vec<String> = tab
            .eval(
                "[document.documentElement, ...document.querySelectorAll('main, main *')]
                .filter((part) => part.scrollWidth > part.clientWidth + 1 && part.clientWidth > 0
                    || part.getBoundingClientRect().right > innerWidth + 1)
                .map((part) => `${part.tagName} ${part.textContent.slice(0, 40)}`)",
            )
            .await;
        assert_eq!(wide, <[String; 0]>::default(), "at {width}");
    }
    tab.element("#pages pre.shell").await.click().await.unwrap();
    let (selected, line): (String, String) = tab
        .eval("[getSelection().toString(), document.querySelector('#pages pre').textContent]")
        .await;
    assert_eq!(selected.trim_end(), line);
    assert_eq!(line.lines().count(), 3, "with the ends of its lines");
}

#[tokio::test]
async fn on_paper_there_is_every_message_and_no_form() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    for n in 0..50 {
        post(&app, "bob", &format!("message {n}")).await;
    }
    let tab = chromium.join(&app.url(""), "ann").await;
    tab.cdp("Emulation.setEmulatedMedia", json!({ "media": "print" })).await;
    for width in [768, 1280] {
        tab.size(width, 800).await;
        for gone in ["#send", "#leave", "a.rooms", "#newest", "#presence", ".search", "#list"] {
            let gone_at = format!("{gone} at {width}");
            assert!(!tab.element(gone).await.is_displayed().await.unwrap(), "{gone_at}");
        }
    }
    let whole = "document.querySelector('main').scrollHeight >= document.getElementById('messages').scrollHeight
        && document.querySelector('.scroller').scrollHeight <= document.querySelector('.scroller').clientHeight + 1
        && document.getElementById('m1').getBoundingClientRect().top > 0";
    assert!(tab.eval::<bool>(whole).await);
}

/// One request of a page.
#[derive(serde::Deserialize)]
struct Load {
    name: String,
    bytes: u64,
}

#[tokio::test]
async fn all_that_a_page_loads_weighs_little_and_comes_in_two_rounds() {
    let Some(mut chromium) = Chromium::start().await else { return };
    let app = TestApp::start();
    for n in 0..50 {
        post(&app, "bob", &format!("a message of usual length, number {n}")).await;
    }
    let tab = chromium.join(&app.url(""), "ann").await;
    tab.caught_up().await;
    let loads =
        "performance.getEntries().filter(({ entryType }) => /navigation|resource/.test(entryType))
        .map(({ name, encodedBodySize }) => ({ name, bytes: encodedBodySize }))";
    let loads: Vec<Load> = tab.eval(loads).await;
    let sum: u64 = loads.iter().map(|load| load.bytes).sum();
    assert!(sum <= 60 * 1024, "{sum} bytes");
    // Nothing is found only when something else has come: all stands in the page itself.
    let page: String = tab.eval("document.documentElement.outerHTML").await;
    let assets = || loads.iter().filter(|load| load.name.contains("/static/"));
    assert!(assets().count() >= 6);
    for Load { name, .. } in assets() {
        let path = &name[name.find("/static/").unwrap()..];
        assert!(page.contains(path), "{path} is not named in the page");
        let answer = reqwest::get(name).await.unwrap();
        assert_eq!(answer.headers()["cache-control"], "public, max-age=31536000, immutable");
    }
    let inline = "[...document.querySelectorAll('script:not([src]), style')].length
        + [...document.querySelectorAll('*')].filter((part) => [...part.attributes].some(({ name }) => /^on|^style$|^hx-on/.test(name))).length";
    assert_eq!(tab.eval::<u32>(inline).await, 0);
    assert_eq!(chromium.complaints().await, <[String; 0]>::default());
}
