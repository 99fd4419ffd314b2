//! What this server is called: which `Host` is answered, and whose forms are taken.
//!
//! A page of a foreign site can have its own name resolve to this machine (DNS rebinding), and is
//! then of the same origin as what is served here. What tells the two apart is the name.

use std::net::IpAddr;

use axum::{extract::Request, http::header};

use crate::server::ConnectionInfo;

/// The addresses under which people reach this server, as the operator names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublicUrls(Vec<PublicUrl>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct PublicUrl {
    /// As a browser writes it: in lower case, and without a port that goes without saying.
    origin: String,
    host: String,
    port: u16,
}

impl PublicUrls {
    /// URLs between commas, or `none`.
    ///
    /// # Errors
    ///
    /// A sentence on the one that is no such URL.
    pub fn parse(raw: &str) -> Result<Self, String> {
        if raw.trim() == "none" {
            return Ok(Self::default());
        }
        let each = raw.split(',').map(|one| {
            let one = one.trim();
            PublicUrl::parse(one).ok_or_else(|| {
                let hint = match one.split_once("://").and_then(|(_, rest)| rest.split_once('/')) {
                    Some((_, path)) if !path.is_empty() => " (a path goes into --base)",
                    _ => "",
                };
                format!(
                    "{one:?} is not the URL of a server{hint}; try https://chat.example, or none"
                )
            })
        });
        each.collect::<Result<_, _>>().map(Self)
    }

    /// Their origins.
    pub(super) fn origins(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|url| url.origin.as_str())
    }

    /// Whether a request is for this server. One that does not say is no browser's.
    ///
    /// Where there are names, these are answered, and addresses: no page of another site has an
    /// address for its name, and a proxy or a health check may. Where there are none, what came by an
    /// address that only this machine reaches is for loopback names and addresses, and the rest for
    /// anything.
    pub(super) fn answer(&self, request: &Request) -> bool {
        let is_local = request.extensions().get::<ConnectionInfo>().is_some_and(|it| it.is_local);
        let is_for_us = |authority: &str| self.is_called(authority, is_local);
        let lines = request.headers().get_all(header::HOST);
        let mut said = lines.iter().map(|line| line.to_str().ok());
        let uri = request.uri().authority().is_none_or(|authority| is_for_us(authority.as_str()));
        lines.iter().count() <= 1 && uri && said.all(|one| one.is_some_and(is_for_us))
    }

    fn is_called(&self, authority: &str, is_local: bool) -> bool {
        let authority = authority.to_ascii_lowercase();
        let (host, _) = parted(&authority);
        let is_ours = is_machines_own(host);
        if !self.0.is_empty() {
            let address = address(host);
            return is_ours || address.is_some() || self.origin_of(&authority).is_some();
        }
        !is_local || is_ours
    }

    /// The origin of the name that this is, where the operator gave it.
    pub(super) fn origin_of(&self, authority: &str) -> Option<&str> {
        let authority = authority.to_ascii_lowercase();
        let url = self.0.iter().find(|url| url.is_called(&authority))?;
        Some(&url.origin)
    }

    /// The origin of this host over HTTPS, whatever its port, where the operator gave one.
    pub(super) fn secure_origin_of(&self, host: &str) -> Option<&str> {
        let mut secure = self.0.iter().filter(|url| url.origin.starts_with("https://"));
        let url = secure.find(|url| url.host.eq_ignore_ascii_case(host))?;
        Some(&url.origin)
    }
}

impl PublicUrl {
    fn parse(raw: &str) -> Option<Self> {
        let raw = raw.to_ascii_lowercase();
        let (scheme, rest) = raw.split_once("://")?;
        let default = default_port(scheme)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if !is_plain(authority) {
            return None;
        }
        let (host, port) = parted(authority);
        let port = port.map_or(Some(default), |port| port.parse().ok())?;
        let shown = if port == default { String::new() } else { format!(":{port}") };
        Some(Self { origin: format!("{scheme}://{host}{shown}"), host: host.to_owned(), port })
    }

    fn is_called(&self, authority: &str) -> bool {
        let (host, port) = parted(authority);
        let host = host.strip_suffix('.').unwrap_or(host);
        let default = self.origin.split_once("://").and_then(|(scheme, _)| default_port(scheme));
        host == self.host && port.map_or(default, |port| port.parse().ok()) == Some(self.port)
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Whether this is a name or an address of the machine itself, which no name service gives to others.
pub(super) fn is_machines_own(host: &str) -> bool {
    // A name that ends in the root's dot is whole (RFC 1034, section 3.1): the same name.
    let host = host.strip_suffix('.').unwrap_or(host);
    host == "localhost"
        || host.ends_with(".localhost")
        || address(host).is_some_and(|address| address.to_canonical().is_loopback())
}

/// The host and the port of an authority.
pub(super) fn parted(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

/// Whether this is a host's name or address, with a port or without, and nothing else.
pub(super) fn is_plain(authority: &str) -> bool {
    let (host, port) = parted(authority);
    let is_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.len() <= 253 // RFC 1035, section 2.3.4, less the root.
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
                && !host.starts_with('-')
        }
    };
    is_host && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::{
        body::Body,
        http::{HeaderMap, HeaderValue},
    };

    use super::*;
    use crate::server::Protocol;

    /// A request that came by a listener.
    fn request(uri: &str, listener: SocketAddr, headers: HeaderMap) -> Request {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri.parse().unwrap();
        *request.headers_mut() = headers;
        request.extensions_mut().insert(ConnectionInfo {
            peer: listener,
            is_local: listener.ip().is_loopback(),
            tls: false,
            protocol: Protocol::Http1,
        });
        request
    }

    fn answers(public: &str, listener: &str, hosts: &[&str]) -> bool {
        let hosts = hosts.iter().map(|host| HeaderValue::from_str(host).unwrap());
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, host);
        }
        let listener: SocketAddr = listener.parse().unwrap();
        PublicUrls::parse(public).unwrap().answer(&request("/", listener, headers))
    }

    #[test]
    fn a_loopback_listener_is_called_by_what_is_loopback_and_another_by_anything() {
        for listener in ["127.0.0.1:3000", "[::1]:3000"] {
            for host in [
                "localhost",
                "localhost:3000",
                "localhost.:3000",
                "A.LocalHost:80",
                "127.0.0.1:3000",
                "127.9.9.9",
                "[::1]:1",
            ] {
                assert!(answers("none", listener, &[host]), "{host}");
            }
            for host in [
                "evil.example:3000",
                "localhost.evil.example",
                "192.0.2.1",
                "hubbub",
                "127.0.0.1.nip.io",
                "",
            ] {
                assert!(!answers("none", listener, &[host]), "{host}");
            }
            assert!(!answers("none", listener, &["localhost", "localhost"]), "two say nothing");
            assert!(answers("none", listener, &[]), "HTTP/1.0");
        }
        assert!(answers("none", "0.0.0.0:3000", &["chat.example"]));
    }

    #[test]
    fn with_names_these_are_answered_and_addresses_and_no_other_name() {
        let public = "https://Chat.example, http://chat.internal:8080/";
        for listener in ["127.0.0.1:3000", "0.0.0.0:3000"] {
            for host in [
                "chat.example",
                "CHAT.example:443",
                "chat.example.",
                "chat.internal:8080",
                "localhost:3000",
                "10.0.0.7:3000",
                "[2001:db8::1]",
            ] {
                assert!(answers(public, listener, &[host]), "{host}");
            }
            for host in ["chat.example:80", "chat.internal", "evil.example", "chat.example.evil"] {
                assert!(!answers(public, listener, &[host]), "{host}");
            }
        }
        let public = PublicUrls::parse(public).unwrap();
        let anywhere = "0.0.0.0:1".parse().unwrap();
        let foreign = request("http://evil.example/", anywhere, HeaderMap::new());
        assert!(!public.answer(&foreign));
        let origins: Vec<_> = public.origins().collect();
        assert_eq!(origins, ["https://chat.example", "http://chat.internal:8080"]);
    }

    #[test]
    fn a_url_with_a_path_is_refused_with_a_word_on_where_that_goes() {
        assert!(PublicUrls::parse("https://a.example/chat").unwrap_err().contains("--base"));
        assert!(!PublicUrls::parse("a.example").unwrap_err().contains("--base"));
    }

    #[test]
    fn what_is_no_url_of_a_server_is_refused_with_a_sentence() {
        for raw in [
            "",
            "chat.example",
            "ftp://a",
            "https://a/path",
            "https://u@a",
            "https://a,",
            "http://",
        ] {
            assert!(
                PublicUrls::parse(raw).unwrap_err().contains("https://chat.example"),
                "{raw:?}"
            );
        }
    }
}
