//! What can be counted and timed, in Prometheus's terms; see
//! <https://prometheus.io/docs/practices/naming/>.
//!
//! Everything is an atomic that clones share: what is counted with every message and every reader
//! waits for nobody.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use prometheus_client::{
    encoding::text,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::{Registry, Unit},
};

use crate::lossy;

/// One label and its value.
type Label = [(&'static str, &'static str); 1];

/// A handle on all of them.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    connections: Gauge,
    streams: Family<Label, Gauge>,
    sends: Counter,
    refusals: Family<Label, Counter>,
    commit: Histogram,
    fan_out: Histogram,
    replays: Counter,
    gaps: Counter,
    evictions: Counter,
    dropped_lines: Counter,
    requests: Family<RequestLabels, Histogram>,
    rooms: Gauge,
    memory: Gauge,
    ready: Gauge,
    journal_size: Gauge,
    search_lag: Gauge,
}

/// What is not counted as it happens, but looked at when somebody asks.
#[derive(Clone, Copy, Debug)]
pub struct Observed {
    /// Rooms that have readers.
    pub rooms: usize,
    /// Whether messages can be stored and delivered.
    pub ready: bool,
    /// How long the journal's files are, in bytes.
    pub journal_size: u64,
    /// Places of the journal that the search has not taken in.
    pub search_lag: u64,
}

/// What requests are told apart by: a template and a class of status, so that there are few.
type RequestLabels = [(&'static str, &'static str); 2];

/// Counts as one until it is dropped.
pub struct GaugeGuard(Gauge);

impl GaugeGuard {
    fn new(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at nothing.
    #[must_use]
    pub fn new() -> Self {
        // From a tenth of a millisecond, which a fast disk's sync takes, to the three seconds
        // after which somebody will have complained.
        fn seconds() -> Histogram {
            Histogram::new(exponential_buckets(0.0001, 2.0, 16))
        }
        let inner = Inner {
            registry: Registry::default(),
            connections: Gauge::default(),
            streams: Family::default(),
            sends: Counter::default(),
            refusals: Family::default(),
            commit: seconds(),
            fan_out: seconds(),
            replays: Counter::default(),
            gaps: Counter::default(),
            evictions: Counter::default(),
            dropped_lines: Counter::default(),
            requests: Family::new_with_constructor(seconds),
            rooms: Gauge::default(),
            memory: Gauge::default(),
            ready: Gauge::default(),
            journal_size: Gauge::default(),
            search_lag: Gauge::default(),
        };
        let mut registry = Registry::default();
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let start = Gauge::<f64, AtomicU64>::default();
        start.set(started.as_secs_f64());
        let help = "When the process started, since 1970";
        registry.register_with_unit("process_start_time", help, Unit::Seconds, start);
        let memory = inner.memory.clone();
        registry.register_with_unit("process_resident_memory", "Memory held", Unit::Bytes, memory);
        let ours = registry.sub_registry_with_prefix("hubbub");
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        ours.register("build", "What is running", build);
        ours.register("ready", "Whether messages can be stored: 1 or 0", inner.ready.clone());
        let (help, size) = ("Length of the journal's files", inner.journal_size.clone());
        ours.register_with_unit("journal_size", help, Unit::Bytes, size);
        let help = "Messages and changes that the search has not taken in";
        ours.register("search_lag", help, inner.search_lag.clone());
        ours.register("connections", "Connections that are open", inner.connections.clone());
        ours.register("streams", "Streams that are open", inner.streams.clone());
        ours.register("rooms", "Rooms that have readers", inner.rooms.clone());
        ours.register("sends", "Messages acknowledged", inner.sends.clone());
        ours.register("refusals", "Requests refused, by reason", inner.refusals.clone());
        ours.register("replays", "Pages read for readers that catch up", inner.replays.clone());
        ours.register("gaps", "Readers told that messages are gone", inner.gaps.clone());
        ours.register(
            "evictions",
            "Peers cut since they took or acknowledged nothing",
            inner.evictions.clone(),
        );
        let dropped = inner.dropped_lines.clone();
        ours.register("log_lines_dropped", "Lines of the log that nobody took", dropped);
        let (unit, commit) = (Unit::Seconds, inner.commit.clone());
        ours.register_with_unit("commit", "Time to commit and sync a batch", unit, commit);
        let help = "Time from a message's way out of the journal to its readers' sockets";
        ours.register_with_unit("fan_out", help, Unit::Seconds, inner.fan_out.clone());
        let help = "Time from a request's head to its answer's, by route and class of status";
        ours.register_with_unit("request", help, Unit::Seconds, inner.requests.clone());
        Self(Arc::new(Inner { registry, ..inner }))
    }

    /// Everything in the text format of OpenMetrics, with what is `observed` now.
    ///
    /// # Panics
    ///
    /// Never: memory takes what is written to it.
    #[must_use]
    pub fn encode(&self, observed: Observed) -> String {
        self.0.rooms.set(i64::try_from(observed.rooms).unwrap_or(i64::MAX));
        self.0.ready.set(observed.ready.into());
        self.0.journal_size.set(i64::try_from(observed.journal_size).unwrap_or(i64::MAX));
        self.0.search_lag.set(i64::try_from(observed.search_lag).unwrap_or(i64::MAX));
        self.0.dropped_lines.inner().store(lossy::dropped(), Ordering::Relaxed);
        self.0.memory.set(resident().unwrap_or(0));
        let mut out = String::new();
        text::encode(&mut out, &self.0.registry).expect("memory takes it");
        out
    }

    /// A connection is open until the answer is dropped.
    #[must_use]
    pub fn connection(&self) -> GaugeGuard {
        GaugeGuard::new(self.0.connections.clone())
    }

    /// A stream in `format` is open until the answer is dropped.
    #[must_use]
    pub fn stream(&self, format: &'static str) -> GaugeGuard {
        GaugeGuard::new(self.0.streams.get_or_create_owned(&[("format", format)]))
    }

    /// A message was acknowledged.
    pub fn sent(&self) {
        self.0.sends.inc();
    }

    /// A request was answered; `route` is a template, `class` as `2xx`.
    pub fn requested(&self, route: &'static str, class: &'static str, took: Duration) {
        let labels = [("route", route), ("status", class)];
        self.0.requests.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// A request was refused.
    pub fn refused(&self, reason: &'static str) {
        self.0.refusals.get_or_create(&[("reason", reason)]).inc();
    }

    /// A batch was committed.
    pub fn committed(&self, took: Duration) {
        self.0.commit.observe(took.as_secs_f64());
    }

    /// A message was written to the sockets of its room's readers, but for those that were full.
    pub fn fanned_out(&self, took: Duration) {
        self.0.fan_out.observe(took.as_secs_f64());
    }

    /// A reader that catches up got a page from the journal.
    pub fn replayed(&self) {
        self.0.replays.inc();
    }

    /// A reader was told of a gap.
    pub fn gap(&self) {
        self.0.gaps.inc();
    }

    /// A peer was cut since it took or acknowledged nothing.
    pub fn evicted(&self) {
        self.0.evictions.inc();
    }

    /// How many were cut so far.
    #[must_use]
    pub fn evictions(&self) -> u64 {
        self.0.evictions.get()
    }
}

/// The process's resident set, in bytes, where the system tells (Linux).
fn resident() -> Option<i64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<i64>().ok()?.checked_mul(1024)
}
