//! A Chromium of its own for each test, driven through a chromedriver of its own; both gone with
//! the test.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use thirtyfour::{
    CapabilitiesHelper as _, ChromiumLikeCapabilities as _, DesiredCapabilities,
    LoggingPrefsLogLevel, PageLoadStrategy, WebDriver, WindowHandle,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    support::{
        process::program::{find, not_run},
        soon,
    },
    tab::Tab,
};

/// Nothing but the pages of the test: no window, no first-run pages, no traffic of its own. It
/// runs as root in containers, where its sandbox cannot.
const FLAGS: [&str; 8] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// One browser: all its tabs share its cookies.
pub struct Chromium {
    driver: WebDriver,
    kind: Kind,
    first: Option<WindowHandle>,
    // In this order: the browser ends before its profile goes.
    _chromedriver: Chromedriver,
    profile: TempDir,
}

/// How its tabs are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Each in a window of its own, as if somebody sat before each.
    Windows,
    /// The same, and their pages run no script; the driver's own still do.
    WithoutScripts,
    /// All in one window: the driver turns to one, and the others are hidden.
    OneWindow,
}

impl Chromium {
    /// Starts one, or says why the test cannot run.
    pub async fn start() -> Option<Self> {
        Self::with(Kind::Windows).await
    }

    /// Starts one whose pages run no script; the driver's own still do.
    pub async fn without_scripts() -> Option<Self> {
        Self::with(Kind::WithoutScripts).await
    }

    /// Starts one whose tabs share a window: all but the one that the driver turned to last are
    /// hidden.
    pub async fn with_one_window() -> Option<Self> {
        Self::with(Kind::OneWindow).await
    }

    async fn with(kind: Kind) -> Option<Self> {
        let (Some(chromium), Some(chromedriver)) = (find("chromium"), find("chromedriver")) else {
            not_run("chromium and chromedriver are not both installed", "HUBBUB_BROWSER");
            return None;
        };
        let chromedriver = Chromedriver::start(&chromedriver);
        let profile = tempfile::tempdir().expect("a directory for the profile");
        let mut wanted = DesiredCapabilities::chrome();
        wanted.set_binary(chromium.to_str().expect("UTF-8")).expect("a capability");
        for flag in FLAGS {
            wanted.add_arg(flag).expect("a capability");
        }
        let profile_flag = format!("--user-data-dir={}", profile.path().display());
        wanted.add_arg(&profile_flag).expect("a capability");
        wanted.set_browser_log_level(LoggingPrefsLogLevel::All).expect("a capability");
        // nginx before hubbub has a certificate of the test's own.
        wanted.accept_insecure_certs(true).expect("a capability");
        if kind == Kind::WithoutScripts {
            // The driver would wait for the end of a frame that has none, before every command.
            wanted.set_page_load_strategy(PageLoadStrategy::None).expect("a capability");
        }
        let driver = WebDriver::new(chromedriver.url(), wanted).await.expect("chromium starts");
        // Chromedriver ends the browser; the client would do it on drop, and would block there.
        driver.clone().leak().expect("it runs");
        let first = driver.window().await.expect("it opens with a window");
        let first = Some(first);
        Some(Self { driver, kind, first, _chromedriver: chromedriver, profile })
    }

    /// An empty tab.
    pub async fn open(&mut self) -> Tab {
        let window = match (self.first.take(), self.kind) {
            (Some(first), _) => first,
            (None, Kind::OneWindow) => self.driver.new_tab().await.expect("a tab"),
            (None, _) => self.driver.new_window().await.expect("a window"),
        };
        let tab = Tab::new(self.driver.clone(), window);
        let cdp = tab.driver().await.cdp();
        if self.kind == Kind::OneWindow {
            return tab;
        }
        // Each window is as one that somebody sits before: which of them has the keyboard is chance.
        let on = serde_json::json!({ "enabled": true });
        cdp.send_raw("Emulation.setFocusEmulationEnabled", on).await.expect("it obeys");
        if self.kind == Kind::WithoutScripts {
            let off = serde_json::json!({ "value": true });
            cdp.send_raw("Emulation.setScriptExecutionDisabled", off).await.expect("it obeys");
        }
        tab
    }

    /// A tab that joined the lobby of the hubbub at `home` (`http://ADDR`).
    pub async fn join(&mut self, home: &str, name: &str) -> Tab {
        let tab = self.open().await;
        tab.join(home, name).await;
        tab
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

    /// What the consoles complained of since the last call: script errors, refused loads,
    /// violations of the content policy.
    pub async fn complaints(&self) -> Vec<String> {
        let entries = self.driver.browser_log().await.expect("the console");
        let bad =
            entries.into_iter().filter(|entry| ["SEVERE", "WARNING"].contains(&&*entry.level));
        // The page that a window opens with is the browser's own.
        let ours = bad.filter(|entry| !entry.message.starts_with("chrome://"));
        ours.map(|entry| entry.message).collect()
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

struct Chromedriver {
    child: Child,
    port: u16,
    // Open as long as it runs: a closed pipe would end it at its next line.
    says: BufReader<ChildStdout>,
}

impl Chromedriver {
    /// It takes a free port of IPv4, wants the same of IPv6, and ends where another has that one:
    /// with many tests at once this happens, and hardly twice in a row.
    fn start(program: &Path) -> Self {
        (0..5).find_map(|_| Self::try_start(program)).expect("chromedriver starts")
    }

    fn try_start(program: &Path) -> Option<Self> {
        let mut child = Command::new(program)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("chromedriver can be run");
        let says = BufReader::new(child.stdout.take().expect("piped"));
        let mut started = Self { child, port: 0, says };
        let mut line = String::new();
        while started.says.read_line(&mut line).expect("UTF-8") > 0 {
            let told = line.trim().strip_prefix("ChromeDriver was started successfully on port ");
            if let Some(port) = told {
                started.port = port.trim_end_matches('.').parse().expect("a port");
                return Some(started);
            }
            line.clear();
        }
        None
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Chromedriver {
    fn drop(&mut self) {
        // Asked, it ends its browsers too; killed, it would leave them. It goes in either case.
        if let Ok(mut socket) = TcpStream::connect(("127.0.0.1", self.port)) {
            let _ = socket.set_read_timeout(Some(Duration::from_secs(10)));
            let _ = write!(
                socket,
                "GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
            );
            let _ = socket.read_to_end(&mut Vec::new());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
