//! Who may do what in a room. Today everybody may do everything: whoever reaches the address reads
//! and writes every room. Each rule that is to come has its place here, between the check of names
//! and the journal, and is asked by every way in.

use super::Caller;
use crate::message::RoomName;

/// What somebody wants to do in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Read what was said, and who is here.
    Read,
    /// Hold a stream.
    Listen,
    /// Join under a name.
    Join,
    /// Send a message.
    Send,
}

/// The rules of access.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Access;

/// Somebody may not do this here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not allowed")]
pub(crate) struct Denied;

impl Access {
    /// Whether `caller` may do `action` in `room`.
    ///
    /// # Errors
    ///
    /// [`Denied`]; today never.
    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "the place of rules that are to come"
    )]
    pub(super) fn check(
        self,
        caller: &Caller,
        action: Action,
        room: &RoomName,
    ) -> Result<(), Denied> {
        let _ = (caller, action, room);
        Ok(())
    }
}
