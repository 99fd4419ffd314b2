//! Addresses to serve on, as people write them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::Admin;

/// An address with a port; or, for this machine alone, `localhost:3000` or the port by itself.
///
/// Any other name is not taken: it may have several addresses, and which of them is served must not
/// depend on an answer of the moment.
pub(super) fn listen(raw: &str) -> Result<SocketAddr, String> {
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
        // Elsewhere this means every network; whoever means that should say it.
        Some(("", Ok(port))) => Err(format!(
            "try 127.0.0.1:{port} for this machine alone, or 0.0.0.0:{port} for every network"
        )),
        Some(("*", Ok(port))) => Err(format!("try 0.0.0.0:{port} for every network")),
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
        raw => listen(raw).map(|at| Admin(Some(at))).map_err(|hint| format!("{hint}, or off")),
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
        ] {
            assert_eq!(listen(raw).map(|address| address.to_string()), Ok(meant.into()), "{raw}");
        }
        for (raw, hint) in [
            (
                ":3000",
                "try 127.0.0.1:3000 for this machine alone, or 0.0.0.0:3000 for every network",
            ),
            ("*:3000", "try 0.0.0.0:3000 for every network"),
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
    }
}
