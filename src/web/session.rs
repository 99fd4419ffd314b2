//! The cookie that proves a tab, signed. Its path tells tabs apart: a browser sends a tab no other
//! tab's cookie.

mod secret;

use axum::http::{HeaderName, header};
use cookie::{Cookie, SameSite};

use crate::{
    message::{Name, RoomName},
    paths,
    rooms::Tab,
};

pub(crate) use secret::{Secret, SecretError};

/// The header that gives or takes a tab's cookie.
pub(super) type SetCookie = [(HeaderName, String); 1];

/// The cookie's name.
const COOKIE_NAME: &str = "hubbub";

/// The cookie that proves `tab`. The signature covers the value only, so the value says which tab of
/// which room it is for: moved to another path, it proves nothing.
pub(super) fn give(tab: &Tab, secret: &Secret, over_tls: bool) -> SetCookie {
    let mut cookie = Cookie::new(COOKIE_NAME, format!("{}.{}.{}", tab.room, tab.id, tab.name));
    cookie.set_path(paths::tab(&tab.room, &tab.id).to_string());
    cookie.set_http_only(true);
    cookie.set_same_site(SameSite::Lax);
    cookie.set_secure(over_tls);
    [(header::SET_COOKIE, secret.sign(cookie))]
}

/// Takes the cookie of `tab` away.
pub(super) fn take(tab: &Tab) -> SetCookie {
    let path = paths::tab(&tab.room, &tab.id).to_string();
    let mut cookie = Cookie::build(COOKIE_NAME).path(path).build();
    cookie.make_removal();
    [(header::SET_COOKIE, cookie.to_string())]
}

/// The tab `id` of `room`, where `cookie` proves it.
pub(super) fn tab(secret: &Secret, cookie: Cookie<'_>, room: &RoomName, id: &str) -> Option<Tab> {
    if cookie.name() != COOKIE_NAME {
        return None;
    }
    let cookie = secret.verify(cookie)?;
    let (its_room, rest) = cookie.value().split_once('.')?;
    let (its_id, name) = rest.split_once('.')?;
    (its_room == room.as_str() && its_id == id).then_some(())?;
    Some(Tab { room: room.clone(), id: id.to_owned(), name: Name::parse(name).ok()? })
}
