//! The floor: a plain loop that writes given bytes to every reader, from one thread and with
//! blocking sockets. What the same bytes cost to send at all.
//!
//! It is a process of its own, so that what the kernel charges to a sender is charged alike.

use std::{
    env,
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
};

use socket2::{Domain, Socket, Type};

use super::{
    number_after,
    process::{self, Process},
};

/// The argument that makes a bench's binary the floor.
const ROLE: &str = "--floor";

/// What it answers a reader.
const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
    cache-control: no-cache, no-transform\r\nx-accel-buffering: no\r\nvary: accept\r\n\
    transfer-encoding: chunked\r\nconnection: close\r\n\
    date: Tue, 24 Nov 2026 10:00:00 GMT\r\n\r\n\
    16\r\nretry: 1000\n: hubbub\n\n\r\n";

/// A running floor.
pub struct Floor {
    process: Process,
    address: String,
}

impl Floor {
    /// Starts one.
    pub fn start() -> io::Result<Self> {
        Self::behind(b"")
    }

    /// Starts one that writes this to each reader behind its head.
    pub fn behind(first: &[u8]) -> io::Result<Self> {
        let (process, address) = process::in_role(ROLE, first)?;
        Ok(Self { process, address })
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The process.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

/// Whether this process was started as the floor; then it has been, and is to end.
pub fn was_asked_for() -> bool {
    let asked = env::args().nth(1).is_some_and(|role| role == ROLE);
    if asked {
        run().expect("the floor");
    }
    asked
}

/// Takes readers, until somebody posts: each of that one's posts goes to every reader.
fn run() -> io::Result<()> {
    let mut answer = HEAD.to_vec();
    io::stdin().read_to_end(&mut answer)?;
    // The standard library lets 128 wait, and the others of a crowd come again after seconds.
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    listener.bind(&"127.0.0.1:0".parse::<SocketAddr>().expect("an address").into())?;
    listener.listen(4096)?;
    let listener = TcpListener::from(listener);
    println!("{}", listener.local_addr()?);
    let mut readers: Vec<TcpStream> = Vec::new();
    let mut request = Vec::new();
    loop {
        let (mut socket, _) = listener.accept()?;
        socket.set_nodelay(true)?;
        request.clear();
        while let Some(length) = missing(&request) {
            let have = request.len();
            request.resize(have + length, 0);
            let read = socket.read(&mut request[have..])?;
            request.truncate(have + read);
            if read == 0 {
                break;
            }
        }
        if request.starts_with(b"POST ") {
            return relay(socket, request, &mut readers);
        }
        socket.write_all(&answer)?;
        readers.push(socket);
    }
}

fn relay(mut sender: TcpStream, mut post: Vec<u8>, readers: &mut [TcpStream]) -> io::Result<()> {
    loop {
        let body = head_of(&post).expect("read whole");
        for reader in &mut *readers {
            reader.write_all(&post[body..])?;
        }
        sender.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n")?;
        post.clear();
        while let Some(length) = missing(&post) {
            let have = post.len();
            post.resize(have + length, 0);
            let read = sender.read(&mut post[have..])?;
            post.truncate(have + read);
            if read == 0 {
                return Ok(());
            }
        }
    }
}

/// Where the body begins.
fn head_of(request: &[u8]) -> Option<usize> {
    request.windows(4).position(|four| four == b"\r\n\r\n").map(|end| end + 4)
}

/// How much to read at most until a request is whole; `None` when it is.
fn missing(request: &[u8]) -> Option<usize> {
    let Some(head) = head_of(request) else { return Some(4096) };
    let length = number_after(&request[..head], b"Content-Length: ").unwrap_or(0);
    let whole = head + usize::try_from(length).expect("a length that fits");
    (request.len() < whole).then(|| whole - request.len())
}
