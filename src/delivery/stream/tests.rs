//! How streams end, and what looks complete.

use std::task::Waker;

use super::*;
use crate::delivery::{
    hub::{Hub, ReaderTag},
    model::{Model, Tasks, hub, metrics, room},
};

/// A stream over an empty journal, of a reader that was given so many messages.
fn stream(hub: &Hub, representation: Representation, count: u64) -> LiveStream {
    let tag = ReaderTag { tab: Some("ann".into()), ..ReaderTag::default() };
    let live = hub.subscribe(&room(), false, tag);
    let cursor = Cursor {
        began: Seq::ZERO,
        sent: Seq::ZERO,
        lost: false,
        count,
        recent: VecDeque::new(),
        had: Vec::new(),
        pages: Vec::new(),
    };
    let (opening, epoch) = (Chunk::default(), Epoch::parse("e").unwrap());
    LiveStream::new(live, cursor, representation, opening, epoch, metrics(), Box::new(()))
}

/// What comes until it waits or ends, and whether it has ended.
fn poll(stream: &mut LiveStream) -> (String, bool) {
    let mut context = Context::from_waker(Waker::noop());
    let mut all = Vec::new();
    let ended = loop {
        match Pin::new(&mut *stream).poll_next(&mut context) {
            Poll::Ready(Some(piece)) => all.extend(piece.into_framed(Framing::Bare)),
            Poll::Ready(None) => break true,
            Poll::Pending => break false,
        }
    };
    (String::from_utf8(all).unwrap(), ended)
}

fn alone() -> Hub {
    hub(&Model::default(), &Tasks::default(), 0, 64)
}

#[test]
fn a_document_that_has_its_number_of_messages_is_complete_with_the_way_to_the_next() {
    let hub = alone();
    let mut document = stream(&hub, Representation::Html, MAX_DOCUMENT_MESSAGES - 1);
    assert_eq!(poll(&mut document), (String::new(), false));
    let mut document = stream(&hub, Representation::Html, MAX_DOCUMENT_MESSAGES);
    let (last, ended) = poll(&mut document);
    assert!(ended && last.contains("content=\"0;url=?format=html&amp;after=e-0\""), "{last}");
    assert!(document.is_complete());
}

#[test]
fn at_the_end_of_the_hub_a_document_is_complete_and_other_streams_are_cut() {
    for representation in Representation::ALL {
        let hub = alone();
        let mut stream = stream(&hub, representation, 0);
        assert_eq!(poll(&mut stream), (String::new(), false));
        hub.end();
        let (last, ended) = poll(&mut stream);
        assert!(ended, "{representation:?}");
        let is_document = representation == Representation::Html;
        assert_eq!(stream.is_complete(), is_document, "{representation:?}");
        assert_eq!(last.contains("http-equiv=\"refresh\""), is_document, "{last}");
    }
}

#[test]
fn whose_stream_is_taken_back_has_a_complete_document_or_a_stream_that_is_cut() {
    for representation in Representation::ALL {
        let hub = alone();
        let mut stream = stream(&hub, representation, 0);
        assert_eq!(poll(&mut stream), (String::new(), false));
        assert_eq!(hub.evict(&room(), |_| true), 1);
        assert_eq!(poll(&mut stream), (String::new(), true), "{representation:?}");
        let is_document = representation == Representation::Html;
        assert_eq!(stream.is_complete(), is_document, "{representation:?}");
    }
}

#[test]
fn a_journal_that_cannot_be_read_cuts_each_stream_that_lacks_something() {
    for representation in Representation::ALL {
        let (model, tasks) = (Model::default(), Tasks::default());
        model.state().committed = 2;
        model.state().broken = true;
        let hub = hub(&model, &tasks, 2, 64);
        let mut stream = stream(&hub, representation, 0);
        assert_eq!(poll(&mut stream), (String::new(), false));
        while tasks.step() {}
        assert_eq!(poll(&mut stream), (String::new(), true), "{representation:?}");
        assert!(!stream.is_complete(), "{representation:?}");
    }
}

#[test]
fn a_tick_says_nothing_and_leaves_each_message_its_line() {
    for representation in [Representation::NdJson, Representation::Text] {
        let hub = alone();
        let mut stream = stream(&hub, representation, 0);
        assert_eq!(poll(&mut stream), (String::new(), false));
        let mut log = String::new();
        for seq in 1..=2 {
            hub.tick();
            log.push_str(&poll(&mut stream).0);
            hub.publish(&room(), crate::delivery::model::frame(seq));
            log.push_str(&poll(&mut stream).0);
        }
        let lines: Vec<_> = log.lines().filter(|line| !line.is_empty()).collect();
        let begins = match representation {
            Representation::Text => "1970-01-01T00:00:00Z ann: hi",
            _ => "{\"id\":\"e-",
        };
        assert_eq!(lines.len(), 2, "{log:?}");
        assert!(lines.iter().all(|line| line.starts_with(begins)), "{log:?}");
    }
}
