//! What handlers work with.

use std::{ops::Deref, sync::Arc};

use ipnet::IpNet;

use super::{cache::PageCache, session::Secret};
use crate::{metrics::Metrics, rooms::Rooms, shutdown::Shutdown};

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
    /// What is counted.
    pub metrics: Metrics,
    /// Proxies whose word on a client's address is taken; see [`client_ip`](super::client_ip).
    pub trusted_proxies: Vec<IpNet>,
    /// Whether it is time to stop.
    pub shutdown: Shutdown,
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
