//! What a stream answers to what is published to it.

use serde::Deserialize;

/// It has the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ack {
    /// At which place.
    pub seq: u64,
    /// Whether it had it before, under the same id.
    pub duplicate: bool,
}

/// It does not take the message, now or at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{description} ({code})")]
pub(crate) struct Refused {
    /// The server's `err_code`; 0 where it is not the stream that answers.
    pub code: u64,
    /// In the server's words.
    pub description: String,
}

/// The wrong last sequence, as one server says it: a compare-and-set was lost.
const WRONG_LAST_SEQUENCE: u64 = 10_071;

/// The same, where another is on its way in a cluster.
const WRONG_LAST_SEQUENCE_CONSTANT: u64 = 10_164;

/// What says for certain that nothing was stored: limits of the account, memory and disk of the server,
/// limits of the stream on a message and its headers, a stream that is sealed. From `errors.json` of
/// nats-server.
const NOT_STORED: [u64; 7] = [10_002, 10_023, 10_028, 10_047, 10_054, 10_097, 10_109];

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    stream: String,
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    duplicate: bool,
    #[serde(default)]
    domain: String,
    error: Option<WireError>,
}

#[derive(Deserialize)]
struct WireError {
    #[serde(default)]
    err_code: u64,
    #[serde(default)]
    description: String,
}

impl Refused {
    /// In our own words.
    pub(crate) fn own(description: &dyn std::fmt::Display) -> Self {
        Self { code: 0, description: description.to_string() }
    }

    /// Whether nothing was stored, and trying again at once changes nothing.
    pub(crate) fn is_final(&self) -> bool {
        NOT_STORED.contains(&self.code)
    }

    /// Whether something else came first, where nothing was to be there or something certain.
    pub(crate) fn came_second(&self) -> bool {
        matches!(self.code, WRONG_LAST_SEQUENCE | WRONG_LAST_SEQUENCE_CONSTANT)
    }
}

/// Reads an acknowledgement; it must be of this stream, and of this domain, where one is wanted: a
/// leaf node answers for a stream of its own name.
pub(super) fn parse(bytes: &[u8], stream: &str, domain: Option<&str>) -> Result<Ack, Refused> {
    let wire: Wire = serde_json::from_slice(bytes).map_err(|why| Refused::own(&why))?;
    if let Some(WireError { err_code: code, description }) = wire.error {
        return Err(Refused { code, description });
    }
    if wire.stream != stream || domain.is_some_and(|domain| domain != wire.domain) {
        let (its, of) = (wire.stream, wire.domain);
        return Err(Refused::own(&format_args!(
            "the stream {its:?} of the domain {of:?} answered"
        )));
    }
    Ok(Ack { seq: wire.seq, duplicate: wire.duplicate })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_is_of_the_stream_and_the_domain_that_are_meant() {
        let read = |raw: &str, domain| parse(raw.as_bytes(), "hubbub", domain);
        let ours = r#"{"stream":"hubbub","seq":7}"#;
        assert_eq!(read(ours, None), Ok(Ack { seq: 7, duplicate: false }));
        let again = r#"{"stream":"hubbub","domain":"hub","seq":7,"duplicate":true}"#;
        assert_eq!(read(again, None), Ok(Ack { seq: 7, duplicate: true }));
        assert_eq!(read(again, Some("hub")), Ok(Ack { seq: 7, duplicate: true }));
        assert!(read(again, Some("leaf")).is_err());
        assert!(read(ours, Some("hub")).is_err());
        assert!(read(r#"{"stream":"other","seq":7}"#, None).is_err());
        assert!(read("what", None).is_err());
    }

    #[test]
    fn a_compare_and_set_that_was_lost_is_known_by_both_of_its_codes() {
        for (code, second) in [(10_071, true), (10_164, true), (10_158, false), (10_077, false)] {
            let raw = format!(r#"{{"error":{{"code":400,"err_code":{code},"description":"x"}}}}"#);
            let why = parse(raw.as_bytes(), "hubbub", None).unwrap_err();
            assert_eq!((why.code, why.came_second()), (code, second));
        }
    }
}
