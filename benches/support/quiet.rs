//! A room in which little happens: a message now and then, one reader, and the page of a tab. What
//! these wait for, whatever happens elsewhere.

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    App,
    crowd::MARK,
    ms, number_after,
    side::{form, get, hubbub_send_to, stream},
    tabs::Tab,
    whole,
};

/// Its name.
const ROOM: &str = "quiet";

/// Between two messages, and between two requests for the page.
const EVERY: Duration = Duration::from_millis(50);

/// How long a message may take to arrive. Reached only by what is broken.
const PATIENCE: Duration = Duration::from_mins(2);

/// Somebody sends, reads and looks at the page there, each on a thread of its own.
pub struct Quiet {
    stopped: Arc<AtomicBool>,
    sender: JoinHandle<io::Result<Vec<Sent>>>,
    pager: JoinHandle<io::Result<Vec<f64>>>,
    reader: JoinHandle<u64>,
    stream: TcpStream,
    arrivals: mpsc::Receiver<(u64, Instant)>,
}

/// When a message was sent, and when it was acknowledged.
struct Sent {
    asked: Instant,
    acknowledged: Instant,
}

/// What they waited for, in milliseconds.
pub struct Measured {
    /// From a send to its acknowledgement.
    pub acknowledged: Vec<f64>,
    /// From a send to its arrival.
    pub arrived: Vec<f64>,
    /// For the page.
    pub pages: Vec<f64>,
    /// Gaps that the reader was told of.
    pub gaps: u64,
}

impl Quiet {
    /// Begins.
    pub fn start(app: &App) -> io::Result<Self> {
        let stopped = Arc::new(AtomicBool::new(false));
        let stream = open_stream(app)?;
        let (tell, arrivals) = mpsc::channel();
        let reading = stream.try_clone()?;
        let reader = thread::spawn(move || read(reading, &tell));
        let (mut client, until) = (Client::open(app)?, Arc::clone(&stopped));
        let sender = thread::spawn(move || {
            let mut sent = Vec::new();
            now_and_then(&until, || {
                let asked = Instant::now();
                let answer = client.ask(&hubbub_send_to(ROOM, sent.len() as u64))?;
                assert!(answer.starts_with(b"HTTP/1.1 201 "), "a send is acknowledged");
                sent.push(Sent { asked, acknowledged: Instant::now() });
                Ok(())
            })?;
            Ok(sent)
        });
        let (mut client, until) = (Client::open(app)?, Arc::clone(&stopped));
        // A page counts as somebody for a while, and a name is one person's: each has its own.
        let name = format!("username=bob{}", client.socket.local_addr()?.port());
        let join = form(&format!("/rooms/{ROOM}/join"), &name);
        let tab = Tab::joined(client.ask(&join)?);
        let pager = thread::spawn(move || {
            let mut waits = Vec::new();
            now_and_then(&until, || {
                let asked = Instant::now();
                let answer = client.ask(&get(&tab.path, &tab.proof()))?;
                assert!(answer.starts_with(b"HTTP/1.1 200 "), "the joined page");
                waits.push(ms(asked.elapsed()));
                Ok(())
            })?;
            Ok(waits)
        });
        Ok(Self { stopped, sender, pager, reader, stream, arrivals })
    }

    /// Ends it, when what was sent has arrived.
    pub fn stop(self) -> io::Result<Measured> {
        self.stopped.store(true, Ordering::Relaxed);
        let sent = self.sender.join().expect("the sender")?;
        let pages = self.pager.join().expect("the pager")?;
        let mut arrived = Vec::new();
        for (sent, number) in sent.iter().zip(0..) {
            let (came, at) = self.arrivals.recv_timeout(PATIENCE).expect("it arrives");
            assert_eq!(came, number, "each once, in order");
            arrived.push(ms(at - sent.asked));
        }
        self.stream.shutdown(Shutdown::Both)?;
        let gaps = self.reader.join().expect("the reader");
        let acknowledged = sent.iter().map(|sent| ms(sent.acknowledged - sent.asked)).collect();
        Ok(Measured { acknowledged, arrived, pages, gaps })
    }
}

/// Does it every so often, or as often as it can, until it is to stop.
fn now_and_then(stopped: &AtomicBool, mut it: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    while !stopped.load(Ordering::Relaxed) {
        let begun = Instant::now();
        it()?;
        thread::sleep(EVERY.saturating_sub(begun.elapsed()));
    }
    Ok(())
}

/// A stream of the room that is open.
fn open_stream(app: &App) -> io::Result<TcpStream> {
    let mut socket = TcpStream::connect(app.address())?;
    socket.write_all(&stream(&format!("/rooms/{ROOM}/events"), ""))?;
    let mut read = Vec::new();
    while !read.ends_with(b": hubbub\n\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte)?;
        read.extend(byte);
    }
    Ok(socket)
}

/// Tells of each message by its number, until the stream ends; gives the number of gaps. The lines
/// around a chunk are between events, and hold nothing that is looked for.
fn read(mut socket: TcpStream, tell: &mpsc::Sender<(u64, Instant)>) -> u64 {
    let mut gaps = 0;
    let mut have = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = socket.read(&mut buffer) {
        let now = Instant::now();
        have.extend_from_slice(&buffer[..length]);
        while let Some(end) = have.windows(2).position(|two| two == b"\n\n") {
            let event: Vec<u8> = have.drain(..end + 2).collect();
            gaps += u64::from(event.windows(11).any(|part| part == b"event: Gap\n"));
            if let Some(number) = number_after(&event, &[MARK]) {
                let _ = tell.send((number, now));
            }
        }
    }
    gaps
}

/// A keep-alive connection that waits for its answers.
struct Client {
    socket: TcpStream,
    answer: Vec<u8>,
}

impl Client {
    fn open(app: &App) -> io::Result<Self> {
        let socket = TcpStream::connect(app.address())?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { socket, answer: Vec::new() })
    }

    fn ask(&mut self, request: &[u8]) -> io::Result<&[u8]> {
        self.socket.write_all(request)?;
        self.answer.clear();
        while !whole(&self.answer) {
            let mut buffer = [0; 16 * 1024];
            let length = self.socket.read(&mut buffer)?;
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.answer.extend_from_slice(&buffer[..length]);
        }
        Ok(&self.answer)
    }
}
