//! What the operator says of NATS, parsed; secrets in it are never shown.

use std::{fmt, path::PathBuf, str::FromStr};

use super::LinkError;

/// Which servers, how they let us in, and which stream.
#[derive(Clone, Debug)]
pub struct Options {
    /// The servers, any of which will do.
    pub servers: Servers,
    /// The stream's name, and the first word of every subject; two installations that share servers
    /// have one each.
    pub stream: String,
    /// How many servers keep each message.
    pub replicas: Replicas,
    /// A file with a user's JWT and seed.
    pub creds: Option<PathBuf>,
    /// A file with the seed of an nkey.
    pub nkey: Option<PathBuf>,
    /// A file with the certificates that sign the servers'.
    pub ca: Option<PathBuf>,
    /// Our own certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The JetStream domain that the stream is in.
    pub domain: Option<String>,
}

/// How many servers keep each message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replicas {
    /// Three where there are three servers, else one.
    Auto,
    /// So many.
    Count(usize),
}

/// `nats://` addresses between commas, as they were given. Never an error by itself, since that would
/// show what was given: a start says what is wrong.
#[derive(Clone, Default)]
pub struct Servers(String);

/// Who we are to the servers, as their addresses say.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Login {
    /// Nobody in particular.
    None,
    Password {
        user: String,
        password: String,
    },
    Token(String),
}

/// The servers' addresses without what is secret in them, and that.
pub(super) struct Parsed {
    /// `nats://host:port`, or `tls://`.
    pub addresses: Vec<String>,
    pub login: Login,
    /// Whether one of them asks for TLS.
    pub tls: bool,
}

/// The port that is meant where none is said.
const PORT: u16 = 4222;

impl Servers {
    /// What was given, whatever it is.
    #[must_use]
    pub fn new(raw: &str) -> Self {
        Self(raw.trim().to_owned())
    }

    /// Whether there are any.
    #[must_use]
    pub fn are_named(&self) -> bool {
        !matches!(self.0.as_str(), "" | "none")
    }

    /// Takes them apart.
    ///
    /// # Errors
    ///
    /// [`LinkError::Flag`], which says what is wrong, and no more of an address than its host.
    pub(super) fn parse(&self) -> Result<Parsed, LinkError> {
        let wrong = |why: String| LinkError::Flag { flag: "--nats", why };
        let mut parsed = Parsed { addresses: Vec::new(), login: Login::None, tls: false };
        for one in self.0.split(',').map(str::trim) {
            let (scheme, rest) = one.split_once("://").unwrap_or(("nats", one));
            if !matches!(scheme, "nats" | "tls") {
                return Err(wrong("an address begins with nats:// or tls://".into()));
            }
            parsed.tls |= scheme == "tls";
            // A password may have an @ in it, a host has none.
            let (login, place) = rest.rsplit_once('@').map_or((None, rest), |(l, p)| (Some(l), p));
            let place = place.trim_end_matches('/');
            let has_port = place
                .rsplit_once(':')
                .is_some_and(|(host, _)| !host.contains(':') || host.ends_with(']'));
            let place = if has_port { place.to_owned() } else { format!("{place}:{PORT}") };
            let (host, port) = place.rsplit_once(':').unwrap_or((&place, ""));
            if host.is_empty()
                || host.contains(['/', '?', '#', ' '])
                || port.parse::<u16>().is_err()
            {
                return Err(wrong(format!("try nats://host:{PORT}, further ones behind commas")));
            }
            if let Some(login) = login {
                let decode = |raw: &str| {
                    let decoded = percent_encoding::percent_decode_str(raw).decode_utf8();
                    decoded.map(std::borrow::Cow::into_owned)
                };
                let not_utf8 = |_| wrong(format!("the login for {host} is not UTF-8"));
                let login = match login.split_once(':') {
                    Some((user, password)) => Login::Password {
                        user: decode(user).map_err(not_utf8)?,
                        password: decode(password).map_err(not_utf8)?,
                    },
                    None => Login::Token(decode(login).map_err(not_utf8)?),
                };
                if !matches!(parsed.login, Login::None) && parsed.login != login {
                    return Err(wrong("the servers have different logins; one is for all".into()));
                }
                parsed.login = login;
            }
            parsed.addresses.push(format!("{scheme}://{place}"));
        }
        Ok(parsed)
    }
}

/// Never an error; see [`Servers`].
impl FromStr for Servers {
    type Err = std::convert::Infallible;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        Ok(Self::new(raw))
    }
}

/// Without what is secret.
impl fmt::Display for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parse() {
            Ok(parsed) => f.write_str(&parsed.addresses.join(",")),
            Err(_) => f.write_str("addresses that make no sense"),
        }
    }
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Servers({self})")
    }
}

/// What the names of an installation's further streams end in.
const FURTHER: [&str; 3] = ["-acme", "-names", "-secret"];

/// Whether a stream can be called so: one word of a subject, a name that every system can have for a
/// directory, and none that another installation's further streams have.
#[cfg_attr(not(feature = "nats"), expect(dead_code, reason = "of a connection"))]
pub(crate) fn is_stream_name(raw: &str) -> bool {
    (1..=64).contains(&raw.len())
        && raw.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && !FURTHER.iter().any(|ending| raw.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(raw: &str) -> Result<Parsed, String> {
        Servers::new(raw).parse().map_err(|why| why.to_string())
    }

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (raw, meant) in [
            ("nats://a", "nats://a:4222"),
            ("a", "nats://a:4222"),
            ("a:1", "nats://a:1"),
            ("tls://a:1/", "tls://a:1"),
            ("nats://[::1]:7, nats://b", "nats://[::1]:7,nats://b:4222"),
            ("nats://[::1]", "nats://[::1]:4222"),
            ("nats://ann:pw@a:1,nats://ann:pw@b", "nats://a:1,nats://b:4222"),
        ] {
            assert_eq!(parse(raw).map(|it| it.addresses.join(",")), Ok(meant.into()), "{raw}");
        }
        for raw in ["nats://", "http://a", "nats://a:x", "nats://a/b", "a,,b", "nats://a:99999"] {
            assert!(parse(raw).is_err(), "{raw}");
        }
    }

    #[test]
    fn a_login_is_read_and_never_shown() {
        let login = |raw| parse(raw).unwrap().login;
        let ann = Login::Password { user: "ann".into(), password: "p@:w %".into() };
        assert!(login("nats://ann:p%40%3Aw%20%25@a:1,nats://b") == ann);
        assert!(login("nats://t0ken@a") == Login::Token("t0ken".into()));
        assert!(login("nats://a") == Login::None);
        for raw in
            ["nats://ann:hunter2@a:1", "nats://hunter2@a", "x://ann:hunter2@a", "hunter2@a:x"]
        {
            let servers = Servers::new(raw);
            let why = servers.parse().err().map(|why| why.to_string()).unwrap_or_default();
            let shown = format!("{servers} {servers:?} {why}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        assert!(parse("nats://ann:a@a,nats://ann:b@b").is_err(), "one login is for all");
    }

    #[test]
    fn a_streams_name_is_one_word_of_a_subject() {
        for name in ["hubbub", "Hubbub-2", "a_b"] {
            assert!(is_stream_name(name), "{name}");
        }
        for name in [
            "hubbub-names",
            "a-secret",
            "b-acme",
            "",
            "a.b",
            "a b",
            "a*",
            ">",
            "a/b",
            "é",
            &"a".repeat(65),
        ] {
            assert!(!is_stream_name(name), "{name}");
        }
    }
}
