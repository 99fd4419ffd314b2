//! The one-node sequencer: one thread that gives each draft the next seq and commits what has
//! gathered in one transaction.
//!
//! While one batch is being synced, the drafts of the next gather in the queue; so one sync
//! serves every sender that waited for it, and a lone sender waits for nobody (group commit).

mod mark;
mod sequence;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, SyncSender, TrySendError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    sync::{oneshot, watch},
    time::{sleep, timeout},
};

use super::{
    super::{
        Appended,
        rulebook::Rulebook,
        store::{Changed, LOCK_TIMEOUT, OpenError, Revision, Writer},
        tail::Tail,
    },
    AppendError, Ruled,
    health::Health,
};
use crate::{
    message::{Draft, Epoch, RoomName, Ruling, Seq},
    metrics::Metrics,
    shutdown::Shutdown,
};

pub(super) use mark::Mark;
use sequence::{Answer, Command, Sequence, Waiting};

/// Drafts that wait for the writer: a fifth of a second's work, and 16 MB of the longest texts.
/// Beyond it a send is refused at once rather than kept waiting.
const MAX_QUEUED: usize = 1024;

/// How long a sender waits for the disk. A disk that takes longer is as good as gone, and the
/// sender can try again under its key.
pub(super) const APPEND_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a sender still waits once the process is to stop: less than connections have then.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

// A batch that met a lock is stored while its senders still wait for it.
const _: () = assert!(LOCK_TIMEOUT.as_secs() < APPEND_TIMEOUT.as_secs());

/// A handle on the writing thread; clones share it.
#[derive(Clone)]
pub(crate) struct Local {
    epoch: Epoch,
    queue: SyncSender<Command>,
    committed: watch::Receiver<Seq>,
    health: Health,
    stop: Shutdown,
    /// Closed when the thread has ended.
    ended: watch::Receiver<()>,
    /// The thread, until it is closed. A std mutex: it is taken once, and never across an await.
    thread: Arc<Mutex<Option<JoinHandle<Writer>>>>,
}

impl Local {
    /// Settles the epoch of what `writer` has open, and starts the thread that writes. What that
    /// makes durable is in the tail before anybody hears of it.
    pub(crate) fn start(
        mut writer: Writer,
        rulebook: Rulebook,
        metrics: Metrics,
    ) -> Result<(Self, Tail), OpenError> {
        let path = writer.path();
        let sqlite = |why| writer.lock().blame(OpenError::sqlite(path, why));
        let io = |why| OpenError::io(path, why);
        let mut mark = Mark::new(writer.lock().mark().try_clone().map_err(io)?);
        let last = writer.last().map_err(sqlite)?;
        let kept = writer.epoch().map_err(sqlite)?.filter(|epoch| mark.vouches_for(epoch, last));
        let epoch = if let Some(epoch) = kept {
            epoch
        } else {
            let fresh = Epoch::fresh();
            writer.set_epoch(&fresh).map_err(sqlite)?;
            fresh
        };
        mark.begin(path, &epoch, last).map_err(io)?;
        writer.keep();
        let stop = writer.stop();

        let (queue, commands) = mpsc::sync_channel(MAX_QUEUED);
        let (sequence, committed, ended) =
            Sequence::new(writer, rulebook, epoch.clone(), last, mark, metrics);
        let (health, tail) = (sequence.health.clone(), sequence.tail.clone());
        let thread = thread::Builder::new()
            .name("journal".into())
            .spawn(move || sequence.run(&commands))
            .map_err(OpenError::Thread)?;
        let thread = Arc::new(Mutex::new(Some(thread)));
        Ok((Self { epoch, queue, committed, health, stop, ended, thread }, tail))
    }

    /// The journal's own epoch, born with its file.
    pub(crate) fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// The newest durable seq, and word of each newer one.
    pub(crate) fn committed(&self) -> watch::Receiver<Seq> {
        self.committed.clone()
    }

    pub(crate) async fn append(&self, draft: Draft) -> Result<Appended, AppendError> {
        self.write(|answer| Waiting::Append { draft, answer }).await
    }

    /// Changes a message, and answers once that is durable.
    pub(crate) async fn change(
        &self,
        room: RoomName,
        target: Seq,
        revision: Revision,
        by: Option<String>,
    ) -> Result<Changed, AppendError> {
        self.write(|answer| Waiting::Change { room, target, revision, by, answer }).await
    }

    /// Puts a ruling, and answers once it is durable.
    pub(crate) async fn rule(
        &self,
        ruling: Ruling,
        expected: Option<Seq>,
    ) -> Result<Ruled, AppendError> {
        self.write(|answer| Waiting::Rule { ruling, expected, answer }).await
    }

    async fn write<T>(&self, waiting: impl FnOnce(Answer<T>) -> Waiting) -> Result<T, AppendError> {
        let (answer, answered) = oneshot::channel();
        match self.queue.try_send(Command::Write(waiting(answer))) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(AppendError::Busy),
            Err(TrySendError::Disconnected(_)) => return Err(AppendError::Closed),
        }
        let stopped = async {
            self.stop.begun().await;
            sleep(STOP_TIMEOUT).await;
        };
        let answered = async {
            tokio::select! {
                answered = answered => answered,
                () = stopped => Ok(Err(AppendError::Stopped)),
            }
        };
        match timeout(APPEND_TIMEOUT, answered).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(AppendError::Closed),
            Err(_) => {
                // Whoever writes waits for the disk too, and cannot say so.
                self.health.fail(&AppendError::TimedOut);
                Err(AppendError::TimedOut)
            }
        }
    }

    pub(crate) fn ready(&self) -> bool {
        self.health.is_good()
    }

    /// Completes when the thread has ended, by a panic as well.
    pub(crate) async fn ended(&self) {
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }

    /// Stores what is in the queue, ends the thread and gives the writer back; `None` where that
    /// was done before.
    pub(crate) async fn close(&self) -> Option<Writer> {
        let local = self.clone();
        // The queue may be full and the last commit may take its time: not on an async thread.
        tokio::task::spawn_blocking(move || local.end()).await.ok().flatten()
    }

    /// The same, for who may block.
    pub(crate) fn end(&self) -> Option<Writer> {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let asked = self.queue.send(Command::Close);
        let ended = thread.join();
        let writer = asked.ok().and(ended.ok());
        if writer.is_none() {
            tracing::debug!("the journal's thread had ended by itself");
        }
        writer
    }
}
