//! How far a connection is with what it asks, and until when it may take that long.
//!
//! hyper has one timer for a head and for the silence before it. They are different things: a proxy
//! keeps an idle connection for minutes and expects to find it open, and nobody needs minutes for a
//! head. So the phases are told apart here, by what goes through the socket and the service.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// How long a client may take over its request's head: generous to a phone in a tunnel, and an end
/// to who trickles bytes to hold a connection. A new connection has as long to begin.
const HEAD_READ_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection is kept that waits for its next request: longer than the pools of the usual
/// proxies keep theirs (nginx 60 s, HAProxy and Caddy 120 s). Who closes first loses a race with a
/// request that is on its way, and the proxy answers that with a 502.
const IDLE_TIMEOUT: Duration = Duration::from_secs(150);

/// How long an answer may wait for its reader, and how much longer for each byte that it has taken:
/// who reads less than 1 KB a second after that holds a connection, and what it carries, for nothing.
const ANSWER_WRITE_GRACE: Duration = Duration::from_secs(30);
const LEAST_BYTES_PER_SECOND: u64 = 1024;

/// How long a connection may take over something before it can be closed for others that want its
/// place: what a request takes where nobody trickles.
const CROWDED_GRACE: Duration = Duration::from_secs(1);

/// What a connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A request's head is on its way: the first one's from the start.
    Head,
    /// Its body is.
    Body,
    /// All of it has come, and there is no answer yet.
    Handling,
    /// The answer is on its way.
    Answering,
    /// There is nothing to do.
    Idle,
}

/// How far a connection is; shared by its socket, its service and its task.
pub(super) struct Progress {
    /// A std mutex: it is held to look at some numbers.
    state: Mutex<State>,
    cut: Notify,
}

struct State {
    phase: Phase,
    since: Instant,
    /// How many bytes of the answer the socket has taken.
    written: u64,
    /// How many requests are open at once, over HTTP/2.
    streams: usize,
}

impl Progress {
    /// A connection that was accepted now.
    pub(super) fn new() -> Self {
        let state = State { phase: Phase::Head, since: Instant::now(), written: 0, streams: 0 };
        Self { state: Mutex::new(state), cut: Notify::new() }
    }

    /// The handshake is done: the first request may take its time from now on.
    pub(super) fn begin(&self) {
        self.lock().enter(Phase::Head);
    }

    /// One of many requests has come, over HTTP/2: how long each may take is its own affair.
    pub(super) fn stream_opened(&self) {
        let mut state = self.lock();
        state.streams += 1;
        state.enter(Phase::Handling);
    }

    /// One of them is done with.
    pub(super) fn stream_closed(&self) {
        let mut state = self.lock();
        state.streams -= 1;
        if state.streams == 0 {
            state.enter(Phase::Idle);
        }
    }

    /// The socket was read: so many bytes have come, or none yet.
    pub(super) fn read(&self, bytes: usize) {
        let mut state = self.lock();
        // hyper reads no further while it has something to write: the answer is gone.
        if state.phase == Phase::Answering {
            state.enter(Phase::Idle);
        }
        if state.phase == Phase::Idle && bytes > 0 {
            state.enter(Phase::Head);
        }
    }

    /// The socket has taken so many bytes.
    pub(super) fn wrote(&self, bytes: usize) {
        self.lock().written += bytes as u64;
    }

    /// A request's head has come.
    pub(super) fn asked(&self, has_body: bool) {
        self.lock().enter(if has_body { Phase::Body } else { Phase::Handling });
    }

    /// The end of its body has.
    fn body_ended(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Body {
            state.enter(Phase::Handling);
        }
    }

    /// There is an answer.
    pub(super) fn answered(&self) {
        self.lock().enter(Phase::Answering);
    }

    /// Ends the connection, whatever it is at.
    pub(super) fn cut(&self) {
        self.cut.notify_one();
    }

    /// Since when it keeps a place that others want, and with nothing that should be waited for: it
    /// is idle, or takes long over what it asks or over the answer. An idle one is closed before
    /// others are.
    pub(super) fn may_be_cut(&self) -> Option<(bool, Instant)> {
        let state = self.lock();
        match state.phase {
            Phase::Idle => Some((false, state.since)),
            Phase::Handling => None,
            Phase::Head | Phase::Body | Phase::Answering => {
                (state.since.elapsed() >= CROWDED_GRACE).then_some((true, state.since))
            }
        }
    }

    /// Resolves when the connection has to end: it took too long, or its place is needed.
    pub(super) async fn ended(&self) {
        tokio::select! {
            () = self.cut.notified() => {}
            () = self.overdue() => {}
        }
    }

    async fn overdue(&self) {
        let mut timer = pin!(sleep_until(Instant::now() + HEAD_READ_TIMEOUT));
        // Polled in the task that reads and writes, after it: what they changed is seen here.
        poll_fn(|context| {
            loop {
                let Some(deadline) = self.lock().deadline() else { return Poll::Pending };
                if deadline < timer.deadline() {
                    timer.as_mut().reset(deadline);
                }
                ready!(timer.as_mut().poll(context));
                if timer.deadline() >= deadline {
                    return Poll::Ready(());
                }
                // It was for something that is done. To set it anew each time would cost more.
                timer.as_mut().reset(deadline);
            }
        })
        .await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enter(&mut self, phase: Phase) {
        *self = Self { phase, since: Instant::now(), written: 0, ..*self };
    }

    /// A body's is its handler's, which can say so.
    fn deadline(&self) -> Option<Instant> {
        let time = match self.phase {
            Phase::Head => HEAD_READ_TIMEOUT,
            Phase::Idle => IDLE_TIMEOUT,
            Phase::Answering => {
                ANSWER_WRITE_GRACE
                    + Duration::from_millis(self.written * 1000 / LEAST_BYTES_PER_SECOND)
            }
            Phase::Body | Phase::Handling => return None,
        };
        Some(self.since + time)
    }
}

/// A request's body, whose end is noted.
pub(super) struct Noted {
    body: Incoming,
    progress: Arc<Progress>,
}

impl Noted {
    /// Notes the end of `body`.
    pub(super) fn new(body: Incoming, progress: Arc<Progress>) -> Self {
        Self { body, progress }
    }
}

impl Body for Noted {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() || self.body.is_end_stream() {
            self.progress.body_ended();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    /// How long it may go on as it is.
    async fn left(progress: &Progress) -> Duration {
        let begun = Instant::now();
        let ended = timeout(Duration::from_hours(1), progress.ended()).await;
        assert!(ended.is_ok(), "it goes on");
        begun.elapsed()
    }

    fn is_about(took: Duration, expected: Duration) -> bool {
        took >= expected && took < expected + Duration::from_millis(10)
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_has_ten_seconds_and_an_idle_connection_longer_than_a_proxys_pool() {
        assert!(IDLE_TIMEOUT > Duration::from_mins(2));
        let progress = Progress::new();
        assert!(is_about(left(&progress).await, HEAD_READ_TIMEOUT));
        progress.asked(false);
        progress.answered();
        progress.read(0);
        assert!(is_about(left(&progress).await, IDLE_TIMEOUT));
        progress.read(1);
        advance(HEAD_READ_TIMEOUT / 2).await;
        progress.read(1);
        assert!(is_about(left(&progress).await, HEAD_READ_TIMEOUT / 2), "however it trickles");
    }

    #[tokio::test(start_paused = true)]
    async fn a_handler_takes_as_long_as_it_takes() {
        let progress = Progress::new();
        for has_body in [true, false] {
            progress.asked(has_body);
            assert!(timeout(Duration::from_hours(1), progress.ended()).await.is_err());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_may_take_as_long_as_a_slow_line_needs_and_no_longer() {
        let progress = Progress::new();
        progress.asked(false);
        progress.answered();
        progress.wrote(60 * 1024);
        let expected = ANSWER_WRITE_GRACE + Duration::from_mins(1);
        assert!(is_about(left(&progress).await, expected));
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_be_cut_is_idle_or_slow_and_is_not_waiting_for_us() {
        let progress = Progress::new();
        let begun = Instant::now();
        assert_eq!(progress.may_be_cut(), None, "its head may be on the way");
        advance(CROWDED_GRACE).await;
        assert_eq!(progress.may_be_cut(), Some((true, begun)));
        progress.asked(true);
        assert_eq!(progress.may_be_cut(), None, "its body may be on the way");
        advance(CROWDED_GRACE).await;
        assert!(progress.may_be_cut().is_some());
        progress.body_ended();
        advance(CROWDED_GRACE * 10).await;
        assert_eq!(progress.may_be_cut(), None);
        progress.answered();
        progress.read(0);
        assert_eq!(progress.may_be_cut(), Some((false, Instant::now())));
        progress.cut();
        assert!(is_about(left(&progress).await, Duration::ZERO));
    }
}
