use jiff::Timestamp;

use super::{Key, Message, MessageId, Seq};

/// Whether a message is as it was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It is.
    #[default]
    Sent,
    /// Its author wrote another text in the place of the first.
    Edited,
    /// It was taken back: its text is gone, and is empty here.
    Removed,
}

/// A message is another from here on. It is an entry of the journal with a seq of its own, so that
/// readers who have the message are told; it is no message, and is not counted as one.
///
/// A store keeps one of a message at most: the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The entry's id, and with it its seq.
    pub id: MessageId,
    /// When the journal took it.
    pub changed_at: Timestamp,
    /// The message as it is from here on: edited or removed.
    pub message: Message,
    /// Who did it, where that was not its author; `None` from a store.
    pub by: Option<String>,
    /// What a node keeps of a removed message that it never had; `None` from a store.
    pub first: Option<First>,
}

/// What is still known of a removed message, so that a retry of its send is known by every node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct First {
    /// The key that it was sent under.
    pub key: Key,
    /// The digest of its first name and text.
    pub digest: String,
}

impl Change {
    /// The seq of the message that is changed.
    #[must_use]
    pub fn target(&self) -> Seq {
        self.message.seq()
    }
}
