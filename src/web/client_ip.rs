//! The address that limits count by.
//!
//! It is `None` where none should apply: to the operator's own machine, or a proxy there that does
//! not say whom it asks for, a limit would be one for everybody. What a header says is never that.

use std::{net::IpAddr, sync::Once};

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

/// The client's address: the last one on the way here that a trusted proxy vouches for. Whatever
/// stands before an address that is not trusted may be made up.
pub(super) fn of(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let trusts = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let last = |hops: Vec<Option<IpAddr>>| {
        let mut last = peer;
        // A proxy that hides or garbles an address vouches for none.
        for hop in hops.into_iter().rev().map_while(|hop| hop) {
            last = hop;
            if !trusts(&last) {
                break;
            }
        }
        last
    };
    match (forwarded(headers), x_forwarded_for(headers)) {
        (Some(hops), None) | (None, Some(hops)) if trusts(&peer) => Some(last(hops)),
        (Some(one), Some(other)) if trusts(&peer) => {
            // A proxy writes one of them and passes the other on as its client made it up. Where
            // they differ nobody is vouched for, and those who try share the proxy's own limit.
            let (one, other) = (last(one), last(other));
            Some(if one == other { one } else { peer })
        }
        (None, None) => (!peer.is_loopback()).then_some(peer),
        // A proxy on this machine that nobody named: all who come through it have no limits.
        _ if peer.is_loopback() => {
            UNTRUSTED_PROXY.call_once(|| {
                tracing::warn!(
                    proxy = %peer,
                    "a request came by a proxy on this machine that is not trusted, so that no limits \
                     by address apply to whom it serves; name it: --trusted-proxies {peer}"
                );
            });
            None
        }
        _ => Some(peer),
    }
}

/// The client's address where a proxy says who people are. Who is believed on that is believed on
/// addresses, too: a peer by a socket file is such a proxy. And nobody is without limits: what comes
/// from this machine was asked for by others.
pub(super) fn behind_sign_in(
    peer: IpAddr,
    is_by_file: bool,
    headers: &HeaderMap,
    trusted: &[IpNet],
) -> IpAddr {
    let client = if is_by_file {
        let ours: Vec<_> = trusted.iter().copied().chain([IpNet::from(peer)]).collect();
        of(peer, headers, &ours)
    } else {
        of(peer, headers, trusted)
    };
    client.unwrap_or(peer)
}

/// Said once: every request through it would say so.
static UNTRUSTED_PROXY: Once = Once::new();

/// The addresses that proxies noted in `Forwarded` (RFC 7239), the client's first.
fn forwarded(headers: &HeaderMap) -> Option<Vec<Option<IpAddr>>> {
    let lines = all(headers, &header::FORWARDED)?;
    Some(lines.split(',').map(|hop| hop.split(';').find_map(node_of).and_then(node)).collect())
}

/// The addresses that proxies noted in `X-Forwarded-For`, the client's first.
fn x_forwarded_for(headers: &HeaderMap) -> Option<Vec<Option<IpAddr>>> {
    let lines = all(headers, &HeaderName::from_static("x-forwarded-for"))?;
    Some(lines.split(',').map(node).collect())
}

/// The lines of a header as one, which is what they mean (RFC 9110, section 5.2). One that is no
/// text stands for an address that nobody knows.
fn all(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or("unknown"));
    let lines: Vec<_> = lines.collect();
    (!lines.is_empty()).then(|| lines.join(","))
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
    use axum::http::HeaderValue;
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
        let client = of(peer.parse().unwrap(), &headers, &trusted);
        client.map_or("nobody".into(), |client| client.to_string())
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
                &[("forwarded", "for=203.0.113.7"), ("x-forwarded-for", "203.0.113.7")],
                "203.0.113.7",
            ),
            // One of them is the client's own.
            (&[("forwarded", "for=127.0.0.1"), ("x-forwarded-for", "203.0.113.7")], proxy),
            (&[("forwarded", "for=203.0.113.7"), ("x-forwarded-for", "198.51.100.1")], proxy),
            (&[], proxy),
        ] {
            assert_eq!(asked(proxy, lines, ours), expected, "{lines:?}");
        }
        assert_eq!(asked("192.0.2.1", &xff("203.0.113.7"), ours), "192.0.2.1", "no proxy of ours");
        assert_eq!(asked(proxy, &xff("203.0.113.7"), ""), proxy, "nobody is trusted");
    }

    #[test]
    fn only_the_machine_itself_is_without_a_limit_and_no_header_makes_one_so() {
        let forged = [("x-forwarded-for", "127.0.0.1")];
        for here in ["127.0.0.1", "::1", "127.8.8.8"] {
            assert_eq!(asked(here, &[], ""), "nobody");
            assert_eq!(asked(here, &[], "127.0.0.0/8,::1/128"), "nobody");
            let real = [("x-forwarded-for", "203.0.113.7")];
            assert_eq!(asked(here, &real, ""), "nobody", "a proxy that is not trusted");
            assert_eq!(asked(here, &real, "127.0.0.0/8,::1/128"), "203.0.113.7");
            assert_eq!(asked(here, &[("forwarded", "for=_x")], "127.0.0.0/8,::1/128"), here);
        }
        assert_eq!(asked("10.0.0.1", &forged, "10.0.0.0/8"), "127.0.0.1", "and has its limit");
        assert_eq!(asked("192.0.2.1", &forged, "10.0.0.0/8"), "192.0.2.1");
    }

    #[test]
    fn behind_a_sign_in_nobody_is_without_a_limit_and_who_comes_by_a_file_is_a_proxy() {
        let here = "127.0.0.1".parse().unwrap();
        let mut headers = HeaderMap::new();
        assert_eq!(behind_sign_in(here, false, &headers, &[]), here);
        assert_eq!(behind_sign_in(here, true, &headers, &[]), here);
        headers.insert("x-forwarded-for", HeaderValue::from_static("203.0.113.7"));
        assert_eq!(behind_sign_in(here, false, &headers, &[]), here, "it is not trusted");
        let client: IpAddr = "203.0.113.7".parse().unwrap();
        assert_eq!(behind_sign_in(here, true, &headers, &[]), client);
        assert_eq!(behind_sign_in(here, false, &headers, &[here.into()]), client);
    }

    proptest! {
        #[test]
        fn any_header_gets_an_answer_and_a_forged_start_changes_nothing(
            forged in "[ -~]{0,40}", real in any::<std::net::Ipv4Addr>()
        ) {
            let real = std::net::Ipv4Addr::from_bits(real.to_bits() | 0xC000_0000); // None of ours.
            let line = format!("{forged}, {real}");
            for name in ["x-forwarded-for", "forwarded"] {
                let line = if name == "forwarded" { format!("{forged}, for={real}") } else { line.clone() };
                prop_assert_eq!(asked("10.0.0.1", &[(name, &line)], "10.0.0.0/8"), real.to_string());
            }
            asked("10.0.0.1", &[("forwarded", &forged)], "10.0.0.0/8");
        }

        #[test]
        fn an_address_is_read_in_every_spelling_that_the_standards_have(
            address: std::net::IpAddr, port: u16, case in 0..3_usize
        ) {
            let bare = match address {
                IpAddr::V4(four) => four.to_string(),
                IpAddr::V6(six) => format!("[{six}]"),
            };
            let for_ = ["for", "For", "FOR"][case];
            let canonical = Some(address.to_canonical());
            for value in [&bare, &format!("{bare}:{port}")] {
                prop_assert_eq!(node(value), canonical);
                prop_assert_eq!(node(&format!(" \"{value}\" ")), canonical);
                let one = HeaderValue::from_str(&format!("proto=http; {for_}=\"{value}\";by=_a"));
                let headers = HeaderMap::from_iter([(header::FORWARDED, one.unwrap())]);
                prop_assert_eq!(forwarded(&headers), Some(vec![canonical]));
            }
            prop_assert_eq!(node(&address.to_string()), canonical);
        }
    }
}
