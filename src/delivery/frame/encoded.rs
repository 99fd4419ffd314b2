//! What is encoded once in each representation that somebody reads, and in no other.

use std::sync::OnceLock;

use super::Representation;
use crate::sink::Chunk;

/// The encodings of one thing.
#[derive(Default)]
pub(crate) struct Encoded([OnceLock<Chunk>; Representation::ALL.len()]);

impl Encoded {
    /// The encoding in one representation: the one that is there, or what `encode` makes now.
    pub(crate) fn get_or_encode(
        &self,
        representation: Representation,
        encode: impl FnOnce() -> Chunk,
    ) -> &Chunk {
        self.0[representation as usize].get_or_init(encode)
    }

    /// In how many representations it is encoded.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.0.iter().filter(|chunk| chunk.get().is_some()).count()
    }
}
