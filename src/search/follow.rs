//! The task that brings the journal's entries into the index, and makes it anew where that fails.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use tokio::{task::spawn_blocking, time::timeout};

use super::{
    Progress, Search,
    index::{self, Index, IndexError, Need},
    worker::Worker,
};
use crate::{
    journal::Journal,
    message::{Entry, Seq},
};

/// Files that were opened, so that a connection to an earlier one is told from others.
static FILES: AtomicU64 = AtomicU64::new(1);

/// Entries that are taken in together: some tenths of a second's work, and one piece of a table.
const MAX_BATCH: usize = 1 << 14;

/// Bytes of texts of those.
const MAX_BATCH_BYTES: usize = 8 << 20;

/// Fewer entries are gathered first.
const MIN_BATCH: u64 = 1024;

/// How long what comes is gathered before it is taken in, unless somebody searches: each time costs as
/// much as some hundred messages do.
const GATHER_DELAY: Duration = Duration::from_millis(100);

/// Between two looks at what is to be done beside.
const CHORE_INTERVAL: Duration = Duration::from_millis(500);

/// Between two looks at what is no longer kept: all rooms are gone through.
const TRIM_INTERVAL: Duration = Duration::from_secs(5);

/// And how many times as long as it takes, where there are very many.
const TRIM_SHARE: u32 = 100;

/// How long what is removed may stand in the file: a few moments, so that what is removed together is
/// forgotten together.
const FORGET_DELAY: Duration = Duration::from_secs(2);

/// How many times as long as it takes to write a chunk anew nothing of the kind is done then: it is
/// never more than a part of one processor.
const FORGET_SHARE: u32 = 4;
const TIDY_SHARE: u32 = 20;

/// How long to wait before an index is made anew, first and at most: a disk that is full is full for a
/// while, and would be filled again and again.
const MIN_RETRY_DELAY: Duration = Duration::from_secs(1);
const MAX_RETRY_DELAY: Duration = Duration::from_mins(10);

/// How long to wait before a journal that could not be read is tried again.
const READ_RETRY_DELAY: Duration = Duration::from_secs(1);

/// An index that was kept up for so long was good.
const PROVEN_TIME: Duration = Duration::from_mins(1);

/// Keeps the index up with the journal until that is closed, or the search is stopped. What is wrong
/// with the index is said in the log, and ends nothing.
pub(crate) async fn run(search: Search, journal: Journal) {
    let mut delay = MIN_RETRY_DELAY;
    while !is_over(&search, &journal) {
        let begun = Instant::now();
        let outcome = match open(&search, &journal).await {
            Ok((writer, upto)) => keep_up(&search, &journal, writer, upto).await,
            Err(why) => Err(why),
        };
        search.0.progress.send_modify(|progress| *progress = Progress::default());
        search.readers().clear();
        let Err(why) = outcome else { return };
        if is_over(&search, &journal) {
            return;
        }
        let path = search.0.path.display();
        if begun.elapsed() > PROVEN_TIME {
            delay = MIN_RETRY_DELAY;
        }
        // What was of another journal is not so any more.
        let first = delay == MIN_RETRY_DELAY && matches!(why, IndexError::Foreign);
        let wait = if first { Duration::ZERO } else { delay };
        tracing::warn!(file = %path, %why, wait_s = wait.as_secs_f64(), "the search index is made anew");
        let file = search.0.path.clone();
        if let Ok(Err(why)) = spawn_blocking(move || index::remove(&file)).await {
            tracing::error!(file = %search.0.path.display(), %why, "the search index cannot be removed");
        }
        rest(&journal, wait).await;
        delay = (2 * delay).min(MAX_RETRY_DELAY);
    }
}

fn is_over(search: &Search, journal: &Journal) -> bool {
    search.0.stop.load(Ordering::Relaxed) || journal.is_closed()
}

/// Waits, but not beyond the journal's end.
async fn rest(journal: &Journal, wait: Duration) {
    let mut advances = journal.advances();
    let closed = async { while advances.changed().await.is_ok() {} };
    let _ = timeout(wait, closed).await;
}

async fn open(search: &Search, journal: &Journal) -> Result<(Writer, Seq), IndexError> {
    let (path, halt) = (search.0.path.clone(), search.halt(None));
    let (epoch, last) = (journal.epoch().clone(), journal.last());
    let worker = Worker::start()?;
    let open = move || {
        let (index, upto) = Index::open(&path, &epoch, last, halt)?;
        // What a start before has left there.
        index.empty_log()?;
        Ok((index, upto))
    };
    let (index, upto) = worker.run(open).await.unwrap_or(Err(IndexError::Panicked))?;
    let file = FILES.fetch_add(1, Ordering::Relaxed);
    search.0.suspect.store(false, Ordering::Relaxed);
    search.0.progress.send_modify(|progress| *progress = Progress { file, upto, at: None });
    Ok((Writer { worker, index: Some(index) }, upto))
}

/// What was done beside, and is to be done.
struct Chores {
    looked: Instant,
    /// Before that it is not looked for what is no longer kept.
    trim_at: Instant,
    /// Since when something is to be forgotten.
    forget: Option<Instant>,
    /// Before that no chunk is written anew.
    rest_until: Instant,
    /// Whether the log has what is to be nowhere.
    log: bool,
}

async fn keep_up(
    search: &Search,
    journal: &Journal,
    mut writer: Writer,
    mut upto: Seq,
) -> Result<(), IndexError> {
    let mut advances = journal.advances();
    let now = Instant::now();
    let mut chores =
        Chores { looked: now, trim_at: now, forget: None, rest_until: now, log: false };
    while !is_over(search, journal) {
        let last = *advances.borrow_and_update();
        if upto < last {
            if last.get() - upto.get() < MIN_BATCH {
                let _ = timeout(GATHER_DELAY, search.0.wanted.notified()).await;
            }
            match journal.scan(upto, MAX_BATCH, MAX_BATCH_BYTES).await {
                Ok(scan) => {
                    let at = scan.entries.last().map(Entry::sent_at);
                    upto = scan.upto;
                    writer.run(move |index| index.take_in(&scan.entries, upto)).await?;
                    search.0.progress.send_modify(|progress| {
                        progress.upto = upto;
                        progress.at = at.or(progress.at);
                    });
                }
                Err(_) if journal.is_closed() => return close(search, writer).await,
                Err(why) => {
                    tracing::error!(%why, "the search cannot read, and will try again");
                    rest(journal, READ_RETRY_DELAY).await;
                }
            }
        } else if let Ok(Err(_)) = timeout(CHORE_INTERVAL, advances.changed()).await {
            return close(search, writer).await;
        }
        if chores.looked.elapsed() >= CHORE_INTERVAL {
            do_chores(search, journal, &mut writer, upto, &mut chores).await?;
            chores.looked = Instant::now();
        }
    }
    close(search, writer).await
}

/// Closes the file; the log is folded into it where nobody else has it open.
async fn close(search: &Search, mut writer: Writer) -> Result<(), IndexError> {
    search.0.progress.send_modify(|progress| *progress = Progress::default());
    search.readers().clear();
    let index = writer.index.take();
    writer.worker.run(move || drop(index)).await.ok_or(IndexError::Panicked)
}

/// Does what is due, one thing of a kind.
async fn do_chores(
    search: &Search,
    journal: &Journal,
    writer: &mut Writer,
    upto: Seq,
    chores: &mut Chores,
) -> Result<(), IndexError> {
    if search.0.suspect.swap(false, Ordering::Relaxed) {
        return Err(IndexError::Damaged);
    }
    let begun = Instant::now();
    if begun >= chores.trim_at
        && let Ok(floors) = journal.floors().await
    {
        writer.run(move |index| index.trim(&floors, upto)).await?;
        chores.trim_at = Instant::now() + TRIM_INTERVAL.max(TRIM_SHARE * begun.elapsed());
    }
    let look = |index: &mut Index| {
        index.look()?;
        index.needy()
    };
    let needy = writer.run(look).await?;
    let due = match needy {
        Some((_, Need::Forget)) => {
            chores.forget.get_or_insert_with(Instant::now).elapsed() >= FORGET_DELAY
        }
        other => {
            chores.forget = None;
            other.is_some()
        }
    };
    if let Some((chunk, need)) = needy
        && due
        && Instant::now() >= chores.rest_until
    {
        let begun = Instant::now();
        writer.run(move |index| index.renew(chunk)).await?;
        let share = if need == Need::Forget { FORGET_SHARE } else { TIDY_SHARE };
        chores.rest_until = Instant::now() + share * begun.elapsed();
        chores.log = true;
    }
    if chores.log {
        chores.log = !writer.run(|index| index.empty_log()).await?;
    }
    Ok(())
}

/// The index, and the thread that writes it.
struct Writer {
    worker: Worker,
    /// Not there while it is written.
    index: Option<Index>,
}

impl Writer {
    /// Runs something with the index on its thread.
    async fn run<T: Send + 'static>(
        &mut self,
        run: impl FnOnce(&mut Index) -> Result<T, IndexError> + Send + 'static,
    ) -> Result<T, IndexError> {
        let mut index = self.index.take().ok_or(IndexError::Panicked)?;
        let job = move || {
            let done = run(&mut index);
            (index, done)
        };
        let (index, done) = self.worker.run(job).await.ok_or(IndexError::Panicked)?;
        self.index = Some(index);
        done
    }
}
