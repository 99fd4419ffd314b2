//! A certificate from an authority that renews itself (ACME, RFC 8555).
//!
//! An authority limits how many orders may fail, for hours or days: so a failed order waits for a
//! quarter of an hour at least, twice as long each time, and over restarts too. When a certificate is
//! renewed, the authority says (ARI, RFC 9773).

mod order;
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

use crate::server::tls::{Leaf, Tls};
use order::told;
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
        let kept = store.read()?.matching(&wanted);
        let leaf = match (&kept.chain, &kept.key) {
            (Some(chain), Some(key)) => tls.show_pem(chain, key).ok(),
            _ => None,
        };
        if leaf.as_ref().is_some_and(Leaf::has_expired) {
            tracing::warn!("the certificate has expired: a new one is ordered");
        }
        Ok(Self {
            wanted,
            store,
            kept,
            tls,
            leaf,
            ask_again: Instant::now(),
            asking: Arc::default(),
        })
    }

    /// Orders and renews; for ever.
    pub(crate) async fn run(&mut self) {
        loop {
            let due = self.due().await.max(self.kept.not_before);
            let wait = u64::try_from(due - now()).unwrap_or(0);
            if wait == 0 {
                self.order().await;
                continue;
            }
            let asks = self.ask_again.saturating_duration_since(Instant::now());
            let asks = if self.leaf.is_some() { asks } else { MAX_SLEEP };
            let wait = Duration::from_secs(wait).min(asks).min(MAX_SLEEP);
            if timeout(wait.max(MIN_RENEWAL_INFO_INTERVAL), self.asking.notified()).await.is_ok() {
                self.ask_again = Instant::now();
            }
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
            self.keep();
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
        self.keep();
        Ok(account)
    }

    /// Orders a certificate, and shows it. That it may fail is noted before: a process that is killed
    /// meanwhile must not try again at once.
    async fn order(&mut self) {
        self.kept.failures = self.kept.failures.saturating_add(1);
        let wait = wait_after(self.kept.failures);
        self.kept.not_before = now() + i64::try_from(wait.as_secs()).unwrap_or(i64::MAX);
        self.keep();
        let ordered = timeout(ORDER_TIMEOUT, self.try_order()).await;
        match ordered.unwrap_or_else(|_| Err("it took too long".into())) {
            Ok(ends) => {
                let ends = jiff::Timestamp::from_second(ends).map(|ends| ends.to_string());
                tracing::info!(ends = ends.ok(), "there is a new certificate");
            }
            Err(why) => {
                let again_s = wait.as_secs();
                tracing::error!(why, again_s, "no certificate was issued");
            }
        }
    }

    async fn try_order(&mut self) -> Result<i64, String> {
        let account = self.account().await.map_err(|why| told(&why))?;
        let replaced = self.leaf.as_ref().map(|leaf| &leaf.der);
        let issued = order::issue(&account, &self.wanted, replaced, &self.tls).await?;
        let leaf = self.tls.show_pem(&issued.chain, &issued.key).map_err(|why| why.to_string())?;
        let ends = leaf.ends;
        self.leaf = Some(leaf);
        self.kept.issued(&self.wanted, issued.chain, issued.key);
        self.keep();
        self.ask_again = Instant::now();
        Ok(ends)
    }

    fn keep(&self) {
        if let Err(why) = self.store.write(&self.kept) {
            tracing::error!(%why, "what belongs to the certificate cannot be kept");
        }
    }
}

/// How long an order waits after so many that failed.
fn wait_after(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1).min(16));
    MIN_ORDER_WAIT.saturating_mul(doubled).min(MAX_ORDER_WAIT)
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
