//! The hand-over from replay to live, tried in every order.
//!
//! Three actors take their steps one at a time: a writer commits messages, the feed publishes what
//! is committed, a reader goes on to its next stop (before a reading, after it, after a frame). A
//! test runs every interleaving of those steps. The reader is polled only when something woke it,
//! so that a wake-up that is lost shows as messages that do not come.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
};

use super::*;
use crate::message::{Message, MessageId, Name, Text};

/// Messages that the writer commits in each run.
const MESSAGES: u64 = 3;

/// The reader's steps that are ordered against the others'; what is left it does at the end.
const READER_STEPS: usize = 4;

/// A journal that stops its reader before and after it looks.
#[derive(Clone)]
struct Model(Arc<Mutex<State>>, Epoch);

struct State {
    committed: u64,
    trimmed: u64,
    /// The reader waits here until it may take its next step.
    gate: Option<Waker>,
    open: bool,
}

/// Whether the reader stands at a gate.
struct Gate(Model);

impl Future for Gate {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.0.lock().unwrap();
        if std::mem::take(&mut state.open) {
            return Poll::Ready(());
        }
        state.gate = Some(context.waker().clone());
        Poll::Pending
    }
}

fn room() -> RoomName {
    RoomName::parse("lobby").unwrap()
}

impl Model {
    fn new(trimmed: u64) -> Self {
        let state = State { committed: trimmed, trimmed, gate: None, open: false };
        Self(Arc::new(Mutex::new(state)), Epoch::parse("e").unwrap())
    }

    fn message(&self, number: u64) -> Message {
        Message {
            id: MessageId::new(self.1.clone(), Seq::new(number)),
            room: room(),
            name: Name::parse("ann").unwrap(),
            text: Text::parse("hi").unwrap(),
            sent_at: jiff::Timestamp::UNIX_EPOCH,
        }
    }
}

impl Past for Model {
    async fn after(&self, _: &RoomName, seq: Seq, limit: usize) -> Result<Page, ReadError> {
        Gate(self.clone()).await;
        let (committed, trimmed) = {
            let state = self.0.lock().unwrap();
            (state.committed, state.trimmed)
        };
        Gate(self.clone()).await;
        let first = seq.get().max(trimmed) + 1;
        let all = (first..=committed).map(|number| self.message(number));
        let messages: Vec<_> = all.take(limit).collect();
        let gap = (seq.get() < trimmed).then(|| Gap { gone: Some(trimmed - seq.get()) });
        Ok(Page { gap, messages, upto: Seq::new(committed).max(seq) })
    }

    fn epoch(&self) -> &Epoch {
        &self.1
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

/// One run: the actors and what the reader got.
struct Run {
    model: Model,
    hub: Hub,
    fed: u64,
    stream: Pin<Box<dyn Stream<Item = Bytes> + Send>>,
    woken: Arc<Woken>,
    got: Vec<String>,
}

impl Run {
    /// `before` messages are committed and `fed` of them published when the reader comes with
    /// `sent` as its cursor.
    fn new(before: u64, fed: u64, ring: usize, sent: u64, trimmed: u64, lost: bool) -> Self {
        let model = Model::new(trimmed);
        model.0.lock().unwrap().committed = before;
        let hub = Hub::with_ring(Seq::new(fed), ring);
        let live = hub.subscribe(&room(), false, ReaderTag::default());
        let reader = Reader {
            past: model.clone(),
            room: room(),
            representation: Representation::EventStream,
            sent: Seq::new(sent),
            lost,
            count: 0,
            recent: VecDeque::new(),
        };
        let stream = Box::pin(run(reader, live, Metrics::new(), ()));
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        Self { model, hub, fed, stream, woken, got: Vec::new() }
    }

    fn commit(&mut self) {
        self.model.0.lock().unwrap().committed += 1;
    }

    /// Publishes the next committed message; `false` where there is none yet.
    fn feed(&mut self) -> bool {
        let committed = self.model.0.lock().unwrap().committed;
        if self.fed == committed {
            return false;
        }
        self.fed += 1;
        self.hub.publish(&room(), Frame::new(self.model.message(self.fed)));
        true
    }

    /// Lets the reader go on to its next stop; `false` where it has nothing to do.
    fn read(&mut self) -> bool {
        {
            let mut state = self.model.0.lock().unwrap();
            if let Some(waiting) = state.gate.take() {
                state.open = true;
                waiting.wake();
            }
        }
        if !self.woken.0.swap(false, SeqCst) {
            return false;
        }
        let waker = Waker::from(Arc::clone(&self.woken));
        match self.stream.as_mut().poll_next(&mut Context::from_waker(&waker)) {
            Poll::Ready(Some(bytes)) => {
                self.got.push(String::from_utf8(bytes.to_vec()).unwrap());
                self.woken.0.store(true, SeqCst); // Whoever takes an item asks for the next.
            }
            Poll::Ready(None) => panic!("the stream ended"),
            Poll::Pending => {}
        }
        true
    }

    /// Lets everybody finish, and gives the messages that the reader got.
    fn finish(mut self) -> (Vec<u64>, Vec<String>) {
        while self.feed() {}
        while self.read() {}
        // A page holds several events.
        let all = self.got.concat();
        let seqs = all.lines().filter_map(|line| line.strip_prefix("id: e-")?.parse().ok());
        let gaps = all.split("\n\n").filter(|event| event.starts_with("event: Gap"));
        (seqs.collect(), gaps.map(ToOwned::to_owned).collect())
    }
}

/// Runs `check` for every order of the steps: `c` commits, `f` feeds, `r` reader's steps. A feed
/// before its commit has nothing to publish, and is the same as one after it.
fn every_order(commits: u64, feeds: u64, reads: usize, check: &mut dyn FnMut(&[u8])) -> usize {
    fn go(order: &mut Vec<u8>, left: [usize; 3], check: &mut dyn FnMut(&[u8])) -> usize {
        if left == [0, 0, 0] {
            check(order);
            return 1;
        }
        let mut orders = 0;
        for (which, step) in [b'c', b'f', b'r'].into_iter().enumerate() {
            if left[which] > 0 {
                let mut left = left;
                left[which] -= 1;
                order.push(step);
                orders += go(order, left, check);
                order.pop();
            }
        }
        orders
    }
    let commits = usize::try_from(commits).unwrap();
    let feeds = usize::try_from(feeds).unwrap();
    go(&mut Vec::new(), [commits, feeds, reads], check)
}

fn play(run: &mut Run, order: &[u8]) {
    for step in order {
        match step {
            b'c' => run.commit(),
            b'f' => drop(run.feed()),
            _ => drop(run.read()),
        }
    }
}

/// Cursors of a reader against a journal that holds two messages, of which the feed has published
/// none or all.
fn starts() -> impl Iterator<Item = (u64, u64)> {
    (0..=2).flat_map(|sent| [0, 2].map(move |fed| (sent, fed)))
}

#[test]
fn in_every_order_a_reader_gets_each_message_after_its_cursor_once_and_in_order() {
    // A ring of one makes every burst a lag; a ring of many keeps the reader live.
    let mut orders = 0;
    for ring in [1, 64] {
        for (sent, fed) in starts() {
            orders += every_order(MESSAGES, MESSAGES, READER_STEPS, &mut |order| {
                let mut run = Run::new(2, fed, ring, sent, 0, false);
                play(&mut run, order);
                let (seqs, gaps) = run.finish();
                let due: Vec<u64> = (sent + 1..=2 + MESSAGES).collect();
                assert_eq!(seqs, due, "ring {ring}, cursor {sent}, fed {fed}, order {order:?}");
                assert!(gaps.is_empty());
            });
        }
    }
    assert_eq!(orders, 2 * 6 * 4_200, "10! / (3! 3! 4!) orders of each");
}

#[test]
fn in_every_order_a_gap_is_told_once_before_what_is_kept() {
    for (ring, lost) in [(1, false), (64, false), (1, true), (64, true)] {
        every_order(2, 2, READER_STEPS, &mut |order| {
            let mut run = Run::new(5, 5, ring, 0, 3, lost);
            play(&mut run, order);
            let first = run.got.iter().find(|piece| piece.contains("event:")).cloned();
            let (seqs, gaps) = run.finish();
            assert_eq!(seqs, [4, 5, 6, 7], "{order:?}");
            assert_eq!(gaps.len(), 1, "{order:?}");
            assert_eq!(gaps[0].contains("3 earlier messages"), !lost);
            assert!(
                first.is_none_or(|first| first.starts_with("event: Gap")),
                "the gap comes first"
            );
        });
    }
}
