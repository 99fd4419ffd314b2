//! A notice: word of something about now, which has no place in the order of messages.

use std::sync::Arc;

use super::{Representation, encoded::Encoded};
use crate::{message::People, sink::Chunk};

/// Word of who is here. Clones share what is encoded.
#[derive(Clone)]
pub(crate) struct Notice(Arc<Inner>);

struct Inner {
    people: Arc<People>,
    encoded: Encoded,
}

impl Notice {
    /// Word of them, not encoded yet.
    pub(crate) fn new(people: Arc<People>) -> Self {
        Self(Arc::new(Inner { people, encoded: Encoded::default() }))
    }

    /// As it goes out in a representation that carries it.
    pub(crate) fn chunk(&self, representation: Representation) -> Chunk {
        let encode = || representation.presence(&self.0.people);
        self.0.encoded.get_or_encode(representation, encode).clone()
    }
}
