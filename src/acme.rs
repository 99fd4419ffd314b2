//! A certificate from an authority that renews itself (ACME, RFC 8555).
//!
//! An authority limits how many orders may fail, for hours or days: so a failed order waits for a
//! quarter of an hour at least, twice as long each time, and over restarts too. When a certificate is
//! renewed, the authority says (ARI, RFC 9773).
//!
//! Several nodes have one certificate: one of them orders it, under a lease, and the authority may ask
//! any of them whether the names are theirs ([`shared`]).

mod order;
#[cfg(feature = "nats")]
mod shared;
mod store;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use instant_acme::{Account, CertificateIdentifier};
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

#[cfg(feature = "nats")]
use crate::nats::Link;
use crate::server::tls::{Leaf, Tls};
use order::told;
#[cfg(feature = "nats")]
use shared::Shared;
pub(crate) use store::StoreError;
use store::{Kept, Store};

/// How long the first order that fails waits for the next, and any order at most.
const MIN_ORDER_WAIT: Duration = Duration::from_mins(15);
const MAX_ORDER_WAIT: Duration = Duration::from_hours(24);

/// How long an order may take, from the account to the certificate.
const ORDER_TIMEOUT: Duration = Duration::from_mins(5);

/// When the authority is asked again for when to renew, where it does not say, and the bounds of what
/// it says.
const RENEWAL_INFO_INTERVAL: Duration = Duration::from_hours(6);
const MIN_RENEWAL_INFO_INTERVAL: Duration = Duration::from_secs(1);
const RENEWAL_INFO_TIMEOUT: Duration = Duration::from_secs(30);

/// How long is slept at once: a machine that was suspended must not sleep on.
const MAX_SLEEP: Duration = Duration::from_hours(1);

/// What is asked of which authority.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Names and addresses that the certificate is for.
    pub(crate) names: Vec<String>,
    /// Where the authority says what it can do.
    pub(crate) directory: String,
    /// Where the authority reaches the operator, as `mailto:` and an address.
    pub(crate) contact: Option<String>,
}

/// A certificate, as it is and as it should be.
pub(crate) struct Acme {
    wanted: Wanted,
    store: Store,
    /// What the nodes have, where there are several.
    #[cfg(feature = "nats")]
    shared: Option<Shared>,
    kept: Kept,
    tls: Tls,
    leaf: Option<Leaf>,
    /// When the authority is asked again for when to renew; and at once, when it is told to.
    ask_again: Instant,
    asking: Arc<Notify>,
}

impl Acme {
    /// Reads what is kept in `file`, and shows the certificate that there is.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub(crate) fn open(wanted: Wanted, file: PathBuf, tls: Tls) -> Result<Self, StoreError> {
        let store = Store::new(file);
        let mut kept = store.read()?.matching(&wanted);
        let leaf = match (&kept.chain, &kept.key) {
            (Some(chain), Some(key)) => tls.show_pem(chain, key).ok(),
            _ => None,
        };
        kept.begins = leaf.as_ref().map_or(0, |leaf| leaf.begins);
        if leaf.as_ref().is_some_and(Leaf::has_expired) {
            tracing::warn!("the certificate has expired: a new one is ordered");
        }
        if leaf.is_none() && kept.not_before > now() {
            let at = jiff::Timestamp::from_second(kept.not_before).map(|at| at.to_string());
            tracing::warn!(
                at = at.ok(),
                "there is no certificate: the last orders failed, and the next waits for its time. To \
                 order at once, stop, move the file of the certificates away, and start again"
            );
        }
        Ok(Self {
            wanted,
            store,
            #[cfg(feature = "nats")]
            shared: None,
            kept,
            tls,
            leaf,
            ask_again: Instant::now(),
            asking: Arc::default(),
        })
    }

    /// Has what is kept in common with other nodes.
    #[cfg(feature = "nats")]
    pub(crate) fn share(&mut self, link: &Link) {
        let shared = Shared::new(link.clone(), &self.wanted);
        self.tls.look_up(shared.lookup(&self.wanted));
        self.shared = Some(shared);
    }

    /// Orders and renews; for ever.
    pub(crate) async fn run(&mut self) {
        loop {
            let mut most = self.look_interval();
            if self.look().await
                && let Some(until) = self.wait().await
            {
                if until.is_zero() {
                    if self.order().await {
                        continue;
                    }
                } else {
                    most = most.min(until);
                }
            }
            let wait = most.max(MIN_RENEWAL_INFO_INTERVAL);
            if timeout(wait, self.asking.notified()).await.is_ok() {
                self.ask_again = Instant::now();
            }
        }
    }

    /// How long there is until an order, or a question to the authority; `None` while another node
    /// orders.
    async fn wait(&mut self) -> Option<Duration> {
        let held_back = match &self.kept.lease {
            Some(lease) if lease.until > now() => return None,
            // It died. Another follows at once; but two that die over it are reason to wait.
            Some(_) if self.kept.failures <= 1 => 0,
            _ => self.kept.not_before,
        };
        let due = self.due().await.max(held_back);
        let wait = Duration::from_secs(u64::try_from(due - now()).unwrap_or(0));
        let asks = self.ask_again.saturating_duration_since(Instant::now());
        Some(if self.leaf.is_some() { wait.min(asks.max(MIN_RENEWAL_INFO_INTERVAL)) } else { wait })
    }

    fn look_interval(&self) -> Duration {
        #[cfg(feature = "nats")]
        if self.shared.is_some() {
            return shared::look_interval(self.leaf.is_some());
        }
        MAX_SLEEP
    }

    /// Takes what the nodes have, or gives them what is newer here; `false` where nobody answers:
    /// then nothing is renewed.
    async fn look(&mut self) -> bool {
        #[cfg(feature = "nats")]
        if let Some(shared) = &mut self.shared {
            let Ok(theirs) = shared.read().await else { return false };
            let theirs = theirs.map(|theirs| theirs.matching(&self.wanted));
            match theirs.filter(|theirs| theirs.begins >= self.kept.begins) {
                Some(theirs) => self.take(theirs),
                None => return self.keep().await,
            }
        }
        true
    }

    /// What another node has noted; shows its certificate, where that is another.
    #[cfg(feature = "nats")]
    fn take(&mut self, theirs: Kept) {
        if theirs.chain != self.kept.chain
            && let (Some(chain), Some(key)) = (&theirs.chain, &theirs.key)
        {
            match self.tls.show_pem(chain, key) {
                Ok(leaf) => {
                    let ends = jiff::Timestamp::from_second(leaf.ends).map(|ends| ends.to_string());
                    tracing::info!(ends = ends.ok(), "another node has a new certificate");
                    self.leaf = Some(leaf);
                    self.ask_again = Instant::now();
                }
                Err(why) => tracing::error!(%why, "the nodes' certificate cannot be used"),
            }
        }
        if theirs != self.kept {
            self.kept = theirs;
            self.keep_here();
        }
    }

    /// Has the authority asked at once for when to renew.
    pub(crate) fn asking(&self) -> Arc<Notify> {
        Arc::clone(&self.asking)
    }

    /// When the next certificate is due, were it not for orders that failed.
    async fn due(&mut self) -> i64 {
        let Some(leaf) = self.leaf.clone().filter(|leaf| !leaf.has_expired()) else { return 0 };
        if Instant::now() >= self.ask_again {
            let before = self.kept.renew_at;
            let asked = timeout(RENEWAL_INFO_TIMEOUT, self.ask_when(&leaf)).await;
            let again = asked.unwrap_or_else(|_| Err("no answer in time".into()));
            let again = again.unwrap_or_else(|why| {
                tracing::info!(why, "the authority does not say when to renew");
                // As most authorities recommend it: with a third of its time left.
                self.kept.renew_at.get_or_insert(leaf.begins + (leaf.ends - leaf.begins) / 3 * 2);
                RENEWAL_INFO_INTERVAL
            });
            let again = again.clamp(MIN_RENEWAL_INFO_INTERVAL, RENEWAL_INFO_INTERVAL);
            self.ask_again = Instant::now() + again;
            if self.kept.renew_at != before {
                self.keep().await;
            }
        }
        self.kept.renew_at.unwrap_or(leaf.ends)
    }

    /// Asks the authority when to renew; notes it, and says when to ask again.
    async fn ask_when(&mut self, leaf: &Leaf) -> Result<Duration, String> {
        let account = self.account().await.map_err(|why| told(&why))?;
        let certificate = CertificateIdentifier::try_from(&leaf.der)?;
        let info = account.renewal_info(&certificate).await;
        let (info, again) = info.map_err(|why| told(&why))?;
        let window = info.suggested_window;
        let window = window.start.unix_timestamp()..=window.end.unix_timestamp();
        // A moment within the window, so that not everybody comes at once; the same one as long as
        // the window allows it.
        if self.kept.renew_at.is_none_or(|at| !window.contains(&at)) {
            self.kept.renew_at =
                Some(if window.is_empty() { *window.start() } else { rand::random_range(window) });
        }
        Ok(again)
    }

    /// The account at the authority, made where there is none.
    async fn account(&mut self) -> Result<Account, instant_acme::Error> {
        if let Some(credentials) = &self.kept.account {
            let credentials = serde_json::from_value(credentials.clone())?;
            return Account::builder()?.from_credentials(credentials).await;
        }
        let (account, credentials) = order::account(&self.wanted).await?;
        self.kept.account = Some(serde_json::to_value(credentials)?);
        self.keep().await;
        Ok(account)
    }

    /// Orders a certificate, and shows it. That it may fail is noted before: a process that is killed
    /// meanwhile must not try again at once. `false` where another node was first.
    async fn order(&mut self) -> bool {
        self.kept.failures = self.kept.failures.saturating_add(1);
        let wait = wait_after(self.kept.failures);
        self.kept.not_before = after(wait);
        self.kept.answers.clear();
        #[cfg(feature = "nats")]
        if let Some(shared) = &self.shared {
            self.kept.lease = Some(shared.lease());
        }
        if !self.keep().await {
            return false;
        }
        let ordered = timeout(ORDER_TIMEOUT, self.try_order()).await;
        match ordered.unwrap_or_else(|_| Err("it took too long".into())) {
            Ok(ends) => {
                let ends = jiff::Timestamp::from_second(ends).map(|ends| ends.to_string());
                tracing::info!(ends = ends.ok(), "there is a new certificate");
            }
            Err(why) => {
                let again_s = wait.as_secs();
                tracing::error!(why, again_s, "no certificate was issued");
                self.kept.lease = None;
                self.kept.answers.clear();
                self.keep().await;
            }
        }
        true
    }

    async fn try_order(&mut self) -> Result<i64, String> {
        let account = self.account().await.map_err(|why| told(&why))?;
        let replaced = self.leaf.as_ref().map(|leaf| leaf.der.clone());
        let issued = order::issue(&account, replaced.as_ref(), self).await?;
        let leaf = self.tls.show_pem(&issued.chain, &issued.key).map_err(|why| why.to_string())?;
        let ends = leaf.ends;
        self.kept.issued(&self.wanted, issued.chain, issued.key, leaf.begins);
        self.leaf = Some(leaf);
        // Whatever becomes of the nodes' record: it is given to them later.
        self.keep_here();
        self.keep().await;
        self.ask_again = Instant::now();
        Ok(ends)
    }

    /// Keeps it, here and for the other nodes; `false` where those have something else by now, or
    /// cannot be told.
    async fn keep(&mut self) -> bool {
        #[cfg(feature = "nats")]
        if let Some(shared) = &mut self.shared
            && let Err(why) = shared.write(&self.kept).await
        {
            tracing::debug!(%why, "the nodes' certificate is noted by another, or cannot be");
            return false;
        }
        self.keep_here();
        true
    }

    fn keep_here(&self) {
        if let Err(why) = self.store.write(&self.kept.alone()) {
            tracing::error!(%why, "what belongs to the certificate cannot be kept");
        }
    }
}

/// How long an order waits after so many that failed.
fn wait_after(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1).min(16));
    MIN_ORDER_WAIT.saturating_mul(doubled).min(MAX_ORDER_WAIT)
}

/// So long from now.
fn after(wait: Duration) -> i64 {
    now().saturating_add(i64::try_from(wait.as_secs()).unwrap_or(i64::MAX))
}

/// Seconds since 1970.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_that_failed_waits_a_quarter_of_an_hour_and_twice_as_long_each_time_up_to_a_day() {
        let minutes = |failures| wait_after(failures).as_secs() / 60;
        let waits: Vec<_> = (1..=9).map(minutes).collect();
        assert_eq!(waits, [15, 30, 60, 120, 240, 480, 960, 1440, 1440]);
        assert_eq!(minutes(u32::MAX), 1440);
    }
}
