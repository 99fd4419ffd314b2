//! The page in a real Chromium, over the real binary.
//!
//! They need `chromium` and `chromedriver`. Where these are missing, each test says on stderr that
//! it did not run, and passes; with `HUBBUB_BROWSER=required` it fails instead.

#[allow(dead_code, reason = "each test binary uses its part of it")]
#[path = "../support/mod.rs"]
mod support;

mod chromium;
mod contrast;
mod proxy;
mod tab;

mod access;
mod again;
mod between;
mod busy;
mod draft;
mod hidden;
mod history;
mod looks;
mod noscript;
mod outage;
mod presence;
mod scroll;
mod state;
mod stream;
mod talk;
mod text;
mod windows;
mod write;

/// Sends to the lobby as a script would, and returns once it is durable.
async fn post(app: &impl support::Server, name: &str, text: &str) {
    let form = [("username", name), ("text", text)];
    let url = app.url("/rooms/lobby/messages");
    let answer = reqwest::Client::new().post(url).form(&form).send().await.expect("an answer");
    assert_eq!(answer.status(), 201);
}
