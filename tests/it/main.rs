//! hubbub over the wire: the real binary, real sockets, a real file. Each test is a sentence.

#[path = "../support/mod.rs"]
mod support;

mod client;
mod crash;
mod house;
mod join;
mod pages;
mod send;
mod start;
mod stream;
mod texts;
