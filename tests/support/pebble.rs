//! Pebble, an authority for tests, and its name service.

use std::{
    fs::{self, File},
    process::{Command, Stdio},
};

use tempfile::TempDir;

use super::{
    process::{
        Process, directory, free_port,
        program::{find, not_run},
    },
    tls::certified,
};

/// A running authority, which looks for hubbub on a port.
pub struct Pebble {
    process: Process,
    names: Option<Process>,
    home: TempDir,
    directory: String,
    dns: u16,
    management: u16,
}

impl Pebble {
    /// One whose certificates hold for so many seconds; `None` where it is not installed.
    pub fn start(hubbub: u16, valid_s: u64) -> Option<Self> {
        let programs = ["pebble", "pebble-challtestsrv"].map(find);
        let [Some(pebble), Some(_)] = programs else {
            not_run("pebble and pebble-challtestsrv are not installed", "HUBBUB_PEBBLE");
            return None;
        };
        let home = directory();
        let [port, own, dns, management] = [(); 4].map(|()| free_port().unwrap());
        let at = |name: &str| home.path().join(name);
        let (root, certificate, key) = (at("root.pem"), at("cert.pem"), at("key.pem"));
        let [root_text, certificate_text, key_text] = certified();
        fs::write(root, root_text).unwrap();
        fs::write(&certificate, certificate_text).unwrap();
        fs::write(&key, key_text).unwrap();
        let config = serde_json::json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{own}"),
            "certificate": certificate,
            "privateKey": key,
            "httpPort": 1,
            "tlsPort": hubbub,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
            "retryAfter": { "authz": 1, "order": 1 },
            "profiles": { "default": { "description": "for tests", "validityPeriod": valid_s } },
        }});
        let file = home.path().join("config.json");
        fs::write(&file, config.to_string()).unwrap();
        let log = File::create(home.path().join("log")).unwrap();
        let mut pebble = Command::new(pebble);
        pebble.arg("-config").arg(file).args(["-dnsserver", &format!("127.0.0.1:{dns}")]);
        pebble.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_AUTHZREUSE", "0");
        pebble.stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null());
        let mut process = Process::new(pebble.spawn().unwrap());
        let address = format!("127.0.0.1:{port}");
        process.until_it_listens(&address).expect("it listens");
        let directory = format!("https://localhost:{port}/dir");
        let mut pebble = Self { process, names: None, home, directory, dns, management };
        pebble.name_service(true);
        Some(pebble)
    }

    /// Sends it a signal, such as `STOP` and `CONT`.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Whether names are answered: each is this machine's.
    pub fn name_service(&mut self, runs: bool) {
        self.names_at("127.0.0.1", runs);
    }

    /// Each name is of this address from now on, if any are answered.
    pub fn names_at(&mut self, address: &str, runs: bool) {
        self.names = None; // Its port is free then.
        self.names = runs.then(|| {
            let mut names = Command::new(find("pebble-challtestsrv").expect("it was there"));
            names.args(["-defaultIPv4", address, "-defaultIPv6", ""]);
            names.args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", ""]);
            names.arg("-dnsserver").arg(format!("127.0.0.1:{}", self.dns));
            let management = format!("127.0.0.1:{}", self.management);
            names.arg("-management").arg(&management);
            names.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let mut names = Process::new(names.spawn().unwrap());
            names.until_it_listens(&management).expect("it listens");
            names
        });
    }

    /// What hubbub is started with.
    pub fn flags(&self) -> [String; 2] {
        ["--acme-directory".into(), self.directory.clone()]
    }

    /// Whose word hubbub has to take for the authority to be itself.
    pub fn root(&self) -> std::path::PathBuf {
        self.home.path().join("root.pem")
    }

    /// How many orders were made.
    pub fn orders(&self) -> usize {
        let log = fs::read_to_string(self.home.path().join("log")).unwrap();
        log.matches("new order").count().max(log.matches("order-plz").count())
    }

    /// Ends it.
    pub fn stop(&mut self) {
        self.process.kill();
    }
}
