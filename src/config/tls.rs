//! How connections are encrypted.

use std::{net::SocketAddr, path::Path, time::Duration};

use clap::Args;

use super::{
    address,
    file::{self, File},
};

/// How connections are encrypted, if they are.
#[derive(Clone, Debug, Args)]
pub struct Tls {
    /// Certificate in PEM, with what leads to its authority behind it; none for plain HTTP
    #[arg(
        long, env = "HUBBUB_TLS_CERT", value_name = "FILE", default_value = "none",
        value_parser = file::parse, allow_hyphen_values = true
    )]
    pub tls_cert: File,

    /// The certificate's private key in PEM; both files are read again when they change
    #[arg(
        long, env = "HUBBUB_TLS_KEY", value_name = "FILE", default_value = "none",
        value_parser = file::parse, allow_hyphen_values = true
    )]
    pub tls_key: File,

    /// Names, or addresses, to have a certificate for from an authority (ACME); none for no such
    #[arg(
        long, env = "HUBBUB_ACME", value_name = "NAMES", default_value = "none",
        value_parser = names, allow_hyphen_values = true
    )]
    pub acme: Names,

    /// The authority: where it says what it can do; Let's Encrypt by default
    #[arg(
        long, env = "HUBBUB_ACME_DIRECTORY", value_name = "URL",
        default_value = "https://acme-v02.api.letsencrypt.org/directory", value_parser = directory,
        allow_hyphen_values = true
    )]
    pub acme_directory: String,

    /// Mail address that the authority writes to; none to have it write to nobody
    #[arg(
        long, env = "HUBBUB_ACME_CONTACT", value_name = "MAIL", default_value = "none",
        value_parser = contact, allow_hyphen_values = true
    )]
    pub acme_contact: Contact,

    /// How long browsers that came once take HTTPS only, with --acme; 0 to not say so
    #[arg(
        long, env = "HUBBUB_HSTS", value_name = "DURATION", default_value = "180d",
        value_parser = super::duration, allow_hyphen_values = true
    )]
    pub hsts: Duration,

    /// Address to redirect from plain HTTP to HTTPS, such as 0.0.0.0:80; off for nowhere
    #[arg(
        long, env = "HUBBUB_REDIRECT", value_name = "ADDR", default_value = "off",
        value_parser = redirect, allow_hyphen_values = true
    )]
    pub redirect: Redirect,
}

/// What an authority certifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names(pub Vec<String>);

/// Where an authority reaches the operator, as `mailto:` and an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact(pub Option<String>);

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

/// Names and addresses between commas, or `none`.
fn names(raw: &str) -> Result<Names, String> {
    if raw.trim() == "none" {
        return Ok(Names(Vec::new()));
    }
    let each = raw.split(',').map(|one| {
        let one = one.trim().to_ascii_lowercase();
        let is_address = one.parse::<std::net::IpAddr>().is_ok();
        let is_name = one.contains('.')
            && one.len() <= 253 // RFC 1035, section 2.3.4, less the root.
            && one.split('.').all(|label| {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
                (1..=63).contains(&label.len()) && label.bytes().all(plain)
            });
        if is_address || is_name {
            Ok(one)
        } else {
            Err(format!("{one:?} is no name that can be certified; try chat.example, or none"))
        }
    });
    each.collect::<Result<_, _>>().map(Names)
}

fn directory(raw: &str) -> Result<String, String> {
    let is_url = raw.strip_prefix("https://").is_some_and(|rest| !rest.is_empty());
    if is_url { Ok(raw.to_owned()) } else { Err("try a URL that begins with https://".into()) }
}

fn contact(raw: &str) -> Result<Contact, String> {
    let address = raw.strip_prefix("mailto:").unwrap_or(raw);
    match address {
        "none" => Ok(Contact(None)),
        address if address.contains('@') => Ok(Contact(Some(format!("mailto:{address}")))),
        _ => Err("try a mail address, or none".into()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_an_authority_can_certify() {
        let shown = |raw| names(raw).map(|names| names.0.join(" "));
        assert_eq!(shown("none").as_deref(), Ok(""));
        assert_eq!(shown("Chat.example, 192.0.2.1").as_deref(), Ok("chat.example 192.0.2.1"));
        for raw in
            ["", "localhost", "a.example,", "*.example", "https://a.example", "a..b", "a_b.c"]
        {
            assert!(shown(raw).unwrap_err().contains("try chat.example"), "{raw}");
        }
        assert_eq!(contact("a@b.example").unwrap().0.unwrap(), "mailto:a@b.example");
        assert!(contact("me").is_err() && directory("http://a").is_err());
    }
}
