//! From which addresses messages came of late: in memory only, so that whoever moderates can keep out
//! who sends noise without a tab.

use std::{
    collections::VecDeque,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::message::Seq;

/// For how long: as long as noise takes to be seen.
const KEPT_TIME: Duration = Duration::from_hours(1);

/// Messages that are remembered: 400 KB.
const MAX_MESSAGES: usize = 10_000;

/// The addresses of the newest messages that came to this node.
#[derive(Default)]
pub(super) struct Senders(Mutex<VecDeque<(Seq, IpAddr, Instant)>>);

impl Senders {
    /// Notes from where a message came.
    pub(super) fn note(&self, seq: Seq, ip: IpAddr) {
        let now = Instant::now();
        let mut senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        senders.push_back((seq, ip, now));
        while senders.len() > MAX_MESSAGES
            || senders.front().is_some_and(|(_, _, at)| now.duration_since(*at) > KEPT_TIME)
        {
            senders.pop_front();
        }
    }

    /// From where a message came.
    pub(super) fn address(&self, seq: Seq) -> Option<IpAddr> {
        let senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = senders.iter().find(|(its, ..)| *its == seq);
        found.filter(|(_, _, at)| at.elapsed() <= KEPT_TIME).map(|(_, ip, _)| *ip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_address_is_known_for_an_hour_and_of_the_newest_messages() {
        let senders = Senders::default();
        let ip: IpAddr = "192.0.2.7".parse().unwrap();
        senders.note(Seq::new(1), ip);
        assert_eq!(senders.address(Seq::new(1)), Some(ip));
        assert_eq!(senders.address(Seq::new(2)), None);
        tokio::time::advance(KEPT_TIME + Duration::from_secs(1)).await;
        assert_eq!(senders.address(Seq::new(1)), None);
        for seq in 2..=MAX_MESSAGES as u64 + 2 {
            senders.note(Seq::new(seq), ip);
        }
        assert_eq!(senders.address(Seq::new(2)), None);
        assert_eq!(senders.address(Seq::new(3)), Some(ip));
    }
}
