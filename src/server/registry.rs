//! Whose the open connections are: where there is no room for more, the greediest makes some.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::progress::Progress;
use crate::subscriber::subscriber;

/// Connections that hyper has, by the address at their other end; clones share them. Those that a
/// live response has taken over are not among them: streams have limits of their own.
#[derive(Clone, Default)]
pub(super) struct Registry(Arc<Mutex<Open>>);

#[derive(Default)]
struct Open {
    by_address: HashMap<IpAddr, HashMap<u64, Arc<Progress>>>,
    number: u64,
}

/// A connection that counts; until it is dropped.
pub(super) struct Registered {
    registry: Registry,
    address: IpAddr,
    number: u64,
    /// How far it is.
    pub(super) progress: Arc<Progress>,
}

impl Registry {
    /// Counts a connection.
    pub(super) fn add(&self, peer: SocketAddr) -> Registered {
        let (address, progress) = (subscriber(peer.ip()), Arc::new(Progress::new()));
        let mut open = self.lock();
        open.number += 1;
        let number = open.number;
        open.by_address.entry(address).or_default().insert(number, Arc::clone(&progress));
        Registered { registry: self.clone(), address, number, progress }
    }

    /// Ends `most` connections, of the addresses that have most of them: of each the idle ones first,
    /// longest idle first, then those that take longest over what they ask or over the answer. Says
    /// how many it has ended.
    pub(super) fn make_room(&self, most: usize) -> usize {
        let open = self.lock();
        let mut addresses: Vec<_> = open.by_address.values().collect();
        addresses.sort_by_key(|connections| std::cmp::Reverse(connections.len()));
        let mut ended = 0;
        for connections in addresses {
            let mut found: Vec<_> = connections
                .values()
                .filter_map(|progress| Some((progress.may_be_cut()?, progress)))
                .collect();
            found.sort_by_key(|(order, _)| *order);
            for (_, progress) in found.into_iter().take(most - ended) {
                progress.cut();
                ended += 1;
            }
            if ended == most {
                break;
            }
        }
        ended
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut open = self.registry.lock();
        if let Some(connections) = open.by_address.get_mut(&self.address) {
            connections.remove(&self.number);
            if connections.is_empty() {
                open.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    fn is_cut(connection: &Registered) -> bool {
        let mut ended = std::pin::pin!(connection.progress.ended());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        ended.as_mut().poll(&mut context).is_ready()
    }

    fn idle(connection: &Registered) {
        connection.progress.asked(false);
        connection.progress.answered();
        connection.progress.read(0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_greediest_makes_room_and_its_idle_connections_go_first() {
        let registry = Registry::default();
        let add = |address: &str| registry.add(address.parse().unwrap());
        let other = add("192.0.2.2:1");
        idle(&other);
        let greedy: Vec<_> = (1..=4).map(|port| add(&format!("192.0.2.1:{port}"))).collect();
        advance(Duration::from_secs(2)).await;
        idle(&greedy[2]);
        greedy[3].progress.asked(false); // It waits for us.
        assert_eq!(registry.make_room(1), 1);
        assert!(is_cut(&greedy[2]) && !is_cut(&greedy[0]) && !is_cut(&other));
        drop(registry.clone());
        assert_eq!(registry.make_room(3), 3);
        assert!(is_cut(&greedy[0]) && is_cut(&greedy[1]) && !is_cut(&greedy[3]));
        drop((greedy, other));
        assert!(registry.lock().by_address.is_empty(), "and nothing is kept of who is gone");
    }

    #[tokio::test(start_paused = true)]
    async fn the_addresses_of_one_subscriber_are_one() {
        let registry = Registry::default();
        let one = registry.add("192.0.2.1:1".parse().unwrap());
        let six =
            ["[2001:db8::1]:1", "[2001:db8::2]:1"].map(|at| registry.add(at.parse().unwrap()));
        advance(Duration::from_secs(2)).await;
        assert_eq!(registry.make_room(2), 2);
        assert!(six.iter().all(is_cut) && !is_cut(&one));
    }
}
