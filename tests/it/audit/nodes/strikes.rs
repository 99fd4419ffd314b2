//! What befalls nodes and servers, and what must hold meanwhile.

use std::time::{Duration, Instant};

use async_nats::jetstream;
use rand::{RngExt as _, rngs::StdRng, seq::SliceRandom as _};
use reqwest::StatusCode;
use tokio::task::block_in_place;

use super::{Cluster, gate::Gate};
use crate::client::{Message, client};

/// How long it may take until messages are taken again: an election takes up to 9 s, one that goes
/// wrong is held again, and a node that is parted from its server takes a while to see it.
const HEAL_TIMEOUT: Duration = Duration::from_mins(1);

/// How long a send may take to be refused.
const REFUSE_TIMEOUT: Duration = Duration::from_secs(25);

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strike {
    NodeKilled,
    NodeStopped,
    LeaderKilled,
    TwoServersKilled,
    AllServersKilled,
    ServerParted,
    NodeParted,
}

impl Strike {
    const ALL: [Self; 7] = [
        Self::NodeKilled,
        Self::NodeStopped,
        Self::LeaderKilled,
        Self::TwoServersKilled,
        Self::AllServersKilled,
        Self::ServerParted,
        Self::NodeParted,
    ];

    /// So many, each kind before any comes again, as far as there are servers for it.
    pub fn draw(count: usize, servers: usize, dice: &mut StdRng) -> Vec<Self> {
        let mut drawn = Vec::new();
        while drawn.len() < count {
            let mut all = Self::ALL.to_vec();
            let alone = [Self::LeaderKilled, Self::TwoServersKilled, Self::ServerParted];
            all.retain(|one| servers >= 3 || !alone.contains(one));
            all.shuffle(dice);
            drawn.extend(all);
        }
        drawn.truncate(count);
        drawn
    }

    /// Has it happen, and waits until all is well again. Says what happened.
    pub async fn befall(self, cluster: &mut Cluster, dice: &mut StdRng) -> String {
        let node = dice.random_range(0..cluster.nodes.len());
        let servers = cluster.nats.len();
        let begun = Instant::now();
        let said = match self {
            Self::NodeKilled => {
                block_in_place(|| cluster.nodes[node].kill());
                tokio::time::sleep(super::super::between(dice, 0, 3000)).await;
                block_in_place(|| cluster.nodes[node].start_again());
                format!("SIGKILL of node {node}")
            }
            Self::NodeStopped => {
                let status = block_in_place(|| cluster.nodes[node].stop());
                assert!(status.success(), "a stop that was asked for is no failure: {status}");
                let took = begun.elapsed().as_secs_f64();
                block_in_place(|| cluster.nodes[node].start_again());
                format!("SIGTERM of node {node} ({took:.1} s)")
            }
            Self::LeaderKilled => {
                let leader = cluster.leader().await;
                block_in_place(|| cluster.nats.kill(leader));
                cluster.sends("two servers are enough").await;
                let healed = begun.elapsed().as_secs_f64();
                block_in_place(|| cluster.nats.start_again(leader));
                format!("SIGKILL of the leader, server {leader} ({healed:.1} s without sends)")
            }
            Self::TwoServersKilled => {
                let left = dice.random_range(0..servers);
                let killed: Vec<_> = (0..servers).filter(|server| *server != left).collect();
                block_in_place(|| {
                    for server in &killed {
                        cluster.nats.kill(*server);
                    }
                });
                cluster.refused_everywhere("one server is left").await;
                block_in_place(|| {
                    for server in &killed {
                        cluster.nats.start_again(*server);
                    }
                });
                format!("SIGKILL of all servers but {left}")
            }
            Self::AllServersKilled => {
                block_in_place(|| (0..servers).for_each(|server| cluster.nats.kill(server)));
                tokio::time::sleep(super::super::between(dice, 0, 3000)).await;
                block_in_place(|| (0..servers).for_each(|server| cluster.nats.start_again(server)));
                "SIGKILL of all servers".to_owned()
            }
            Self::ServerParted => {
                // Where it matters most: it leads, and nodes are connected to it.
                let parted = if dice.random() {
                    cluster.leader().await
                } else {
                    dice.random_range(0..servers)
                };
                let gates: Vec<&Gate> = cluster.routes_of(parted).collect();
                for gate in &gates {
                    gate.shut();
                }
                // One that led goes on as if it did, for a while.
                tokio::time::sleep(Duration::from_secs(2)).await;
                cluster.sends("the servers that see each other are enough").await;
                let healed = begun.elapsed().as_secs_f64();
                for gate in &gates {
                    gate.open();
                }
                format!("server {parted} parted from the others ({healed:.1} s)")
            }
            Self::NodeParted => {
                cluster.doors[node].iter().for_each(Gate::shut);
                cluster.refused(node, "a node is parted from all servers").await;
                cluster.doors[node].iter().for_each(Gate::open);
                format!("node {node} parted from the servers")
            }
        };
        let struck = Instant::now();
        cluster.sends(&said).await;
        cluster.is_whole(&said).await;
        let healed = struck.elapsed().as_secs_f64();
        format!("{said}, all well {healed:.1} s later")
    }
}

impl Cluster {
    /// Waits until each node takes a message, and says that it does.
    async fn sends(&self, why: &str) {
        for (number, node) in self.nodes.iter().enumerate() {
            let begun = Instant::now();
            let key = format!("probe-{}", self.probes.lock().unwrap().len());
            let form = [("username", "ann"), ("text", &key), ("key", &key)];
            loop {
                let url = node.url("/rooms/audit/messages");
                let sending = client().post(url).form(&form).timeout(REFUSE_TIMEOUT).send();
                if let Ok(answer) = sending.await
                    && answer.status() == StatusCode::CREATED
                {
                    let message: Message = answer.json().await.expect("a message");
                    self.probes.lock().unwrap().push(message);
                    break;
                }
                let waited = begun.elapsed();
                assert!(waited < HEAL_TIMEOUT, "{why}: node {number} takes no messages");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            loop {
                let probe = client().get(node.url("/readyz/sends")).send().await;
                if probe.is_ok_and(|probe| probe.status() == StatusCode::OK) {
                    break;
                }
                let waited = begun.elapsed();
                assert!(waited < HEAL_TIMEOUT, "{why}: node {number} says that it takes none");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Waits until all servers have what the stream has.
    async fn is_whole(&self, why: &str) {
        let begun = Instant::now();
        while self.replicas().await.is_none_or(|(_, whole)| !whole) {
            assert!(begun.elapsed() < HEAL_TIMEOUT, "{why}: a server is not current again");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The server that leads the stream.
    async fn leader(&self) -> usize {
        let begun = Instant::now();
        loop {
            if let Some((leader, _)) = self.replicas().await {
                return leader;
            }
            assert!(begun.elapsed() < HEAL_TIMEOUT, "the stream has no leader");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Who leads the stream, and whether all the others have what it has.
    async fn replicas(&self) -> Option<(usize, bool)> {
        let options = async_nats::ConnectOptions::new().ignore_discovered_servers();
        let addresses: Vec<async_nats::ServerAddr> =
            (0..self.nats.len()).map(|server| self.nats.url(server).parse().unwrap()).collect();
        let servers = options.connect(&addresses[..]).await.ok()?;
        let context = jetstream::ContextBuilder::new().timeout(Duration::from_secs(2));
        let stream = context.build(servers).get_stream("hubbub").await.ok()?;
        let info = stream.cached_info().cluster.clone()?;
        let leader = info.leader?.strip_prefix('s')?.parse().ok()?;
        let whole = info.replicas.iter().all(|replica| replica.current && !replica.offline);
        Some((leader, whole && info.replicas.len() + 1 == self.nats.len().min(3)))
    }

    /// A message is refused by each node, and none is taken; what is there can be read.
    async fn refused_everywhere(&self, why: &str) {
        for node in 0..self.nodes.len() {
            self.refused(node, why).await;
        }
    }

    async fn refused(&self, node: usize, why: &str) {
        let url = self.nodes[node].url("/rooms/audit/messages");
        let key = format!("refused-{node}-{}", self.refused.lock().unwrap().len());
        let form = [("username", "ann"), ("text", &key), ("key", &key)];
        let sending = client().post(url).form(&form).timeout(REFUSE_TIMEOUT).send();
        let answer = sending.await.expect("an answer, and in time");
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{why}: node {node}");
        self.refused.lock().unwrap().push(key);
        let url = self.nodes[node].url("/rooms/audit/messages?limit=5&format=json");
        let read: Vec<Message> = client().get(url).send().await.unwrap().json().await.unwrap();
        assert!(!read.is_empty(), "{why}: node {node} can be read");
    }
}
