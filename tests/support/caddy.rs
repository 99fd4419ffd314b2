//! A real Caddy before a hubbub, as the README has it: gone with the test.

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

/// A running Caddy.
pub struct Caddy {
    _process: Process,
    port: u16,
    _home: TempDir,
}

impl Caddy {
    /// Starts one before the hubbub at `upstream`; `None` where it is not installed, which it says.
    pub fn before(upstream: &str) -> Option<Self> {
        Self::with(upstream, "")
    }

    /// The same with further lines in the block.
    pub fn with(upstream: &str, more: &str) -> Option<Self> {
        let Some(caddy) = find("caddy") else {
            not_run("caddy is not installed", "HUBBUB_CADDY");
            return None;
        };
        let home = directory();
        let port = free_port().expect("a port");
        let block = in_readme().replace("127.0.0.1:3000", upstream);
        let block = block.replace("chat.example", &format!("http://127.0.0.1:{port}"));
        let block = block.replacen(" {\n", &format!(" {{\n{more}\n"), 1);
        let config = home.path().join("Caddyfile");
        let config_text = format!("{{\n    admin off\n    auto_https off\n}}\n{block}\n");
        fs::write(&config, config_text).expect("it can be written");
        let mut caddy = Command::new(caddy);
        caddy.args(["run", "--adapter", "caddyfile", "--config"]).arg(&config);
        caddy.env("HOME", home.path()).env("XDG_DATA_HOME", home.path());
        caddy.env("XDG_CONFIG_HOME", home.path());
        let caddy = caddy.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = Process::new(caddy.spawn().expect("caddy can be run"));
        process.until_it_listens(&format!("127.0.0.1:{port}")).expect("caddy starts");
        Some(Self { _process: process, port, _home: home })
    }

    /// `http://ADDR`.
    pub fn home(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// Its block in the README.
fn in_readme() -> String {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).expect("the README");
    let start = readme.find("    chat.example {\n").expect("the block");
    let (block, _) = readme[start..].split_once("\n\n").expect("its end");
    block.to_owned()
}
