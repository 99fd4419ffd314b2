//! HTTP/1.1 by hand, for what a client of the better sort does not do: to read slowly or never, to
//! say half a request, to be ten thousand.

use std::{io, net::SocketAddr};

use socket2::{Domain, Socket, Type};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{Server, soon};

/// One connection.
pub struct Wire {
    pub socket: TcpStream,
    /// What was read so far.
    pub read: String,
}

impl Wire {
    /// Connects.
    pub async fn to(app: &impl Server) -> Self {
        let socket = soon("a connection", TcpStream::connect(app.address())).await;
        Self { socket: socket.expect("it listens"), read: String::new() }
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
        Self { socket: TcpStream::from_std(socket.into()).unwrap(), read: String::new() }
    }

    /// Writes as it stands.
    pub async fn say(&mut self, raw: &str) -> io::Result<()> {
        self.socket.write_all(raw.as_bytes()).await
    }

    /// Asks for a page or a stream.
    pub async fn get(&mut self, path: &str) -> io::Result<()> {
        self.say(&format!("GET {path} HTTP/1.1\r\nHost: hubbub\r\n\r\n")).await
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
                Ok(count) => self.read.push_str(&String::from_utf8_lossy(&buffer[..count])),
            }
        }
    }

    /// Reads to the end of the connection, clean or not.
    pub async fn rest(mut self) -> String {
        assert_eq!(soon("the end", self.try_until("\u{7f}never")).await, None);
        self.read
    }
}

/// A stream of the lobby that is open.
pub async fn stream(app: &impl Server) -> Wire {
    let mut wire = Wire::to(app).await;
    wire.get("/rooms/lobby/events").await.expect("it listens");
    let head = wire.until(": hubbub\n\n").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    wire
}
