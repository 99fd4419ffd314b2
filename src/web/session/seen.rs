//! The cookie of cursors: which rooms a browser has on its list, and up to where it has read each.
//!
//! It is signed for one reason: a private room stands in it with the link that led in, so that the page of
//! another room can say what is unread there, and a search of all rooms looks there as well. Cookies of
//! links go to their own room alone. This one goes to every address of ours, since a search is beside the
//! rooms; what reads it are the pages of tabs and that search.

use std::sync::Arc;

use axum::http::HeaderMap;
use cookie::time::Duration;

use super::{Secret, cookie, cookies, may_have};
use crate::{
    message::{Epoch, Link, MessageId, Role, RoomName, Seq},
    paths,
    rooms::Pass,
};

/// The cookie's name.
const COOKIE_NAME: &str = "hubbub-read";

/// Rooms that a browser has on its list at most: what a stream tells of, with its own.
pub(crate) const MAX_ROOMS: usize = 50;

/// The bytes that name rooms, at most: with name and signature they fit into the 4096 that browsers take
/// (RFC 6265, section 6.1).
const MAX_BYTES: usize = 3600;

/// How long a browser keeps it: as long as browsers keep any.
const MAX_AGE: Duration = Duration::days(400);

/// What one browser has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::web) struct Seen {
    epoch: Epoch,
    /// In the order in which they were opened last.
    rooms: Vec<Known>,
}

/// A room on its list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::web) struct Known {
    /// Its name.
    pub room: RoomName,
    /// Everything up to here was seen.
    pub upto: Seq,
    /// Whether it is to stay on the list.
    pub is_pinned: bool,
    /// The link that led in, where it is private.
    pub pass: Option<Arc<Pass>>,
}

impl Seen {
    /// What the cookie of a request says, in a journal of this epoch.
    pub(in crate::web) fn of(headers: &HeaderMap, secret: &Secret, epoch: &Epoch) -> Self {
        let none = || Self { epoch: epoch.clone(), rooms: Vec::new() };
        if !may_have(headers, COOKIE_NAME) {
            return none();
        }
        let ours = cookies(headers).filter(|cookie| cookie.name() == COOKIE_NAME);
        let mut seen = ours
            .filter_map(|cookie| secret.verify(cookie))
            .find_map(|cookie| Self::parse(cookie.value()))
            .unwrap_or_else(none);
        if seen.epoch != *epoch {
            // Of another journal nothing was seen here.
            seen.epoch = epoch.clone();
            for known in &mut seen.rooms {
                known.upto = Seq::ZERO;
            }
        }
        seen
    }

    /// The value begins as no room does, and so as no other cookie that is signed.
    fn parse(value: &str) -> Option<Self> {
        let mut parts = value.strip_prefix('_')?.split('.');
        let epoch = Epoch::parse(parts.next()?)?;
        let rooms = parts.take(MAX_ROOMS).map(Known::parse).collect::<Option<_>>()?;
        Some(Self { epoch, rooms })
    }

    /// Its rooms, in the order in which they were opened last.
    pub(in crate::web) fn rooms(&self) -> &[Known] {
        &self.rooms
    }

    /// What is known of one, where it is on the list.
    pub(in crate::web) fn known(&self, room: &RoomName) -> Option<&Known> {
        self.rooms.iter().find(|known| known.room == *room)
    }

    /// A room was opened, and all up to `upto` is shown. With too many, those go that were opened longest
    /// ago, and of these first what is not pinned.
    pub(in crate::web) fn open(&mut self, room: &RoomName, upto: Seq, pass: Option<Arc<Pass>>) {
        let before = self.rooms.iter().position(|known| known.room == *room);
        let mut known = before.map_or_else(
            || Known { room: room.clone(), upto, is_pinned: false, pass: None },
            |at| self.rooms.remove(at),
        );
        known.upto = known.upto.max(upto);
        known.pass = pass;
        self.rooms.push(known);
        while self.rooms.len() > MAX_ROOMS || self.value().len() > MAX_BYTES {
            let others = &self.rooms[..self.rooms.len() - 1];
            let goes = others.iter().position(|known| !known.is_pinned).unwrap_or(0);
            self.rooms.remove(goes);
        }
    }

    /// All of a room that is on the list was seen, up to a place. Answers whether that is news.
    pub(in crate::web) fn read(&mut self, room: &RoomName, upto: Seq) -> bool {
        let known = self.rooms.iter_mut().find(|known| known.room == *room && known.upto < upto);
        known.map(|known| known.upto = upto).is_some()
    }

    /// The same, where the place is a message's.
    pub(in crate::web) fn read_message(&mut self, room: &RoomName, id: &MessageId) -> bool {
        *id.epoch() == self.epoch && self.read(room, id.seq())
    }

    /// A room is to stay on the list, or not for longer than others do.
    pub(in crate::web) fn pin(&mut self, room: &RoomName, is_pinned: bool) {
        for known in self.rooms.iter_mut().filter(|known| known.room == *room) {
            known.is_pinned = is_pinned;
        }
    }

    /// A room is taken off the list, until it is opened again.
    pub(in crate::web) fn take_off(&mut self, room: &RoomName) {
        self.rooms.retain(|known| known.room != *room);
    }

    fn value(&self) -> String {
        let mut value = format!("_{}", self.epoch.as_str());
        for known in &self.rooms {
            value.push('.');
            known.write(&mut value);
        }
        value
    }

    /// The links of the private rooms on the list. What each is worth now, the room's rules say.
    pub(in crate::web) fn passes(&self) -> Vec<Arc<Pass>> {
        self.rooms.iter().filter_map(|known| known.pass.clone()).collect()
    }

    /// The cookie. The pages of tabs give it; all pages get it.
    pub(in crate::web) fn cookie(&self, secret: &Secret, over_tls: bool) -> String {
        let mut cookie = cookie(COOKIE_NAME, self.value(), &paths::FRONT, over_tls);
        cookie.set_max_age(MAX_AGE);
        secret.sign(cookie)
    }
}

/// What marks a pinned room.
const PINNED: &str = "p";

impl Known {
    /// `{room}_{seq}`, with `_p` where it is pinned; or `{room}_{seq}_{p?}_{role}_{until}_{link}`.
    fn write(&self, value: &mut String) {
        *value += &format!("{}_{}", self.room, self.upto);
        let pinned = if self.is_pinned { PINNED } else { "" };
        match &self.pass {
            Some(pass) => {
                let Link { id, role, until } = &*pass.link;
                *value += &format!("_{pinned}_{}_{until}_{id}", role.as_str());
            }
            None if self.is_pinned => *value += "_p",
            None => {}
        }
    }

    fn parse(part: &str) -> Option<Self> {
        let mut fields = part.split('_');
        let room = RoomName::parse(fields.next()?).ok()?;
        let upto = Seq::new(fields.next()?.parse().ok()?);
        let is_pinned = match fields.next() {
            Some(PINNED) => true,
            Some("") | None => false,
            Some(_) => return None,
        };
        let pass = match fields.next() {
            None => None,
            Some(role) => {
                let (role, until) = (Role::parse(role)?, fields.next()?.parse().ok()?);
                let link = Arc::new(Link { id: fields.next()?.to_owned(), role, until });
                Some(Arc::new(Pass { room: room.clone(), link }))
            }
        };
        fields.next().is_none().then_some(Self { room, upto, is_pinned, pass })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header};

    use super::*;

    fn name(number: usize) -> RoomName {
        RoomName::parse(&format!("room-{number}")).unwrap()
    }

    fn empty() -> Seen {
        Seen { epoch: Epoch::parse("e").unwrap(), rooms: Vec::new() }
    }

    fn names(seen: &Seen) -> Vec<&str> {
        seen.rooms().iter().map(|known| known.room.as_str()).collect()
    }

    #[test]
    fn what_a_cookie_says_is_read_again_and_nothing_that_was_changed_is() {
        let home = tempfile::tempdir().unwrap();
        let secret = Secret::load(&home.path().join("hubbub.db")).unwrap();
        let mut seen = empty();
        let link = Link { id: "k7".into(), role: Role::Write, until: 1_900_000_000 };
        let pass = Pass { room: name(2), link: Arc::new(link) };
        seen.open(&name(1), Seq::new(7), None);
        seen.open(&name(2), Seq::new(9), Some(Arc::new(pass)));
        seen.open(&name(3), Seq::new(9), None);
        seen.pin(&name(3), true);
        seen.pin(&name(2), true);
        let given = seen.cookie(&secret, false);
        let sent = given.split(';').next().unwrap();
        let of = |sent: &str, epoch: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_str(sent).unwrap());
            Seen::of(&headers, &secret, &Epoch::parse(epoch).unwrap())
        };
        assert_eq!(of(sent, "e"), seen);
        assert_eq!(of(&sent.replace("room-1_7", "room-1_8"), "e"), empty());
        let other = of(sent, "f");
        assert_eq!(names(&other), names(&seen), "the list is of the browser");
        assert!(other.rooms().iter().all(|known| known.upto == Seq::ZERO));
    }

    #[test]
    fn a_value_of_another_shape_is_none() {
        for value in [
            "",
            "_",
            "_E",
            "e.a_1",
            "_e.",
            "_e.a",
            "_e.a_x",
            "_e.A_1",
            "_e.a_1_x",
            "_e.a_1__write_0",
        ] {
            assert_eq!(Seen::parse(value), None, "{value}");
        }
        assert_eq!(Seen::parse("_e.a_1_p").map(|seen| seen.rooms()[0].is_pinned), Some(true));
    }

    #[test]
    fn what_was_opened_longest_ago_goes_and_what_is_pinned_stays_as_long_as_it_can() {
        let home = tempfile::tempdir().unwrap();
        let secret = Secret::load(&home.path().join("hubbub.db")).unwrap();
        let mut seen = empty();
        for number in 0..MAX_ROOMS {
            seen.open(&name(number), Seq::new(1), None);
        }
        seen.pin(&name(0), true);
        seen.open(&name(1), Seq::new(2), None);
        seen.open(&name(99), Seq::new(2), None);
        assert_eq!(seen.rooms().len(), MAX_ROOMS);
        assert!(!names(&seen).contains(&"room-2"), "0 is pinned and 1 was opened again");
        assert!(names(&seen).ends_with(&["room-1", "room-99"]) && names(&seen)[0] == "room-0");
        let long = |number| RoomName::parse(&format!("{number:064}")).unwrap();
        for number in 0..2 * MAX_ROOMS {
            seen.open(&long(number), Seq::new(u64::MAX), None);
            seen.pin(&long(number), true);
            let cookie = seen.cookie(&secret, true);
            assert!(cookie.split(';').next().unwrap().len() <= 4096 && seen.rooms().len() > 30);
        }
        assert_eq!(Seen::parse(&seen.value()), Some(seen));
    }

    #[test]
    fn a_room_is_read_forwards_and_only_where_it_is_on_the_list() {
        let mut seen = empty();
        seen.open(&name(1), Seq::new(7), None);
        assert!(seen.read(&name(1), Seq::new(8)) && !seen.read(&name(1), Seq::new(8)));
        assert!(!seen.read(&name(2), Seq::new(8)));
        assert!(!seen.read_message(&name(1), &"f-9".parse().unwrap()), "another journal's");
        assert!(seen.read_message(&name(1), &"e-9".parse().unwrap()));
        seen.take_off(&name(1));
        assert_eq!(names(&seen), [""; 0]);
    }
}
