//! The cookie that tells browsers apart, signed: whose earlier tab it is that bears a name, and which
//! tabs' cookies a browser has; and under which name it joined last.
//!
//! A browser keeps some 180 cookies of a host, and beyond that throws out which it likes, an open
//! tab's among them. So their number is bounded here: a join beyond the bound takes the cookies away
//! of tabs that are not in their rooms any more, the oldest first.

use axum::http::HeaderMap;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{Secret, cookie, cookies, removal};
use crate::{
    message::{Name, RoomName},
    paths,
    rooms::{Presence, Rooms, Tab},
};

/// The cookie's name.
const COOKIE_NAME: &str = "hubbub-tabs";

/// The tabs' cookies that a browser may have, but for tabs that are in their rooms now: few enough for
/// it to keep them all, and more than most have open.
const MAX_TABS: usize = 20;

/// The bytes that name tabs, at most: with its signature it fits into the 4096 that browsers take
/// (RFC 6265, section 6.1). What is beyond is forgotten, and its cookie stays.
const MAX_TABS_BYTES: usize = 3000;

/// What stands around the name: no room's name ends so, so that it is taken for no tab.
const AROUND_NAME: char = '~';

/// Digits of a tab's id, and of a browser's.
const ID_CHARS: usize = 32;

/// One browser, as far as its cookie says.
pub(in crate::web) struct Browser {
    /// What tells it from other browsers.
    pub id: String,
    /// The tabs that it has cookies of, in the order of their joining: room and id.
    tabs: Vec<(RoomName, String)>,
    /// Under which name it joined last, with its mark: that is offered where it joins next.
    pub name: Option<Name>,
}

impl Browser {
    /// One that was not here before.
    pub(in crate::web) fn fresh() -> Self {
        Self { id: format!("{:032x}", rand::random::<u128>()), tabs: Vec::new(), name: None }
    }

    /// The browser that a request comes from, where its cookie is there and ours.
    pub(in crate::web) fn of(headers: &HeaderMap, secret: &Secret) -> Option<Self> {
        let ours = cookies(headers).filter(|cookie| cookie.name() == COOKIE_NAME);
        ours.filter_map(|cookie| secret.verify(cookie)).find_map(|it| Self::parse(it.value()))
    }

    /// Whether the request has such a cookie, ours or not.
    pub(in crate::web) fn has_cookie(headers: &HeaderMap) -> bool {
        cookies(headers).any(|cookie| cookie.name() == COOKIE_NAME)
    }

    /// What begins with a dot is no tab's cookie, which begins with a room.
    fn parse(value: &str) -> Option<Self> {
        let mut parts = value.strip_prefix('.')?.split('.');
        let id = parts.next().filter(|id| id.len() == ID_CHARS)?.to_owned();
        let name = parts.clone().find_map(|part| {
            let name = part.strip_prefix(AROUND_NAME)?.strip_suffix(AROUND_NAME)?;
            Name::parse_stored(&percent_decode_str(name).decode_utf8().ok()?).ok()
        });
        let tabs = parts.filter_map(|part| {
            let (id, room) = part.split_at_checked(ID_CHARS)?;
            Some((RoomName::parse(room).ok()?, id.to_owned()))
        });
        Some(Self { id, tabs: tabs.collect(), name })
    }

    /// Adds a tab that joined, and gives the cookies that take those of others away.
    pub(in crate::web) fn add(&mut self, tab: &Tab, rooms: &Rooms) -> Vec<String> {
        let mut removals = Vec::new();
        let mut surplus = (self.tabs.len() + 1).saturating_sub(MAX_TABS);
        // Those that are gone; and where these are too few, those that are only not gone yet.
        for most in [Presence::Gone, Presence::Idle] {
            self.tabs.retain(|(room, id)| {
                let goes = surplus > 0 && rooms.presence(room, id) <= most;
                if goes {
                    surplus -= 1;
                    removals.push(removal(room, id));
                }
                !goes
            });
        }
        self.tabs.push((tab.room.clone(), tab.id.clone()));
        self.name = Some(tab.name.clone());
        let bytes = |tabs: &[(RoomName, String)]| {
            tabs.iter().map(|(room, id)| room.as_str().len() + id.len() + 1).sum::<usize>()
        };
        while bytes(&self.tabs) > MAX_TABS_BYTES {
            self.tabs.remove(0);
        }
        removals
    }

    /// The ids of its tabs in a room.
    pub(in crate::web) fn tabs_in(&self, room: &RoomName) -> impl Iterator<Item = &str> {
        self.tabs.iter().filter(move |(its, _)| its == room).map(|(_, id)| id.as_str())
    }

    /// Forgets a tab that left, and that its name was proven: whoever comes next may be somebody else.
    pub(in crate::web) fn remove(&mut self, tab: &Tab) {
        self.tabs.retain(|(_, id)| *id != tab.id);
        self.name = self.name.take().and_then(|name| Name::parse(name.as_str()).ok());
    }

    /// The cookie. Every page of a room sends it, and none elsewhere.
    pub(in crate::web) fn cookie(&self, secret: &Secret, over_tls: bool) -> String {
        let mut value = format!(".{}", self.id);
        for (room, id) in &self.tabs {
            value.extend([".", id, room.as_str()]);
        }
        if let Some(name) = &self.name {
            let name = utf8_percent_encode(name.to_stored(), NON_ALPHANUMERIC);
            value += &format!(".{AROUND_NAME}{name}{AROUND_NAME}");
        }
        secret.sign(cookie(COOKIE_NAME, value, &paths::ROOMS, over_tls))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_read_from_its_cookie_and_a_tabs_cookie_is_none() {
        let id = "0123456789abcdef0123456789abcdef";
        let browser = Browser::parse(&format!(".{id}.{id}lobby.{id}a-b.{id}.x.{id}UPPER")).unwrap();
        assert_eq!(browser.id, id);
        let rooms: Vec<_> = browser.tabs.iter().map(|(room, id)| (room.as_str(), &**id)).collect();
        assert_eq!(rooms, [("lobby", id), ("a-b", id)]);
        for other in [format!("lobby.{id}.ann"), ".".into(), String::new(), format!(".{id}0")] {
            assert!(Browser::parse(&other).is_none(), "{other}");
        }
    }
}
