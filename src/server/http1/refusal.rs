//! What hyper refuses before there is a request, in words: its own answers have none.

use std::time::Duration;

use axum::{
    http::{Request, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    time::timeout,
};

use super::MAX_BUFFER_BYTES;

/// How much of what a peer still says is read, and for how long, before a connection is closed
/// behind a refusal: closed over something unread, it would be reset, and the refusal be lost.
const MAX_LINGER_BYTES: usize = 4 << 20;
const LINGER_TIMEOUT: Duration = Duration::from_secs(2);

/// The answer to a head that hyper has read, since a buffer had room for it, and that is too large all
/// the same.
pub(in crate::server) fn too_large<T>(request: &Request<T>) -> Option<Response> {
    const AROUND: usize = 4; // Of a header: `: ` and the line's end.
    let lines = request.headers().iter();
    let lines: usize = lines.map(|(name, it)| name.as_str().len() + it.len() + AROUND).sum();
    let head = lines + request.uri().to_string().len();
    (head > MAX_BUFFER_BYTES).then(|| {
        let close = [(header::CONNECTION, "close")];
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        (status, close, format!("{}\n", head_too_large(""))).into_response()
    })
}

/// The answer on a port that speaks TLS to who does not, with no word on where to: what it has sent is
/// sent already.
pub(in crate::server) fn not_encrypted() -> Bytes {
    written("400 Bad Request", "This port speaks HTTPS: the address begins with https://.")
}

/// `or_else` is what else may be the reason.
fn head_too_large(or_else: &str) -> String {
    format!(
        "The request's head is larger than {} KB{or_else}. Cookies of other applications on this \
         host may be why: delete some.",
        MAX_BUFFER_BYTES / 1024
    )
}

/// The answer in the place of one that hyper gives where it cannot read a head.
pub(super) fn worded(answer: &[u8]) -> Option<Bytes> {
    let line = answer.strip_prefix(b"HTTP/1.1 ")?;
    if !answer.ends_with(b"\r\n\r\n") || !contains(answer, b"\r\ncontent-length: 0\r\n") {
        return None;
    }
    let (status, sentence) = match line.first_chunk::<4>()? {
        b"400 " => ("400 Bad Request", "This is not a request of HTTP/1.".to_owned()),
        b"414 " => ("414 URI Too Long", "The address is too long.".to_owned()),
        b"431 " => {
            ("431 Request Header Fields Too Large", head_too_large(" or has more than 100 lines"))
        }
        _ => return None,
    };
    Some(written(status, &sentence))
}

fn written(status: &str, sentence: &str) -> Bytes {
    let length = sentence.len() + 1;
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n{sentence}\n"
    );
    answer.into()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Reads on for a while, so that the peer reads what it was told.
pub(in crate::server) async fn linger(mut socket: impl AsyncRead + Unpin) {
    let drained = async {
        let mut ignored = [0; 4096];
        let mut left = MAX_LINGER_BYTES;
        while left > 0
            && let Ok(count @ 1..) = socket.read(&mut ignored).await
        {
            left = left.saturating_sub(count);
        }
    };
    let _ = timeout(LINGER_TIMEOUT, drained).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_without_words_gets_some() {
        let bare = |status: &str| {
            let head = "\r\nconnection: close\r\ncontent-length: 0\r\ndate: now\r\n\r\n";
            worded(format!("HTTP/1.1 {status}{head}").as_bytes())
        };
        for status in ["400 Bad Request", "414 URI Too Long", "431 Request Header Fields Too Large"]
        {
            let answer = bare(status).unwrap();
            assert!(answer.starts_with(format!("HTTP/1.1 {status}\r\n").as_bytes()));
            assert!(answer.ends_with(b".\n"), "{answer:?}");
        }
        for other in ["200 OK", "404 Not Found"] {
            assert_eq!(bare(other), None);
        }
        assert_eq!(worded(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 7\r\n\r\n{\"a\":1}"), None);
    }
}
