//! Who asks: the address that limits count by.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};
use ipnet::IpNet;

use super::{AppState, Error};

/// The address that a request comes from, for limits; `None` where none should apply: to the
/// operator's own machine, or a proxy there that does not say whom it asks for, a limit would be
/// one for everybody.
pub struct Address(pub Option<IpAddr>);

impl FromRequestParts<AppState> for Address {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Error> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.ok_or(Error::Internal)?.0.ip().to_canonical();
        let asker = asker(peer, &parts.headers, &state.trusted);
        Ok(Self((!asker.is_loopback()).then_some(asker)))
    }
}

/// The last address on the way here that a trusted proxy vouches for. Whatever stands before an
/// address that is not trusted may be made up.
fn asker(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let trusts = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut last = peer;
    if !trusts(&last) {
        return last;
    }
    for hop in hops(headers).into_iter().rev() {
        // A proxy that hides or garbles an address vouches for none.
        let Some(hop) = hop else { break };
        last = hop;
        if !trusts(&last) {
            break;
        }
    }
    last
}

/// The addresses that proxies noted, the client's first: from `Forwarded` (RFC 7239), or where
/// there is none from `X-Forwarded-For`.
fn hops(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let all = |name| {
        let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
        lines.collect::<Vec<_>>().join(",")
    };
    if headers.contains_key(header::FORWARDED) {
        let forwarded = all(header::FORWARDED);
        forwarded.split(',').map(|hop| hop.split(';').find_map(node_of).and_then(node)).collect()
    } else if headers.contains_key("x-forwarded-for") {
        all(header::HeaderName::from_static("x-forwarded-for")).split(',').map(node).collect()
    } else {
        Vec::new()
    }
}

/// The value of a `for=` parameter.
fn node_of(parameter: &str) -> Option<&str> {
    let (name, value) = parameter.split_once('=')?;
    name.trim().eq_ignore_ascii_case("for").then_some(value)
}

/// An address, in quotes and brackets and with a port or without. The port of an address of IPv6
/// stands behind brackets.
fn node(raw: &str) -> Option<IpAddr> {
    let raw = raw.trim().trim_matches('"');
    let bracketed = raw.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let address = match bracketed {
        Some((address, _)) => address.parse(),
        None => raw.parse().or_else(|why| match raw.rsplit_once(':') {
            Some((address, _)) => address.parse(),
            None => Err(why),
        }),
    };
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    fn asked(peer: &str, lines: &[(&str, &str)], trusted: &str) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        let trusted: Vec<IpNet> = trusted
            .split(',')
            .filter(|raw| !raw.is_empty())
            .map(|raw| raw.parse().unwrap())
            .collect();
        asker(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn the_last_address_that_a_trusted_proxy_vouches_for_counts() {
        let proxy = "10.0.0.1";
        let xff = |value| [("x-forwarded-for", value)];
        let fwd = |value| [("forwarded", value)];
        let ours = "10.0.0.0/8,127.0.0.1/32";
        for (lines, expected) in [
            (&xff("203.0.113.7")[..], "203.0.113.7"),
            (&xff("198.51.100.1, 203.0.113.7"), "203.0.113.7"), // What it was told is not believed.
            (&xff("203.0.113.7, 10.0.0.9"), "203.0.113.7"),     // Through two of ours.
            (&xff("10.0.0.8, 10.0.0.9"), "10.0.0.8"),
            (&xff("203.0.113.7:4711"), "203.0.113.7"),
            (&xff("[2001:db8::1]:4711"), "2001:db8::1"),
            (&xff("2001:db8::1"), "2001:db8::1"),
            (&xff("garbage"), proxy),
            (&xff("203.0.113.7, garbage"), proxy),
            (
                &[("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "203.0.113.7")],
                "203.0.113.7",
            ),
            (&fwd("for=203.0.113.7;proto=https;by=10.0.0.1"), "203.0.113.7"),
            (&fwd("For=\"[2001:db8::1]:4711\""), "2001:db8::1"),
            (&fwd("for=198.51.100.1, for=203.0.113.7"), "203.0.113.7"),
            (&fwd("for=_hidden"), proxy),
            (&fwd("for=unknown, for=10.0.0.9"), "10.0.0.9"),
            (
                &[("forwarded", "for=203.0.113.7"), ("x-forwarded-for", "198.51.100.1")],
                "203.0.113.7",
            ),
            (&[], proxy),
        ] {
            assert_eq!(asked(proxy, lines, ours), expected, "{lines:?}");
        }
        assert_eq!(asked("192.0.2.1", &xff("203.0.113.7"), ours), "192.0.2.1", "no proxy of ours");
        assert_eq!(asked(proxy, &xff("203.0.113.7"), ""), proxy, "nobody is trusted");
    }

    proptest! {
        #[test]
        fn any_header_gets_an_answer_and_a_forged_start_changes_nothing(
            forged in "[ -~]{0,40}", real in any::<std::net::Ipv4Addr>()
        ) {
            prop_assume!(!forged.contains('"'));
            let real = std::net::Ipv4Addr::from_bits(real.to_bits() | 0xC000_0000); // None of ours.
            let line = format!("{forged}, {real}");
            for name in ["x-forwarded-for", "forwarded"] {
                let line = if name == "forwarded" { format!("{forged}, for={real}") } else { line.clone() };
                prop_assert_eq!(asked("10.0.0.1", &[(name, &line)], "10.0.0.0/8"), real.to_string());
            }
            asked("10.0.0.1", &[("forwarded", &forged)], "10.0.0.0/8");
        }
    }
}
