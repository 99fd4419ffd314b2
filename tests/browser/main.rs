//! The page in a real Chromium.

#[allow(dead_code, reason = "each test binary uses its part of it")]
#[path = "../support/mod.rs"]
mod support;
