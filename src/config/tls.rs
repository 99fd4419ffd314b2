//! How connections are encrypted.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::Args;

use super::address;

/// How connections are encrypted, if they are.
#[derive(Clone, Debug, Args)]
pub struct Tls {
    /// Certificate in PEM, with what leads to its authority behind it; none for plain HTTP
    #[arg(
        long, env = "HUBBUB_TLS_CERT", value_name = "FILE", default_value = "none",
        value_parser = file
    )]
    pub tls_cert: File,

    /// The certificate's private key in PEM; both files are read again when they change
    #[arg(
        long, env = "HUBBUB_TLS_KEY", value_name = "FILE", default_value = "none",
        value_parser = file
    )]
    pub tls_key: File,

    /// Address to redirect from plain HTTP to HTTPS, such as 0.0.0.0:80; off for nowhere
    #[arg(
        long, env = "HUBBUB_REDIRECT", value_name = "ADDR", default_value = "off",
        value_parser = redirect, allow_hyphen_values = true
    )]
    pub redirect: Redirect,
}

/// A file, if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File(pub Option<PathBuf>);

/// Where plain HTTP is redirected, if anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redirect(pub Option<SocketAddr>);

impl Tls {
    /// The files of certificate and key.
    ///
    /// # Errors
    ///
    /// A line that names the knob which is missing.
    pub fn files(&self) -> Result<Option<(&Path, &Path)>, String> {
        match (&self.tls_cert.0, &self.tls_key.0) {
            (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
            (None, None) => Ok(None),
            (Some(_), None) => Err("--tls-key: it is missing, beside --tls-cert".into()),
            (None, Some(_)) => Err("--tls-cert: it is missing, beside --tls-key".into()),
        }
    }
}

fn file(raw: &str) -> Result<File, String> {
    match raw {
        "none" => Ok(File(None)),
        "" => Err("try the path of a file, or none".into()),
        path => Ok(File(Some(path.into()))),
    }
}

fn redirect(raw: &str) -> Result<Redirect, String> {
    match raw.trim() {
        "off" => Ok(Redirect(None)),
        raw => address::address(raw)
            .map(|at| Redirect(Some(at)))
            .map_err(|hint| format!("{hint}, or off")),
    }
}
