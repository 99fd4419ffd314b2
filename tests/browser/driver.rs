//! The program that drives a browser, and the display of one that needs one. Both end with the test.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use crate::{
    engine::{Engine, Programs},
    support::PATIENCE,
};

/// Between two looks at a driver that does not say when it has started.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How long an answer of a driver may take that is at its end.
const DEADLINE: Duration = Duration::from_secs(10);

/// WebKit's browser lets no window be narrower than its bar, which is wider than a phone.
const SMALL_BAR: &str =
    "* { font-size: 1px; min-width: 0; min-height: 0; padding: 0; margin: 0; border: 0; }";

/// A driver that runs, and what it started.
pub struct Driver {
    child: Child,
    port: u16,
    /// Asks it to end its browser.
    farewell: String,
    // In this order: the browser is gone before its display.
    _display: Option<Display>,
}

impl Driver {
    /// Starts one. It takes a port that was free a moment ago, and ends where another was quicker:
    /// with many tests at once this happens, and hardly twice in a row.
    pub async fn start(
        engine: Engine,
        programs: &Programs,
        home: &Path,
        zone: Option<&str>,
    ) -> Self {
        for _ in 0..5 {
            if let Some(started) = Self::try_start(engine, programs, home, zone).await {
                return started;
            }
        }
        panic!("the driver starts");
    }

    async fn try_start(
        engine: Engine,
        programs: &Programs,
        home: &Path,
        zone: Option<&str>,
    ) -> Option<Self> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = free.local_addr().expect("bound").port();
        drop(free);
        let mut command = Command::new(&programs.driver);
        command.arg(format!("--port={port}")).stdin(Stdio::null()).stdout(Stdio::null());
        command.envs(zone.map(|zone| ("TZ", zone)));
        let mut display = None;
        match engine {
            Engine::Chromium => {}
            Engine::Firefox => {
                // It says much that is of no use, through the driver.
                command
                    .args(["--allow-system-access", "--log", "fatal", "--profile-root"])
                    .arg(home)
                    .stderr(Stdio::null());
            }
            Engine::WebKit => {
                let settings = home.join(".config/gtk-3.0");
                fs::create_dir_all(&settings).expect("a directory");
                fs::write(settings.join("gtk.css"), SMALL_BAR).expect("its style");
                let its = display.insert(Display::start(&programs.other));
                // No settings of whoever runs the tests, and no bus of a desktop.
                command.env("HOME", home).env("DISPLAY", &its.name).env("GDK_BACKEND", "x11");
                command.env("NO_AT_BRIDGE", "1").env("XDG_RUNTIME_DIR", home);
                command.env_remove("DBUS_SESSION_BUS_ADDRESS").env_remove("XDG_CONFIG_HOME");
                command.stderr(Stdio::null());
            }
        }
        let child = command.spawn().expect("the driver can be run");
        let mut started =
            Self { child, port, farewell: "GET /shutdown".to_owned(), _display: display };
        let begun = Instant::now();
        // By a client that goes by the answer's length: ChromeDriver closes no connection.
        let client = reqwest::Client::builder().timeout(DEADLINE).build().expect("a client");
        let status = format!("{}/status", started.url());
        while started.child.try_wait().expect("a child").is_none() {
            assert!(begun.elapsed() < PATIENCE, "the driver does not answer");
            if let Ok(answer) = client.get(&status).send().await
                && answer.text().await.is_ok_and(|said| said.contains("\"ready\""))
            {
                return Some(started);
            }
            sleep(POLL_INTERVAL).await;
        }
        None
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Tells it which browser to end.
    pub fn end_with(&mut self, session: &str) {
        self.farewell = format!("DELETE /session/{session}");
    }

    fn ask(&self, what: &str) -> Option<String> {
        let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        socket.set_read_timeout(Some(DEADLINE)).ok()?;
        let host = format!("Host: 127.0.0.1:{}\r\nConnection: close", self.port);
        write!(socket, "{what} HTTP/1.1\r\n{host}\r\n\r\n").ok()?;
        let mut said = Vec::new();
        // What came before the end of the time will do.
        let _ = socket.read_to_end(&mut said);
        Some(String::from_utf8_lossy(&said).into_owned())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Asked, it ends its browser too; killed, it would leave it. It goes in either case.
        let _ = self.ask(&self.farewell);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An X server without a screen. It ends with its last client.
struct Display {
    child: Child,
    /// `:NUMBER`.
    name: String,
}

impl Display {
    fn start(program: &Path) -> Self {
        let mut child = Command::new(program)
            .args(["-displayfd", "1", "-terminate", "-screen", "0", "1920x1200x24"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb can be run");
        let mut number = String::new();
        let mut says = BufReader::new(child.stdout.take().expect("piped"));
        says.read_line(&mut number).expect("UTF-8");
        assert!(!number.is_empty(), "Xvfb does not start");
        Self { child, name: format!(":{}", number.trim()) }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let begun = Instant::now();
        while begun.elapsed() < DEADLINE {
            if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return;
            }
            thread::sleep(POLL_INTERVAL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Killed, it leaves these, and its number is not given out again.
        let number = self.name.trim_start_matches(':');
        let _ = fs::remove_file(format!("/tmp/.X{number}-lock"));
        let _ = fs::remove_file(format!("/tmp/.X11-unix/X{number}"));
    }
}
