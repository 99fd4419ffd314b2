//! A Chromium, with what only its DevTools can do.

use std::{
    fs,
    ops::{Deref, DerefMut},
};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{browser::Browser, engine::Engine, support::soon};

/// A [`Browser`] of that engine.
pub struct Chromium(Browser);

impl Deref for Chromium {
    type Target = Browser;

    fn deref(&self) -> &Browser {
        &self.0
    }
}

impl DerefMut for Chromium {
    fn deref_mut(&mut self) -> &mut Browser {
        &mut self.0
    }
}

impl Chromium {
    /// See [`Browser::start`].
    pub async fn start() -> Option<Self> {
        Browser::start(Engine::Chromium).await.map(Self)
    }

    /// See [`Browser::without_scripts`].
    pub async fn without_scripts() -> Option<Self> {
        Browser::without_scripts(Engine::Chromium).await.map(Self)
    }

    /// See [`Browser::with_one_window`].
    pub async fn with_one_window() -> Option<Self> {
        Browser::with_one_window(Engine::Chromium).await.map(Self)
    }

    /// Runs a script in a tab that nobody turned to, and waits for its promise: the driver would turn
    /// to it, and so show it. By the browser's own DevTools socket.
    pub async fn run_unseen(&self, target: &str, script: &str) {
        let port = fs::read_to_string(self.profile.path().join("DevToolsActivePort"));
        let port = port.expect("it is debugged").lines().next().expect("a port").to_owned();
        let params = serde_json::json!({ "expression": script, "awaitPromise": true });
        let wanted = serde_json::json!({ "id": 1, "method": "Runtime.evaluate", "params": params });
        let wanted = wanted.to_string();
        let talk = async {
            let mut socket = tokio::net::TcpStream::connect(format!("127.0.0.1:{port}")).await?;
            let upgrade = format!(
                "GET /devtools/page/{target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\
                 Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            );
            socket.write_all(upgrade.as_bytes()).await?;
            // What comes before its answer it does not take.
            read_until(&mut socket, "\r\n\r\n").await?;
            // A text in one frame (RFC 6455, section 5.2), masked with zeros, which change nothing.
            let length = u16::try_from(wanted.len()).expect("a short script").to_be_bytes();
            let head = [&[0x81, 0x80 | 0x7e][..], &length, &[0; 4]].concat();
            socket.write_all(&[&head, wanted.as_bytes()].concat()).await?;
            let said = read_until(&mut socket, "}}}").await?;
            assert!(!said.contains("exceptionDetails"), "{said}");
            std::io::Result::Ok(())
        };
        soon("the script's end", talk).await.expect("a DevTools socket");
    }
}

/// Reads until `end` has come, and gives all that came.
async fn read_until(socket: &mut tokio::net::TcpStream, end: &str) -> std::io::Result<String> {
    let mut read = Vec::new();
    loop {
        let more = socket.read_buf(&mut read).await?;
        let said = String::from_utf8_lossy(&read);
        if said.contains(end) {
            return Ok(said.into_owned());
        }
        assert!(more > 0, "no {end:?} in {said}");
    }
}
