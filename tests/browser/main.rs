//! The page in a real Chromium, over the real binary; and what must hold in every engine in a
//! Firefox and a WebKit, too (`engines.rs`).
//!
//! They need `chromium` and `chromedriver`, `firefox-esr` and `geckodriver`, `WebKitWebDriver` and
//! `Xvfb`. Where these are missing, each test says on stderr that it did not run, and passes; with
//! `HUBBUB_BROWSER=required`, `HUBBUB_FIREFOX=required` and `HUBBUB_WEBKIT=required` it fails.

#[allow(dead_code, reason = "each test binary uses its part of it")]
#[path = "../support/mod.rs"]
mod support;

mod browser;
mod chromium;
mod contrast;
mod driver;
mod engine;
mod host;
mod proxy;
mod screen;
mod tab;

mod access;
mod again;
mod between;
mod busy;
mod draft;
mod engines;
mod find;
mod fold;
mod hidden;
mod history;
mod looks;
mod mention;
mod moderate;
mod names;
mod nodes;
mod noscript;
mod outage;
mod pictures;
mod presence;
mod private;
mod removal;
mod room;
mod rooms;
mod scroll;
mod state;
mod stream;
mod talk;
mod text;
mod text_browsers;
mod windows;
mod write;

use access::{door, moderated, search};

/// Sends to the lobby as a script would, and returns once it is durable.
async fn post(app: &impl support::Server, name: &str, text: &str) {
    post_in(app, "lobby", name, text).await;
}

/// The same to any room.
async fn post_in(app: &impl support::Server, room: &str, name: &str, text: &str) {
    let form = [("username", name), ("text", text)];
    let url = app.url(&format!("/rooms/{room}/messages"));
    let answer = reqwest::Client::new().post(url).form(&form).send().await.expect("an answer");
    assert_eq!(answer.status(), 201);
}
