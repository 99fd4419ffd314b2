//! Senders that try again until they are answered, or give up; readers that come back.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rand::{RngExt as _, rngs::StdRng};
use reqwest::Client;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{Drawn, END, Plan, between};
use crate::client::{Events, Message, client, ids_on, text_of};

/// How long a sender waits for one answer: shorter than the longest pause of the network.
const ANSWER: Duration = Duration::from_secs(1);

/// How long a reader bears silence: shorter than the longest pause of the network.
const SILENCE: Duration = Duration::from_secs(2);

/// What each text begins with that is taken back.
pub const TAKEN_BACK: &str = "taken-back-";

/// What a reader has of such a message at the end.
pub const REMOVED: &str = "Message removed";

/// What becomes of a message once it is acknowledged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    Edited,
    Removed,
}

/// What all senders work on together.
pub struct Errand {
    plan: Plan,
    /// One for each node.
    urls: Vec<String>,
    client: Client,
    next: AtomicUsize,
    /// How many there are to be.
    most: AtomicUsize,
    settled: watch::Sender<usize>,
}

impl Errand {
    pub fn new(plan: Plan, urls: Vec<String>, settled: watch::Sender<usize>) -> Self {
        let (next, most) = (AtomicUsize::new(0), AtomicUsize::new(plan.messages));
        Self { plan, urls, client: client(), next, most, settled }
    }

    /// Has them send on and on, until [`Self::enough`].
    pub fn endless(self) -> Self {
        Self { most: AtomicUsize::new(usize::MAX), ..self }
    }

    /// Ends it, once there are as many as were planned.
    pub fn enough(&self) {
        self.most.store(self.plan.messages, Ordering::Relaxed);
    }

    /// One try, on any node. `None` leaves open whether it was stored.
    async fn post(&self, text: &str, key: &str, dice: &mut StdRng) -> Option<Message> {
        self.post_to(any(&self.urls, dice), text, key).await
    }

    async fn post_to(&self, url: &str, text: &str, key: &str) -> Option<Message> {
        let form = [("username", "ann"), ("text", text), ("key", key)];
        let answered = async {
            let answer = self.client.post(url).form(&form).send().await.ok()?;
            if answer.status().is_server_error() {
                return None;
            }
            assert_eq!(answer.status(), 201, "nothing is wrong with {key}");
            answer.json().await.ok()
        };
        timeout(ANSWER, answered).await.ok().flatten()
    }

    /// Tries on two nodes at once. What either says is good, and `twice` where they say two things.
    async fn post_twice(
        &self,
        text: &str,
        key: &str,
        dice: &mut StdRng,
        twice: &mut Vec<(Message, Message)>,
    ) -> Option<Message> {
        let one = dice.random_range(0..self.urls.len());
        let other = (one + dice.random_range(1..self.urls.len())) % self.urls.len();
        let (one, other) = tokio::join!(
            self.post_to(&self.urls[one], text, key),
            self.post_to(&self.urls[other], text, key)
        );
        if let (Some(one), Some(other)) = (&one, &other)
            && one != other
        {
            twice.push((one.clone(), other.clone()));
        }
        one.or(other)
    }

    /// Removes or edits what was sent under a key, again until that is answered.
    async fn change(&self, id: &str, key: &str, text: Option<&str>, dice: &mut StdRng) {
        let begun = Instant::now();
        loop {
            let url = format!("{}/{id}", any(&self.urls, dice));
            let request = match text {
                None => self.client.delete(&url).form(&[("key", key)]),
                Some(text) => self.client.patch(&url).form(&[("key", key), ("text", text)]),
            };
            if let Ok(Ok(answer)) = timeout(ANSWER, request.send()).await
                && !answer.status().is_server_error()
            {
                assert_eq!(answer.status(), 200, "nothing is wrong with {key}");
                return;
            }
            assert!(begun.elapsed() < self.plan.patience, "the change of {key} is never answered");
            sleep(between(dice, 5, 100)).await;
        }
    }

    /// Tries again until it is answered.
    async fn insist(&self, text: &str, key: &str, dice: &mut StdRng) -> Message {
        let begun = Instant::now();
        loop {
            if let Some(message) = self.post(text, key, dice).await {
                return message;
            }
            assert!(begun.elapsed() < self.plan.patience, "{key} is never answered");
            sleep(between(dice, 5, 100)).await;
        }
    }
}

/// Any of these; of one, no dice are thrown.
pub fn any<'a>(urls: &'a [String], dice: &mut StdRng) -> &'a str {
    if let [url] = urls { url } else { &urls[dice.random_range(0..urls.len())] }
}

/// What one sender did.
#[derive(Default)]
pub struct Sent {
    /// In the order in which it sent them.
    pub acknowledged: Vec<Message>,
    /// Tried once, and left there: stored or not.
    pub given_up: Vec<String>,
    /// What became of some of them: ids and texts.
    pub changed: Vec<(String, String)>,
    /// Messages that took more than one try.
    pub retried: usize,
    /// What one key was answered with, where that was not one message.
    pub twice: Vec<(Message, Message)>,
}

/// Sends until nothing is left to send.
pub async fn send_all(errand: Arc<Errand>) -> Sent {
    let mut sent = Sent::default();
    loop {
        let number = errand.next.fetch_add(1, Ordering::Relaxed);
        if number >= errand.most.load(Ordering::Relaxed) {
            return sent;
        }
        let mut dice = errand.plan.dice(Drawn::Message, number);
        let nodes = errand.urls.len() > 1;
        let fate = match dice.random_range(0..20) {
            0 => Fate::Edited,
            1 => Fate::Removed,
            _ => Fate::Stays,
        };
        // Long enough to prove who sent it.
        let (mut text, key) = (text(number, &mut dice), format!("audit-message-{number:06}"));
        if fate == Fate::Removed {
            text = format!("{TAKEN_BACK}{text}");
        }
        let impatient = fate == Fate::Stays && dice.random_ratio(1, 5);
        let first = if nodes && dice.random_ratio(1, 10) {
            errand.post_twice(&text, &key, &mut dice, &mut sent.twice).await
        } else {
            errand.post(&text, &key, &mut dice).await
        };
        match first {
            Some(message) => sent.acknowledged.push(message),
            None if impatient => sent.given_up.push(text),
            None => {
                let message = errand.insist(&text, &key, &mut dice).await;
                let again = errand.insist(&text, &key, &mut dice).await;
                if again != message {
                    sent.twice.push((message.clone(), again));
                }
                sent.acknowledged.push(message);
                sent.retried += 1;
            }
        }
        let id = sent.acknowledged.last().map(|message| message.id.clone()).unwrap_or_default();
        match fate {
            Fate::Stays => {}
            Fate::Edited => {
                let text = format!("{number}: edited.");
                errand.change(&id, &key, Some(&text), &mut dice).await;
                sent.changed.push((id, text));
            }
            Fate::Removed => {
                errand.change(&id, &key, None, &mut dice).await;
                sent.changed.push((id, REMOVED.to_owned()));
            }
        }
        errand.settled.send_modify(|settled| *settled += 1);
        if let Some(most) = errand.plan.pause {
            sleep(between(&mut dice, 0, most)).await;
        }
    }
}

/// No two are alike. Most are a line; some fill many segments, and are cut in their midst.
fn text(number: usize, dice: &mut StdRng) -> String {
    const WORDS: &[&str] = &["hi", "<b>", "&amp;", "\"", "né\n\ndata: x", "🦀", "id: 1\n", "中"];
    let length = match dice.random_range(0..100) {
        0..3 => 1200,
        3..10 => 300,
        _ => dice.random_range(0..12),
    };
    let words = (0..length).map(|_| WORDS[dice.random_range(0..WORDS.len())]);
    // Ends that are no spaces: those would be trimmed, and the text not the same.
    let text: String = words.collect();
    let most = text.char_indices().nth(3900).map_or(text.len(), |(at, _)| at);
    format!("{number}: {}.", &text[..most])
}

/// What a reader has seen: ids and texts, in the order in which they came.
pub type Seen = Vec<(String, String)>;

/// A reader that comes back with its cursor whenever its stream ends or falls silent.
pub struct Reader {
    seen: Arc<Mutex<Seen>>,
    opened: Arc<AtomicUsize>,
    pub task: JoinHandle<()>,
}

impl Reader {
    /// Starts one on the stream at any of `urls`, another each time; it ends after the message that is
    /// sent last.
    pub fn start(urls: Vec<String>, dice: StdRng) -> Self {
        let (seen, opened) = (Arc::default(), Arc::default());
        let task = tokio::spawn(read(urls, Arc::clone(&seen), Arc::clone(&opened), dice));
        Self { seen, opened, task }
    }

    /// How often it opened its stream.
    pub fn opened(&self) -> usize {
        self.opened.load(Ordering::Relaxed)
    }

    /// What it has by now.
    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read(
    urls: Vec<String>,
    seen: Arc<Mutex<Seen>>,
    opened: Arc<AtomicUsize>,
    mut dice: StdRng,
) {
    let client = client();
    let mut cursor = None;
    loop {
        opened.fetch_add(1, Ordering::Relaxed);
        let mut request = client.get(any(&urls, &mut dice));
        if let Some(id) = &cursor {
            request = request.header("last-event-id", id);
        }
        if let Ok(Ok(answer)) = timeout(SILENCE, request.send()).await {
            // A node that lacks what another had may say that it cannot go on from there yet.
            if urls.len() > 1 && answer.status() == 503 {
                sleep(between(&mut dice, 5, 150)).await;
                continue;
            }
            assert_eq!(answer.status(), 200, "a stream opens");
            let mut events = Events::of(answer);
            // A gap is no message, and fails the reader: everything is kept.
            while let Ok(Some(came)) = timeout(SILENCE, next(&mut events)).await {
                cursor = Some(came.id.clone());
                let ended = came.text == END;
                came.note(&mut seen.lock().unwrap(), urls.len() > 1);
                if ended {
                    return;
                }
            }
        }
        sleep(between(&mut dice, 5, 150)).await;
    }
}

/// A message, or what became of one.
struct Came {
    /// Where a reader that has it comes back.
    id: String,
    /// The message's id.
    of: String,
    text: String,
}

impl Came {
    /// A page puts it in the place of what it has. Over nodes there may be nothing: a node that comes to
    /// the stream after a message was sent and erased there knows it by its removal only. Who comes then
    /// has what is left of it in its place, so it is put there.
    fn note(self, seen: &mut Seen, nodes: bool) {
        if self.id == self.of {
            seen.push((self.of, self.text));
            return;
        }
        let place = seen.iter().rposition(|(id, _)| *id == self.of);
        if place.is_none() && nodes && self.text == REMOVED {
            let seq = |id: &str| id.split_once('-').and_then(|(_, seq)| seq.parse::<u64>().ok());
            let place = seen.partition_point(|(id, _)| seq(id) < seq(&self.of));
            seen.insert(place, (self.of, self.text));
            return;
        }
        seen[place.expect("what is changed came before")].1 = self.text;
    }
}

/// What comes next; `None` when the stream has ended.
async fn next(events: &mut Events) -> Option<Came> {
    let event = events.next().await?;
    let (id, html) = (event.id.expect("an id"), event.data.expect("a fragment"));
    let of = ids_on(&html).remove(0);
    let is_message = event.event.as_deref() == Some("NewMessage");
    let is_change = matches!(event.event.as_deref(), Some("MessageRemoved" | "MessageEdited"));
    assert!((is_message && id == of) || (is_change && id != of), "{id} {of}: {:?}", event.event);
    Some(Came { id, of, text: text_of(&html) })
}
