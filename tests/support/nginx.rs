//! A real nginx before a hubbub: gone with the test.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use super::process::{
    Process, directory, free_port,
    program::{find, not_run},
};

/// What the README has a proxy say and speak: the lines of its block that are about that.
pub fn in_readme() -> String {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).expect("the README");
    let (_, block) = readme.split_once("\n    server {\n").expect("the block");
    let (block, _) = block.split_once("\n    }\n").expect("its end");
    let lines = block.lines().filter(|line| line.trim_start().starts_with("proxy_"));
    lines.collect::<Vec<_>>().join("\n")
}

/// How the README balances nodes: its block, with these for its servers.
fn upstream_in_readme(nodes: &[&str]) -> String {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).expect("the README");
    let (_, block) = readme.split_once("\n    upstream hubbub {\n").expect("the block");
    let (block, _) = block.split_once("\n    }\n").expect("its end");
    let mut block = format!("upstream hubbub {{\n{block}\n}}\n");
    for (number, node) in nodes.iter().enumerate() {
        let named = format!("10.0.0.{}:3000", number + 1);
        assert!(block.contains(&named), "the README balances so many");
        block = block.replace(&named, node);
    }
    // It may name more.
    let ours = block.lines().filter(|line| !line.contains("10.0.0."));
    ours.collect::<Vec<_>>().join("\n")
}

/// A running nginx.
pub struct Nginx {
    process: Process,
    port: u16,
    home: TempDir,
}

impl Nginx {
    /// Starts one before the hubbub at `upstream`, with `settings` in its server's block; over TLS
    /// with HTTP/2 where `tls` is wanted. `None` where nginx is not installed, which it says.
    pub fn before(upstream: &str, settings: &str, tls: bool) -> Option<Self> {
        let Some(nginx) = find("nginx") else {
            not_run("nginx is not installed", "HUBBUB_NGINX");
            return None;
        };
        // Between the look for a free port and its use another may take it, and hardly twice.
        let started = (0..5).find_map(|_| Self::try_start(&nginx, upstream, "", settings, tls));
        Some(started.expect("nginx starts"))
    }

    /// Starts one that balances between nodes, as the README has it.
    pub fn balancing(nodes: &[&str]) -> Option<Self> {
        let Some(nginx) = find("nginx") else {
            not_run("nginx is not installed", "HUBBUB_NGINX");
            return None;
        };
        let (block, settings) = (upstream_in_readme(nodes), in_readme());
        let start = || Self::try_start(&nginx, "hubbub", &block, &settings, false);
        Some((0..5).find_map(|_| start()).expect("nginx starts"))
    }

    fn try_start(
        nginx: &Path,
        upstream: &str,
        block: &str,
        settings: &str,
        tls: bool,
    ) -> Option<Self> {
        let home = directory();
        let port = free_port().expect("a port");
        let at = |name: &str| home.path().join(name).display().to_string();
        let listen = if tls {
            let (key, certificate) = (at("key.pem"), at("certificate.pem"));
            certify(&key, &certificate);
            format!(
                "listen 127.0.0.1:{port} ssl http2;
                ssl_certificate {certificate}; ssl_certificate_key {key};"
            )
        } else {
            format!("listen 127.0.0.1:{port};")
        };
        let says_host = settings.contains("proxy_set_header Host ");
        let host = if says_host { "" } else { "proxy_set_header Host $http_host;" };
        let config = format!(
            "daemon off; user root; worker_processes 1; pid {pid}; error_log {log};
            events {{ }}
            http {{
                access_log off;
                {block}
                client_body_temp_path {body}; proxy_temp_path {proxy};
                fastcgi_temp_path {proxy}; uwsgi_temp_path {proxy}; scgi_temp_path {proxy};
                server {{
                    {listen}
                    {host} {settings}
                    location / {{ proxy_pass http://{upstream}; }}
                }}
            }}",
            pid = at("pid"),
            log = at("log"),
            body = at("body"),
            proxy = at("proxy"),
        );
        fs::write(at("nginx.conf"), config).expect("it can be written");
        let child = Command::new(nginx)
            .args(["-p", &at(""), "-c", &at("nginx.conf"), "-e", &at("log")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx can be run");
        let mut process = Process::new(child);
        if process.until_it_listens(&format!("127.0.0.1:{port}")).is_err() {
            eprintln!("{}", fs::read_to_string(at("log")).unwrap_or_default());
            return None;
        }
        Some(Self { process, port, home })
    }

    /// What it logged so far, at the level of errors.
    pub fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }

    /// `http://ADDR`, or `https://ADDR` over TLS.
    pub fn home(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}", self.port)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Asked, the master ends its worker, too; killed, it would leave it.
        self.process.stop();
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

/// A key, and a certificate that it signs itself.
fn certify(key: &str, certificate: &str) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-days", "2", "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", certificate])
        .stderr(Stdio::null())
        .status()
        .expect("openssl can be run");
    assert!(made.success());
}
