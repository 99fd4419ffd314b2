//! The header that a proxy names people in.

use axum::http::HeaderName;

/// A header's name, if there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserHeader(pub Option<HeaderName>);

/// What browsers and programs say of themselves: a name there would be anybody's.
const CLIENTS_OWN: [&str; 6] =
    ["accept", "authorization", "cookie", "host", "origin", "user-agent"];

/// A header's name, or `none`.
pub(super) fn parse(raw: &str) -> Result<UserHeader, String> {
    if raw == "none" {
        return Ok(UserHeader(None));
    }
    let name = HeaderName::try_from(raw).ok().filter(|_| !raw.starts_with('-'));
    match name {
        Some(name) if CLIENTS_OWN.contains(&name.as_str()) => {
            Err(format!("clients say {name} of themselves; try Remote-User, or none"))
        }
        Some(name) => Ok(UserHeader(Some(name))),
        None => Err("this is no name of a header; try Remote-User, or none".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_named_in_any_case_and_what_clients_say_of_themselves_is_none() {
        for raw in ["Remote-User", "x-forwarded-user", "Tailscale-User-Login"] {
            assert_eq!(parse(raw).unwrap().0.unwrap().as_str(), raw.to_lowercase());
        }
        assert_eq!(parse("none"), Ok(UserHeader(None)));
        for raw in ["", "a b", "-x", "--keep", "Remote-User:", "Cookie", "authorization"] {
            assert!(parse(raw).is_err(), "{raw:?}");
        }
    }
}
