//! What is ours of a delivery, without the kernel: frames, the ring, the writer's turn over parked
//! lines, and the waking of readers that are not. A change is judged in seconds:
//!
//! `cargo bench --bench micro --features internals`

use divan::Bencher;
use hubbub::internals::{Fanout, encode};

fn main() {
    divan::main();
}

/// One message, rendered and encoded.
#[divan::bench(args = ["sse", "sse-json", "ndjson", "text", "html"])]
fn frame(format: &str) -> usize {
    encode(format)
}

/// One message to so many readers whose lines are parked: the time is for all of them.
#[divan::bench(args = [1, 100, 1000])]
fn parked(bencher: Bencher, readers: usize) {
    let mut fanout = Fanout::new(readers, true);
    bencher.counter(divan::counter::ItemsCount::new(readers)).bench_local(|| fanout.publish());
    assert_eq!(fanout.readers(), readers);
}

/// One message to so many readers whose tasks are woken.
#[divan::bench(args = [1, 100, 1000])]
fn woken(bencher: Bencher, readers: usize) {
    let mut fanout = Fanout::new(readers, false);
    bencher.counter(divan::counter::ItemsCount::new(readers)).bench_local(|| fanout.publish());
    assert_eq!(fanout.readers(), readers);
}
