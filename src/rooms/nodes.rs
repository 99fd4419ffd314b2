//! Several nodes with one list of who is where, and one bearer of a name.
//!
//! Each node tells the others of its tabs ([`peers`]) and counts theirs in its own
//! [`Roster`], which pages and announcements read as they do on one node. Whoever joins
//! claims the name first ([`names`]). A tab may come to any node: by its stream there it is there, and
//! what it does on a node that does not have it is told to the one that has.

mod map;
mod names;
mod peers;
#[cfg(test)]
mod tests;
mod wire;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{self, Instant, MissedTickBehavior};
use tokio_stream::StreamExt as _;

use super::{
    Apart, NameTaken, Presence, Roster, Tab,
    roster::{Skeleton, browser_mark},
};
use crate::{
    message::{Name, RoomName},
    nats::Link,
};
use names::{Claim, Names};
use peers::Peers;
pub(super) use wire::Aside;

/// How often others are told what changed.
const TELL_INTERVAL: Duration = Duration::from_millis(100);

/// How long a join waits until this node knows who is elsewhere: after a start, or after it has missed
/// something, that takes a second.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(3);

/// Between two looks at it.
const SETTLE_INTERVAL: Duration = Duration::from_millis(20);

/// How long a stop may take to say so: by then the others find out by themselves.
const BYE_TIMEOUT: Duration = Duration::from_millis(500);

/// Between two tries to be told what others say.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);

/// The other nodes, and what they say; clones share it.
#[derive(Clone)]
pub(crate) struct Nodes(Arc<Inner>);

struct Inner {
    link: Link,
    roster: Roster,
    names: Names,
    /// A std mutex, held for as long as a message takes, a millisecond or two. Never with the roster's
    /// held already.
    peers: Mutex<Peers>,
}

/// A tab whose name is not known yet to be its own; dropped, it gives it up. So does one whose browser
/// waits no more: it may join on another node, and is not to be in its own way here.
struct Unclaimed<'a> {
    roster: &'a Roster,
    tab: Option<&'a Tab>,
}

impl Drop for Unclaimed<'_> {
    fn drop(&mut self) {
        if let Some(tab) = self.tab {
            self.roster.give_up(&tab.room, &tab.id);
        }
    }
}

impl Nodes {
    /// Nobody is known yet; see [`Rooms::meet_nodes`](super::Rooms::meet_nodes).
    pub(crate) fn new(link: Link, roster: Roster) -> Self {
        let peers = Mutex::new(Peers::new(rand::random(), roster.clone()));
        let names = Names::new(link.clone());
        Self(Arc::new(Inner { link, roster, names, peers }))
    }

    /// Tells the others what happens here and hears what they say, for ever. `happened` is called with
    /// what happened on another node to a tab that this one may have.
    pub(super) async fn run(self, mut happened: impl FnMut(&RoomName, &str, Aside) + Send) {
        let subject = self.0.link.subject("presence");
        let mut ticks = time::interval(TELL_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let mut said = match self.0.link.client().subscribe(subject.clone()).await {
                Ok(said) => said,
                Err(why) => {
                    tracing::warn!(%why, "other nodes cannot be heard");
                    time::sleep(RETRY_INTERVAL).await;
                    continue;
                }
            };
            loop {
                let heard = tokio::select! {
                    message = said.next() => match message {
                        Some(message) => self.lock().hear(&message.payload, Instant::now()),
                        None => break, // It does not end while the connection is ours.
                    },
                    _ = ticks.tick() => {
                        self.tell_all(&subject).await;
                        Vec::new()
                    }
                };
                for (room, tab, aside) in heard {
                    happened(&room, &tab, aside);
                }
            }
        }
    }

    /// Tells the others that this node stops: its tabs are as if they had been closed now.
    pub(super) async fn bye(&self) {
        let connected = self.0.link.is_connected();
        let messages = self.lock().bye(Instant::now(), connected);
        let saying = async {
            self.say_all(&self.0.link.subject("presence"), messages).await;
            self.0.link.flush().await
        };
        match time::timeout(BYE_TIMEOUT, saying).await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => tracing::debug!(%why, "other nodes do not know that this one stops"),
            Err(_) => tracing::debug!("other nodes may not know that this one stops"),
        }
    }

    async fn tell_all(&self, subject: &str) {
        let connected = self.0.link.is_connected();
        let messages = self.lock().tick(Instant::now(), connected);
        self.say_all(subject, messages).await;
    }

    async fn say_all(&self, subject: &str, messages: Vec<Vec<u8>>) {
        for message in messages {
            if let Err(why) = self.0.link.say(subject.to_owned(), message.into()).await {
                tracing::debug!(%why, "other nodes could not be told");
            }
        }
    }

    /// Waits until this node knows who is on the others.
    pub(super) async fn settle(&self) -> Result<(), Apart> {
        let until = Instant::now() + SETTLE_TIMEOUT;
        while !self.lock().is_settled(Instant::now()) {
            if Instant::now() >= until || !self.0.link.is_connected() {
                return Err(Apart("this node does not know who is on the others".into()));
            }
            time::sleep(SETTLE_INTERVAL).await;
        }
        Ok(())
    }

    /// Claims the name that a tab has taken on this node; where another was first, it gives it up.
    ///
    /// # Errors
    ///
    /// Where another was first, and where NATS does not say.
    pub(super) async fn claim(&self, tab: &Tab) -> Result<Result<(), NameTaken>, Apart> {
        let Inner { names, roster, .. } = &*self.0;
        let mut unclaimed = Unclaimed { roster, tab: Some(tab) };
        let is_void = |other: &str| roster.has_left(&tab.room, other);
        let skeleton = Skeleton::of(&tab.name);
        let mut looks: Vec<_> = skeleton.each().collect();
        looks.sort_unstable(); // On every node in one order: of two that want both, one has both.
        let mut claimed = Ok(Claim::Won);
        for one in looks {
            claimed = names.claim(&tab.room, one, &tab.id, is_void).await;
            if !matches!(claimed, Ok(Claim::Won)) {
                break;
            }
        }
        match claimed {
            Ok(Claim::Won) => {
                unclaimed.tab = None;
                Ok(Ok(()))
            }
            Ok(Claim::Lost) => Ok(Err(NameTaken { by_own: false })),
            Err(why) => Err(Apart(why.into())),
        }
    }

    /// How many tabs of this browser bear such a name elsewhere. Those that nothing but a grace keeps
    /// give it up, for its new one.
    pub(super) fn own_elsewhere(
        &self,
        room: &RoomName,
        name: &Name,
        browser: Option<&str>,
    ) -> usize {
        if browser.is_none() {
            return 0;
        }
        let (count, idle) = self.lock().of_browser(room, name, browser_mark(browser));
        for tab in idle {
            self.0.roster.leave(room, &tab);
            self.tell(room, &tab, Aside::Left);
        }
        count
    }

    /// How much a tab is on another node.
    pub(super) fn presence(&self, room: &RoomName, tab: &str) -> Presence {
        self.lock().presence(room, tab)
    }

    /// Whether what the others had to say by then has come. They are asked to say something.
    pub(super) fn is_news_in(&self, then: Instant) -> bool {
        self.lock().is_news_in(then, Instant::now())
    }

    /// The tabs on other nodes whose name looks like this, for the log: node, tab, and what holds it.
    pub(super) fn bearers(&self, room: &RoomName, name: &Name) -> Vec<String> {
        self.lock().bearers(room, name)
    }

    /// Looks at the roster while nothing of others comes; with on how many other nodes a tab is. Looked
    /// up one after the other, a tab that becomes known in between is in its own way.
    pub(super) fn at_rest<R>(&self, tab: &Tab, look: impl FnOnce(u32) -> R) -> R {
        let peers = self.lock();
        look(peers.count(&tab.room, &tab.id))
    }

    /// On how many other nodes a tab is.
    pub(super) fn count(&self, tab: &Tab) -> u32 {
        self.lock().count(&tab.room, &tab.id)
    }

    /// Tells the others what happened to a tab that they may have.
    pub(super) fn tell(&self, room: &RoomName, tab: &str, aside: Aside) {
        self.lock().tell(room, tab, aside, Instant::now());
    }

    fn lock(&self) -> MutexGuard<'_, Peers> {
        self.0.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
