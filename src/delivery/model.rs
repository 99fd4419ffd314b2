//! What the tests of the delivery put in the place of the journal, the runtime and the sockets, so
//! that every step of each is theirs to order.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    pin::Pin,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
};

use tokio::sync::Notify;

use super::{
    frame::Frame,
    hub::{Hub, Shared},
    past::{Hold, PageFuture, Past},
};
use crate::{
    journal::{Gap, Page, ReadError},
    message::{Entry, Epoch, Message, MessageId, Name, RoomName, Seq, Text},
    metrics::Metrics,
    sink::Sink,
};

/// What all runs count in: to make one costs more than a run.
pub fn metrics() -> Metrics {
    static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);
    METRICS.clone()
}

/// The room of all messages, but those that are elsewhere.
pub fn room() -> RoomName {
    RoomName::parse("lobby").unwrap()
}

/// The room of those.
pub fn other_room() -> RoomName {
    RoomName::parse("attic").unwrap()
}

/// The message at a seq.
pub fn message(seq: u64) -> Message {
    Message {
        id: MessageId::new(Epoch::parse("e").unwrap(), Seq::new(seq)),
        room: room(),
        name: Name::parse("ann").unwrap(),
        text: Text::parse("hi").unwrap(),
        sent_at: jiff::Timestamp::UNIX_EPOCH,
        state: crate::message::State::Sent,
    }
}

/// Its frame.
pub fn frame(seq: u64) -> Frame {
    Frame::new(Entry::Message(message(seq)))
}

/// A journal in memory, of two rooms.
#[derive(Clone, Default)]
pub struct Model(Arc<Mutex<State>>);

#[derive(Default)]
pub struct State {
    /// The newest message's seq.
    pub committed: u64,
    /// Which of them are in the other room.
    pub elsewhere: BTreeSet<u64>,
    /// Up to where messages are trimmed.
    pub trimmed: u64,
    /// Whether it cannot be read.
    pub broken: bool,
    /// Whether a reading stops before and after it looks, until [`Model::open_gate`].
    pub gated: bool,
    gate: Option<Waker>,
    open: bool,
    holds: BTreeMap<u64, u64>,
    next_hold: u64,
}

impl Model {
    /// What it holds.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Lets a reading that has stopped take its next step.
    pub fn open_gate(&self) {
        let mut state = self.state();
        if let Some(waiting) = state.gate.take() {
            state.open = true;
            waiting.wake();
        }
    }

    /// Trims everything that nobody holds.
    pub fn trim(&self) {
        let mut state = self.state();
        let held = state.holds.values().copied().min();
        let upto = held.unwrap_or(u64::MAX).min(state.committed);
        state.trimmed = state.trimmed.max(upto);
    }
}

/// Where a reading stops.
struct Gate(Model);

impl Future for Gate {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.state();
        if !state.gated || std::mem::take(&mut state.open) {
            return Poll::Ready(());
        }
        state.gate = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Past for Model {
    fn after<'a>(&'a self, name: &'a RoomName, seq: Seq, limit: usize) -> PageFuture<'a> {
        Box::pin(async move {
            Gate(self.clone()).await;
            let (committed, trimmed, elsewhere) = {
                let state = self.state();
                if state.broken {
                    return Err(ReadError::Closed);
                }
                (state.committed, state.trimmed, state.elsewhere.clone())
            };
            Gate(self.clone()).await;
            let first = seq.get().max(trimmed) + 1;
            let is_here = |seq: &u64| elsewhere.contains(seq) == (*name == other_room());
            let messages = (first..=committed).filter(is_here).map(message).map(Entry::Message);
            let entries: Vec<_> = messages.take(limit).collect();
            let gone = (seq.get() + 1..=trimmed).filter(is_here).count() as u64;
            let gap = (gone > 0).then_some(Gap { gone: Some(gone) });
            let as_of = Seq::new(committed);
            Ok(Page { gap, entries, upto: as_of.max(seq), as_of })
        })
    }

    fn hold(&self, _: &RoomName, seq: Seq) -> Box<dyn Hold> {
        let mut state = self.state();
        let number = state.next_hold;
        state.next_hold += 1;
        state.holds.insert(number, seq.get());
        Box::new(ModelHold(self.clone(), number))
    }
}

struct ModelHold(Model, u64);

impl Hold for ModelHold {
    fn advance(&self, seq: Seq) {
        let mut state = self.0.state();
        let held = state.holds.get_mut(&self.1).unwrap();
        *held = seq.get().max(*held);
    }
}

impl Drop for ModelHold {
    fn drop(&mut self) {
        self.0.state().holds.remove(&self.1);
    }
}

/// Whether something woke a task.
pub struct Woken(AtomicBool);

impl Woken {
    /// One that is to be polled first.
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicBool::new(true)))
    }

    /// Whether it is to be polled; it is then no longer.
    pub fn take(&self) -> bool {
        self.0.swap(false, SeqCst)
    }

    /// It is to be polled.
    pub fn set(&self) {
        self.0.store(true, SeqCst);
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.set();
    }
}

type Task = (Pin<Box<dyn Future<Output = ()> + Send>>, Arc<Woken>);

/// The tasks that were started, polled one step at a time, and only when something woke them: a
/// wake-up that is lost shows as something that does not happen.
#[derive(Clone, Default)]
pub struct Tasks(Arc<Mutex<Vec<Task>>>);

impl Tasks {
    /// Polls the first task that was woken; `false` where there is none.
    pub fn step(&self) -> bool {
        let mut tasks = self.0.lock().unwrap();
        let Some(index) = tasks.iter().position(|(_, woken)| woken.take()) else { return false };
        let (mut task, woken) = tasks.remove(index);
        // It may start another.
        drop(tasks);
        let waker = Waker::from(Arc::clone(&woken));
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            self.0.lock().unwrap().push((task, woken));
        }
        true
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// A hub over `model`, whose tasks are `tasks`.
pub fn hub(model: &Model, tasks: &Tasks, published: u64, ring: usize) -> Hub {
    hub_of_turns(model, tasks, published, ring, 64)
}

/// The same, with writers that write to so many readers a turn.
pub fn hub_of_turns(
    model: &Model,
    tasks: &Tasks,
    published: u64,
    ring: usize,
    lines_per_turn: usize,
) -> Hub {
    let started = tasks.clone();
    let shared = Shared {
        past: Arc::new(model.clone()),
        metrics: metrics(),
        spawn: Box::new(move |task| started.0.lock().unwrap().push((task, Woken::new()))),
        ring,
        shards: 1,
        lines_per_turn,
        stirred: Notify::new(),
    };
    Hub::with(shared, Seq::new(published))
}

/// A socket that takes so many bytes until it is emptied.
#[derive(Clone, Default)]
pub struct Socket(Arc<Mutex<SocketState>>);

#[derive(Default)]
struct SocketState {
    written: Vec<u8>,
    room: usize,
    writable: Option<Waker>,
}

impl Socket {
    /// One that takes `room` bytes now.
    pub fn new(room: usize) -> Self {
        Self(Arc::new(Mutex::new(SocketState { room, ..SocketState::default() })))
    }

    /// Takes so many bytes more.
    pub fn give_room(&self, bytes: usize) {
        let mut state = self.0.lock().unwrap();
        state.room += bytes;
        if let Some(waker) = state.writable.take() {
            waker.wake();
        }
    }

    /// All that was written.
    pub fn written(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().written.clone()).unwrap()
    }

    /// Writes, or waits until there is room.
    pub fn poll_write(&self, bytes: &[u8], context: &mut Context<'_>) -> Poll<usize> {
        if let Ok(written) = self.try_write(bytes) {
            return Poll::Ready(written);
        }
        self.0.lock().unwrap().writable = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Sink for Socket {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock().unwrap();
        let taken = bytes.len().min(state.room);
        if taken == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        state.room -= taken;
        state.written.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }
}
