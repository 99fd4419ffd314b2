//! The pictures in the README, made anew: `just pictures`.

use std::{fs, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::json;

use crate::{
    chromium::Chromium,
    engine::Engine,
    post, post_in,
    support::{Server, TestApp, until},
    tab::Tab,
};

/// What is said in them, and by whom.
const CONVERSATION: &[(&str, &str)] = &[
    (
        "Jonas",
        "Morning all! The disk on the build machine was full. I cleared it, it is on its way.",
    ),
    ("build", "4711 passed in 6 min 12 s\nhttps://ci.example/builds/4711"),
    ("Mira", "Then we can release today. Who reads the notes once more?"),
    (
        "Aiko",
        "I did, two small things:\n- the second paragraph repeats the first\n- `--keep` is described with its old default",
    ),
    ("Noor", "Both are mended."),
    (
        "Jonas",
        "For whoever reviews, this is all that changed:\n```toml\n[server]\nkeep = 10_000   # messages per room\nttl  = \"30d\"\n```",
    ),
    ("Aiko", "Looks good to me."),
    ("Noor", "صباح الخير"),
    ("Mira", "Good morning, Noor! Could you look over the page for translators?"),
    ("build", "deploy 212: 3 of 3 hosts are up"),
    ("Jonas", "@Mira it is live, and the graphs are flat, as they should be."),
    ("Mira", "Thank you! Cake at four."),
];

async fn seed(app: &TestApp) {
    for (name, text) in CONVERSATION {
        post(app, name, text).await;
    }
}

/// Sees a tab in a window of that size and with those colours.
async fn look(tab: &Tab, (width, height): (u32, u32), scheme: &str) -> Vec<u8> {
    let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
    tab.cdp("Emulation.setDeviceMetricsOverride", size).await;
    let scheme = json!({ "name": "prefers-color-scheme", "value": scheme });
    tab.cdp("Emulation.setEmulatedMedia", json!({ "features": [scheme] })).await;
    tab.run("document.activeElement.blur()").await;
    let mut seen = Vec::new();
    until("all of it is painted", async || {
        let before =
            std::mem::replace(&mut seen, tab.driver().await.screenshot_as_png().await.ok()?);
        (before == seen).then_some(())
    })
    .await;
    seen
}

/// Pictures side by side, on a page of their own.
async fn beside(tab: &Tab, pictures: &[Vec<u8>], size: (u32, u32)) -> Vec<u8> {
    let mut whole = "<body style='margin:0;display:flex;gap:12px;background:#8a919c'>".to_owned();
    for png in pictures {
        whole += &format!("<img src='data:image/png;base64,{}'>", BASE64_STANDARD.encode(png));
    }
    page(tab, &whole, size).await
}

async fn page(tab: &Tab, html: &str, size: (u32, u32)) -> Vec<u8> {
    tab.goto(&format!("data:text/html;charset=utf-8;base64,{}", BASE64_STANDARD.encode(html)))
        .await;
    look(tab, size, "light").await
}

fn keep(name: &str, png: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("static");
    fs::write(folder.join(name), png).unwrap();
}

#[tokio::test]
#[ignore = "it writes the README's pictures"]
async fn pictures() {
    let mut chromium = Chromium::start().await.expect("a Chromium");
    assert_eq!(chromium.engine, Engine::Chromium);
    let app = TestApp::start();
    seed(&app).await;
    // Who has been in other rooms has them on the list, with what was said there since.
    let first = chromium.open().await;
    for room in ["garden", "release-2027", "tea-and-biscuits"] {
        first.goto(&app.url(&format!("/rooms/{room}"))).await;
        first.run("document.getElementById('username').value = ''").await;
        first.element("#username").await.send_keys("Mira").await.unwrap();
        first.element("#join button").await.click().await.unwrap();
        first.element("#leave").await;
        first.caught_up().await;
    }
    first.goto("about:blank").await;
    for (room, number) in [("garden", 3), ("release-2027", 1)] {
        for _ in 0..number {
            post_in(&app, room, "Aiko", "Hello!").await;
        }
    }
    let mut tabs = Vec::new();
    for name in ["Mira", "Jonas", "Aiko"] {
        let tab = chromium.join(&app.url(""), name).await;
        tab.caught_up().await;
        tabs.push(tab);
    }
    let [mira, jonas, blank] = [&tabs[0], &tabs[1], &chromium.open().await];
    mira.until("document.querySelectorAll('#presence bdi').length === 3").await;

    let size = (640, 640);
    let two = [look(mira, size, "light").await, look(jonas, size, "light").await];
    keep("two-tabs.png", &beside(blank, &two, (1292, 640)).await);
    let phone = (360, 640);
    let both = [look(mira, phone, "light").await, look(mira, phone, "dark").await];
    keep("phone.png", &beside(blank, &both, (732, 640)).await);
    keep("wide.png", &look(mira, (1280, 800), "light").await);
    keep("dark.png", &look(mira, (1280, 800), "dark").await);

    // What curl got, in the colours of a terminal.
    let command = "curl -N 'localhost:3000/rooms/lobby/events?format=text&last=6'";
    let url = app.url("/rooms/lobby/events?format=text&last=6");
    let got = std::process::Command::new("curl").args(["-sN", "--max-time", "2", &url]).output();
    let got = String::from_utf8(got.expect("curl").stdout).unwrap();
    let lines = maud::html! {
        body style="margin:0;background:#1a1b26;color:#c8d0e0;font:20px/32px monospace" {
            pre style="margin:24px 36px;white-space:pre-wrap;font:inherit" {
                span style="color:#7a8294" { "$ " } span style="color:#fff" { (command) } "\n" (got)
            }
        }
    };
    let rows = u32::try_from(got.lines().count() + 1).unwrap();
    keep("terminal.png", &page(blank, &lines.into_string(), (1200, 48 + 32 * rows)).await);

    let mut scriptless = Chromium::without_scripts().await.expect("a Chromium");
    let noor = scriptless.join(&app.url(""), "Noor").await;
    noor.frame("iframe.live").until("document.querySelectorAll('.message').length > 10").await;
    keep("without-script.png", &look(&noor, (960, 560), "light").await);
}
