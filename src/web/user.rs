//! The name that a proxy vouches for, in the header that `--user-header` names.

use std::convert::Infallible;

use axum::{
    extract::{FromRequestParts, Request},
    http::{HeaderMap, HeaderName, request::Parts},
};

use super::{error::Error, state::AppState};
use crate::{
    message::{Mark, Name},
    server::ConnectionInfo,
};

/// Routes that are answered whoever asks: what watches over the process is behind no sign-in, and the
/// page that says so has a style sheet. What no template matches is there for nobody.
const OPEN: [&str; 6] =
    ["/healthz", "/readyz", "/readyz/sends", "/metrics", "/static/{file}", "unknown"];

/// Who asks, where a proxy vouches for that: the name, with the mark that says so.
#[derive(Clone)]
pub(super) struct User(pub Option<Name>);

impl<S: Send + Sync> FromRequestParts<S> for User {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or(Self(None)))
    }
}

impl User {
    /// Whether who asks may go on under a name that they joined under: with a proxy that vouches for
    /// names, under theirs alone, and without one under no name that was vouched for before.
    pub(super) fn may_be(&self, name: &Name) -> bool {
        self.0.as_ref().map_or(!name.is_verified(), |user| user == name)
    }
}

/// Notes in a request who asks.
///
/// # Errors
///
/// [`Error::NotSignedIn`] where names come by a header, and this request has none that can be
/// believed.
pub(super) fn note(state: &AppState, template: &str, request: &mut Request) -> Result<(), Error> {
    let Some(header) = &state.user_header else { return Ok(()) };
    if OPEN.contains(&template) {
        return Ok(());
    }
    let info = request.extensions().get::<ConnectionInfo>();
    let vouches = info.is_some_and(|info| {
        let ip = info.peer.ip().to_canonical();
        info.is_by_file() || state.trusted_proxies.iter().any(|network| network.contains(&ip))
    });
    if !vouches {
        return Err(Error::NotSignedIn(NO_PROXY.into()));
    }
    let name = named(request.headers(), header)?;
    request.extensions_mut().insert(User(Some(name)));
    Ok(())
}

const NO_PROXY: &str = "People's names come from a proxy here that signs them in, and this did not \
     come by it. The operator names that proxy with --trusted-proxies.";

const NOBODY: &str =
    "The proxy in front of this server does not say who you are. Please sign in there.";

const TWICE: &str = "The proxy in front of this server says more than once who you are.";

const NOT_UTF_8: &str = "What the proxy in front of this server says of who you are is not UTF-8.";

/// The one name in a header.
fn named(headers: &HeaderMap, header: &HeaderName) -> Result<Name, Error> {
    let refused = |why: &str| Error::NotSignedIn(why.to_owned());
    let mut lines = headers.get_all(header).iter();
    let line = lines.next().ok_or_else(|| refused(NOBODY))?;
    if lines.next().is_some() {
        return Err(refused(TWICE));
    }
    let raw = str::from_utf8(line.as_bytes()).map_err(|_| refused(NOT_UTF_8))?;
    if raw.trim().is_empty() {
        return Err(refused(NOBODY));
    }
    let name = Name::parse(raw).map_err(|why| {
        refused(&format!(
            "The name that the proxy in front of this server gives you is none. {why}"
        ))
    })?;
    Ok(name.marked(&Mark::verified()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn said(values: &[&[u8]]) -> Result<Name, String> {
        let header = HeaderName::from_static("remote-user");
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&header, HeaderValue::from_bytes(value).unwrap());
        }
        named(&headers, &header).map_err(|why| why.sentence().to_owned())
    }

    #[test]
    fn one_header_with_a_name_is_that_name_verified() {
        let name = Name::parse("Zoë B").unwrap().marked(&Mark::verified());
        assert_eq!(said(&[" Zoë  B ".as_bytes()]), Ok(name.clone()));
        assert!(User(Some(name.clone())).may_be(&name));
        assert!(!User(None).may_be(&name), "nobody vouches for it any more");
        let unproven = Name::parse("Zoë B").unwrap();
        assert!(User(None).may_be(&unproven) && !User(Some(name)).may_be(&unproven));
    }

    #[test]
    fn none_two_and_what_is_no_name_are_refused_in_words() {
        let long = "x".repeat(33);
        for (values, part) in [
            (&[][..], "does not say who you are"),
            (&[&b""[..]], "does not say who you are"),
            (&[b" "], "does not say who you are"),
            (&[b"ann", b"ann"], "more than once"),
            (&[b"caf\xe9"], "not UTF-8"),
            (&[long.as_bytes()], "A name is at most 32 characters."),
            (&["a\u{202e}b".as_bytes()], "control or invisible"),
        ] {
            let why = said(values).unwrap_err();
            assert!(why.contains(part), "{values:?}: {why}");
        }
    }
}
