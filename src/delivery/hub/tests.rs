use std::task::Waker;

use proptest::prelude::*;

use super::{
    ring::{MAX_RING_BYTES, MAX_RING_ITEMS},
    *,
};

impl Item for Seq {
    fn seq(&self) -> Seq {
        *self
    }

    fn size(&self) -> usize {
        8
    }
}

/// One that takes as many bytes as it says.
#[derive(Clone, Debug, PartialEq)]
struct Large(u64, usize);

impl Item for Large {
    fn seq(&self) -> Seq {
        Seq::new(self.0)
    }

    fn size(&self) -> usize {
        self.1
    }
}

fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

/// What comes next now; `None` where the reader would wait.
fn next<T: Item>(reader: &mut Subscription<T>, seq: u64) -> Option<Next<T>> {
    match reader.poll_next(Seq::new(seq), &mut Context::from_waker(Waker::noop())) {
        Poll::Ready(next) => Some(next),
        Poll::Pending => None,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "as it is compared")]
fn item(seq: u64) -> Option<Next<Seq>> {
    Some(Next::Item(Seq::new(seq)))
}

#[test]
fn a_reader_that_stands_below_the_floor_is_told_so_and_one_above_it_reads_on() {
    let hub = Hub::new(Seq::new(5));
    let mut reader = hub.subscribe(&room("a"), false, ReaderTag::default());
    assert_eq!(next(&mut reader, 4), Some(Next::Behind));
    assert_eq!(next(&mut reader, 5), None);
    // Not every place is this room's.
    for number in [6, 8, 9] {
        hub.publish(&room("a"), Seq::new(number));
    }
    for (seq, due) in [(5, item(6)), (6, item(8)), (7, item(8)), (8, item(9)), (9, None)] {
        assert_eq!(next(&mut reader, seq), due, "after {seq}");
    }
}

#[test]
fn a_full_ring_lets_the_oldest_go_and_raises_its_floor() {
    let hub = Hub::new(Seq::ZERO);
    let mut reader = hub.subscribe(&room("a"), false, ReaderTag::default());
    let most = MAX_RING_ITEMS as u64;
    for number in 1..=most + 3 {
        hub.publish(&room("a"), Seq::new(number));
    }
    assert_eq!(next(&mut reader, 2), Some(Next::Behind));
    for seq in 3..most + 3 {
        assert_eq!(next(&mut reader, seq), item(seq + 1));
    }
}

#[test]
fn large_items_fill_a_ring_by_their_bytes_and_the_newest_is_always_there() {
    let hub = Hub::new(Seq::ZERO);
    let mut reader = hub.subscribe(&room("a"), false, ReaderTag::default());
    let quarter = MAX_RING_BYTES / 4;
    for number in 1..=10 {
        hub.publish(&room("a"), Large(number, quarter));
    }
    assert_eq!(next(&mut reader, 5), Some(Next::Behind));
    assert_eq!(next(&mut reader, 6), Some(Next::Item(Large(7, quarter))));
    hub.publish(&room("a"), Large(11, MAX_RING_BYTES * 2));
    assert_eq!(next(&mut reader, 9), Some(Next::Behind));
    assert_eq!(next(&mut reader, 10), Some(Next::Item(Large(11, MAX_RING_BYTES * 2))));
    hub.publish(&room("a"), Large(12, 1));
    assert_eq!(next(&mut reader, 10), Some(Next::Behind));
    assert_eq!(next(&mut reader, 11), Some(Next::Item(Large(12, 1))));
}

proptest! {
    /// Against a list of all that was published: what a reader gets is all that is after its
    /// place, or word that some of it is not here; and the ring keeps within its bounds.
    #[test]
    fn whatever_its_items_size_a_ring_has_all_after_its_floor(
        sizes in proptest::collection::vec(0..MAX_RING_BYTES * 2 / 3, 1..40), ring in 1..12_usize
    ) {
        let hub = Hub::with_ring(Seq::ZERO, ring);
        let mut reader = hub.subscribe(&room("a"), false, ReaderTag::default());
        let mut all = Vec::new();
        for (number, size) in (1..).zip(sizes) {
            let item = Large(number, size);
            hub.publish(&room("a"), item.clone());
            all.push(item);
            let behind = |place: &u64| next(&mut reader, *place) == Some(Next::Behind);
            let floor = (0..number).take_while(behind).count();
            for place in floor..=all.len() {
                let due = all.get(place).cloned().map(Next::Item);
                prop_assert_eq!(next(&mut reader, place as u64), due);
            }
            let kept = &all[floor..];
            let bytes: usize = kept.iter().map(Item::size).sum();
            prop_assert!(!kept.is_empty() && kept.len() <= ring);
            prop_assert!(bytes <= MAX_RING_BYTES || kept.len() == 1);
        }
    }
}

#[test]
fn what_went_by_before_a_topic_opened_is_below_its_floor() {
    let hub = Hub::new(Seq::ZERO);
    hub.publish(&room("a"), Seq::new(1));
    hub.publish(&room("b"), Seq::new(2));
    let mut reader = hub.subscribe(&room("a"), false, ReaderTag::default());
    assert_eq!(next(&mut reader, 1), Some(Next::Behind));
    assert_eq!(next(&mut reader, 2), None);
}

#[test]
fn what_is_passed_over_while_nobody_reads_is_below_the_next_floor() {
    let hub: Hub<Seq> = Hub::new(Seq::ZERO);
    assert!(hub.pass(Seq::new(7)));
    let mut reader = hub.subscribe(&room("a"), false, ReaderTag::default());
    assert_eq!(next(&mut reader, 6), Some(Next::Behind));
    assert_eq!(next(&mut reader, 7), None);
    assert!(!hub.pass(Seq::new(8)), "somebody reads");
    hub.publish(&room("a"), Seq::new(8));
    assert_eq!(next(&mut reader, 7), item(8));
}

#[test]
fn a_topic_goes_away_with_its_last_reader() {
    let hub: Hub<Seq> = Hub::new(Seq::ZERO);
    let (one, other) = (
        hub.subscribe(&room("a"), false, ReaderTag::default()),
        hub.subscribe(&room("a"), false, ReaderTag::default()),
    );
    assert_eq!(hub.topics(), 1);
    drop(one);
    assert_eq!(hub.topics(), 1);
    drop(other);
    assert_eq!(hub.topics(), 0);
}

#[test]
fn notices_are_for_who_wants_them_and_was_there() {
    let hub: Hub<Seq> = Hub::new(Seq::ZERO);
    let mut early = hub.subscribe(&room("a"), true, ReaderTag::default());
    let mut deaf = hub.subscribe(&room("a"), false, ReaderTag::default());
    hub.announce(&room("a"), Bytes::from_static(b"one"));
    hub.announce(&room("a"), Bytes::from_static(b"two"));
    let mut late = hub.subscribe(&room("a"), true, ReaderTag::default());
    assert_eq!(next(&mut early, 0), Some(Next::Notice(Bytes::from_static(b"two"))));
    for reader in [&mut early, &mut deaf, &mut late] {
        assert_eq!(next(reader, 0), None);
    }
}

#[test]
fn a_tick_is_heard_after_what_there_is_and_the_end_before_it() {
    let hub = Hub::new(Seq::ZERO);
    let mut reader = hub.subscribe(&room("a"), false, ReaderTag::default());
    hub.publish(&room("a"), Seq::new(1));
    hub.tick();
    assert_eq!(next(&mut reader, 0), item(1));
    assert_eq!(next(&mut reader, 1), Some(Next::Tick));
    assert_eq!(next(&mut reader, 1), None);
    hub.end();
    let mut late = hub.subscribe(&room("b"), false, ReaderTag::default());
    for reader in [&mut reader, &mut late] {
        assert_eq!(next(reader, 0), Some(Next::End));
    }
}

#[tokio::test]
async fn what_comes_while_it_waits_ends_the_wait() {
    let hub = Hub::new(Seq::ZERO);
    let mut reader = hub.subscribe(&room("a"), false, ReaderTag::default());
    let waits = tokio::spawn(async move { reader.next(Seq::ZERO).await });
    tokio::task::yield_now().await;
    hub.publish(&room("a"), Seq::new(1));
    assert_eq!(waits.await.unwrap(), Next::Item(Seq::new(1)));
}

#[test]
fn an_evicted_reader_hears_the_end_and_the_others_read_on() {
    let hub = Hub::new(Seq::ZERO);
    let tag = |tab: &str| ReaderTag { tab: Some(tab.into()), ip: None };
    let mut ann = hub.subscribe(&room("a"), false, tag("ann"));
    let mut bob = hub.subscribe(&room("a"), false, tag("bob"));
    let mut elsewhere = hub.subscribe(&room("b"), false, tag("ann"));
    assert_eq!(hub.evict(&room("a"), |reader| *reader == tag("ann")), 1);
    assert_eq!(hub.evict(&room("a"), |reader| *reader == tag("ann")), 0, "once");
    hub.publish(&room("a"), Seq::new(1));
    assert_eq!(next(&mut ann, 0), Some(Next::Evicted));
    assert_eq!(next(&mut bob, 0), item(1));
    assert_eq!(next(&mut elsewhere, 0), None, "another room");
    // Its slot is another's later, who is not evicted.
    drop(ann);
    let mut carl = hub.subscribe(&room("a"), false, tag("carl"));
    assert_eq!(next(&mut carl, 1), None);
    assert_eq!(hub.evict(&room("nobody"), |_| true), 0);
}

#[tokio::test]
async fn an_eviction_ends_the_wait() {
    let hub: Hub<Seq> = Hub::new(Seq::ZERO);
    let mut reader = hub.subscribe(&room("a"), false, ReaderTag::default());
    let waits = tokio::spawn(async move { reader.next(Seq::ZERO).await });
    tokio::task::yield_now().await;
    assert_eq!(hub.evict(&room("a"), |_| true), 1);
    assert_eq!(waits.await.unwrap(), Next::Evicted);
}
