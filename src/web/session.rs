//! The cookie that proves a tab, signed. Its path tells tabs apart: a browser sends a tab no other
//! tab's cookie.

mod browser;
mod mark;
pub(super) mod pass;
mod private_file;
mod secret;
pub(super) mod seen;
pub(super) mod sent;
mod token;

use std::fmt::Display;

use axum::http::{HeaderMap, header};
use cookie::{Cookie, SameSite};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::{
    message::{Name, RoomName},
    paths,
    rooms::Tab,
};

pub(super) use browser::Browser;
pub(super) use mark::NameSecret;
pub(crate) use secret::{Secret, SecretError};
pub(super) use seen::Seen;
pub(crate) use token::{Operator, TokenError};

/// The cookie's name.
const COOKIE_NAME: &str = "hubbub";

/// The cookie that proves `tab`. The signature covers the value only, so the value says which tab of
/// which room it is for: moved to another path, it proves nothing.
pub(super) fn give(tab: &Tab, secret: &Secret, over_tls: bool) -> String {
    secret.sign(cookie(COOKIE_NAME, value(tab), &paths::tab(&tab.room, &tab.id), over_tls))
}

/// A cookie as all of ours are: for the pages below `path`, for no script, and sent along by links from
/// other sites but by none of their forms.
fn cookie(
    name: &'static str,
    value: String,
    path: &impl Display,
    over_tls: bool,
) -> Cookie<'static> {
    let cookie = Cookie::build((name, value)).path(path.to_string()).http_only(true);
    cookie.same_site(SameSite::Lax).secure(over_tls).build()
}

/// What a tab's page has, so that it proves the tab where its cookie is gone: the cookie's value, with
/// what stands before a mark as markup may have it.
pub(super) fn proof(cookie: &Cookie<'_>) -> String {
    const SET: &AsciiSet = &CONTROLS.add(b'%');
    utf8_percent_encode(cookie.value(), SET).to_string()
}

/// The tab of `room` that a [`proof`] is of.
pub(super) fn proven(secret: &Secret, proof: &str, room: &RoomName) -> Option<Tab> {
    let proof = percent_decode_str(proof).decode_utf8().ok()?;
    parse(&secret.verify(Cookie::new(COOKIE_NAME, proof))?, room)
}

fn value(tab: &Tab) -> String {
    format!("{}.{}.{}", tab.room, tab.id, tab.name.to_stored())
}

fn parse(cookie: &Cookie<'_>, room: &RoomName) -> Option<Tab> {
    let (its_room, rest) = cookie.value().split_once('.')?;
    let (id, name) = rest.split_once('.')?;
    (its_room == room.as_str()).then_some(())?;
    Some(Tab { room: room.clone(), id: id.to_owned(), name: Name::parse_stored(name).ok()? })
}

/// Takes the cookie of `tab` away.
pub(super) fn take(tab: &Tab) -> String {
    removal(&tab.room, &tab.id)
}

fn removal(room: &RoomName, id: &str) -> String {
    let path = paths::tab(room, id).to_string();
    let mut cookie = Cookie::build(COOKIE_NAME).path(path).build();
    cookie.make_removal();
    cookie.to_string()
}

/// Whether a request may have a cookie of this name: nearly none has one of the rarer ones, and each is
/// looked for at every page.
pub(super) fn may_have(headers: &HeaderMap, name: &str) -> bool {
    let mut lines = headers.get_all(header::COOKIE).iter();
    lines.any(|line| line.to_str().is_ok_and(|line| line.contains(name)))
}

/// The cookies of a request, whoever gave them.
pub(super) fn cookies(headers: &HeaderMap) -> impl Iterator<Item = Cookie<'_>> {
    let lines = headers.get_all(header::COOKIE).iter();
    lines.filter_map(|line| line.to_str().ok()).flat_map(Cookie::split_parse_encoded).flatten()
}

/// The ids of the tabs of `room` that a request comes from: that whose own cookie came with it, and all
/// that its browser has joined with and not left. Only a tab's own address gets the tab's cookie; that
/// of the browser comes to every one of the room.
pub(super) fn tabs_of(headers: &HeaderMap, secret: &Secret, room: &RoomName) -> Vec<String> {
    let own = cookies(headers).filter(|cookie| cookie.name() == COOKIE_NAME);
    let own = own.filter_map(|cookie| parse(&secret.verify(cookie)?, room)).map(|tab| tab.id);
    let mut tabs: Vec<String> = own.collect();
    if let Some(browser) = Browser::of(headers, secret) {
        tabs.extend(browser.tabs_in(room).map(ToOwned::to_owned));
    }
    tabs
}

/// The tab `id` of `room`, where `cookie` proves it, and its [`proof`].
pub(super) fn tab(
    secret: &Secret,
    cookie: Cookie<'_>,
    room: &RoomName,
    id: &str,
) -> Option<(Tab, String)> {
    if cookie.name() != COOKIE_NAME {
        return None;
    }
    let proof = proof(&cookie);
    let tab = parse(&secret.verify(cookie)?, room).filter(|tab| tab.id == id)?;
    Some((tab, proof))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Mark;

    #[test]
    fn a_cookie_has_the_mark_of_its_name_and_none_that_its_name_should_not_have() {
        let room = RoomName::parse("lobby").unwrap();
        let home = tempfile::tempdir().unwrap();
        let secret = Secret::load(&home.path().join("hubbub.db")).unwrap();
        let ann = Name::parse("a.nn %41").unwrap();
        for name in [ann.clone(), ann.marked(&Mark::of(&[7; 32]))] {
            let tab = Tab { room: room.clone(), id: "7".into(), name };
            assert_eq!(parse(&Cookie::new(COOKIE_NAME, value(&tab)), &room), Some(tab.clone()));
            let given = give(&tab, &secret, false);
            let proof = proof(&Cookie::parse_encoded(given).unwrap());
            assert!(!proof.contains(char::is_control), "as markup may have it: {proof:?}");
            assert_eq!(proven(&secret, &proof, &room), Some(tab));
        }
        let old = Cookie::new(COOKIE_NAME, "lobby.7.ann#s3cret");
        assert_eq!(parse(&old, &room), None, "such a name is none any more");
    }
}
