//! The peer: nginx with nchan (Debian's `nginx` and `libnginx-mod-nchan`), one worker.

use std::{fs, io, path::Path, process::Stdio};

use tempfile::TempDir;

use super::{
    directory,
    process::{self, Process, free_port},
    tls::Identity,
};

/// Where Debian's packages put them.
const NGINX: &str = "/usr/sbin/nginx";
const MODULE: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";

/// A running nginx.
pub struct Nchan {
    process: Process,
    worker: u32,
    address: String,
    _home: TempDir,
}

impl Nchan {
    /// Starts one; `None` where it is not installed.
    pub fn start() -> io::Result<Option<Self>> {
        Self::listening("")
    }

    /// Starts one over TLS; `None` where it is not installed.
    pub fn encrypted(identity: &Identity) -> io::Result<Option<Self>> {
        let [certificate, key] = identity.files().map(|file| file.display().to_string());
        Self::listening(&format!(
            " ssl; ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.3"
        ))
    }

    fn listening(tls: &str) -> io::Result<Option<Self>> {
        if !Path::new(NGINX).exists() || !Path::new(MODULE).exists() {
            return Ok(None);
        }
        let home = directory();
        // A port that is free now: nginx does not say which one it got.
        let address = format!("127.0.0.1:{}", free_port()?);
        let settings = home.path().join("nginx.conf");
        fs::write(&settings, configuration(&address, tls))?;
        let child = process::on_server(NGINX)
            .arg("-p")
            .arg(home.path())
            .arg("-c")
            .arg(&settings)
            .stderr(Stdio::null())
            .spawn()?;
        let mut process = Process::new(child);
        process.until_it_listens(&address)?;
        let worker = process::child_of(process.id());
        Ok(Some(Self { process, worker, address, _home: home }))
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The process that does the work.
    pub fn worker(&self) -> u32 {
        self.worker
    }
}

impl Drop for Nchan {
    fn drop(&mut self) {
        // Killed, it would leave its worker behind.
        self.process.stop();
    }
}

/// What matters here: a buffer as long as a hub's ring, and no limit in the way.
fn configuration(address: &str, tls: &str) -> String {
    format!(
        "load_module {MODULE};
        daemon off;
        worker_processes 1;
        pid nginx.pid;
        error_log error.log;
        events {{ worker_connections 20000; }}
        http {{
            access_log off;
            client_body_temp_path body;
            proxy_temp_path proxy;
            fastcgi_temp_path fastcgi;
            uwsgi_temp_path uwsgi;
            scgi_temp_path scgi;
            keepalive_requests 1000000;
            nchan_shared_memory_size 64M;
            server {{
                listen {address} backlog=4096{tls};
                location = /publish {{
                    nchan_publisher;
                    nchan_channel_id lobby;
                    nchan_message_buffer_length 256;
                }}
                location = /events {{
                    nchan_subscriber eventsource;
                    nchan_channel_id lobby;
                    nchan_subscriber_first_message newest;
                    nchan_subscriber_timeout 0;
                }}
            }}
        }}"
    )
}
