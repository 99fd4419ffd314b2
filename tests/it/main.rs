//! hubbub over the wire: the real binary, real sockets, a real file. Each test is a sentence.

#[path = "../support/mod.rs"]
mod support;
