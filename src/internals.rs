//! What the micro-benchmark reaches into; no part of the library. Built with the feature of this
//! name only.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Waker},
};

use crate::{
    delivery::{
        frame::{Frame, Representation},
        hub::{Hub, ReaderTag, Shared, Subscription},
        past::{Hold, PageFuture, Past},
    },
    journal::Page,
    message::{Entry, Epoch, Message, MessageId, Name, RoomName, Seq, State, Text},
    metrics::Metrics,
    sink::{Framing, Sink},
};

fn room() -> RoomName {
    RoomName::stored("lobby")
}

fn message(seq: u64) -> Message {
    let epoch = Epoch::parse("k3v9x2mq").expect("an epoch");
    Message {
        id: MessageId::new(epoch, Seq::new(seq)),
        room: room(),
        name: Name::stored("ann"),
        text: Text::stored("A message of an ordinary length, with https://example.org/ in it."),
        sent_at: jiff::Timestamp::UNIX_EPOCH,
        state: State::Sent,
    }
}

/// Encodes one message as the representation with this name in `?format=`.
///
/// # Panics
///
/// Where there is none with this name.
#[must_use]
pub fn encode(format: &str) -> usize {
    let known = Representation::ALL.into_iter().find(|known| known.format() == format);
    let frame = Frame::new(Entry::Message(message(1)));
    frame.chunk(known.expect("a representation")).framed(Framing::Chunked).len()
}

/// A room whose readers have sockets that take everything and cost nothing: what is left is ours.
pub struct Fanout {
    hub: Hub,
    tasks: Tasks,
    seq: u64,
    readers: Vec<Subscription>,
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Clone, Default)]
struct Tasks(Arc<Mutex<Vec<Task>>>);

impl Tasks {
    fn run(&self) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // More often than a writer has turns for these readers.
        for _ in 0..64 {
            for task in tasks.iter_mut() {
                let _ = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            }
        }
    }
}

struct Nothing;

impl Past for Nothing {
    fn after<'a>(&'a self, _: &'a RoomName, seq: Seq, _: usize) -> PageFuture<'a> {
        Box::pin(async move { Ok(Page { gap: None, entries: Vec::new(), upto: seq, as_of: seq }) })
    }

    fn hold(&self, _: &RoomName, _: Seq) -> Box<dyn Hold> {
        Box::new(Self)
    }
}

impl Hold for Nothing {
    fn advance(&self, _: Seq) {}
}

impl Sink for Nothing {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }
}

impl Fanout {
    /// With so many readers, whose lines are parked, or whose tasks are woken where not.
    #[must_use]
    pub fn new(readers: usize, parked: bool) -> Self {
        let tasks = Tasks::default();
        let started = tasks.clone();
        let shared = Shared {
            past: Arc::new(Nothing),
            metrics: Metrics::new(),
            spawn: Box::new(move |task| {
                started.0.lock().unwrap_or_else(PoisonError::into_inner).push(task);
            }),
            ring: 256,
            shards: 1,
            lines_per_turn: 64,
            stirred: tokio::sync::Notify::new(),
        };
        let hub = Hub::with(shared, Seq::ZERO);
        let mut context = Context::from_waker(Waker::noop());
        let readers = (0..readers).map(|_| {
            let mut reader = hub.subscribe(&room(), false, ReaderTag::default());
            if parked {
                reader.attach(Arc::new(Nothing), Framing::Chunked, Representation::EventStream);
            }
            assert!(reader.poll_next(Seq::ZERO, &mut context).is_pending(), "nothing was sent");
            reader.park(Seq::ZERO);
            reader
        });
        let readers = readers.collect();
        Self { hub, tasks, seq: 0, readers }
    }

    /// Publishes one message and lets the writer write it to all.
    pub fn publish(&mut self) {
        self.seq += 1;
        self.hub.publish(&room(), Frame::new(Entry::Message(message(self.seq))));
        self.tasks.run();
    }

    /// How many read.
    #[must_use]
    pub fn readers(&self) -> usize {
        self.readers.len()
    }
}
