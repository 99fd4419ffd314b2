//! The newest entries, in memory: who follows the journal closely needs no file for them.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::message::{Change, Entry, Seq};

/// Entries that are kept: what a follower gets at a time, and a few hundredths of a second of the
/// fastest senders.
const MAX_ENTRIES: usize = 512;

/// Bytes of names and texts that are kept. Beyond it the oldest go; a follower reads those from the
/// store.
const MAX_BYTES: usize = 256 * 1024;

/// The newest durable entries; clones share them.
#[derive(Clone, Default)]
pub(super) struct Tail(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    /// All that came after this are here.
    after: Seq,
    entries: VecDeque<Entry>,
    bytes: usize,
}

impl Kept {
    /// What is changed is nowhere as it was: neither in its message nor in an earlier change of it.
    fn apply(&mut self, change: &Change) {
        let target = change.target();
        let Self { entries, bytes, .. } = self;
        entries.retain(|entry| match entry {
            Entry::Change(earlier) if earlier.target() == target => {
                *bytes -= size(entry);
                false
            }
            _ => true,
        });
        if let Ok(at) = entries.binary_search_by_key(&target, Entry::seq) {
            *bytes -= size(&entries[at]);
            entries[at] = Entry::Message(change.message.clone());
            *bytes += size(&entries[at]);
        }
    }
}

impl Tail {
    /// One that has everything after `seq`, which is nothing yet.
    pub(super) fn new(seq: Seq) -> Self {
        Self(Arc::new(Mutex::new(Kept { after: seq, ..Kept::default() })))
    }

    /// Takes in what became durable, in order.
    pub(super) fn extend(&self, entries: impl IntoIterator<Item = Entry>) {
        let mut kept = self.lock();
        for entry in entries {
            if let Entry::Change(change) = &entry {
                kept.apply(change);
            }
            kept.bytes += size(&entry);
            kept.entries.push_back(entry);
            while kept.entries.len() > MAX_ENTRIES || kept.bytes > MAX_BYTES {
                let Some(oldest) = kept.entries.pop_front() else { break };
                kept.bytes -= size(&oldest);
                kept.after = oldest.seq();
            }
        }
    }

    /// Up to `limit` entries after `seq`, where all of them are here.
    pub(super) fn after(&self, seq: Seq, limit: usize) -> Option<Vec<Entry>> {
        let kept = self.lock();
        if seq < kept.after {
            return None;
        }
        let had = kept.entries.partition_point(|entry| entry.seq() <= seq);
        Some(kept.entries.range(had..).take(limit).cloned().collect())
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an entry takes, and nobody else has to keep.
fn size(entry: &Entry) -> usize {
    let columns = entry.columns();
    size_of::<Entry>() + columns.name.len() + columns.body.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Message, Name, RoomName, State, Text};

    fn entry(seq: u64, text: &str) -> Entry {
        Entry::Message(Message {
            id: format!("e-{seq}").parse().unwrap(),
            room: RoomName::parse("lobby").unwrap(),
            name: Name::parse("ann").unwrap(),
            text: Text::parse(text).unwrap(),
            sent_at: jiff::Timestamp::UNIX_EPOCH,
            state: State::Sent,
        })
    }

    fn seqs(entries: Option<Vec<Entry>>) -> Option<Vec<u64>> {
        entries.map(|entries| entries.iter().map(|entry| entry.seq().get()).collect())
    }

    #[test]
    fn it_has_all_after_where_it_began_and_nothing_to_say_of_what_was_before() {
        let tail = Tail::new(Seq::new(4));
        assert_eq!(seqs(tail.after(Seq::new(4), 9)), Some(vec![]));
        tail.extend([entry(5, "a"), entry(7, "b")]);
        tail.extend([entry(8, "c")]);
        assert_eq!(seqs(tail.after(Seq::new(3), 9)), None);
        assert_eq!(seqs(tail.after(Seq::new(4), 9)), Some(vec![5, 7, 8]));
        assert_eq!(seqs(tail.after(Seq::new(4), 2)), Some(vec![5, 7]));
        assert_eq!(seqs(tail.after(Seq::new(6), 9)), Some(vec![7, 8]));
        assert_eq!(seqs(tail.after(Seq::new(8), 9)), Some(vec![]));
    }

    #[test]
    fn what_is_removed_is_in_it_no_more() {
        let tail = Tail::new(Seq::ZERO);
        let change = |seq: u64, of: u64, state, text: &str| {
            let Entry::Message(message) = entry(of, "x") else { panic!("a message") };
            Entry::Change(Change {
                id: format!("e-{seq}").parse().unwrap(),
                changed_at: jiff::Timestamp::UNIX_EPOCH,
                message: Message { state, text: Text::stored(text), ..message },
                by: None,
                first: None,
            })
        };
        tail.extend([entry(1, "one"), entry(2, "two"), change(3, 1, State::Edited, "more")]);
        tail.extend([change(4, 2, State::Edited, "other"), change(5, 1, State::Removed, "")]);
        let all = tail.after(Seq::ZERO, 9);
        let texts: Vec<_> = all.iter().flatten().map(|entry| entry.columns().body).collect();
        assert_eq!(texts, ["", "other", "other", ""]);
        assert_eq!(seqs(all.clone()), Some(vec![1, 2, 4, 5]));
        let kept = tail.lock();
        assert_eq!(kept.bytes, kept.entries.iter().map(size).sum::<usize>());
    }

    #[test]
    fn it_is_bounded_in_entries_and_in_bytes_and_knows_what_it_lost() {
        let tail = Tail::new(Seq::ZERO);
        let many = MAX_ENTRIES as u64 + 10;
        tail.extend((1..=many).map(|seq| entry(seq, "x")));
        assert_eq!(tail.after(Seq::new(9), 9), None);
        assert_eq!(tail.after(Seq::new(10), usize::MAX).unwrap().len(), MAX_ENTRIES);

        let text = "x".repeat(4000);
        tail.extend((1..=100).map(|more| entry(many + more, &text)));
        let kept = tail.lock();
        assert!(kept.bytes <= MAX_BYTES && kept.bytes > MAX_BYTES - 5000, "{}", kept.bytes);
        assert_eq!(kept.bytes, kept.entries.iter().map(size).sum::<usize>());
        assert_eq!(kept.after.next(), kept.entries[0].seq());
    }
}
