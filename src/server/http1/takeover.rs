//! How a live response gets at the socket that hyper has.

use std::{
    future::poll_fn,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    task::Poll,
};

use super::super::live::LiveResponse;

/// A live response on its way from the service, inside of hyper, to the task that drives hyper.
///
/// hyper takes requests that were sent in one go (pipelined) in order, one at a time. It does *not*
/// promise that the answer before was written when the next request reaches the service: where an
/// answer without a body went out before its request's body was read to the end, reading that makes
/// the connection ready for the next request, whatever the socket has taken by then. (hyper 1.12.0:
/// `Conn::poll_read_body` calls `try_keep_alive` without a flush. Everywhere else only
/// `Conn::poll_flush` does.)
///
/// So the socket is taken out after a flush that hyper began *after* the response was offered. That
/// rests on two facts, checked against hyper 1.12.0, and held by the tests of `http1`:
///
/// - `Buffered::poll_flush` calls the socket's `poll_flush` only once its write buffer is empty
///   (`pipeline_flush`, which is the exception, is off), and `Dispatcher::poll_loop` does so after
///   each look at the service.
/// - While the service's future is pending, hyper writes nothing new.
///
/// What the peer sent after this request is dropped with hyper's read buffer: there is nothing more
/// to ask for on this connection.
#[derive(Default)]
pub(super) struct Takeover(Mutex<State>);

#[derive(Default)]
enum State {
    #[default]
    None,
    /// hyper may still have something to write.
    Offered(LiveResponse),
    /// It has not.
    Flushed(LiveResponse),
}

impl Takeover {
    /// Offers a response, from the service.
    pub(super) fn offer(&self, live: LiveResponse) {
        *self.lock() = State::Offered(live);
    }

    /// hyper has written all that it had.
    pub(super) fn flushed(&self) {
        let mut state = self.lock();
        *state = match mem::take(&mut *state) {
            State::Offered(live) => State::Flushed(live),
            other => other,
        };
    }

    /// The response, once hyper has written all that came before it. That happens only while
    /// the connection is polled, in the same task, so nothing else has to wake it.
    pub(super) async fn accept(&self) -> LiveResponse {
        poll_fn(|_| {
            let mut state = self.lock();
            match mem::take(&mut *state) {
                State::Flushed(live) => Poll::Ready(live),
                other => {
                    *state = other;
                    Poll::Pending
                }
            }
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
