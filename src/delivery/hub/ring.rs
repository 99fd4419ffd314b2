//! The newest items of a room.

use std::collections::VecDeque;

use super::Item;
use crate::{delivery::frame::Notice, message::Seq};

/// Items that a ring holds: what a busy room says in a few seconds, so that a reader that was
/// held up for a moment need not go to the journal.
pub(super) const MAX_RING_ITEMS: usize = 256;

/// Bytes that a ring holds, where its items are large: a thousand busy rooms are a gigabyte.
pub(super) const MAX_RING_BYTES: usize = 1024 * 1024;

/// What a topic's readers are told.
pub(super) struct Ring<T> {
    /// How many items it holds at most.
    max_items: usize,
    /// What the items take, in bytes.
    bytes: usize,
    /// Everything after it is here.
    pub floor: Seq,
    items: VecDeque<T>,
    /// The newest notice and its number; what it replaced is of no use to anybody.
    pub notice: (u64, Option<Notice>),
    /// Ticks of the clock so far.
    pub ticks: u64,
    /// How often readers were evicted so far; each then looks whether it is one.
    pub evictions: u64,
    /// Whether it is over.
    pub ended: bool,
}

impl<T: Item> Ring<T> {
    /// An empty one of a room to which everything up to `floor` was published before.
    pub(super) fn new(max_items: usize, floor: Seq, ended: bool) -> Self {
        Self {
            max_items,
            bytes: 0,
            floor,
            items: VecDeque::new(),
            notice: (0, None),
            ticks: 0,
            evictions: 0,
            ended,
        }
    }

    /// Adds the next item, and lets the oldest go where there are too many. What it changes is here no
    /// more as it was.
    pub(super) fn push(&mut self, item: T) {
        if let Some((target, replacement)) = item.replaces() {
            self.replace(target, replacement);
        }
        self.bytes += item.size();
        // One item stays, however large: live readers have it from here.
        while (self.items.len() == self.max_items || self.bytes > MAX_RING_BYTES)
            && let Some(oldest) = self.items.pop_front()
        {
            self.bytes -= oldest.size();
            self.floor = oldest.seq();
        }
        self.items.push_back(item);
    }

    fn replace(&mut self, target: Seq, replacement: T) {
        // An earlier change of the same need not be told any more.
        let bytes = &mut self.bytes;
        self.items.retain(|item| {
            let stays = !item.concerns(target);
            *bytes -= if stays { 0 } else { item.size() };
            stays
        });
        if let Ok(at) = self.items.binary_search_by_key(&target, Item::seq) {
            self.bytes -= self.items[at].size();
            self.bytes += replacement.size();
            self.items[at] = replacement;
        }
    }

    /// The seq up to which everything was pushed.
    pub(super) fn newest(&self) -> Seq {
        self.items.back().map_or(self.floor, Item::seq)
    }

    /// The items after `seq`, which is not below the floor.
    pub(super) fn all_after(&self, seq: Seq) -> std::collections::vec_deque::Iter<'_, T> {
        let start = self.items.partition_point(|item| item.seq() <= seq);
        self.items.range(start..)
    }

    /// The first item after `seq`. Nearly always none, or the newest.
    pub(super) fn after(&self, seq: Seq) -> Option<&T> {
        let newest = self.items.back().filter(|item| item.seq() > seq)?;
        match self.items.len().checked_sub(2) {
            Some(before) if self.items[before].seq() > seq => {
                let start = self.items.partition_point(|item| item.seq() <= seq);
                self.items.get(start)
            }
            _ => Some(newest),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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

    fn ring() -> Ring<Large> {
        Ring::new(MAX_RING_ITEMS, Seq::ZERO, false)
    }

    /// The item after a seq, where that is not below the floor.
    fn after(ring: &Ring<Large>, seq: u64) -> Option<Large> {
        assert!(Seq::new(seq) >= ring.floor, "{seq} is below the floor");
        assert_eq!(ring.after(Seq::new(seq)), ring.all_after(Seq::new(seq)).next());
        ring.after(Seq::new(seq)).cloned()
    }

    #[test]
    fn what_is_after_a_seq_is_found_though_not_every_seq_is_this_rooms() {
        let mut ring = ring();
        for number in [6, 8, 9] {
            ring.push(Large(number, 8));
        }
        for (seq, due) in [(5, Some(6)), (6, Some(8)), (7, Some(8)), (8, Some(9)), (9, None)] {
            assert_eq!(after(&ring, seq).map(|item| item.0), due, "after {seq}");
        }
        assert_eq!(ring.newest(), Seq::new(9));
    }

    #[test]
    fn a_full_ring_lets_the_oldest_go_and_raises_its_floor() {
        let mut ring = ring();
        let most = MAX_RING_ITEMS as u64;
        for number in 1..=most + 3 {
            ring.push(Large(number, 8));
        }
        assert_eq!(ring.floor, Seq::new(3));
        for seq in 3..most + 3 {
            assert_eq!(after(&ring, seq), Some(Large(seq + 1, 8)));
        }
    }

    #[test]
    fn large_items_fill_a_ring_by_their_bytes_and_the_newest_is_always_there() {
        let mut ring = ring();
        let quarter = MAX_RING_BYTES / 4;
        for number in 1..=10 {
            ring.push(Large(number, quarter));
        }
        assert_eq!(ring.floor, Seq::new(6));
        ring.push(Large(11, MAX_RING_BYTES * 2));
        assert_eq!(ring.floor, Seq::new(10));
        assert_eq!(after(&ring, 10), Some(Large(11, MAX_RING_BYTES * 2)));
        ring.push(Large(12, 1));
        assert_eq!(ring.floor, Seq::new(11));
    }

    proptest! {
        /// Against a list of all that was pushed: what is after a seq is there, or the seq is
        /// below the floor; and the ring keeps within its bounds.
        #[test]
        fn whatever_its_items_size_a_ring_has_all_after_its_floor(
            sizes in proptest::collection::vec(0..MAX_RING_BYTES * 2 / 3, 1..40), most in 1..12_usize
        ) {
            let mut ring = Ring::new(most, Seq::ZERO, false);
            let mut all = Vec::new();
            for (number, size) in (1..).zip(sizes) {
                ring.push(Large(number, size));
                all.push(Large(number, size));
                let floor = usize::try_from(ring.floor.get()).unwrap();
                for seq in floor..=all.len() {
                    prop_assert_eq!(after(&ring, seq as u64), all.get(seq).cloned());
                }
                let kept = &all[floor..];
                let bytes: usize = kept.iter().map(Item::size).sum();
                prop_assert!(!kept.is_empty() && kept.len() <= most);
                prop_assert!(bytes <= MAX_RING_BYTES || kept.len() == 1);
            }
        }
    }
}
