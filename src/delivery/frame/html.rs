//! `text/html` without an end: a document that grows, live with JavaScript off.

use crate::{
    journal::Gap,
    message::{Epoch, Message, MessageId, RoomName},
    sink::Chunk,
    view,
};

/// The document's head, and its body up to where messages are appended.
pub(super) fn opening(room: &RoomName) -> Chunk {
    Chunk::new(&view::endless::opening(room).into_string())
}

/// The message's fragment, the same bytes as everywhere.
pub(super) fn message(out: &mut String, message: &Message) {
    out.push_str(&view::message::fragment(message).into_string());
    out.push('\n');
}

/// The line that stands where messages are missing for good.
pub(super) fn gap(out: &mut String, gap: Gap, epoch: &Epoch) {
    out.push_str(&view::message::gap(gap.gone, epoch).into_string());
    out.push('\n');
}

/// What ends the document and makes the browser go on with the next, after so many seconds.
pub(super) fn next_document(cursor: &MessageId, seconds: u64) -> Chunk {
    Chunk::new(&view::endless::next_document(cursor, seconds).into_string())
}
