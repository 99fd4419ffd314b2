//! Who may do what in a room: what the operator, and who holds the room, has ruled. Every way in asks
//! here, between the check of names and the journal.

mod slow;

use std::{cell::LazyCell, collections::HashSet, net::IpAddr, sync::Arc, time::Duration};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::{Caller, Refusal, Tab};
use crate::{
    journal::{Revision, Rulebook, Signed},
    message::{Author, Ban, Key, Link, Message, Name, Role, RoomName, RoomRules, State, now},
};

use slow::SlowMode;

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
    /// Be here, with a stream of one's own.
    Stay,
    /// Join under a name.
    Join,
    /// Send a message.
    Send,
}

/// Who wants to, beside what the request proves of its rights.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Who<'a> {
    /// The tab, where it is one.
    pub tab: Option<&'a Tab>,
    /// The browser that a tab is to be of.
    pub browser: Option<&'a str>,
    /// The name.
    pub name: Option<&'a Name>,
}

impl<'a> Who<'a> {
    /// A tab that joined.
    pub(super) fn of(tab: &'a Tab) -> Self {
        Self { tab: Some(tab), browser: None, name: Some(&tab.name) }
    }

    fn browser(&self) -> Option<String> {
        let digits = self.browser.map(Author::browser_digits);
        digits.or_else(|| self.tab.and_then(|tab| tab.author().browser()))
    }
}

/// A link's token that came with a request, and whose signature is ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pass {
    /// The room that it is into.
    pub room: RoomName,
    /// Which link it is.
    pub link: Arc<Link>,
}

/// Whether a link was not taken back, and has not ended.
pub(super) fn is_good(link: &Link, rules: Option<&RoomRules>, now: Timestamp) -> bool {
    let young = link.until == 0 || now.as_second() < link.until;
    young && rules.is_some_and(|rules| rules.links.contains(link))
}

/// The rules of access.
pub(super) struct Access {
    rulebook: Rulebook,
    slow: SlowMode,
    /// The rooms that there were when only the operator might open further ones; `None` where
    /// everybody may.
    opened: Option<HashSet<RoomName>>,
}

/// Somebody may not do this here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    /// As far as they may know, there is no such room.
    #[error("no such room")]
    Hidden,
    /// They are kept out.
    #[error("banned")]
    Banned(Arc<Ban>),
    /// Their link is for reading.
    #[error("may only read")]
    ReadOnly,
    /// Only who moderates may send.
    #[error("locked")]
    Locked,
    /// They sent something a moment ago.
    #[error("slow mode")]
    Slow {
        /// How long they have to wait.
        wait: Duration,
        /// How long everybody has to, between two messages.
        every: Duration,
    },
    /// They joined a moment ago.
    #[error("too new")]
    TooNew {
        /// How long they have to wait.
        wait: Duration,
        /// How long everybody has to.
        after: Duration,
    },
    /// Who has not joined may not send here.
    #[error("not joined")]
    NotJoined,
    /// It takes to be a moderator.
    #[error("no moderator")]
    NotModerator,
}

impl Access {
    /// The rules in a book; `opened` are the rooms that there are, where only the operator may open
    /// further ones.
    pub(super) fn new(rulebook: Rulebook, opened: Option<HashSet<RoomName>>) -> Self {
        Self { rulebook, slow: SlowMode::default(), opened }
    }

    /// The book.
    pub(super) fn rulebook(&self) -> &Rulebook {
        &self.rulebook
    }

    /// What somebody may do in a room beyond what everybody may.
    pub(super) fn role(&self, caller: &Caller, room: &RoomName) -> Option<Role> {
        if caller.operator {
            return Some(Role::Host);
        }
        let pass = caller.pass.as_deref().filter(|pass| pass.room == *room)?;
        is_good(&pass.link, self.rulebook.room(room).as_deref(), now()).then_some(pass.link.role)
    }

    /// Whether there is such a room, for who may not open one.
    pub(super) fn is_open(&self, room: &RoomName) -> bool {
        let Some(opened) = &self.opened else { return true };
        opened.contains(room) || self.rulebook.room(room).is_some()
    }

    /// Whether somebody may open a room.
    pub(super) fn may_open(&self, caller: &Caller) -> bool {
        caller.operator || self.opened.is_none()
    }

    /// Whether somebody may know of a room.
    ///
    /// # Errors
    ///
    /// [`Denied::Hidden`].
    pub(super) fn check_sees(&self, caller: &Caller, room: &RoomName) -> Result<(), Denied> {
        let private = self.rulebook.room(room).is_some_and(|rules| rules.private);
        let open = caller.operator || self.is_open(room);
        if open && (!private || self.role(caller, room).is_some()) {
            Ok(())
        } else {
            Err(Denied::Hidden)
        }
    }

    /// Whether `caller` may do `action` in `room`, as `who`.
    ///
    /// # Errors
    ///
    /// [`Denied`].
    pub(super) fn check(
        &self,
        caller: &Caller,
        action: Action,
        room: &RoomName,
        who: Who<'_>,
    ) -> Result<(), Denied> {
        self.check_sees(caller, room)?;
        if action == Action::Read {
            return Ok(());
        }
        let role = self.role(caller, room);
        if role == Some(Role::Read) && action != Action::Stay {
            return Err(Denied::ReadOnly);
        }
        if role.is_none_or(|role| role < Role::Moderate)
            && let Some(ban) = self.ban(caller.ip, room, who)
        {
            return Err(Denied::Banned(ban));
        }
        if action == Action::Send { self.check_send(role, room, who) } else { Ok(()) }
    }

    fn ban(&self, ip: Option<IpAddr>, room: &RoomName, who: Who<'_>) -> Option<Arc<Ban>> {
        // Made at the first ban that there is: mostly there is none.
        let browser = LazyCell::new(|| who.browser());
        self.rulebook.ban(room, now(), |ban| ban.whom.is(browser.as_deref(), ip, who.name))
    }

    fn check_send(&self, role: Option<Role>, room: &RoomName, who: Who<'_>) -> Result<(), Denied> {
        let Some(rules) = self.rulebook.room(room) else { return Ok(()) };
        if role >= Some(Role::Moderate) {
            return Ok(());
        }
        if rules.locked {
            return Err(Denied::Locked);
        }
        if rules.wait_minutes > 0 {
            let after = Duration::from_mins(rules.wait_minutes.into());
            let age = who.tab.and_then(Tab::age).ok_or(Denied::NotJoined)?;
            if age < after {
                return Err(Denied::TooNew { wait: after.saturating_sub(age), after });
            }
        }
        if rules.slow_seconds > 0 {
            let every = Duration::from_secs(rules.slow_seconds.into());
            let sender = match (who.tab, who.name) {
                (Some(tab), _) => &tab.id,
                (None, Some(name)) => name.as_str(),
                (None, None) => "",
            };
            let taken = self.slow.take(room, sender, every);
            return taken.map_err(|wait| Denied::Slow { wait, every });
        }
        Ok(())
    }

    /// What was taken for a message was not stored: the next may come at once.
    pub(super) fn give_back(&self, room: &RoomName, who: Who<'_>) {
        let sender = who.tab.map_or(who.name.map_or("", Name::as_str), |tab| &tab.id);
        self.slow.give_back(room, sender);
    }
}

/// What a request proves of who makes it: the tabs that it comes from, and a message's key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proof {
    authors: Vec<Author>,
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
        Self { authors: tabs.into_iter().map(Author::of_tab).collect(), key, user: None }
    }

    /// The same, of a request of which a proxy says who makes it. Others may have had the same browser.
    pub(crate) fn of_user(self, user: Option<Name>) -> Self {
        Self { user, ..self }
    }

    fn is_of(&self, signed: &Signed) -> bool {
        let is_theirs = self.user.as_ref().is_none_or(|user| *user == signed.message.name);
        let by_tab =
            is_theirs && signed.author.is_some_and(|author| self.authors.contains(&author));
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
pub(super) fn may_still_be_edited(message: &Message, now: Timestamp) -> bool {
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
    pub(super) fn check_revision(
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
