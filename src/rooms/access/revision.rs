//! Who may change what was said: who sent it, and who moderates.

use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::Access;
use crate::{
    journal::{Revision, Signed},
    message::{Author, Key, Message, Name, Role, State},
    rooms::{Caller, Refusal, Tab},
};

/// How long after it was sent its author may give a message another text: longer, and what others
/// answered to would be something else. To take it back is possible at any time.
pub(crate) const EDIT_TIME: Duration = Duration::from_mins(15);

/// The least characters of a key that proves who sent a message: a shorter one is soon guessed.
pub(crate) const MIN_PROOF_CHARS: usize = 16;

/// What a request proves of who makes it: the tabs that it comes from, and a message's key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proof {
    /// The ids of the tabs, and as whom each sends.
    tabs: Vec<(String, Author)>,
    key: Option<Key>,
    /// Where a proxy says who asks: their tabs' messages are those under this name.
    user: Option<Name>,
}

/// Who somebody is to a message. Whoever may do more than others is one more of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// The tab that sent it, or a script that has its key.
    Author,
    /// Who moderates the room, or runs the server.
    Moderator,
    /// Anybody else.
    Nobody,
}

impl Proof {
    /// That of a request which comes from these tabs, and says this key.
    pub(crate) fn new<'a>(tabs: impl IntoIterator<Item = &'a str>, key: Option<Key>) -> Self {
        let tabs = tabs.into_iter().map(|id| (id.to_owned(), Author::of_tab(id))).collect();
        Self { tabs, key, user: None }
    }

    /// The same, of a request of which a proxy says who makes it. Others may have had the same browser.
    pub(crate) fn of_user(self, user: Option<Name>) -> Self {
        Self { user, ..self }
    }

    /// The tab that sent a message, where the request comes from that.
    pub(in crate::rooms) fn tab_of(&self, signed: &Signed) -> Option<Tab> {
        let is_theirs = self.user.as_ref().is_none_or(|user| *user == signed.message.name);
        let author = signed.author.filter(|_| is_theirs)?;
        let (id, _) = self.tabs.iter().find(|(_, its)| *its == author)?;
        let Message { room, name, .. } = &signed.message;
        Some(Tab { room: room.clone(), id: id.clone(), name: name.clone() })
    }

    fn is_of(&self, signed: &Signed) -> bool {
        let by_tab = self.tab_of(signed).is_some();
        let by_key = self.key.as_ref().is_some_and(|key| {
            key.as_str().len() >= MIN_PROOF_CHARS && is_same(key, &signed.first.key)
        });
        by_tab || by_key
    }
}

/// Whether two keys are the same. How long that takes says nothing of either: it is their digests that
/// are compared.
fn is_same(one: &Key, other: &Key) -> bool {
    Sha256::digest(one.as_str()) == Sha256::digest(other.as_str())
}

/// Whether a message is young enough to be edited.
pub(in crate::rooms) fn may_still_be_edited(message: &Message, now: Timestamp) -> bool {
    // One from the future was sent by a clock that was ahead, and is young.
    let age = now.duration_since(message.sent_at);
    age.is_negative() || age.unsigned_abs() <= EDIT_TIME
}

impl Access {
    fn standing(&self, caller: &Caller, proof: &Proof, signed: &Signed) -> Standing {
        if proof.is_of(signed) {
            Standing::Author
        } else if self.role(caller, &signed.message.room) >= Some(Role::Moderate) {
            Standing::Moderator
        } else {
            Standing::Nobody
        }
    }

    /// Whether whoever `proof` says asks may change a message so; and who it is, where it is not its
    /// author.
    ///
    /// # Errors
    ///
    /// [`Refusal`] says why not.
    pub(in crate::rooms) fn check_revision(
        &self,
        caller: &Caller,
        proof: &Proof,
        signed: &Signed,
        revision: &Revision,
        now: Timestamp,
    ) -> Result<Option<String>, Refusal> {
        let message = &signed.message;
        self.check_sees(caller, &message.room)?;
        match (self.standing(caller, proof, signed), revision) {
            (Standing::Author, Revision::Remove) => Ok(None),
            (Standing::Moderator, Revision::Remove) => Ok(Some(caller.who())),
            // That is nobody's, but by a way of its own.
            (_, Revision::Erase) => Err(Refusal::NotAuthor),
            (Standing::Author, Revision::Edit(_)) if message.state == State::Removed => {
                Err(Refusal::Removed)
            }
            (Standing::Author, Revision::Edit(_)) if may_still_be_edited(message, now) => Ok(None),
            (Standing::Author, Revision::Edit(_)) => Err(Refusal::TooLate),
            // Nobody puts words into another's mouth.
            (Standing::Moderator, Revision::Edit(_)) | (Standing::Nobody, _) => {
                Err(Refusal::NotAuthor)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        journal::Rulebook,
        message::{First, Mark, RoomName, Text},
    };

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
        check_as(&caller, proof, signed, &revision, seconds)
    }

    fn check_as(
        caller: &Caller,
        proof: &Proof,
        signed: &Signed,
        revision: &Revision,
        seconds: i64,
    ) -> &'static str {
        let access = Access::new(Rulebook::default(), None);
        match access.check_revision(caller, proof, signed, revision, at(seconds)) {
            Ok(by) if by.is_some() => "may, as another",
            Ok(_) => "may",
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
        let operator = Caller { operator: true, ..Caller::default() };
        let edit = Revision::Edit(Text::parse("ho").unwrap());
        let of =
            |proof: &Proof, revision: &Revision| check_as(&operator, proof, &message, revision, 1);
        assert_eq!(of(&Proof::default(), &Revision::Remove), "may, as another");
        assert_eq!(of(&Proof::default(), &edit), "not the author");
        assert_eq!(of(&Proof::new(["7"], None), &edit), "may");
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
