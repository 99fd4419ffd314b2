//! The path that everything is served below.

/// Empty, or such as `/chat`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base(pub String);

/// A path of plain names: it stands in URLs, markup, headers and cookies as it is.
pub(super) fn parse(raw: &str) -> Result<Base, String> {
    let path = raw.strip_suffix('/').unwrap_or(raw);
    let is_name = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte))
            && !name.bytes().all(|byte| byte == b'.')
    };
    let is_plain = path.is_empty()
        || path.strip_prefix('/').is_some_and(|names| names.split('/').all(is_name));
    if is_plain && !raw.is_empty() {
        Ok(Base(path.to_owned()))
    } else {
        Err("try a path such as /chat, or /".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_a_path_of_plain_names() {
        for (raw, base) in
            [("/", ""), ("/chat", "/chat"), ("/chat/", "/chat"), ("/a/b-1", "/a/b-1")]
        {
            assert_eq!(parse(raw), Ok(Base(base.into())));
        }
        for raw in ["", "chat", "//", "/a//b", "/a b", "/../a", "/a?b", "https://a/b", "/a;b"] {
            assert!(parse(raw).is_err(), "{raw:?}");
        }
    }
}
