//! The newest items of a room.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Item;
use crate::message::Seq;

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
    pub notice: (u64, Bytes),
    /// Ticks of the clock so far.
    pub ticks: u64,
    /// How often readers were evicted so far; each then looks whether it is one.
    pub evictions: u64,
    /// Whether it is over.
    pub ended: bool,
}

impl<T: Item> Ring<T> {
    /// An empty one of a room to which everything up to `floor` was published before.
    pub fn new(max_items: usize, floor: Seq, ended: bool) -> Self {
        Self {
            max_items,
            bytes: 0,
            floor,
            items: VecDeque::new(),
            notice: (0, Bytes::new()),
            ticks: 0,
            evictions: 0,
            ended,
        }
    }

    /// Adds the next item, and lets the oldest go where there are too many.
    pub fn push(&mut self, item: T) {
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

    /// The place up to which everything was pushed.
    pub fn newest(&self) -> Seq {
        self.items.back().map_or(self.floor, Item::seq)
    }

    /// The items after `seq`, which is not below the floor.
    pub fn all_after(&self, seq: Seq) -> std::collections::vec_deque::Iter<'_, T> {
        let start = self.items.partition_point(|item| item.seq() <= seq);
        self.items.range(start..)
    }

    /// The first item after `seq`. Nearly always none, or the newest.
    pub fn after(&self, seq: Seq) -> Option<&T> {
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
