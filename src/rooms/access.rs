//! Who may do what in a room. Today everybody may do everything: whoever reaches the address reads
//! and writes every room. Each rule that is to come has its place here, between the check of names
//! and the journal, and is asked by every way in.

use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{Caller, Refusal};
use crate::{
    journal::{Revision, Signed},
    message::{Author, Key, Message, Name, RoomName, State},
};

/// How long after it was sent its author may give a message another text: longer, and what others
/// answered to would be something else. To take it back is possible at any time.
pub(crate) const EDIT_TIME: Duration = Duration::from_mins(15);

/// The least characters of a key that proves who sent a message: a shorter one is soon guessed.
pub(crate) const MIN_PROOF_CHARS: usize = 16;

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

/// What a request proves of who makes it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proof {
    authors: Vec<Author>,
    key: Option<Key>,
    operator: bool,
    /// Where a proxy says who asks: their tabs' messages are those under this name.
    user: Option<Name>,
}

/// Who somebody is to a message. Whoever may do more than others is one more of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// The tab that sent it, or a script that has its key.
    Author,
    /// Who runs the server.
    Operator,
    /// Anybody else.
    Nobody,
}

impl Proof {
    /// That of a request which comes from these tabs, and says this key.
    pub(crate) fn new<'a>(tabs: impl IntoIterator<Item = &'a str>, key: Option<Key>) -> Self {
        let authors = tabs.into_iter().map(Author::of_tab).collect();
        Self { authors, key, operator: false, user: None }
    }

    /// The same, of a request that the operator makes.
    pub(crate) fn of_operator(self) -> Self {
        Self { operator: true, ..self }
    }

    /// The same, of a request of which a proxy says who makes it. Others may have had the same browser.
    pub(crate) fn of_user(self, user: Option<Name>) -> Self {
        Self { user, ..self }
    }

    /// Whether the operator asks for what he can ask for as that alone.
    pub(super) fn is_operators(&self, signed: &Signed) -> bool {
        self.standing(signed) == Standing::Operator
    }

    fn standing(&self, signed: &Signed) -> Standing {
        let is_theirs = self.user.as_ref().is_none_or(|user| *user == signed.message.name);
        let by_tab =
            is_theirs && signed.author.is_some_and(|author| self.authors.contains(&author));
        let by_key = self.key.as_ref().is_some_and(|key| {
            key.as_str().len() >= MIN_PROOF_CHARS && is_same(key, &signed.first.key)
        });
        match self.operator {
            _ if by_tab || by_key => Standing::Author,
            true => Standing::Operator,
            false => Standing::Nobody,
        }
    }
}

/// Whether two keys are the same. How long that takes says nothing of either: it is their digests that
/// are compared.
fn is_same(one: &Key, other: &Key) -> bool {
    Sha256::digest(one.as_str()) == Sha256::digest(other.as_str())
}

/// Whether a message is young enough to be edited.
pub(super) fn may_still_be_edited(message: &Message, now: Timestamp) -> bool {
    // One from the future was sent by a clock that was ahead, and is young.
    let age = now.duration_since(message.sent_at);
    age.is_negative() || age.unsigned_abs() <= EDIT_TIME
}

impl Access {
    /// Whether whoever `proof` says asks may change a message so.
    ///
    /// # Errors
    ///
    /// [`Refusal`] says why not.
    #[expect(clippy::unused_self, reason = "the place of rules that are to come")]
    pub(super) fn check_revision(
        self,
        caller: &Caller,
        proof: &Proof,
        signed: &Signed,
        revision: &Revision,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let _ = caller;
        let message = &signed.message;
        match (proof.standing(signed), revision) {
            (Standing::Author | Standing::Operator, Revision::Remove) => Ok(()),
            (Standing::Author, Revision::Edit(_)) if message.state == State::Removed => {
                Err(Refusal::Removed)
            }
            (Standing::Author, Revision::Edit(_)) if may_still_be_edited(message, now) => Ok(()),
            (Standing::Author, Revision::Edit(_)) => Err(Refusal::TooLate),
            // Nobody puts words into another's mouth.
            (Standing::Operator, Revision::Edit(_)) | (Standing::Nobody, _) => {
                Err(Refusal::NotAuthor)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{First, Mark, Text};

    fn signed(state: State, author: Option<Author>, key: &str) -> Signed {
        Signed {
            message: Message {
                id: "e-1".parse().unwrap(),
                room: RoomName::parse("lobby").unwrap(),
                name: Name::parse("ann").unwrap(),
                text: Text::parse("hi").unwrap(),
                sent_at: at(0),
                state,
            },
            first: First { key: Key::parse(key).unwrap(), digest: String::new() },
            author,
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + seconds).unwrap()
    }

    fn check(proof: &Proof, signed: &Signed, edits: bool, seconds: i64) -> &'static str {
        let text = Text::parse("ho").unwrap();
        let revision = if edits { Revision::Edit(text) } else { Revision::Remove };
        let caller = Caller::default();
        match Access.check_revision(&caller, proof, signed, &revision, at(seconds)) {
            Ok(()) => "may",
            Err(Refusal::TooLate) => "too late",
            Err(Refusal::Removed) => "removed",
            Err(Refusal::NotAuthor) => "not the author",
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn who_sent_it_may_remove_it_at_any_time_and_edit_it_for_fifteen_minutes() {
        let key = "a-key-of-16-char";
        let message = signed(State::Sent, Some(Author::of_tab("7")), key);
        let removed = signed(State::Removed, Some(Author::of_tab("7")), key);
        let by_tab = Proof::new(["5", "7"], None);
        let by_key = Proof::new([], Some(Key::parse(key).unwrap()));
        for proof in [by_tab, by_key] {
            assert_eq!(check(&proof, &message, false, 1 << 30), "may");
            assert_eq!(check(&proof, &message, true, 900), "may");
            assert_eq!(check(&proof, &message, true, 901), "too late");
            assert_eq!(check(&proof, &message, true, -9), "may");
            assert_eq!(check(&proof, &removed, false, 1), "may");
            assert_eq!(check(&proof, &removed, true, 1), "removed");
        }
    }

    #[test]
    fn the_operator_may_remove_what_others_said_and_edit_nothing() {
        let message = signed(State::Sent, Some(Author::of_tab("7")), "a-key-of-16-char");
        let operator = Proof::default().of_operator();
        assert_eq!(check(&operator, &message, false, 1 << 30), "may");
        assert_eq!(check(&operator, &message, true, 1), "not the author");
        let own = Proof::new(["7"], None).of_operator();
        assert_eq!(check(&own, &message, true, 1), "may");
    }

    #[test]
    fn nobody_else_may_and_a_short_key_proves_nothing() {
        let key = |raw| Proof::new([], Some(Key::parse(raw).unwrap()));
        let message = signed(State::Sent, Some(Author::of_tab("7")), "a-key-of-16-char");
        for proof in [Proof::default(), Proof::new(["8"], None), key("a-key-of-16-chaR")] {
            assert_eq!(check(&proof, &message, false, 1), "not the author");
            assert_eq!(check(&proof, &message, true, 1), "not the author");
        }
        let user = |name: Name| Proof::new(["7"], None).of_user(Some(name));
        let ann = message.message.name.clone();
        assert_eq!(check(&user(ann.clone()), &message, false, 1), "may");
        assert_eq!(
            check(&user(ann.marked(&Mark::verified())), &message, false, 1),
            "not the author"
        );
        let short = signed(State::Sent, None, "fifteen-char-ke");
        assert_eq!(check(&key("fifteen-char-ke"), &short, false, 1), "not the author");
    }
}
