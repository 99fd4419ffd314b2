//! A frame in a chunk of HTTP/1.1's chunked coding (RFC 9112, section 7.1).
//!
//! The chunk is put around the frame once, where the frame is encoded, so that a delivery is one
//! write of bytes that all readers share, whatever stands around a frame on their connections.

use std::ops::Range;

use bytes::{Buf as _, Bytes};

/// What stands around frames on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Nothing: the end of the stream is the end of the connection (HTTP/1.0), or the protocol
    /// frames it in its own way (HTTP/2).
    Bare,
    /// A chunk of HTTP/1.1.
    Chunked,
}

/// A frame, or some that go together, and the chunk around it. Clones share the bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk(Bytes);

/// The line before the largest frame that there can be.
const MAX_SIZE_LINE: &str = "ffffffffffffffff\r\n";

/// What follows a frame.
const END: &str = "\r\n";

impl Chunk {
    /// What ends a chunked stream that is complete. Where it is missing, a client knows that there
    /// was more.
    pub const LAST: &[u8] = b"0\r\n\r\n";

    /// A frame.
    #[must_use]
    pub fn new(frame: &str) -> Self {
        Self::encode(frame.len(), |out| out.push_str(frame))
    }

    /// What `frame` writes, which has about `capacity` bytes.
    #[must_use]
    pub fn encode(capacity: usize, frame: impl FnOnce(&mut String)) -> Self {
        let mut out = String::with_capacity(MAX_SIZE_LINE.len() + capacity + END.len());
        out.push_str(MAX_SIZE_LINE);
        frame(&mut out);
        Self::close(out.into_bytes())
    }

    /// The frames of some chunks in one.
    #[must_use]
    pub fn join<'a>(chunks: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let size: usize = chunks.clone().map(|chunk| chunk.0.len()).sum();
        let mut out = Vec::with_capacity(MAX_SIZE_LINE.len() + size + END.len());
        out.extend_from_slice(MAX_SIZE_LINE.as_bytes());
        for chunk in chunks {
            out.extend_from_slice(chunk.framed(Framing::Bare));
        }
        Self::close(out)
    }

    /// Closes a chunk whose frame stands behind room for its size.
    fn close(mut out: Vec<u8>) -> Self {
        let size = out.len() - MAX_SIZE_LINE.len();
        if size == 0 {
            // A chunk around nothing would be the last one.
            return Self::default();
        }
        let line = format!("{size:x}\r\n");
        let start = MAX_SIZE_LINE.len() - line.len();
        out[start..MAX_SIZE_LINE.len()].copy_from_slice(line.as_bytes());
        out.extend_from_slice(END.as_bytes());
        let mut chunk = Bytes::from(out);
        chunk.advance(start);
        Self(chunk)
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As it stands on a connection.
    #[must_use]
    pub fn framed(&self, framing: Framing) -> &[u8] {
        match framing {
            Framing::Chunked => &self.0,
            Framing::Bare => &self.0[self.frame()],
        }
    }

    /// As it stands on a connection; the bytes are still shared.
    #[must_use]
    pub fn into_framed(self, framing: Framing) -> Bytes {
        match framing {
            Framing::Chunked => self.0,
            Framing::Bare => self.0.slice(self.frame()),
        }
    }

    /// Where the frame stands.
    fn frame(&self) -> Range<usize> {
        let size_line = self.0.iter().position(|byte| *byte == b'\n');
        size_line.map_or(0..0, |end| end + 1..self.0.len() - END.len())
    }
}

/// Reads chunks the way the standard says: what is in them, and whether the last one came.
#[cfg(test)]
pub fn decode(mut wire: &str) -> (String, bool) {
    let mut frames = String::new();
    while let Some((size, rest)) = wire.split_once("\r\n") {
        let size =
            usize::from_str_radix(size, 16).unwrap_or_else(|_| panic!("{size:?} in {wire:?}"));
        if size == 0 {
            assert_eq!(rest, "\r\n", "behind the last chunk");
            return (frames, true);
        }
        let (frame, rest) = rest.split_at(size);
        frames.push_str(frame);
        wire = rest.strip_prefix("\r\n").unwrap_or_else(|| panic!("a chunk ends: {rest:?}"));
    }
    assert_eq!(wire, "", "chunks are whole");
    (frames, false)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(bytes: &[u8]) -> &str {
        str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_chunk_is_its_size_in_hexadecimal_and_the_frame_between_line_ends() {
        let chunk = Chunk::new("a frame of 17 bye");
        assert_eq!(text(chunk.framed(Framing::Chunked)), "11\r\na frame of 17 bye\r\n");
        assert_eq!(text(chunk.framed(Framing::Bare)), "a frame of 17 bye");
    }

    #[test]
    fn nothing_is_in_no_chunk_since_that_would_be_the_last() {
        for chunk in [Chunk::new(""), Chunk::default(), Chunk::join([].iter())] {
            assert!(chunk.is_empty());
            for framing in [Framing::Bare, Framing::Chunked] {
                assert_eq!(text(chunk.framed(framing)), "");
                assert_eq!(chunk.clone().into_framed(framing), "");
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_is_in_them_chunks_are_read_as_what_they_were_made_of_and_share_one_memory(
            frames in proptest::collection::vec("(?s)(.|\r\n|0\r\n\r\n){0,40}", 0..6)
        ) {
            let chunks: Vec<_> = frames.iter().map(|frame| Chunk::new(frame)).collect();
            let wire: Vec<_> = chunks.iter().map(|chunk| chunk.framed(Framing::Chunked)).collect();
            prop_assert_eq!(decode(text(&wire.concat())), (frames.concat(), false));
            let joined = Chunk::join(chunks.iter());
            prop_assert_eq!(&joined, &Chunk::new(&frames.concat()));
            for chunk in chunks.into_iter().chain([joined]) {
                let at = chunk.framed(Framing::Chunked).as_ptr_range();
                for framing in [Framing::Bare, Framing::Chunked] {
                    let bytes = chunk.clone().into_framed(framing);
                    prop_assert_eq!(&bytes, chunk.framed(framing));
                    let range = bytes.as_ptr_range();
                    prop_assert!(bytes.is_empty() || (at.start <= range.start && range.end <= at.end));
                }
            }
        }
    }
}
