//! How many readings run at once, and for whom. Each kind has a lane of its own, so that none
//! waits behind another: replays of thousands of readers that come back do not hold up what goes
//! out live, nor a page.
//!
//! What holds a place in a lane is the job on its thread, not who asked for it: who asks and then
//! is not polled, or goes away, keeps nobody waiting.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use tokio::sync::{oneshot, watch};

/// What a reading is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lane {
    /// A follower's next batch.
    Follow,
    /// A reader that catches up.
    Replay,
    /// A page of messages, or of rooms.
    Page,
    /// Keys that came again, perhaps.
    #[cfg(feature = "nats")]
    Keys,
}

/// Followers that read at once: there are two or three, each with one batch at a time.
const MAX_FOLLOWS: usize = 4;

/// The lanes of one store.
pub(super) struct Lanes {
    follow: Arc<Bounded>,
    replay: Arc<Bounded>,
    page: Arc<Bounded>,
    /// One at a time: the keys that come meanwhile are looked for together.
    #[cfg(feature = "nats")]
    keys: Arc<Bounded>,
}

/// Jobs of one kind, a bounded number of them at once.
struct Bounded {
    most: usize,
    /// A std mutex: it is held to push or pop.
    state: Mutex<State>,
    /// How many run, for who waits for the last.
    running: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    running: usize,
    /// As many as there are who ask.
    waiting: VecDeque<Job>,
    closed: bool,
}

type Job = Box<dyn FnOnce() + Send>;

impl Lanes {
    pub(super) fn new() -> Self {
        // More than there are processors would only queue in SQLite.
        let processors = thread::available_parallelism().map_or(2, usize::from).max(2);
        let lane = |most| Arc::new(Bounded::new(most));
        Self {
            follow: lane(MAX_FOLLOWS),
            replay: lane(processors),
            page: lane(processors),
            #[cfg(feature = "nats")]
            keys: lane(1),
        }
    }

    /// Runs a job on a thread that may block; `None` where it was closed first, or panicked.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        let lane = match lane {
            Lane::Follow => &self.follow,
            Lane::Replay => &self.replay,
            Lane::Page => &self.page,
            #[cfg(feature = "nats")]
            Lane::Keys => &self.keys,
        };
        lane.submit(Box::new(move || {
            // Nobody may wait for it any more.
            if !answer.is_closed() {
                let _ = answer.send(job());
            }
        }));
        answered.await.ok()
    }

    /// Refuses what waits and what comes later, and waits for what runs.
    pub(super) async fn close(&self) {
        let lanes = [
            &self.follow,
            &self.replay,
            &self.page,
            #[cfg(feature = "nats")]
            &self.keys,
        ];
        for lane in lanes {
            lane.refuse();
        }
        for lane in lanes {
            let _ = lane.running.subscribe().wait_for(|running| *running == 0).await;
        }
    }
}

impl Bounded {
    fn new(most: usize) -> Self {
        Self { most, state: Mutex::default(), running: watch::Sender::new(0) }
    }

    fn submit(self: &Arc<Self>, job: Job) {
        {
            let mut state = self.lock();
            if state.closed {
                return;
            }
            if state.running == self.most {
                state.waiting.push_back(job);
                return;
            }
            self.count(&mut state, 1);
        }
        self.spawn(job);
    }

    /// Runs a job and those that wait, one after another, on a thread of its own.
    fn spawn(self: &Arc<Self>, job: Job) {
        let worker = Worker(Arc::clone(self));
        tokio::task::spawn_blocking(move || {
            job();
            while let Some(job) = worker.next() {
                job();
            }
        });
    }

    fn count(&self, state: &mut State, change: isize) {
        state.running = state.running.saturating_add_signed(change);
        self.running.send_replace(state.running);
    }

    fn refuse(&self) {
        let waiting = {
            let mut state = self.lock();
            state.closed = true;
            std::mem::take(&mut state.waiting)
        };
        drop(waiting); // Not under the lock: who waited is told.
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in a lane, for as long as its thread works there.
struct Worker(Arc<Bounded>);

impl Worker {
    fn next(&self) -> Option<Job> {
        self.0.lock().waiting.pop_front()
    }
}

impl Drop for Worker {
    /// Gives the place to what waits, or back. Something waits only where a job panicked, or came
    /// at the last moment.
    fn drop(&mut self) {
        let next = {
            let mut state = self.0.lock();
            let next = state.waiting.pop_front();
            if next.is_none() {
                self.0.count(&mut state, -1);
            }
            next
        };
        if let Some(job) = next {
            self.0.spawn(job);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::{
            atomic::{AtomicUsize, Ordering},
            mpsc,
        },
        time::Duration,
    };

    async fn soon<T>(event: impl Future<Output = T>) -> T {
        tokio::time::timeout(Duration::from_secs(30), event).await.expect("in time")
    }

    /// Fills a lane with jobs that wait; dropped, the answer lets them go.
    fn fill(lanes: &Arc<Lanes>, lane: Lane) -> mpsc::Sender<()> {
        let (sender, waited_for) = mpsc::channel::<()>();
        let waited_for = Arc::new(Mutex::new(waited_for));
        for _ in 0..64 {
            let (lanes, waited_for) = (Arc::clone(lanes), Arc::clone(&waited_for));
            tokio::spawn(async move {
                lanes.run(lane, move || waited_for.lock().unwrap().recv()).await
            });
        }
        sender
    }

    #[tokio::test]
    async fn a_lane_that_is_full_keeps_no_other_waiting() {
        let lanes = Arc::new(Lanes::new());
        let _replays = fill(&lanes, Lane::Replay);
        let _pages = fill(&lanes, Lane::Page);
        tokio::task::yield_now().await;
        assert_eq!(soon(lanes.run(Lane::Follow, || 7)).await, Some(7));
    }

    #[tokio::test]
    async fn who_is_not_polled_keeps_nobody_waiting() {
        let lanes = Arc::new(Lanes::new());
        let mut stopped: Vec<_> =
            (0..64).map(|number| Box::pin(lanes.run(Lane::Page, move || number))).collect();
        for asked in &mut stopped {
            let polled = std::future::poll_fn(|context| {
                std::task::Poll::Ready(asked.as_mut().poll(context).is_ready())
            });
            polled.await;
        }
        assert_eq!(soon(lanes.run(Lane::Page, || 7)).await, Some(7));
        for (number, asked) in stopped.into_iter().enumerate() {
            assert_eq!(soon(asked).await, Some(number), "and gets its answer when it is");
        }
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_begun() {
        let lanes = Arc::new(Lanes::new());
        let pages = fill(&lanes, Lane::Page);
        tokio::task::yield_now().await;
        let begun = Arc::new(AtomicUsize::new(0));
        for _ in 0..64 {
            let begun = Arc::clone(&begun);
            let asked = lanes.run(Lane::Page, move || begun.fetch_add(1, Ordering::Relaxed));
            let asked = tokio::time::timeout(Duration::ZERO, asked).await;
            assert!(asked.is_err(), "the lane is full");
        }
        drop(pages);
        soon(lanes.run(Lane::Page, || ())).await;
        assert_eq!(begun.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn jobs_that_panic_take_no_place_with_them() {
        let lanes = Arc::new(Lanes::new());
        let panics: Vec<_> = (0..64)
            .map(|_| {
                let lanes = Arc::clone(&lanes);
                tokio::spawn(async move { lanes.run(Lane::Page, || panic!("on purpose")).await })
            })
            .collect();
        for panic in panics {
            assert_eq!(soon(panic).await.unwrap(), None::<()>);
        }
        assert_eq!(soon(lanes.run(Lane::Page, || 7)).await, Some(7));
    }

    #[tokio::test]
    async fn closed_it_refuses_what_waits_and_waits_for_what_runs() {
        let lanes = Arc::new(Lanes::new());
        let pages = fill(&lanes, Lane::Page);
        tokio::task::yield_now().await;
        let waiting = lanes.run(Lane::Page, || 7);
        tokio::pin!(waiting);
        assert!(tokio::time::timeout(Duration::ZERO, &mut waiting).await.is_err());
        let closing = lanes.close();
        tokio::pin!(closing);
        assert!(tokio::time::timeout(Duration::from_millis(10), &mut closing).await.is_err());
        assert_eq!(soon(&mut waiting).await, None);
        assert_eq!(soon(lanes.run(Lane::Follow, || 7)).await, None);
        drop(pages);
        soon(closing).await;
    }
}
