//! The token in a request's `Authorization`.

use axum::http::{HeaderMap, header};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// The token of a request that carries one: as a Bearer's (RFC 6750, section 2.1), or as the password
/// of nobody (RFC 7617), as `curl -u :TOKEN` sends it. Other names and passwords are of a proxy before
/// us. Of two nobody can say which is meant, and so they are none.
pub(super) fn token(headers: &HeaderMap) -> Option<String> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let line = lines.next()?;
    if lines.next().is_some() {
        return Some(String::new());
    }
    let (scheme, said) = line.to_str().ok()?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(said.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(said.trim()).ok()?).ok()?;
    decoded.strip_prefix(':').filter(|token| !token.is_empty()).map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn token_of(said: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(said).unwrap());
        token(&headers)
    }

    #[test]
    fn a_token_is_a_bearers_or_the_password_of_nobody() {
        assert_eq!(token_of("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(token_of("bearer  abc ").as_deref(), Some("abc"));
        assert_eq!(token_of("Basic OmFiYw==").as_deref(), Some("abc"));
        let mut twice = HeaderMap::new();
        for said in ["Bearer abc", "Bearer abd"] {
            twice.append(header::AUTHORIZATION, HeaderValue::from_static(said));
        }
        assert_eq!(token(&twice).as_deref(), Some(""));
        for other in ["Basic dXNlcjpwdw==", "Basic Og==", "Basic !", "Digest abc", "abc"] {
            assert_eq!(token_of(other), None, "{other}");
        }
    }
}
