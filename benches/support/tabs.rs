//! Tabs: readers that joined under a name of their own, as a browser's do.

use std::io;

use super::{
    Connection,
    app::App,
    side::{form, post, stream},
};

/// A tab's address, and the cookie that proves it.
pub struct Tab {
    /// Its path.
    pub path: String,
    cookie: String,
}

impl Tab {
    /// Joins the lobby.
    pub async fn join(connection: &mut Connection, number: usize) -> io::Result<Self> {
        let request = form("/rooms/lobby/join", &format!("username=reader{number}"));
        Ok(Self::joined(connection.ask(&request).await?))
    }

    /// The tab that this answer to a join leads to.
    pub fn joined(answer: &[u8]) -> Self {
        let answer = str::from_utf8(answer).expect("UTF-8");
        let between = |start: &str, end: &str| {
            let (_, rest) = answer.split_once(start).unwrap_or_else(|| panic!("joined: {answer}"));
            rest.split_once(end).expect("the end of a line").0.to_owned()
        };
        Self { path: between("location: ", "\r\n"), cookie: between("set-cookie: ", ";") }
    }

    /// The header that proves it, with what makes it a line.
    pub fn proof(&self) -> String {
        format!("Cookie: {}\r\n", self.cookie)
    }

    /// Says that it is hidden: for two and a half minutes it is in the room without a stream.
    pub async fn hide(&self, connection: &mut Connection) -> io::Result<()> {
        let (path, headers) =
            (format!("{}/presence", self.path), format!("{FORM}{}", self.proof()));
        let answer = connection.ask(&post(&path, &headers, b"hidden=true")).await?;
        assert!(answer.starts_with(b"HTTP/1.1 204 "), "{}", String::from_utf8_lossy(answer));
        Ok(())
    }

    /// Asks for its stream, after a message where it has one already.
    pub fn events(&self, after: Option<&str>) -> Vec<u8> {
        let cursor = after.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        stream(&format!("{}/events", self.path), &format!("{}{cursor}{USUAL}", self.proof()))
    }
}

/// What a post carries.
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// What browsers send along, in bytes a server may hold on to.
const USUAL: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like \
    Gecko) Chrome/142.0.0.0 Safari/537.36\r\nReferer: http://127.0.0.1:3000/rooms/lobby\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n\
    Cache-Control: no-cache\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n\
    Sec-Fetch-Dest: empty\r\n";

/// Tabs that join one after another.
pub async fn join(app: &App, count: usize) -> io::Result<Vec<Tab>> {
    let mut connection = Connection::open(app.address()).await?;
    let mut tabs = Vec::with_capacity(count);
    for number in 0..count {
        tabs.push(Tab::join(&mut connection, number).await?);
    }
    Ok(tabs)
}

/// Tabs that join one after another and are in the room without a stream; see [`Tab::hide`].
pub async fn join_hidden(app: &App, count: usize) -> io::Result<Vec<Tab>> {
    let mut connection = Connection::open(app.address()).await?;
    let mut tabs = Vec::with_capacity(count);
    for number in 0..count {
        let tab = Tab::join(&mut connection, number).await?;
        // At once: who does not come loses its name after a grace.
        tab.hide(&mut connection).await?;
        tabs.push(tab);
    }
    Ok(tabs)
}
