//! Real NATS servers, one or a cluster, with JetStream that syncs each write. The journal's own tests
//! take this file by its path, so nothing in it knows of the others here.

use std::{
    env, fmt, fs,
    fs::File,
    io::Write as _,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long to wait for something that must happen. Reached only by what is broken; long, because
/// the machines are shared.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at something that gives no word of itself.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// How long a server is started again that ends at once.
const RESTART_PATIENCE: Duration = Duration::from_secs(5);

/// Between two starts.
const RESTART_INTERVAL: Duration = Duration::from_millis(200);

/// How the variable with the server's path is named; without it, it is looked for in PATH.
const PROGRAM: &str = "HUBBUB_NATS_SERVER";

/// With `required`, a test fails where there is no server.
const REQUIRED: &str = "HUBBUB_JETSTREAM";

/// Servers that know each other. Dropped, they are killed, and what they stored goes.
pub struct Nats {
    home: TempDir,
    servers: Vec<Server>,
}

struct Server {
    port: u16,
    /// Until it is ended.
    child: Option<Child>,
    /// How often it was killed.
    kills: usize,
}

impl Nats {
    /// One server; `None`, and a word on stderr, where none is installed.
    pub fn single() -> Option<Self> {
        Self::start(1, "")
    }

    /// So many that make a cluster.
    pub fn cluster(count: usize) -> Option<Self> {
        Self::start(count, "")
    }

    /// So many, with more lines in their configuration, such as who may do what.
    pub fn start(count: usize, more: &str) -> Option<Self> {
        Self::routed(count, more, |_, _, port| port)
    }

    /// So many, each of which reaches each other one at the port that `route` gives for the one, the
    /// other, and the port where the other listens: a test may stand between them.
    pub fn routed(
        count: usize,
        more: &str,
        mut route: impl FnMut(usize, usize, u16) -> u16,
    ) -> Option<Self> {
        let program = program()?;
        let home = tempfile::tempdir().expect("a directory for the servers");
        let bound = bind(2 * count);
        let ports: Vec<_> =
            bound.iter().map(|port| port.local_addr().expect("an address").port()).collect();
        let (clients, routes) = ports.split_at(count);
        for (number, port) in clients.iter().enumerate() {
            let store = home.path().join(format!("store-{number}"));
            let mut config = format!(
                "server_name: s{number}\nlisten: 127.0.0.1:{port}\n\
                 jetstream {{ store_dir: {:?}, sync_interval: always }}\n{more}\n",
                store.to_str().expect("UTF-8")
            );
            if count > 1 {
                let known = routes.iter().enumerate().filter(|(other, _)| *other != number);
                let known = known.map(|(other, port)| {
                    format!("nats://127.0.0.1:{}", route(number, other, *port))
                });
                let known: Vec<_> = known.collect();
                // Nobody learns of another way: what they say of where they are leads nowhere.
                config += &format!(
                    "cluster {{ name: test, listen: 127.0.0.1:{}, routes: [{}], \
                     no_advertise: true, advertise: \"127.0.0.1:9\" }}\n",
                    routes[number],
                    known.join(", ")
                );
            }
            fs::write(home.path().join(format!("{number}.conf")), config).expect("it is written");
        }
        drop(bound);
        let servers =
            clients.iter().map(|port| Server { port: *port, child: None, kills: 0 }).collect();
        let mut nats = Self { home, servers };
        for number in 0..count {
            nats.run(&program, number);
        }
        for number in 0..count {
            nats.until_it_listens(number);
        }
        Some(nats)
    }

    /// What `--nats` takes: all of them.
    pub fn urls(&self) -> String {
        let all: Vec<_> = (0..self.servers.len()).map(|number| self.url(number)).collect();
        all.join(",")
    }

    /// One of them.
    pub fn url(&self, number: usize) -> String {
        format!("nats://127.0.0.1:{}", self.port(number))
    }

    /// Where one listens for clients.
    pub fn port(&self, number: usize) -> u16 {
        self.servers[number].port
    }

    /// How many there are, running or not.
    pub fn len(&self) -> usize {
        self.servers.len()
    }

    /// The process of one that runs.
    pub fn id(&self, number: usize) -> u32 {
        self.servers[number].child.as_ref().expect("it runs").id()
    }

    /// Ends one with no time to tidy up (`kill -9`).
    pub fn kill(&mut self, number: usize) {
        if let Some(mut child) = self.servers[number].child.take() {
            child.kill().expect("it runs");
            child.wait().expect("it ends");
            self.servers[number].kills += 1;
        }
    }

    /// How often one was killed.
    pub fn kills(&self, number: usize) -> usize {
        self.servers[number].kills
    }

    /// Asks one to stop in the planned way: it gives its leaderships away first.
    pub fn stop(&mut self, number: usize) {
        self.signal(number, "USR2"); // Lame duck mode.
        let mut child = self.servers[number].child.take().expect("it runs");
        let begun = Instant::now();
        // Lame duck mode lasts for two minutes; the leaderships are given away at once.
        while begun.elapsed() < Duration::from_secs(2) {
            thread::sleep(POLL_INTERVAL);
        }
        let _ = Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status();
        child.wait().expect("it ends");
    }

    /// Sends one a signal, such as `STOP` and `CONT`.
    pub fn signal(&self, number: usize, name: &str) {
        let id = self.id(number).to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.expect("kill(1)").success(), "SIG{name} for process {id}");
    }

    /// Starts one again that was ended, over what it had stored.
    pub fn start_again(&mut self, number: usize) {
        let program = program().expect("it was there");
        self.run(&program, number);
        self.until_it_listens(number);
    }

    /// Removes all that one has stored; it must not run.
    pub fn forget(&self, number: usize) {
        assert!(self.servers[number].child.is_none(), "server {number} runs");
        fs::remove_dir_all(self.store(number)).expect("it has stored something");
    }

    /// Where one stores.
    pub fn store(&self, number: usize) -> PathBuf {
        self.home.path().join(format!("store-{number}"))
    }

    /// What one said.
    pub fn log(&self, number: usize) -> String {
        fs::read_to_string(self.log_file(number)).unwrap_or_default()
    }

    fn log_file(&self, number: usize) -> PathBuf {
        self.home.path().join(format!("{number}.log"))
    }

    fn run(&mut self, program: &Path, number: usize) {
        let log = File::options().create(true).append(true).open(self.log_file(number));
        let log = log.expect("a file for the log");
        let child = Command::new(program)
            .arg("-c")
            .arg(self.home.path().join(format!("{number}.conf")))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("nats-server can be run");
        self.servers[number].child = Some(child);
    }

    fn until_it_listens(&mut self, number: usize) {
        let begun = Instant::now();
        let port = self.servers[number].port;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let child = self.servers[number].child.as_mut().expect("it runs");
            if child.try_wait().expect("it can be asked").is_some() {
                // Somebody's connection may have its port for a moment.
                assert!(
                    begun.elapsed() < RESTART_PATIENCE,
                    "server {number}: {}",
                    self.log(number)
                );
                thread::sleep(RESTART_INTERVAL);
                self.run(&program().expect("it was there"), number);
            }
            assert!(begun.elapsed() < PATIENCE, "server {number} does not listen");
            thread::sleep(POLL_INTERVAL);
        }
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        for number in 0..self.servers.len() {
            if let Some(mut child) = self.servers[number].child.take() {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
        if thread::panicking() {
            for number in 0..self.servers.len() {
                eprintln!("server {number}:\n{}", self.log(number));
            }
        }
    }
}

impl fmt::Debug for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.urls())
    }
}

/// The server's program; `None`, and a word on stderr, where there is none.
fn program() -> Option<PathBuf> {
    let named = env::var_os(PROGRAM).map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let found = named.or_else(|| {
        env::split_paths(&path).map(|folder| folder.join("nats-server")).find(|at| at.is_file())
    });
    if found.is_none() {
        let why = format!("no nats-server in PATH, and no {PROGRAM}");
        let required = env::var(REQUIRED).as_deref() == Ok("required");
        assert!(!required, "{why}, and {REQUIRED}=required");
        let thread = thread::current();
        // Not `eprintln!`, which the test harness keeps to itself when a test passes.
        let _ =
            writeln!(std::io::stderr(), "NOT RUN: {}: {why}", thread.name().unwrap_or("a test"));
    }
    found
}

/// Ports that are free, and held until they are dropped, so that none is given twice. Another may take
/// one before its use.
fn bind(count: usize) -> Vec<TcpListener> {
    (0..count).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port")).collect()
}
