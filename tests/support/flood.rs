//! A flooded room: senders that send as fast as they are acknowledged, and readers that note all
//! that they get, in any representation.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use reqwest::{StatusCode, header};
use tokio::{io::AsyncReadExt as _, sync::watch, task::JoinHandle};

use super::{Server, client::Message, soon, wire::Wire};

/// A room of which little is kept, and in which anybody may send without end.
pub const FLAGS: [&str; 6] = ["--keep", "100", "--tab-sends", "0", "--address-sends", "0"];

/// Senders of one room.
pub struct Flood {
    stop: Arc<AtomicBool>,
    count: watch::Receiver<usize>,
    senders: Vec<JoinHandle<Sent>>,
}

/// What senders sent.
#[derive(Default)]
pub struct Sent {
    /// The mark of each message that was acknowledged, by its seq.
    pub acknowledged: Vec<(u64, String)>,
    /// Marks of those that may be stored or not: the server stopped before it answered.
    pub open: Vec<String>,
    /// How often a sender was told to wait.
    pub refused: usize,
}

impl Flood {
    /// So many senders of messages with a mark and so many characters more.
    pub fn start(app: &impl Server, room: &str, senders: usize, size: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (counted, count) = watch::channel(0);
        let url = app.url(&format!("/rooms/{room}/messages"));
        let sender = |number| {
            let (url, stop, counted) = (url.clone(), Arc::clone(&stop), counted.clone());
            tokio::spawn(send_all(url, number, size, stop, counted))
        };
        let senders = (0..senders).map(sender).collect();
        Self { stop, count, senders }
    }

    /// How many messages were acknowledged so far.
    pub fn count(&self) -> watch::Receiver<usize> {
        self.count.clone()
    }

    /// Waits until so many messages were acknowledged.
    pub async fn reached(&self, count: usize) {
        let mut counted = self.count();
        while *counted.borrow_and_update() < count {
            soon("a message is acknowledged", counted.changed()).await.expect("senders");
        }
    }

    /// Stops it, and gives what was sent.
    pub async fn stop(self) -> Sent {
        self.stop.store(true, SeqCst);
        let mut all = Sent::default();
        for sender in self.senders {
            let sent = soon("a sender is done", sender).await.expect("no sender failed");
            all.acknowledged.extend(sent.acknowledged);
            all.open.extend(sent.open);
            all.refused += sent.refused;
        }
        all.acknowledged.sort_unstable();
        all
    }
}

impl Sent {
    /// The marks of what was acknowledged, in their order.
    pub fn marks(self) -> Vec<String> {
        assert_eq!(self.open, [""; 0], "each was answered");
        self.acknowledged.into_iter().map(|(_, mark)| mark).collect()
    }
}

/// A text that readers find again.
pub fn marked(mark: &str, size: usize) -> String {
    format!("[[{mark}]]{}", "x".repeat(size))
}

async fn send_all(
    url: String,
    number: usize,
    size: usize,
    stop: Arc<AtomicBool>,
    counted: watch::Sender<usize>,
) -> Sent {
    let client = reqwest::Client::new();
    let mut sent = Sent::default();
    for count in 0.. {
        if stop.load(SeqCst) {
            break;
        }
        let mark = format!("{number}.{count}");
        let (text, key) = (marked(&mark, size), mark.replace('.', "-"));
        let form = [("username", "ann"), ("text", &text), ("key", &key)];
        let message: Message = loop {
            let Ok(answer) = client.post(&url).form(&form).send().await else {
                sent.open.push(mark);
                return sent;
            };
            match answer.status() {
                StatusCode::CREATED => {
                    if let Ok(message) = answer.json().await {
                        break message;
                    }
                    sent.open.push(mark);
                    return sent;
                }
                StatusCode::TOO_MANY_REQUESTS => {
                    assert_eq!(answer.headers()[header::RETRY_AFTER], "1");
                    sent.refused += 1;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                // It stops.
                StatusCode::SERVICE_UNAVAILABLE => {
                    sent.open.push(mark);
                    return sent;
                }
                other => panic!("{other}"),
            }
        };
        sent.acknowledged.push((message.seq, mark));
        counted.send_modify(|count| *count += 1);
    }
    sent
}

/// A stream that is read.
pub struct Reader {
    wire: Wire,
    /// The marks of the messages that it got.
    pub got: Vec<String>,
    /// The gaps that it was told of, each with its number where that was known.
    pub gaps: Vec<Option<u64>>,
    /// The id of the last message, which only an event stream has.
    pub id: Option<String>,
}

impl Reader {
    /// Opens a stream on a connection, coming back after an id where there is one. From when this
    /// returns, nothing that is sent is missed.
    pub async fn open(mut wire: Wire, path: &str, last_event_id: Option<&str>) -> Self {
        let last = last_event_id.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let asked = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{last}\r\n");
        wire.say(&asked).await.expect("it listens");
        wire.head().await;
        Self { wire, got: Vec::new(), gaps: Vec::new(), id: None }
    }

    /// Reads until it has so many messages.
    pub async fn until_count(&mut self, count: usize) {
        while self.got.len() < count {
            self.message().await;
        }
    }

    /// Reads until it has the message with this mark.
    pub async fn until_mark(&mut self, mark: &str) {
        while self.got.last().is_none_or(|last| last != mark) {
            self.message().await;
        }
    }

    /// Reads to the end of the connection, and gives the lines that were no message's. It looks at
    /// them at the end only, so that ten thousand of these are little work.
    pub async fn until_end(&mut self) -> Vec<String> {
        let mut bytes = Vec::new();
        while let Ok(1..) = self.wire.socket.read_buf(&mut bytes).await {}
        self.wire.take(&bytes);
        assert!(!self.wire.is_complete(), "it goes on after a restart");
        let all = std::mem::take(&mut self.wire.read);
        all.split_inclusive('\n').filter(|line| !self.note(line)).map(str::to_owned).collect()
    }

    /// Reads the next message, whatever comes before it.
    async fn message(&mut self) {
        let had = self.got.len();
        let next = async {
            while self.got.len() == had {
                match self.wire.try_until("\n").await {
                    Some(line) => drop(self.note(&line)),
                    None => return false,
                }
            }
            true
        };
        let goes_on = soon("a message", next).await;
        assert!(goes_on, "the stream goes on after {:?}", self.got.last());
    }

    /// Notes what a line says, if it is of a message or a gap.
    fn note(&mut self, line: &str) -> bool {
        let number = |digits: &str| digits.parse().ok();
        if let Some(id) = line.strip_prefix("id: ") {
            self.id = Some(id.trim_end().to_owned());
        } else if let Some((_, rest)) = line.split_once("[[") {
            self.got.push(rest.split_once("]]").expect("a whole mark").0.to_owned());
        } else if let Some(gap) = line.strip_prefix("{\"gap\":") {
            self.gaps.push(number(gap.trim_end().trim_end_matches('}')));
        } else if let Some((before, _)) = line.split_once(" earlier message") {
            let digits = before.trim_end_matches(|c: char| c.is_ascii_digit()).len();
            self.gaps.push(number(&before[digits..]));
        } else {
            return false;
        }
        true
    }
}
