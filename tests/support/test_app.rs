//! A hubbub in the test's own process: the library's own `serve`, on a thread and a runtime of its
//! own, so that a test that blocks holds up nothing but itself.

use std::{
    cell::RefCell,
    io::{self, Write},
    panic,
    path::PathBuf,
    sync::{Arc, Mutex, Once, PoisonError, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use clap::Parser as _;
use hubbub::{Hubbub, Listeners, config::Config, shutdown::Shutdown};
use tempfile::TempDir;
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
};
use tracing::{Dispatch, dispatcher};
use tracing_subscriber::EnvFilter;

use super::{PATIENCE, Server, process::directory};

/// Threads of each app's runtime: two, so that what races on a server of many processors can race
/// here as well.
const WORKERS: usize = 2;

/// How long what blocks in the runtime may go on when the app is dropped.
const DROP_TIMEOUT: Duration = Duration::from_secs(5);

/// A running hubbub. Dropped, it ends at once with all that it has open, as if it was killed, and
/// its data with it; a thread of its that panicked before fails the test.
pub struct TestApp {
    scheme: String,
    address: String,
    admin: Option<String>,
    home: TempDir,
    said: Said,
    /// Ends the thread when dropped.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Closed when the thread has ended.
    ended: mpsc::Receiver<()>,
}

impl TestApp {
    /// Starts one with the defaults.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts one with more flags.
    pub fn with(flags: &[&str]) -> Self {
        Self::at("127.0.0.1:0", flags)
    }

    /// Starts one on an address of another interface.
    pub fn listening(listen: &str) -> Self {
        Self::at(listen, &[])
    }

    /// Starts one on these addresses, the first of which is its own in the network.
    pub fn with_listen(listen: &str, flags: &[&str]) -> Self {
        Self::at(listen, flags)
    }

    fn at(listen: &str, flags: &[&str]) -> Self {
        catch_panics();
        let home = directory();
        let data = home.path().join("hubbub.db");
        let data = data.to_str().expect("UTF-8");
        let given = ["hubbub", "--listen", listen, "--data", data];
        let config = Config::try_parse_from(given.into_iter().chain(flags.iter().copied()));
        let config = config.unwrap_or_else(|why| panic!("{why}"));
        let said = Said::default();
        let (stop, stopped) = oneshot::channel();
        let (tell_start, started) = mpsc::channel();
        let (tell_end, ended) = mpsc::channel();
        let run = {
            let said = said.clone();
            move || {
                let _ended: mpsc::Sender<()> = tell_end;
                said.clone().listen(&config.log);
                let runtime = runtime(&said, &config.log);
                runtime.block_on(async {
                    let bound = Bound::new(&config).await.expect("it starts");
                    let _ = tell_start.send(bound.addresses.clone());
                    tokio::select! {
                        () = bound.serve() => panic!("it stopped serving by itself"),
                        _ = stopped => {}
                    }
                });
                runtime.shutdown_timeout(DROP_TIMEOUT);
            }
        };
        let name = thread::current().name().map_or("hubbub".into(), |test| format!("{test}: app"));
        let thread = thread::Builder::new().name(name).spawn(run).expect("a thread");
        let Ok((url, admin)) = started.recv_timeout(PATIENCE) else {
            panic!("it does not start: {}", said.log());
        };
        let (stop, thread) = (Some(stop), Some(thread));
        let (scheme, address) = url.split_once("://").unwrap_or(("", &url));
        let (scheme, address) = (scheme.to_owned(), address.to_owned());
        Self { scheme, address, admin, home, said, stop, thread, ended }
    }

    /// Its data file.
    pub fn data(&self) -> PathBuf {
        self.home.path().join("hubbub.db")
    }

    /// What it logged so far, but for what its journal's own thread did.
    pub fn log(&self) -> String {
        self.said.log()
    }
}

impl Server for TestApp {
    fn address(&self) -> &str {
        &self.address
    }

    fn is_tls(&self) -> bool {
        self.scheme == "https"
    }

    fn metrics_url(&self) -> &str {
        self.admin.as_deref().expect("it was started with --admin")
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.ended.recv_timeout(2 * DROP_TIMEOUT);
        let in_time = ended == Err(mpsc::RecvTimeoutError::Disconnected);
        // A thread that goes on is left behind: the test fails, and the process ends soon.
        let joined = self.thread.take().filter(|_| in_time).map_or(Ok(()), JoinHandle::join);
        if thread::panicking() {
            eprintln!("{}", self.log());
            return;
        }
        assert!(in_time, "it does not end: {}", self.log());
        let panics = self.said.panics();
        assert!(joined.is_ok() && panics.is_empty(), "{}\n{}", panics.join("\n"), self.log());
    }
}

/// Opened and bound, as `main` does it.
struct Bound {
    hubbub: Hubbub,
    listeners: Listeners,
    addresses: (String, Option<String>),
}

impl Bound {
    async fn new(config: &Config) -> Result<Self, Box<dyn std::error::Error>> {
        let hubbub = Hubbub::open(config).await?;
        let listeners = Listeners::bind(config)?;
        let url = listeners.urls()?.swap_remove(0);
        let addresses = (url, listeners.metrics_url()?);
        Ok(Self { hubbub, listeners, addresses })
    }

    async fn serve(self) {
        let served = self.hubbub.serve(self.listeners, Shutdown::new()).await;
        served.unwrap_or_else(|why| panic!("{why}"));
    }
}

fn runtime(said: &Said, filter: &str) -> Runtime {
    let (said, filter) = (said.clone(), filter.to_owned());
    Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .thread_name("hubbub")
        .on_thread_start(move || said.clone().listen(&filter))
        .build()
        .expect("a runtime")
}

thread_local! {
    /// The app that this thread works for.
    static APP: RefCell<Option<Said>> = const { RefCell::new(None) };
}

/// What an app said: its log, and its panics, most of which its own code catches.
#[derive(Clone, Default)]
struct Said {
    log: Arc<Mutex<Vec<u8>>>,
    panics: Arc<Mutex<Vec<String>>>,
}

impl Said {
    /// Takes what this thread says from here on.
    fn listen(self, filter: &str) {
        let filter = EnvFilter::try_new(filter).expect("a filter");
        let log = self.clone();
        let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
        let lines = Dispatch::new(lines.with_writer(move || log.clone()).finish());
        // For as long as the thread lives.
        std::mem::forget(dispatcher::set_default(&lines));
        APP.set(Some(self));
    }

    fn log(&self) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&log).into_owned()
    }

    fn panics(&self) -> Vec<String> {
        self.panics.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Write for Said {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lets each panic be known to the app whose thread it was; once, since a process has one hook.
fn catch_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |why| {
            // A thread that is at its end belongs to no app any more.
            let _ = APP.try_with(|app| {
                if let Some(app) = &*app.borrow() {
                    let mut panics = app.panics.lock().unwrap_or_else(PoisonError::into_inner);
                    panics.push(why.to_string());
                }
            });
            before(why);
        }));
    });
}
