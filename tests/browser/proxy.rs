//! A proxy between browser and hubbub that can refuse, cut and hold back the streams, and hold back
//! what forms post and a slow script, and refuse any address. It leaves everything else alone.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// Much longer than a page takes to get and run everything else.
const SLOW: Duration = Duration::from_millis(500);

/// What it answers when it refuses.
const DOWN: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html\r\n\
                    Content-Length: 23\r\nConnection: close\r\n\r\n<p>Down for a while</p>";

/// What the network of a hotel answers in the place of everything: it looks like success.
const SIGN_IN: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 51\r\n\
                       Connection: close\r\n\r\n\
                       <form id=\"send\"><p class=\"message\">Sign in</p></form>";

/// What it answers when it leads nowhere.
const NOTHING: &str = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";

/// What the proxy does with streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Streams {
    /// They pass.
    Pass,
    /// Open ones are cut, new ones wait until this changes.
    Hold,
    /// Open ones are cut, new ones get a 503.
    Refuse,
    /// Open ones are cut, one gets a 503, the next one passes.
    RefuseOnce,
    /// Open ones stay and carry nothing any more, new ones pass.
    Silence,
}

struct State {
    streams: watch::Sender<Streams>,
    seen: AtomicUsize,
    open: AtomicUsize,
    opened: AtomicUsize,
    posts_held: watch::Sender<bool>,
    answers_lost: watch::Sender<bool>,
    slow: Mutex<Option<&'static str>>,
    /// What is in a request's path, and what that request is answered.
    refuse: Mutex<Option<(&'static str, &'static str)>>,
    refused: AtomicUsize,
    told: AtomicUsize,
}

/// Stops with the test.
pub struct Proxy {
    address: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Before the hubbub at `upstream` (`127.0.0.1:PORT`).
    pub async fn before(upstream: &str, streams: Streams) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let state = Arc::new(State {
            streams: watch::Sender::new(streams),
            seen: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            opened: AtomicUsize::new(0),
            posts_held: watch::Sender::new(false),
            answers_lost: watch::Sender::new(false),
            slow: Mutex::new(None),
            refuse: Mutex::new(None),
            refused: AtomicUsize::new(0),
            told: AtomicUsize::new(0),
        });
        let task = tokio::spawn(accept(listener, upstream.to_owned(), state.clone()));
        Self { address, state, task }
    }

    /// `http://ADDR` of the hubbub behind it.
    pub fn home(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes what it does with streams.
    pub fn set(&self, streams: Streams) {
        self.state.streams.send_replace(streams);
    }

    /// What it does with streams now.
    pub fn streams(&self) -> Streams {
        *self.state.streams.borrow()
    }

    /// Whether what forms post waits until this changes.
    pub fn hold_posts(&self, held: bool) {
        self.state.posts_held.send_replace(held);
    }

    /// Whether answers to what forms post wait until this changes; hubbub gets what is posted.
    pub fn lose_answers(&self, lost: bool) {
        self.state.answers_lost.send_replace(lost);
    }

    /// Makes the answer to every request whose path contains this arrive after all others.
    pub fn slow(&self, path: &'static str) {
        *self.state.slow.lock().expect("not poisoned") = Some(path);
    }

    /// Answers every request whose path contains this with a 503, until this changes.
    pub fn refuse(&self, path: Option<&'static str>) {
        *self.state.refuse.lock().expect("not poisoned") = path.map(|path| (path, DOWN));
    }

    /// Answers every request whose path contains this with a 204, until this changes: a browser
    /// that goes there stays where it is.
    pub fn lead_nowhere(&self, path: &'static str) {
        *self.state.refuse.lock().expect("not poisoned") = Some((path, NOTHING));
    }

    /// Answers every request whose path contains this with a page of its own and status 200, until
    /// this changes, as the network of a hotel does.
    pub fn sign_in(&self, path: Option<&'static str>) {
        *self.state.refuse.lock().expect("not poisoned") = path.map(|path| (path, SIGN_IN));
    }

    /// How many requests it refused so.
    pub fn refused(&self) -> usize {
        self.state.refused.load(Ordering::SeqCst)
    }

    /// How many streams were asked for so far.
    pub fn seen(&self) -> usize {
        self.state.seen.load(Ordering::SeqCst)
    }

    /// How often tabs told whether they are hidden.
    pub fn told(&self) -> usize {
        self.state.told.load(Ordering::SeqCst)
    }

    /// How many streams were opened so far.
    pub fn opened(&self) -> usize {
        self.state.opened.load(Ordering::SeqCst)
    }

    /// How many streams are open now.
    pub fn open(&self) -> usize {
        self.state.open.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, upstream: String, state: Arc<State>) {
    while let Ok((browser, _)) = listener.accept().await {
        let (upstream, state) = (upstream.clone(), state.clone());
        // Ends with its sockets.
        tokio::spawn(async move {
            let _ = pass(browser, &upstream, &state).await;
        });
    }
}

/// Passes one request on. `Connection: close` keeps it to one for each socket, so that a stream is
/// known by its first line.
async fn pass(mut browser: TcpStream, upstream: &str, state: &State) -> std::io::Result<()> {
    let mut read = Vec::new();
    let head = loop {
        if browser.read_buf(&mut read).await? == 0 {
            return Ok(());
        }
        if let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 2;
        }
    };
    let lines = String::from_utf8_lossy(&read[..head]).into_owned();
    let is_stream = lines.lines().next().is_some_and(|line| line.contains("/events?"));
    if is_stream {
        state.seen.fetch_add(1, Ordering::SeqCst);
        let mut changes = state.streams.subscribe();
        let now = *changes.wait_for(|now| *now != Streams::Hold).await.expect("a sender");
        if !matches!(now, Streams::Pass | Streams::Silence) {
            state.streams.send_if_modified(|now| {
                let once = *now == Streams::RefuseOnce;
                if once {
                    *now = Streams::Pass;
                }
                once
            });
            return browser.write_all(DOWN.as_bytes()).await;
        }
    }
    let asked = lines.lines().next().unwrap_or_default();
    let refuse = *state.refuse.lock().expect("not poisoned");
    if let Some((_, answer)) = refuse.filter(|(path, _)| asked.contains(path)) {
        state.refused.fetch_add(1, Ordering::SeqCst);
        return browser.write_all(answer.as_bytes()).await;
    }
    if asked.starts_with("POST ") && asked.contains("/presence") {
        state.told.fetch_add(1, Ordering::SeqCst);
    }
    if lines.starts_with("POST ") {
        state.posts_held.subscribe().wait_for(|held| !held).await.expect("a sender");
    }
    let slow = *state.slow.lock().expect("not poisoned");
    if slow.is_some_and(|slow| asked.contains(slow)) {
        tokio::time::sleep(SLOW).await;
    }
    let mut hubbub = TcpStream::connect(upstream).await?;
    for line in lines.lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:")) {
        hubbub.write_all(line.as_bytes()).await?;
        hubbub.write_all(b"\r\n").await?;
    }
    hubbub.write_all(b"Connection: close\r\n").await?;
    hubbub.write_all(&read[head..]).await?;
    if lines.starts_with("POST ") {
        let mut lost = state.answers_lost.subscribe();
        let (mut posted, _) = browser.split();
        let (_, mut takes) = hubbub.split();
        tokio::select! {
            biased;
            _ = lost.wait_for(|lost| !lost) => {}
            _ = tokio::io::copy(&mut posted, &mut takes) => {}
        }
    }
    if is_stream {
        let mut changes = state.streams.subscribe();
        let since = *changes.borrow_and_update();
        state.open.fetch_add(1, Ordering::SeqCst);
        state.opened.fetch_add(1, Ordering::SeqCst);
        let other = async {
            match changes.wait_for(|now| *now != Streams::Pass && *now != since).await {
                Ok(now) => *now,
                Err(_) => Streams::Refuse,
            }
        };
        let now = tokio::select! {
            _ = copy_bidirectional(&mut browser, &mut hubbub) => None,
            now = other => Some(now),
        };
        if now == Some(Streams::Silence) {
            // Nothing ends it but the browser.
            while browser.read(&mut [0; 64]).await? > 0 {}
        }
        state.open.fetch_sub(1, Ordering::SeqCst);
    } else {
        let _ = copy_bidirectional(&mut browser, &mut hubbub).await;
    }
    Ok(())
}
