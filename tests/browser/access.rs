//! For everybody: by keyboard, by ear, and by whatever axe-core knows of the rules (WCAG 2.2 AA).

pub mod door;
pub mod moderated;
pub mod search;

use std::{fs, path::Path, process::Command, sync::OnceLock};

use serde_json::json;
use thirtyfour::Key;

use crate::{
    browser::Browser,
    engine::Engine,
    post,
    proxy::{Proxy, Streams},
    support::{Server, TestApp, until},
    tab::Tab,
};

/// axe-core, by npm.
fn axe() -> &'static str {
    static AXE: OnceLock<String> = OnceLock::new();
    AXE.get_or_init(|| {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("axe");
        fs::create_dir_all(&home).expect("a directory");
        for file in ["package.json", "package-lock.json", ".npmrc"] {
            let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser").join(file);
            fs::copy(from, home.join(file)).expect("a copy");
        }
        let npm = Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&home)
            .output()
            .expect("npm can be run");
        assert!(npm.status.success(), "{}", String::from_utf8_lossy(&npm.stderr));
        fs::read_to_string(home.join("node_modules/axe-core/axe.min.js")).expect("it is installed")
    })
}

/// What axe-core finds on the page as it stands, in all colours that its browser can be turned to.
pub async fn violations(tab: &Tab) -> Vec<String> {
    violations_but(tab, &[]).await
}

/// The same, but for some rules.
async fn violations_but(tab: &Tab, rules: &[&str]) -> Vec<String> {
    let off: serde_json::Map<_, _> =
        rules.iter().map(|rule| ((*rule).to_owned(), json!({ "enabled": false }))).collect();
    let mut found = Vec::new();
    if tab.eval::<bool>("typeof axe === 'undefined'").await {
        tab.run(axe()).await;
    }
    for colours in tab.colours {
        tab.turn(*colours).await;
        // Other colours change what is seen, and nothing of what the other rules look at.
        let all = *colours == tab.colours[0];
        let script = r"
            const [rules, all, done] = arguments
            // Colours that change slowly are looked at when they have.
            requestAnimationFrame(() => Promise.allSettled(document.getAnimations().map(({ finished }) => finished))
                .then(() => axe.run(document, all ? { rules } : { runOnly: ['color-contrast', 'link-in-text-block'] }))
                .then(({ violations, passes }) => done({
                    rules: passes.length,
                    found: violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => [id, html, failureSummary].join(' '))),
                })))";
        let answer = tab
            .driver()
            .await
            .execute_async(script, vec![off.clone().into(), all.into()])
            .await
            .expect("it runs");
        let answer = answer.json();
        assert!(answer["rules"].as_u64() > Some(if all { 5 } else { 0 }), "it looked: {answer}");
        let violations = answer["found"].as_array().expect("a list");
        found.extend(violations.iter().map(|violation| format!("{colours:?}: {violation}")));
    }
    found
}

pub async fn axe_finds_nothing_in_any_state(engine: Engine) {
    Browser::in_all_colours(engine, any_state).await;
}

async fn any_state(mut browser: Browser) {
    let app = TestApp::start();
    let proxy = Proxy::before(app.address(), Streams::Pass).await;
    let none = <[String; 0]>::default();
    let tab = browser.open().await;
    for path in ["/rooms/lobby", "/rooms", "/api", "/nothing", "/rooms/lobby/tabs/none/live"] {
        tab.goto(&app.url(path)).await;
        assert_eq!(violations(&tab).await, none, "{path}");
    }
    tab.goto(&proxy.home()).await;
    tab.element("#username").await.send_keys("x".repeat(33) + Key::Enter).await.unwrap();
    tab.element("#username-problem").await;
    assert_eq!(violations(&tab).await, none, "a name that cannot be taken");

    tab.join(&proxy.home(), "ann").await;
    tab.caught_up().await;
    assert_eq!(violations(&tab).await, none, "an empty room");
    // Enough to scroll in, and no more: every element is looked at many times.
    let long = "a text, and https://a.example/ in it\n".repeat(12);
    for name in ["bob", "eve", "eve", "bob"] {
        post(&app, name, &long).await;
    }
    post(&app, "bob", &format!("`code`\n```\n{}\n```", "wide ".repeat(60))).await;
    tab.say("my own").await;
    assert_eq!(violations(&tab).await, none, "a room with messages");
    tab.size(800, 600).await; // Where the people are one tap away.
    for opened in ["#people", "#menu"] {
        tab.open(opened).await;
        assert_eq!(violations(&tab).await, none, "{opened} is open");
    }
    tab.run("document.getElementById('menu').open = false").await;
    tab.scroll(-300).await;
    post(&app, "bob", "new").await;
    tab.until("!document.getElementById('newest').hidden").await;
    assert_eq!(violations(&tab).await, none, "new messages");
    tab.send(&"x".repeat(4001)).await;
    tab.until("document.querySelector('#text[aria-invalid]') != null").await;
    assert_eq!(violations(&tab).await, none, "a text that cannot be taken");
    proxy.set(Streams::Hold);
    proxy.refuse(Some("/send"));
    tab.field().await.clear().await.unwrap();
    tab.send("hello").await;
    until("a note", async || tab.note().await.starts_with("Not sent").then_some(())).await;
    tab.until("document.getElementById('connection').textContent !== ''").await;
    assert_eq!(violations(&tab).await, none, "a server that is gone");

    let path: String = tab.eval("location.pathname").await;
    // What stands in the frames of a page without script. The page around them has the heading and
    // the landmarks; and the first goes on by itself, once, to the same messages.
    let page = ["page-has-heading-one", "landmark-one-main", "region", "meta-refresh"];
    // Where it goes on to does not end, and would take the document away while axe looks at it; on
    // one that is only held back, ChromeDriver would wait with its answers.
    proxy.set(Streams::Pass);
    proxy.lead_nowhere("format=html");
    let before = proxy.refused();
    for frame in ["/live", "/send"] {
        tab.goto(&format!("{}{path}{frame}", proxy.home())).await;
        until("it to go on", async || (proxy.refused() > before).then_some(())).await;
        assert_eq!(violations_but(&tab, &page).await, none, "{frame}");
    }
    tab.goto(&app.url(&format!("{path}?before={}", "x"))).await;
    assert_eq!(violations(&tab).await, none, "an error");
}

pub async fn everything_can_be_done_by_keyboard(engine: Engine) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    for n in 0..50 {
        post(&app, "bob", &format!("old {n}")).await;
    }
    let tab = browser.open().await;
    tab.goto(&app.url("/rooms/lobby")).await;
    assert_eq!(tab.focus().await, "username");
    tab.type_blindly("ann").await; // Joins.
    tab.element("#leave").await;
    tab.caught_up().await;
    assert_eq!(tab.focus().await, "text");
    tab.type_blindly("typed blindly").await; // Sends.
    tab.until("document.querySelector('#messages > .own') != null").await;
    assert_eq!(tab.focus().await, "text");

    let press = async |key: Key, back: bool| tab.press(key, back).await;
    let on = async || -> String {
        tab.eval("(({ id, className, textContent }) => id || className || textContent)(document.activeElement)")
            .await
    };
    // In the order in which it stands on the page. What one has sent has a menu.
    press(Key::Tab, true).await;
    assert_eq!(on().await, "⋯");
    press(Key::Tab, true).await;
    assert_eq!(on().await, "scroller");
    // What scrolls still when the next key comes would go on beyond what that shows.
    for key in [Key::Up, Key::PageUp] {
        tab.run(
            // WebKit says nothing of the end of it.
            "window.stands = false
            const scroller = document.querySelector('.scroller')
            const from = scroller.scrollTop
            let [last, frames] = [from, 0]
            const look = () => {
                frames = last === scroller.scrollTop && last !== from ? frames + 1 : 0
                last = scroller.scrollTop
                if (frames > 5) window.stands = true
                else requestAnimationFrame(look)
            }
            look()",
        )
        .await;
        press(key, false).await;
        tab.until("window.stands").await;
    }
    tab.until("document.querySelector('.scroller').scrollTop < -100").await;
    post(&app, "bob", "new").await;
    tab.until("!document.getElementById('newest').hidden").await;
    // What has the keyboard is in view, and with it the end of the list.
    press(Key::Tab, false).await;
    assert_eq!(on().await, "⋯");
    tab.until("document.getElementById('newest').hidden").await;
    press(Key::Tab, false).await;
    assert_eq!(on().await, "text");
    press(Key::Tab, false).await;
    assert_eq!(on().await, "Send");
    let outline = "getComputedStyle(document.activeElement).boxShadow !== 'none' || getComputedStyle(document.activeElement).outlineStyle !== 'none'";
    assert!(tab.eval::<bool>(outline).await, "it is seen where the keyboard is");
    for expected in ["text", "⋯", "scroller", "me"] {
        press(Key::Tab, true).await;
        assert_eq!(on().await, expected);
    }
    // The menu is opened, left by Escape, and opened again.
    let is_open = "document.getElementById('menu').open";
    press(Key::Space, false).await;
    tab.until(is_open).await;
    press(Key::Tab, false).await;
    assert_eq!(on().await, "rooms");
    press(Key::Escape, false).await;
    assert!(!tab.eval::<bool>(is_open).await);
    assert_eq!(on().await, "me");
    press(Key::Space, false).await;
    let notify = ["Notify me of mentions", "Notify me of all messages"];
    for expected in [&["rooms", "rooms"][..], &notify, &["secondary"]].concat() {
        press(Key::Tab, false).await;
        assert_eq!(on().await, expected);
    }
    // Leaves. By Enter, ChromeDriver presses a second time, on the page that comes: there it joins.
    press(Key::Space, false).await;
    tab.element("#username").await;
}

pub async fn each_new_message_is_announced_once_and_what_was_missed_is_a_number(engine: Engine) {
    let Some(mut browser) = Browser::start(engine).await else { return };
    let app = TestApp::start();
    for n in 0..60 {
        post(&app, "bob", &format!("old {n}")).await;
    }
    let proxy = Proxy::before(app.address(), Streams::Hold).await;
    let ann = browser.join(&proxy.home(), "ann").await;
    // What a screen reader is told of: what is added to a live region while it is one.
    ann.run(
        "window.announced = []
        new MutationObserver((changes) => {
            for (const { addedNodes } of changes)
                for (const line of addedNodes)
                    if (line.matches?.('.message') && line.closest('[aria-live]')?.ariaLive === 'polite')
                        announced.push(line.querySelector('span').textContent)
        }).observe(document.querySelector('.log'), { childList: true, subtree: true })",
    )
    .await;
    let announced = async || -> Vec<String> { ann.eval("announced").await };
    post(&app, "bob", "before the stream").await;
    proxy.set(Streams::Pass);
    ann.until("document.getElementById('missed').textContent === '1 new message'").await;
    ann.caught_up().await;
    assert_eq!(announced().await, <[String; 0]>::default());

    post(&app, "bob", "live").await;
    ann.until("announced.length === 1").await;
    ann.say("my own").await;
    post(&app, "bob", "live again").await;
    ann.until("announced.at(-1) === 'live again'").await;
    assert_eq!(announced().await, ["live", "live again"]);

    // What one said oneself is not read out, neither as the answer nor as it comes on the stream.
    assert_eq!(ann.eval::<String>("document.getElementById('outbox').ariaLive").await, "off");

    proxy.set(Streams::Hold);
    ann.until("document.getElementById('connection').textContent !== ''").await;
    for n in 0..5 {
        post(&app, "bob", &format!("missed {n}")).await;
    }
    proxy.set(Streams::Pass);
    ann.until("document.getElementById('missed').textContent === '5 new messages'").await;
    ann.caught_up().await;
    // Nor are older ones.
    ann.scroll(-1_000_000).await;
    ann.until("!document.querySelector('#messages > .older')").await;
    ann.caught_up().await;
    post(&app, "bob", "live as before").await;
    ann.until("announced.at(-1) === 'live as before'").await;
    assert_eq!(announced().await, ["live", "live again", "live as before"]);

    // And the browser sees the region so. No other driver tells of the tree.
    if engine == Engine::Chromium {
        heard_as_a_log(&ann).await;
    }
}

async fn heard_as_a_log(ann: &Tab) {
    let cdp = ann.driver().await.cdp();
    let tree = cdp.send_raw("Accessibility.getFullAXTree", json!({})).await.unwrap();
    let role = |role: &str| {
        let nodes = tree["nodes"].as_array().unwrap().iter();
        nodes.filter(|node| node["role"]["value"] == role).collect::<Vec<_>>()
    };
    let shown: usize = ann.eval("document.querySelectorAll('#messages > .message').length").await;
    assert_eq!(role("article").len(), shown, "one goes from message to message");
    let log = role("log").first().copied();
    let properties = log.expect("a log")["properties"].as_array().unwrap();
    let of = |name: &str| {
        let found = properties.iter().find(|property| property["name"] == name);
        found.map(|property| property["value"]["value"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(of("live").as_deref(), Some("polite"));
    assert_eq!(of("relevant").as_deref(), Some("additions"));
}
