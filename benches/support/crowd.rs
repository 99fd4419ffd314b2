//! Very many readers and some senders, on one thread: what a delivery costs to read should be
//! little beside what it costs to send.
//!
//! Each message carries a number behind a mark. The crowd holds every reader to one order, and
//! knows when the last of them has a message. Where readers may lack some, it waits for one message
//! that all get, and counts the gaps that they are told of.
//!
//! Frames may stand in chunks or bare, as an older build has them: a chunk holds whole events, and
//! what is around it is neither a mark nor a part of a gap.

mod deliver;
mod encrypted;

use std::{
    collections::VecDeque,
    io::{self, Read as _, Write as _},
    net::SocketAddr,
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};

use super::tls::Wire;

/// Stands before a message's number, and nowhere else in what is read.
pub const MARK: u8 = b'~';

/// Digits of a number.
pub const DIGITS: usize = 8;

/// Readers that are opened before the first of them must have its answer: fewer than wait in the
/// server's queue of connections.
const BATCH: usize = 256;

/// Where senders' tokens begin.
const SENDERS: usize = 1 << 32;

/// What tells a reader that it lacks messages.
const GAP: &[u8] = b"\nevent: Gap\n";

/// Reached only by what is broken.
const PATIENCE: Duration = Duration::from_mins(2);

/// The number of a message, as its text carries it.
pub fn marked(number: u64) -> String {
    format!("{}{number:0DIGITS$}", char::from(MARK))
}

/// Readers of one stream, and senders.
pub struct Crowd {
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    readers: Vec<Reader>,
    senders: Vec<Sender>,
    opened: usize,
    /// The messages in the order in which every reader has them.
    arrivals: Vec<Arrival>,
    /// What was acknowledged since it was last looked at: to which sender, and after how long.
    pub acknowledged: VecDeque<(usize, Duration)>,
    /// The number of the message that ends it, where readers may lack others.
    end: Option<u64>,
    /// How many have that message.
    pub ended: usize,
    /// Gaps that readers were told of, by all of them together; counted where they may lack messages.
    pub gaps: u64,
    /// Messages read, by all readers together.
    pub deliveries: u64,
    /// When something last arrived.
    pub last_read: Instant,
}

/// One message, as it reached the readers.
pub struct Arrival {
    /// Its number.
    pub number: u64,
    /// How many have it.
    pub readers: usize,
    /// When the last of all readers got it.
    pub whole: Option<Instant>,
}

struct Reader {
    socket: Wire,
    /// What it still has to ask, when its connection is there.
    request: Option<Vec<u8>>,
    opened: bool,
    /// How many messages it has.
    got: usize,
    /// Digits of a number that were read so far, the mark counted; 0 outside of one.
    digits: usize,
    number: u64,
    /// The end of what was read, which may be the start of a gap.
    tail: Vec<u8>,
}

struct Sender {
    socket: Wire,
    asked: Option<Instant>,
    answer: Vec<u8>,
}

impl Crowd {
    /// Nobody yet.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            buffer: vec![0; 256 * 1024],
            readers: Vec::new(),
            senders: Vec::new(),
            opened: 0,
            arrivals: Vec::new(),
            acknowledged: VecDeque::new(),
            end: None,
            ended: 0,
            gaps: 0,
            deliveries: 0,
            last_read: Instant::now(),
        })
    }

    /// Nobody yet, of whom each may lack messages, but not the one with this number: the last.
    pub fn that_may_lack(end: u64) -> io::Result<Self> {
        Ok(Self { end: Some(end), ..Self::new()? })
    }

    /// Opens one more reader for each request, and waits until all have their first bytes.
    pub fn open(
        &mut self,
        address: &str,
        requests: impl IntoIterator<Item = Vec<u8>>,
    ) -> io::Result<()> {
        for request in requests {
            let mut socket = std::net::TcpStream::connect(address)?;
            socket.write_all(&request)?;
            self.add(socket)?;
            if self.readers.len() - self.opened >= BATCH {
                self.until("answers", |crowd| crowd.readers.len() - crowd.opened < BATCH / 2)?;
            }
        }
        self.until("answers", |crowd| crowd.opened == crowd.readers.len())
    }

    /// Opens readers without waiting for any of them: not for its connection either.
    pub fn open_at_once(
        &mut self,
        address: &str,
        requests: impl IntoIterator<Item = Vec<u8>>,
    ) -> io::Result<()> {
        let address: SocketAddr = address.parse().expect("an address");
        for request in requests {
            let socket = TcpStream::connect(address)?;
            self.register(Wire::Plain(socket), Some(request))?;
        }
        self.until("answers", |crowd| crowd.opened == crowd.readers.len())
    }

    /// Takes a reader that has asked.
    fn add(&mut self, socket: std::net::TcpStream) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        self.register(Wire::Plain(TcpStream::from_std(socket)), None)
    }

    fn register(&mut self, mut socket: Wire, request: Option<Vec<u8>>) -> io::Result<()> {
        let token = Token(self.readers.len());
        let interest = match request {
            Some(_) => Interest::READABLE | Interest::WRITABLE,
            None => Interest::READABLE,
        };
        self.poll.registry().register(socket.source(), token, interest)?;
        self.readers.push(Reader {
            socket,
            request,
            opened: false,
            got: 0,
            digits: 0,
            number: 0,
            tail: Vec::new(),
        });
        Ok(())
    }

    /// Adds a keep-alive connection for sends.
    pub fn add_sender(&mut self, address: &str) -> io::Result<usize> {
        let address: SocketAddr = address.parse().expect("an address");
        let socket = std::net::TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        self.register_sender(Wire::Plain(TcpStream::from_std(socket)))
    }

    fn register_sender(&mut self, mut socket: Wire) -> io::Result<usize> {
        let sender = self.senders.len();
        let token = Token(SENDERS + sender);
        self.poll.registry().register(socket.source(), token, Interest::READABLE)?;
        self.senders.push(Sender { socket, asked: None, answer: Vec::new() });
        Ok(sender)
    }

    /// Sends one prepared request; its acknowledgement is noted when it comes.
    pub fn send(&mut self, sender: usize, request: &[u8]) -> io::Result<()> {
        let sender = &mut self.senders[sender];
        assert!(sender.asked.replace(Instant::now()).is_none(), "one at a time");
        // A request is small, and the connection's buffer empty.
        assert_eq!(sender.socket.write(request)?, request.len());
        Ok(())
    }

    /// How many readers there are.
    pub fn readers(&self) -> usize {
        self.readers.len()
    }

    /// The messages that somebody has, oldest first.
    pub fn arrivals(&self) -> &[Arrival] {
        &self.arrivals
    }

    /// How many messages all readers have.
    pub fn complete(&self) -> usize {
        // Nobody has a later message and lacks an earlier one.
        self.arrivals.partition_point(|arrival| arrival.readers == self.readers.len())
    }

    /// Goes on until `done`.
    pub fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) -> io::Result<()> {
        let begun = Instant::now();
        while !done(self) {
            self.turn(Duration::from_secs(1))?;
            assert!(begun.elapsed() < PATIENCE, "{what}: not in time");
        }
        Ok(())
    }

    /// Goes on for a time.
    pub fn during(&mut self, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            self.turn(left)?;
        }
        Ok(())
    }

    /// Goes on until nothing was read for a while.
    pub fn until_quiet(&mut self, time: Duration) -> io::Result<()> {
        self.until("quiet", |crowd| crowd.last_read.elapsed() >= time)
    }

    /// Takes what there is, or waits for something to come.
    pub fn turn(&mut self, wait: Duration) -> io::Result<()> {
        let Self { poll, events, buffer, .. } = self;
        match poll.poll(events, Some(wait)) {
            Err(why) if why.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &*events {
            let Token(token) = event.token();
            if let Some(sender) = token.checked_sub(SENDERS) {
                let waited = self.senders[sender].read(buffer)?;
                self.acknowledged.extend(waited.map(|waited| (sender, waited)));
                continue;
            }
            let all = self.readers.len();
            let reader = &mut self.readers[token];
            if event.is_writable()
                && let Some(request) = reader.request.take()
            {
                // It fits into the empty buffer of a new connection; one that failed says why.
                assert_eq!(reader.socket.write(&request)?, request.len());
            }
            if !event.is_readable() {
                continue;
            }
            let read = loop {
                let read = match reader.socket.read(buffer) {
                    Err(why) if why.kind() == io::ErrorKind::WouldBlock => break 0,
                    other => other?,
                };
                assert!(read > 0, "a stream ended");
                if !reader.opened {
                    assert!(buffer.starts_with(b"HTTP/1.1 200 "), "a stream is refused");
                    reader.opened = true;
                    self.opened += 1;
                }
                let part = &buffer[..read];
                self.deliveries += match self.end {
                    None => reader.take(part, |reader| reader.in_order(all, &mut self.arrivals)),
                    Some(end) => {
                        self.gaps += reader.gaps(part);
                        reader.take(part, |reader| self.ended += usize::from(reader.number == end))
                    }
                };
                // Less than there was room for: that was all, epoll(7) says so. Of what is encrypted
                // a record at most is read at once.
                if read < buffer.len() && !reader.socket.is_encrypted() {
                    break read;
                }
            };
            if read > 0 {
                self.last_read = Instant::now();
            }
        }
        Ok(())
    }
}

impl Reader {
    /// Counts the messages whose numbers end in `part`, each of which `with` looks at.
    fn take(&mut self, part: &[u8], mut with: impl FnMut(&Self)) -> u64 {
        let before = self.got;
        let mut rest = part;
        loop {
            if self.digits == 0 {
                let Some(mark) = memchr::memchr(MARK, rest) else { break };
                rest = &rest[mark + 1..];
                (self.digits, self.number) = (1, 0);
            }
            while self.digits <= DIGITS {
                let Some((digit, more)) = rest.split_first() else {
                    return (self.got - before) as u64;
                };
                assert!(digit.is_ascii_digit(), "a number");
                self.number = self.number * 10 + u64::from(digit - b'0');
                self.digits += 1;
                rest = more;
            }
            self.digits = 0;
            with(self);
            self.got += 1;
        }
        (self.got - before) as u64
    }

    /// Notes the message that it has now, which must be the one that others had in this place.
    fn in_order(&self, all: usize, arrivals: &mut Vec<Arrival>) {
        if self.got == arrivals.len() {
            arrivals.push(Arrival { number: self.number, readers: 0, whole: None });
        }
        let arrival = &mut arrivals[self.got];
        assert_eq!(arrival.number, self.number, "every reader has the same order");
        arrival.readers += 1;
        if arrival.readers == all {
            arrival.whole = Some(Instant::now());
        }
    }

    /// How many gaps `part` ends to tell of.
    fn gaps(&mut self, part: &[u8]) -> u64 {
        self.tail.extend_from_slice(&part[..part.len().min(GAP.len() - 1)]);
        let across = memchr::memmem::find_iter(&self.tail, GAP).count();
        if part.len() >= GAP.len() - 1 {
            self.tail.clear();
            self.tail.extend_from_slice(&part[part.len() - (GAP.len() - 1)..]);
        } else {
            // What was found must not be found again with what comes next.
            let kept = if across > 0 { 0 } else { self.tail.len().min(GAP.len() - 1) };
            self.tail.drain(..self.tail.len() - kept);
        }
        (across + memchr::memmem::find_iter(part, GAP).count()) as u64
    }
}

impl Sender {
    /// How long the answer took, when it is whole.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<Duration>> {
        let mut read = 0;
        loop {
            match self.socket.read(&mut buffer[read..]) {
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => break,
                other => read += other?,
            }
            if read == 0 || !self.socket.is_encrypted() {
                break;
            }
        }
        if read == 0 && self.socket.is_encrypted() {
            return Ok(None); // A session ticket.
        }
        if read == 0 {
            // An idle connection is not kept for ever.
            assert!(self.asked.is_none(), "a send is answered");
            return Ok(None);
        }
        self.answer.extend_from_slice(&buffer[..read]);
        if !super::whole(&self.answer) {
            return Ok(None);
        }
        assert!(self.answer.starts_with(b"HTTP/1.1 20"), "a send is acknowledged");
        self.answer.clear();
        Ok(self.asked.take().map(|asked| asked.elapsed()))
    }
}
