//! What takes long, or asserts how fast something is, or what it costs in processor time or memory.
//! A machine that is busy with other things fails such tests, so they are no part of `cargo test`:
//! `just slow` runs them, one at a time, and so does continuous integration.

#[allow(dead_code, reason = "each test binary uses its part of it")]
#[path = "../support/mod.rs"]
mod support;

#[allow(dead_code, reason = "each test binary uses its part of it")]
#[path = "../browser/browser.rs"]
mod browser;
#[allow(dead_code, reason = "each test binary uses its part of it")]
#[path = "../browser/chromium.rs"]
mod chromium;
#[allow(dead_code, reason = "each test binary uses its part of it")]
#[path = "../browser/driver.rs"]
mod driver;
#[allow(dead_code, reason = "each test binary uses its part of it")]
#[path = "../browser/engine.rs"]
mod engine;
#[allow(dead_code, reason = "each test binary uses its part of it")]
#[path = "../browser/proxy.rs"]
mod proxy;
#[allow(dead_code, reason = "each test binary uses its part of it")]
#[path = "../browser/screen.rs"]
mod screen;
#[allow(dead_code, reason = "each test binary uses its part of it")]
#[path = "../browser/tab.rs"]
mod tab;

use support::{client, flood, wire};

mod flooded;
mod greedy;
mod limits;
mod long;
mod many;
mod page;
mod tls;
mod vanish;
