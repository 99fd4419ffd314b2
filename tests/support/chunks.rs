//! HTTP/1.1's chunked coding (RFC 9112, section 7.1), read strictly: what is not as the standard
//! says fails the test.

/// A body in chunks, as far as it came.
#[derive(Debug, Default)]
pub struct Chunks {
    state: State,
    /// The sizes of the chunks that came whole.
    pub sizes: Vec<usize>,
}

#[derive(Debug)]
enum State {
    /// In the line that says a size, of which this is there.
    Size(Vec<u8>),
    /// So many of a chunk's bytes, and of those of its line's end, are still to come.
    Chunk { size: usize, missing: usize },
    /// In the line after the last chunk.
    Last(Vec<u8>),
    /// The last chunk came.
    Complete,
}

impl Default for State {
    fn default() -> Self {
        Self::Size(Vec::new())
    }
}

impl Chunks {
    /// Reads on, and gives what is in the chunks.
    pub fn take(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        while let Some((&byte, rest)) = bytes.split_first() {
            match &mut self.state {
                State::Chunk { missing, .. } if *missing > 2 => {
                    let part = bytes.len().min(*missing - 2);
                    body.extend_from_slice(&bytes[..part]);
                    *missing -= part;
                    bytes = &bytes[part..];
                    continue;
                }
                State::Chunk { size, missing } => {
                    let end = if *missing == 2 { b'\r' } else { b'\n' };
                    assert_eq!(byte, end, "a chunk of {size} bytes ends with its line");
                    *missing -= 1;
                    if *missing == 0 {
                        self.sizes.push(*size);
                        self.state = State::default();
                    }
                }
                State::Size(line) | State::Last(line) if byte != b'\n' => line.push(byte),
                State::Size(line) => {
                    let line = str::from_utf8(line).expect("ASCII");
                    let digits = line.strip_suffix('\r').expect("a line's end");
                    let size = usize::from_str_radix(digits, 16);
                    let size = size.unwrap_or_else(|why| panic!("{digits:?} is no size: {why}"));
                    self.state = match size {
                        0 => State::Last(Vec::new()),
                        _ => State::Chunk { size, missing: size + 2 },
                    };
                }
                State::Last(line) => {
                    assert_eq!(line, b"\r", "nothing is behind the last chunk");
                    self.state = State::Complete;
                }
                State::Complete => panic!("{bytes:?} behind the end"),
            }
            bytes = rest;
        }
        body
    }

    /// Whether the last chunk came.
    pub fn is_complete(&self) -> bool {
        matches!(self.state, State::Complete)
    }

    /// Whether the next thing to come is a chunk's beginning.
    pub fn is_between(&self) -> bool {
        matches!(&self.state, State::Size(line) if line.is_empty())
    }
}
