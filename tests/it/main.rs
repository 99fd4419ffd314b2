//! hubbub over the wire: the real binary, real sockets, a real file. Each test is a sentence.

#[allow(dead_code, reason = "each test binary uses its part of it")]
#[path = "../support/mod.rs"]
mod support;

mod audit;
mod client;
mod crash;
mod history;
mod house;
mod join;
mod journal;
mod limits;
mod metrics;
mod nginx;
mod pages;
mod presence;
mod representations;
mod send;
mod server;
mod start;
mod stream;
mod texts;
mod vanish;
mod wire;
