//! How much memory the answers take that are on their way to who reads them slowly, or not at all.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Bytes of answers on their way, in all and to one address: what thousands of pages take, and what
/// a crowd behind one address asks for at once.
const MAX_ANSWER_BYTES: usize = 64 << 20;
const MAX_ADDRESS_ANSWER_BYTES: usize = 8 << 20;

/// What is on its way; clones share it.
#[derive(Clone, Default)]
pub(super) struct Answers(Arc<Mutex<Bytes>>);

#[derive(Default)]
struct Bytes {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Bytes that an answer takes, until it is dropped.
#[must_use = "the bytes count for as long as this is held"]
pub(crate) struct AnswerPermit {
    answers: Answers,
    bytes: usize,
    address: Option<IpAddr>,
}

impl Answers {
    /// A permit for so many bytes; `None` where they would be too many.
    pub(super) fn take(&self, address: Option<IpAddr>, bytes: usize) -> Option<AnswerPermit> {
        let mut held = self.lock();
        let mine = address.map_or(0, |address| held.by_address.get(&address).copied().unwrap_or(0));
        if held.all + bytes > MAX_ANSWER_BYTES || mine + bytes > MAX_ADDRESS_ANSWER_BYTES {
            return None;
        }
        held.all += bytes;
        if let Some(address) = address {
            held.by_address.insert(address, mine + bytes);
        }
        Some(AnswerPermit { answers: self.clone(), bytes, address })
    }

    fn lock(&self) -> MutexGuard<'_, Bytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AnswerPermit {
    fn drop(&mut self) {
        let mut held = self.answers.lock();
        held.all -= self.bytes;
        if let Some(address) = self.address
            && let Some(mine) = held.by_address.get_mut(&address)
        {
            *mine -= self.bytes;
            if *mine == 0 {
                held.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_its_share_and_all_have_theirs_and_bytes_come_back() {
        let answers = Answers::default();
        let size = 1 << 20;
        let one = Some("192.0.2.1".parse().unwrap());
        let mut held: Vec<_> = (0..8).map(|_| answers.take(one, size).unwrap()).collect();
        assert!(answers.take(one, 1).is_none(), "all of this address");
        held.extend((0..56).map(|_| answers.take(None, size).unwrap()));
        assert!(answers.take(None, 1).is_none(), "all");
        drop(held);
        assert!(answers.take(one, size).is_some());
        let held = answers.lock();
        assert_eq!((held.all, held.by_address.len()), (0, 0));
    }
}
