//! Where the one who asks finds this server: for lines that can be copied.
//!
//! It is shown to whoever said it, and to nobody else: nothing is decided by it.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, Uri, header, request::Parts, uri::Authority},
};

use super::{
    host::{PublicUrls, is_machines_own, is_plain, parted},
    state::AppState,
};
use crate::{paths, server::ConnectionInfo};

/// A scheme and an authority, and what stands before every address: `https://chat.example/chat`. It
/// holds nothing that a shell, a URL or markup would take for something else.
pub(super) struct Origin(pub String);

impl FromRequestParts<AppState> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let tls = parts.extensions.get::<ConnectionInfo>().is_some_and(|info| info.tls);
        let Self(origin) = Self::named(&state.public_urls, &parts.uri, &parts.headers)
            .unwrap_or_else(|| Self::of(&parts.uri, &parts.headers, tls, state.served.address));
        Ok(Self(origin + paths::base()))
    }
}

impl Origin {
    /// As the operator says; under several names, as the one that was asked for.
    fn named(public: &PublicUrls, uri: &Uri, headers: &HeaderMap) -> Option<Self> {
        let said = uri.authority().map(Authority::as_str);
        let said = said.or_else(|| headers.get(header::HOST)?.to_str().ok());
        let asked = said.and_then(|said| public.origin_of(said));
        asked.or_else(|| public.origins().next()).map(|origin| Self(origin.to_owned()))
    }

    /// `listen` is where the server itself listens: it stands where the request does not say how it
    /// came here.
    fn of(uri: &Uri, headers: &HeaderMap, tls: bool, listen: SocketAddr) -> Self {
        let listen = reachable(listen).to_string();
        // HTTP/2 says it in the URI (RFC 9113, section 8.3.1).
        let said = uri.authority().map(Authority::as_str);
        let said = said.or_else(|| headers.get(header::HOST)?.to_str().ok());
        let authority = said.filter(|said| is_plain(said)).unwrap_or(&listen);
        let scheme = if tls || proxy_had_tls(headers, authority) { "https" } else { "http" };
        Self(format!("{scheme}://{authority}"))
    }
}

/// An address that a client on this machine can ask, of one that the server listens on.
fn reachable(mut listen: SocketAddr) -> SocketAddr {
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    listen
}

/// Whether the one who asks came over TLS, which a proxy ended: the proxy says so, or the browser
/// does, by a link from one of our pages or by a header that it keeps for what is secure (W3C Fetch
/// Metadata, section 2: sent to potentially trustworthy URLs only, which this machine's are anyway).
fn proxy_had_tls(headers: &HeaderMap, authority: &str) -> bool {
    const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
    let said = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(scheme) = said(&X_FORWARDED_PROTO) {
        return scheme.eq_ignore_ascii_case("https");
    }
    let from = said(&header::REFERER).and_then(|from| from.split_once("://"));
    if let Some((scheme, rest)) = from
        && rest.split('/').next() == Some(authority)
    {
        return scheme == "https";
    }
    let (host, _) = parted(authority);
    fetch_site(headers).is_some() && !is_machines_own(host)
}

/// What a browser says of the page that led here, beside ours: `same-origin`, `cross-site` (W3C Fetch
/// Metadata, section 2.3). Over plain HTTP to another machine none says it.
pub(super) fn fetch_site(headers: &HeaderMap) -> Option<&str> {
    headers.get("sec-fetch-site").and_then(|site| site.to_str().ok())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn asked(uri: &str, lines: &[(&str, &str)], tls: bool) -> String {
        let lines = lines.iter().map(|(name, value)| {
            (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
        });
        let listen = "127.0.0.1:4321".parse().unwrap();
        Origin::of(&uri.parse().unwrap(), &lines.collect(), tls, listen).0
    }

    #[test]
    fn a_server_is_where_the_request_says_that_it_is() {
        for (host, expected) in [
            ("localhost:3000", "http://localhost:3000"),
            ("chat.example", "http://chat.example"),
            ("Chat_1.example:80", "http://Chat_1.example:80"),
            ("192.0.2.1:3000", "http://192.0.2.1:3000"),
            ("[2001:db8::1]:3000", "http://[2001:db8::1]:3000"),
            ("[::1]", "http://[::1]"),
        ] {
            assert_eq!(asked("/api", &[("host", host)], false), expected);
        }
        assert_eq!(asked("https://chat.example/api", &[], true), "https://chat.example");
        assert_eq!(asked("/api", &[("host", "a.example")], true), "https://a.example");
    }

    #[test]
    fn what_a_shell_or_a_page_would_take_for_something_else_is_not_repeated() {
        for host in [
            "",
            ":3000",
            "a b",
            "a$(id)",
            "a`id`",
            "a;id",
            "a'b",
            "a\"b",
            "a&b",
            "<b>",
            "a/b",
            "a#b",
            "a?b",
            "user@a",
            "-a",
            "a:0",
            "a:65536",
            "a:x",
            "a:80:80",
            "[::1",
            "::1",
            "[x]",
            "[::1]x",
            "é",
            &"a".repeat(254),
        ] {
            let asked = asked("/api", &[("host", host)], false);
            assert_eq!(asked, "http://127.0.0.1:4321", "{host:?}");
        }
        assert_eq!(asked("/api", &[], false), "http://127.0.0.1:4321");
        for (listen, expected) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), expected);
        }
    }

    #[test]
    fn behind_a_proxy_the_scheme_is_the_one_that_was_asked_for() {
        let host = ("host", "chat.example");
        for (line, scheme) in [
            (("x-forwarded-proto", "https"), "https"),
            (("x-forwarded-proto", "http"), "http"),
            (("x-forwarded-proto", "javascript"), "http"),
            (("referer", "https://chat.example/rooms"), "https"),
            (("referer", "http://chat.example/rooms"), "http"),
            (("referer", "https://other.example/"), "http"),
            (("sec-fetch-site", "none"), "https"),
        ] {
            assert_eq!(asked("/api", &[host, line], false), format!("{scheme}://chat.example"));
        }
        for here in ["localhost:3000", "a.localhost", "127.0.0.1:3000", "[::1]:3000", "[::1]"] {
            let lines = [("host", here), ("sec-fetch-site", "same-origin")];
            assert_eq!(asked("/api", &lines, false), format!("http://{here}"));
        }
    }
}
