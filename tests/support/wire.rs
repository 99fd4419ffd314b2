//! HTTP/1.1 by hand, for what a client of the better sort does not do: to read slowly or never, to
//! say half a request, to be ten thousand.

use std::{io, net::SocketAddr};

use socket2::{Domain, Socket, Type};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{Server, chunks::Chunks, soon};

/// One connection.
pub struct Wire {
    pub socket: TcpStream,
    /// What was read so far, out of its chunks where [`Wire::head`] saw that there are some.
    pub read: String,
    /// The start of a character that did not come whole.
    torn: Vec<u8>,
    /// The chunks of the body that is read.
    pub chunks: Option<Chunks>,
}

impl Wire {
    /// Connects.
    pub async fn to(app: &impl Server) -> Self {
        let socket = soon("a connection", TcpStream::connect(app.address())).await;
        Self::on(socket.expect("it listens"))
    }

    /// Over a socket that is connected.
    pub fn on(socket: TcpStream) -> Self {
        Self { socket, read: String::new(), torn: Vec::new(), chunks: None }
    }

    /// Connects with a receive buffer as small as the kernel makes one.
    pub fn narrow(app: &impl Server) -> Self {
        Self::with_buffer(app, 1)
    }

    /// Connects with a receive buffer of about so many bytes.
    pub fn with_buffer(app: &impl Server, bytes: usize) -> Self {
        let address: SocketAddr = app.address().parse().unwrap();
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(bytes).unwrap();
        socket.connect(&address.into()).expect("it listens");
        socket.set_nonblocking(true).unwrap();
        Self::on(TcpStream::from_std(socket.into()).unwrap())
    }

    /// Writes as it stands.
    pub async fn say(&mut self, raw: &str) -> io::Result<()> {
        self.socket.write_all(raw.as_bytes()).await
    }

    /// Asks for a page or a stream.
    pub async fn get(&mut self, path: &str) -> io::Result<()> {
        self.say(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await
    }

    /// Asks for a stream, and gives the head of the answer, which must be one.
    pub async fn open(&mut self, path: &str) -> String {
        self.get(path).await.expect("it listens");
        self.head().await
    }

    /// Reads the head of an answer, which must be a success, and what follows it in the framing that
    /// it says.
    pub async fn head(&mut self) -> String {
        let head = self.until("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.") && head[8..].starts_with(" 200 "), "{head}");
        if head.contains("\r\ntransfer-encoding: chunked\r\n") {
            self.chunks = Some(Chunks::default());
            let mut begun = std::mem::take(&mut self.read).into_bytes();
            begun.append(&mut self.torn);
            self.take(&begun);
        }
        head
    }

    /// Takes bytes that were read.
    pub fn take(&mut self, bytes: &[u8]) {
        let body = self.chunks.as_mut().map(|chunks| chunks.take(bytes));
        self.torn.extend_from_slice(body.as_deref().unwrap_or(bytes));
        let whole = match str::from_utf8(&self.torn) {
            Ok(all) => all.len(),
            Err(why) => why.valid_up_to(),
        };
        assert!(self.torn.len() - whole < 4, "UTF-8");
        let rest = self.torn.split_off(whole);
        let text = String::from_utf8(std::mem::replace(&mut self.torn, rest));
        self.read.push_str(&text.expect("it was looked at"));
    }

    /// Whether the body that is read came to a clean end.
    pub fn is_complete(&self) -> bool {
        self.chunks.as_ref().is_some_and(Chunks::is_complete)
    }

    /// Reads on until `end` has come, and gives all up to there; fails where the connection ends.
    pub async fn until(&mut self, end: &str) -> String {
        soon(end, self.try_until(end)).await.unwrap_or_else(|| panic!("no {end:?}: {}", self.read))
    }

    /// The same; `None` where the connection ends before.
    pub async fn try_until(&mut self, end: &str) -> Option<String> {
        let mut from = 0;
        loop {
            if let Some(place) = self.read[from..].find(end) {
                let rest = self.read.split_off(from + place + end.len());
                return Some(std::mem::replace(&mut self.read, rest));
            }
            from = self.read.floor_char_boundary(self.read.len().saturating_sub(end.len()));
            let mut buffer = [0; 4096];
            match self.socket.read(&mut buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.take(&buffer[..count]),
            }
        }
    }

    /// Reads to the end of the connection, clean or not.
    pub async fn rest(mut self) -> String {
        self.until_end().await;
        self.read
    }

    /// Reads to the end of the connection, clean or not.
    pub async fn until_end(&mut self) {
        assert_eq!(soon("the end", self.try_until("\u{7f}never")).await, None);
    }
}

/// A stream of the lobby that is open.
pub async fn stream(app: &impl Server) -> Wire {
    let mut wire = Wire::to(app).await;
    wire.open("/rooms/lobby/events").await;
    wire.until(": hubbub\n\n").await;
    wire
}
