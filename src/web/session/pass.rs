//! The token of a link into a room, and the cookie that it becomes.
//!
//! `{room}.{role}.{expiry}.{id}.{mac}`: what it says can be read by anybody, and the mac, by a secret
//! of the server's, says that the server gave it. Whether it was taken back, the room's rules say.

use std::sync::Arc;

use axum::http::HeaderMap;
use cookie::time::Duration;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::{Secret, cookie, cookies, may_have};
use crate::{
    message::{Link, Role, RoomName},
    paths,
    rooms::Pass,
};

/// The cookie's name.
const COOKIE_NAME: &str = "hubbub-key";

/// How long a browser keeps the cookie of a link that has no end: what browsers keep at most.
const MAX_AGE: Duration = Duration::days(400);

/// Bytes of a token's mac: nobody guesses 128 bits.
const MAC_BYTES: usize = 16;

/// The token of a link.
pub(in crate::web) fn token(secret: &Secret, room: &RoomName, link: &Link) -> String {
    let said = format!("{room}.{}.{}.{}", link.role.as_str(), link.until, link.id);
    let mac = mac(secret, &said);
    format!("{said}.{mac}")
}

fn mac(secret: &Secret, said: &str) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(&secret.derive("links")).expect("a key of any length");
    mac.update(said.as_bytes());
    super::token::hex(&mac.finalize().into_bytes()[..MAC_BYTES])
}

/// What a token says, where the server gave it.
pub(in crate::web) fn read(secret: &Secret, token: &str) -> Option<Pass> {
    let (said, its_mac) = token.rsplit_once('.')?;
    if !bool::from(mac(secret, said).as_bytes().ct_eq(its_mac.as_bytes())) {
        return None;
    }
    let mut parts = said.split('.');
    let mut next = || parts.next();
    let (room, role, until, id) = (next()?, next()?, next()?, next()?);
    let link = Link { id: id.to_owned(), role: Role::parse(role)?, until: until.parse().ok()? };
    Some(Pass { room: RoomName::parse(room).ok()?, link: Arc::new(link) })
}

/// What a request's cookie says.
pub(in crate::web) fn of(headers: &HeaderMap, secret: &Secret) -> Option<Pass> {
    if !may_have(headers, COOKIE_NAME) {
        return None;
    }
    let mut ours = cookies(headers).filter(|cookie| cookie.name() == COOKIE_NAME);
    ours.find_map(|cookie| read(secret, cookie.value()))
}

/// The cookie that a token becomes. It goes to every page of its room, and to no other.
pub(in crate::web) fn give(pass: &Pass, token: &str, over_tls: bool) -> String {
    let path = paths::room(&pass.room);
    let mut cookie = cookie(COOKIE_NAME, token.to_owned(), &path, over_tls);
    let left = Duration::seconds(pass.link.until - jiff::Timestamp::now().as_second());
    cookie.set_max_age(if pass.link.until == 0 { MAX_AGE } else { left.min(MAX_AGE) });
    cookie.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_what_it_is_for_and_nobody_can_change_that() {
        let home = tempfile::tempdir().unwrap();
        let secret = Secret::load(&home.path().join("hubbub.db")).unwrap();
        let room = RoomName::parse("attic").unwrap();
        let link = Link { id: "k7".into(), role: Role::Write, until: 1_900_000_000 };
        let token = token(&secret, &room, &link);
        assert!(token.starts_with("attic.write.1900000000.k7."), "{token}");
        let pass = read(&secret, &token).unwrap();
        assert_eq!((pass.room.as_str(), &*pass.link), ("attic", &link));
        for (from, to) in [("attic", "lobby"), ("write", "host"), ("190", "191"), ("k7", "k8")] {
            assert_eq!(read(&secret, &token.replacen(from, to, 1)), None, "{to}");
        }
        assert_eq!(read(&secret, ""), None);
        let other = tempfile::tempdir().unwrap();
        let other = Secret::load(&other.path().join("hubbub.db")).unwrap();
        assert_eq!(read(&other, &token), None, "a server with another secret");
    }
}
