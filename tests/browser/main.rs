//! The page in a real Chromium.

#[path = "../support/mod.rs"]
mod support;
