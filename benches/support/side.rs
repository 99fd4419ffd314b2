//! What is compared: hubbub, the floor under it, and a peer. All are asked and told over HTTP.

use std::{io, time::Duration};

use super::{
    app::App,
    crowd::{DIGITS, MARK, marked},
    floor::Floor,
    nchan::Nchan,
    process,
};

/// One of them, running.
pub enum Side {
    /// What is measured.
    Hubbub(App),
    /// Its floor, and a frame of hubbub's as it goes over the wire.
    Floor(Floor, Vec<u8>),
    /// Its peer.
    Nchan(Nchan),
}

impl Side {
    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        match self {
            Self::Hubbub(app) => app.address(),
            Self::Floor(floor, _) => floor.address(),
            Self::Nchan(nchan) => nchan.address(),
        }
    }

    /// The process that does the work.
    pub fn id(&self) -> u32 {
        match self {
            Self::Hubbub(app) => app.id(),
            Self::Floor(floor, _) => floor.process().id(),
            Self::Nchan(nchan) => nchan.worker(),
        }
    }

    /// The processor time that it has used.
    pub fn cpu(&self) -> Duration {
        process::cpu(self.id())
    }

    /// Asks for the stream.
    pub fn stream(&self) -> Vec<u8> {
        let path = match self {
            Self::Hubbub(_) => "/rooms/lobby/events",
            Self::Floor(..) | Self::Nchan(_) => "/events",
        };
        stream(path, "")
    }

    /// Sends a message with a number.
    pub fn send(&self, number: u64) -> Vec<u8> {
        match self {
            Self::Hubbub(_) => hubbub_send(number),
            Self::Floor(_, frame) => post("/", "", &numbered(frame, number)),
            Self::Nchan(_) => {
                let text = said(number);
                let body = format!(
                    "<p id=\"m{number}\" data-key=\"0123abcd-{number}\" class=\"message\">\
                     <strong>ann:</strong> <span>{text}</span> \
                     <time datetime=\"2026-11-24T10:00:00Z\">10:00</time></p>"
                );
                post("/publish", "X-EventSource-Event: NewMessage\r\n", body.as_bytes())
            }
        }
    }
}

/// Sends a message with a number, as a script would.
pub fn hubbub_send(number: u64) -> Vec<u8> {
    hubbub_send_to("lobby", number)
}

/// Sends a message with a number to another room.
pub fn hubbub_send_to(room: &str, number: u64) -> Vec<u8> {
    let body = format!("username=ann&text={}", said(number).replace(' ', "+"));
    form(&format!("/rooms/{room}/messages"), &body)
}

/// A frame with another number.
pub fn numbered(frame: &[u8], number: u64) -> Vec<u8> {
    let mut frame = frame.to_vec();
    let mark = frame.iter().position(|byte| *byte == MARK).expect("a mark");
    frame[mark..=mark + DIGITS].copy_from_slice(marked(number).as_bytes());
    frame
}

/// A short text with a number.
fn said(number: u64) -> String {
    format!("Shall we meet at the harbour at seven? {}", marked(number))
}

/// What is in a chunk that came whole.
pub fn unchunked(chunk: &[u8]) -> &[u8] {
    let size_line = chunk.iter().position(|byte| *byte == b'\n').expect("a size");
    chunk[size_line + 1..].strip_suffix(b"\r\n").expect("the end of a chunk")
}

/// A chunk of these bytes.
pub fn chunked(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// A frame of hubbub's as it goes over the wire: in its chunk.
pub fn frame() -> io::Result<Vec<u8>> {
    use std::io::{Read as _, Write as _};
    let side = Side::Hubbub(App::pinned(&[]));
    let mut reader = std::net::TcpStream::connect(side.address())?;
    reader.set_read_timeout(Some(Duration::from_secs(10)))?; // Reached only by what is broken.
    reader.write_all(&side.stream())?;
    let mut read = [0; 4096];
    let mut wait = |end: &[u8]| {
        let mut have = Vec::new();
        while !have.ends_with(end) {
            let length = reader.read(&mut read)?;
            assert!(length > 0, "the stream goes on");
            have.extend_from_slice(&read[..length]);
        }
        Ok::<_, io::Error>(have)
    };
    // The comment that opens the stream, and the frame.
    wait(b": hubbub\n\n\r\n")?;
    let mut sender = std::net::TcpStream::connect(side.address())?;
    sender.write_all(&side.send(0))?;
    wait(b"</p>\n\n\r\n")
}

/// Asks for a stream.
pub fn stream(path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{headers}\r\n")
        .into_bytes()
}

/// Asks for a page, with more header lines.
pub fn get(path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").into_bytes()
}

/// Posts a form.
pub fn form(path: &str, body: &str) -> Vec<u8> {
    post(path, "Content-Type: application/x-www-form-urlencoded\r\n", body.as_bytes())
}

/// A post, with more header lines.
pub fn post(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}
