//! Addresses to serve on, as people write them.

use std::{
    fmt::{self, Display},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use super::Admin;
use crate::server::Address;

/// Where to serve: at least one address, in a type of its own: clap would take a list for many
/// values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen(pub Vec<Address>);

impl Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&each.join(","))
    }
}

/// Addresses between commas, each as [`address`] takes it, or a socket in the file system.
pub(super) fn listen(raw: &str) -> Result<Listen, String> {
    let each = raw.split(',').map(|one| match one.trim().strip_prefix("unix:") {
        Some("") => Err("try unix:/run/hubbub/hubbub.sock, with a path".to_owned()),
        Some(path) => Ok(Address::Unix(path.into())),
        None => address(one).map(Address::Tcp),
    });
    each.collect::<Result<_, _>>().map(Listen)
}

/// Permissions of a socket's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketMode(pub u32);

/// As chmod(1) takes them in numbers.
pub(super) fn mode(raw: &str) -> Result<SocketMode, String> {
    let mode = u32::from_str_radix(raw, 8).ok().filter(|mode| *mode <= 0o777);
    mode.map(SocketMode).ok_or_else(|| "try 660 or 666, in octal".to_owned())
}

/// An address with a port; or, for this machine alone, `localhost:3000` or the port by itself; or,
/// for every network of either family, `:3000`, as in most other servers.
///
/// Any other name is not taken: it may have several addresses, and which of them is served must not
/// depend on an answer of the moment.
pub(super) fn address(raw: &str) -> Result<SocketAddr, String> {
    let raw = raw.trim();
    let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    if let Ok(address) = raw.parse() {
        return Ok(address);
    }
    if let Ok(port) = raw.parse() {
        return Ok(loopback(port));
    }
    match raw.rsplit_once(':').map(|(host, port)| (host, port.parse())) {
        Some(("localhost", Ok(port))) => Ok(loopback(port)),
        Some(("" | "*", Ok(port))) => Ok(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))),
        _ if raw.parse::<IpAddr>().is_ok() => {
            let host = if raw.contains(':') { format!("[{raw}]") } else { raw.to_owned() };
            Err(format!("try {host}:3000, with a port"))
        }
        _ => Err("try an address with a port, as 127.0.0.1:3000".to_owned()),
    }
}

pub(super) fn admin(raw: &str) -> Result<Admin, String> {
    match raw.trim() {
        "off" => Ok(Admin(None)),
        raw => address(raw).map(|at| Admin(Some(at))).map_err(|hint| format!("{hint}, or off")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_where_its_meaning_is_clear_and_else_answered_with_a_hint() {
        for (raw, meant) in [
            ("127.0.0.1:3000", "127.0.0.1:3000"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:3000", "[::1]:3000"),
            ("localhost:3000", "127.0.0.1:3000"),
            ("3000", "127.0.0.1:3000"),
            (" 3000 ", "127.0.0.1:3000"),
            (":3000", "[::]:3000"),
            ("*:3000", "[::]:3000"),
            ("3000, [::1]:3001,unix:/run/a.sock", "127.0.0.1:3000,[::1]:3001,unix:/run/a.sock"),
        ] {
            assert_eq!(listen(raw).map(|address| address.to_string()), Ok(meant.into()), "{raw}");
        }
        for (raw, hint) in [
            ("3000,unix:", "try unix:/run/hubbub/hubbub.sock, with a path"),
            ("3000,", "try an address with a port, as 127.0.0.1:3000"),
            ("127.0.0.1", "try 127.0.0.1:3000, with a port"),
            ("::1", "try [::1]:3000, with a port"),
            ("example.org:3000", "try an address with a port, as 127.0.0.1:3000"),
            ("localhost", "try an address with a port, as 127.0.0.1:3000"),
            ("here", "try an address with a port, as 127.0.0.1:3000"),
            ("70000", "try an address with a port, as 127.0.0.1:3000"),
            ("-1", "try an address with a port, as 127.0.0.1:3000"),
            ("", "try an address with a port, as 127.0.0.1:3000"),
        ] {
            assert_eq!(listen(raw), Err(hint.to_owned()), "{raw:?}");
        }
        assert_eq!(admin("off"), Ok(Admin(None)));
        assert_eq!(admin("9100"), Ok(Admin(Some("127.0.0.1:9100".parse().unwrap()))));
        assert!(admin("on").unwrap_err().ends_with(", or off"));
        assert_eq!(mode("660"), Ok(SocketMode(0o660)));
        for raw in ["888", "1777", "-1", "rw", ""] {
            assert!(mode(raw).unwrap_err().starts_with("try 660"), "{raw}");
        }
    }
}
