//! The sequencer of many nodes: a JetStream stream gives each draft its seq, and every node's store
//! follows the stream.
//!
//! A draft is published under its key and answered by what comes back: the node's own follower brings
//! it, a thread stores it, and what was stored under the key decides, fresh, the first, or another's.
//! Publishing only ever makes it likely; a publish that fails may have been stored, and is tried again
//! under its key.
//!
//! The stream may become another one, by being deleted, or restored from a copy. Then the journal ends
//! with word of that ([`Shared::renewed`]) and is opened again, with a new epoch.

mod apply;
mod begin;
mod change;
mod engine;
mod erase;
mod follow;
mod lookup;
mod publish;
mod rule;
mod stream;

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    super::{
        Appended, Retention,
        rulebook::Rulebook,
        store::{Changed, OpenError, Revision, Standing, Store, Writer},
        tail::Tail,
    },
    AppendError, Reach, Readiness, Ruled,
    health::Health,
};
use crate::{
    message::{Draft, Epoch, RoomName, Ruling, Seq},
    metrics::Metrics,
    nats::Link,
};

use apply::{Applier, Command, Waiting};
use engine::{Engine, Identity, Newest};
use follow::Follower;
use lookup::Lookups;
use stream::Opened;

pub(crate) use begin::prepare;
pub(super) use publish::APPEND_TIMEOUT;

/// Drafts that wait for the stream. Beyond it a send is refused at once rather than kept waiting.
const MAX_PENDING: usize = 1024;

/// How long an end waits for drafts that are on their way.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(8);

/// How long a start waits for the node to come up to where the stream is.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(2);

/// How often there are chores.
const TEND_INTERVAL: Duration = Duration::from_secs(1);

/// A handle on the node's part in the stream; clones share it.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Inner>);

struct Inner {
    identity: Identity,
    engine: Engine,
    committed: watch::Receiver<Seq>,
    health: Health,
    waiting: Waiting,
    lookups: Lookups,
    store: Store,
    /// How many drafts wait.
    pending: watch::Sender<usize>,
    /// No more drafts are taken.
    closed: CancellationToken,
    /// What runs for it is to end.
    stop: CancellationToken,
    /// Something of that has ended.
    end: CancellationToken,
    /// The journal is to be opened anew.
    renewed: CancellationToken,
    thread: Mutex<Option<JoinHandle<Writer>>>,
    /// The applier's queue, until it is to end.
    commands: Mutex<Option<mpsc::Sender<Command>>>,
}

/// A store that stands as the stream wants it, before it is followed.
pub(crate) struct Prepared {
    link: Link,
    writer: Writer,
    retention: Retention,
    opened: Opened,
    standing: Standing,
    newest: Newest,
}

impl Prepared {
    /// The epoch of what the store holds.
    pub(crate) fn epoch(&self) -> &Epoch {
        &self.opened.epoch
    }

    /// The store's writing side.
    pub(crate) fn writer(&self) -> &Writer {
        &self.writer
    }

    /// Follows the stream, and waits a moment for the store to come up to it.
    pub(crate) async fn start(
        self,
        store: Store,
        rulebook: Rulebook,
        metrics: Metrics,
    ) -> Result<(Shared, Tail), OpenError> {
        let Self { link, mut writer, retention, opened, standing, newest } = self;
        writer.keep();
        let last = newest.seq;
        let (newest, newest_seen) = watch::channel(newest);
        let (committed, committed_seen) = watch::channel(last);
        let (health, tail, waiting) = (Health::new(), Tail::new(last), Waiting::default());
        let end = CancellationToken::new();
        let missed = CancellationToken::new();
        let (lookups, lookups_run) = Lookups::new(store.clone());
        let (erasures, erasures_seen) = watch::channel(Vec::new());
        let (commands, queue) = mpsc::channel(apply::MAX_QUEUED);
        let applier = Applier {
            writer,
            retention,
            standing,
            last,
            metrics,
            health: health.clone(),
            tail: tail.clone(),
            rulebook: rulebook.clone(),
            waiting: waiting.clone(),
            newest,
            committed,
            missed: missed.clone(),
            erasures,
            _ended: end.clone().drop_guard(),
        };
        let thread = thread::Builder::new()
            .name("journal".into())
            .spawn(move || applier.run(queue))
            .map_err(OpenError::Thread)?;
        let identity = engine::identity(&link, &opened, newest_seen);
        let engine = Engine::new(opened.last);
        let shared = Shared(Arc::new(Inner {
            identity: identity.clone(),
            engine: engine.clone(),
            committed: committed_seen,
            health,
            waiting,
            lookups,
            store,
            pending: watch::Sender::new(0),
            closed: CancellationToken::new(),
            stop: CancellationToken::new(),
            end,
            renewed: CancellationToken::new(),
            thread: Mutex::new(Some(thread)),
            commands: Mutex::new(Some(commands.clone())),
        }));
        shared.spawn(tend(commands.downgrade()));
        shared.spawn(erase::run(identity.clone(), erasures_seen, commands.downgrade()));
        shared.spawn(async {
            lookups_run.await;
            None
        });
        let ttl = retention.ttl;
        let follower =
            Follower { identity: identity.clone(), last, commands, ttl, complete_at: None };
        shared.spawn(follower.run());
        shared.spawn(rule::put_again(Arc::downgrade(&shared.0), rulebook));
        shared.spawn(async { Some(engine::watch_over(engine, identity).await) });
        shared.spawn(async move {
            missed.cancelled().await;
            Some("it has no more what this node has missed")
        });
        let caught_up = shared.reach(opened.last, CATCH_UP_TIMEOUT).await;
        tracing::debug!(caught_up, "the stream is followed");
        Ok((shared, tail))
    }
}

impl Shared {
    /// Runs a part until the journal is closed. Where it says why, the journal is to be opened anew.
    fn spawn(&self, part: impl Future<Output = Option<&'static str>> + Send + 'static) {
        let Inner { stop, end, renewed, .. } = &*self.0;
        let (stop, guard, renewed) = (stop.clone(), end.clone().drop_guard(), renewed.clone());
        tokio::spawn(async move {
            // Whatever ends by itself, and by a panic, is the journal's end.
            let _guard = guard;
            let why = tokio::select! {
                () = stop.cancelled() => None,
                why = part => why,
            };
            if let Some(why) = why {
                if !renewed.is_cancelled() {
                    tracing::warn!(why, "the stream is another one; the journal is opened anew");
                }
                renewed.cancel();
                stop.cancelled().await;
            }
        });
    }

    /// The epoch that all nodes have.
    pub(crate) fn epoch(&self) -> &Epoch {
        &self.0.identity.epoch
    }

    /// The newest place in this node's store, and word of each newer one.
    pub(crate) fn committed(&self) -> watch::Receiver<Seq> {
        self.0.committed.clone()
    }

    pub(crate) async fn append(&self, draft: Draft) -> Result<Appended, AppendError> {
        self.0.append(draft).await
    }

    pub(crate) async fn change(
        &self,
        room: RoomName,
        target: Seq,
        revision: Revision,
        by: Option<String>,
    ) -> Result<Changed, AppendError> {
        self.0.change(room, target, revision, by).await
    }

    pub(crate) async fn rule(
        &self,
        ruling: Ruling,
        expected: Option<Seq>,
    ) -> Result<Ruled, AppendError> {
        self.0.rule(&ruling, expected).await
    }

    /// Whether a draft could be stored now.
    pub(crate) fn ready(&self) -> bool {
        let Inner { closed, end, health, engine, identity, .. } = &*self.0;
        !closed.is_cancelled()
            && !end.is_cancelled()
            && health.is_good()
            && engine.answers()
            && !engine.is_refusing()
            && identity.link.is_connected()
    }

    /// What could be done now.
    pub(crate) fn readiness(&self) -> Readiness {
        let Inner { end, health, engine, .. } = &*self.0;
        if end.is_cancelled() || !health.is_good() {
            Readiness::Broken
        } else if self.ready() {
            if engine.is_ahead() { Readiness::Behind } else { Readiness::Ready }
        } else {
            Readiness::ReadsOnly
        }
    }

    /// Waits until this node has everything up to `seq`, so long at most; whether it has.
    pub(crate) async fn reach(&self, seq: Seq, patience: Duration) -> bool {
        let mut committed = self.committed();
        let reached = async { committed.wait_for(|last| *last >= seq).await.is_ok() };
        timeout(patience, reached).await == Ok(true)
    }

    /// The same; where it comes to nothing, the engine is asked whether there is such a thing.
    pub(crate) async fn find(&self, seq: Seq, patience: Duration) -> Reach {
        if self.reach(seq, patience).await {
            return Reach::Here;
        }
        match self.0.identity.look().await {
            engine::Seen::Same(last) if last < seq => Reach::Nowhere,
            engine::Seen::Another(_) => Reach::Nowhere,
            _ => Reach::Elsewhere,
        }
    }

    /// Completes when nothing is written any more: it was closed, or it failed.
    pub(crate) async fn ended(&self) {
        self.0.end.cancelled().await;
    }

    /// Completes when the journal is to be opened anew.
    pub(crate) async fn renewed(&self) {
        self.0.renewed.cancelled().await;
    }

    /// Takes no more drafts, waits for those that are on their way, and gives the writer back; `None`
    /// where that was done before.
    pub(crate) async fn close(&self) -> Option<Writer> {
        self.0.closed.cancel();
        let mut pending = self.0.pending.subscribe();
        let none_left = timeout(CLOSE_TIMEOUT, pending.wait_for(|count| *count == 0));
        if !self.0.renewed.is_cancelled() && none_left.await.is_err() {
            tracing::warn!(
                "sends were still waiting for the stream; they are not known to be stored"
            );
        }
        let shared = self.clone();
        tokio::task::spawn_blocking(move || shared.end()).await.ok().flatten()
    }

    /// The same without waiting for drafts, for who may block.
    pub(crate) fn end(&self) -> Option<Writer> {
        self.0.closed.cancel();
        self.0.stop.cancel();
        drop(self.0.commands.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.0.thread.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        thread.join().ok()
    }
}

/// Has the thread do its chores.
async fn tend(commands: mpsc::WeakSender<Command>) -> Option<&'static str> {
    loop {
        tokio::time::sleep(TEND_INTERVAL).await;
        // A thread that is behind has no time for them; one that is gone is seen by its guard.
        if let Some(commands) = commands.upgrade() {
            let _ = commands.try_send(Command::Tend);
        }
    }
}
