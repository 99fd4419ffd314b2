//! What handlers work with.

use std::{net::SocketAddr, ops::Deref, sync::Arc, time::Duration};

use axum::http::HeaderName;
use ipnet::IpNet;

use super::{
    cache::PageCache,
    host::PublicUrls,
    session::{Operator, Secret},
};
use crate::{
    journal::Retention,
    metrics::Metrics,
    rooms::{Allowed, Rooms},
    shutdown::Shutdown,
};

/// What handlers work with. Clones share it, and cost one count: each request takes several.
#[derive(Clone)]
pub(crate) struct AppState(Arc<Parts>);

/// What an [`AppState`] consists of.
pub(crate) struct Parts {
    /// What one may do.
    pub rooms: Rooms,
    /// What pages of the same room share.
    pub cache: PageCache,
    /// Signs the tabs' cookies.
    pub secret: Secret,
    /// Who may take back what others said.
    pub operator: Operator,
    /// What is counted.
    pub metrics: Metrics,
    /// Proxies whose word on a client's address is taken; see [`client_ip`](super::client_ip).
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which such a proxy says who asks, where people's names come by that; see
    /// [`user`](super::user).
    pub user_header: Option<HeaderName>,
    /// What this server is called.
    pub public_urls: PublicUrls,
    /// Whose pages may hold ours in a frame, beside our own.
    pub embedders: PublicUrls,
    /// Whether it is time to stop.
    pub shutdown: Shutdown,
    /// What the operator allows.
    pub served: Served,
}

/// What the operator allows, as far as its users should know.
#[derive(Clone, Copy)]
pub(crate) struct Served {
    /// Where the server listens.
    pub address: SocketAddr,
    /// How much of the past is kept.
    pub retention: Retention,
    /// How much may be asked for.
    pub allowed: Allowed,
    /// The largest body in bytes; 0 is any size.
    pub max_body: usize,
    /// How long browsers take HTTPS only, if they are told.
    pub hsts: Option<Duration>,
    /// How often an idle stream carries something that shows nothing.
    pub keep_alive_interval: Duration,
}

#[cfg(test)]
impl Served {
    /// Some numbers, each another.
    pub(crate) fn model() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 3000)),
            retention: Retention { keep: 10_000, ttl: Some(Duration::from_hours(720)) },
            allowed: Allowed {
                tab_sends: 300,
                sends: 3000,
                joins: 120,
                address_streams: 1000,
                streams: 0,
                new_rooms: 60,
                rooms: 0,
            },
            max_body: 65_536,
            hsts: None,
            keep_alive_interval: Duration::from_secs(15),
        }
    }
}

impl AppState {
    /// Shares them.
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
