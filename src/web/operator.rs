//! The operator: whoever proves to know the token that lies beside the data, by a form and then a
//! cookie, or with each request.

use axum::http::HeaderMap;
use cookie::{Cookie, SameSite, time::Duration as CookieAge};
use jiff::Timestamp;

use super::{error::Error, session, state::AppState};
use crate::{paths, rooms::Caller};

/// The cookie's name.
const COOKIE_NAME: &str = "hubbub-operator";

/// How long a browser stays the operator's: a day's work.
const SESSION: CookieAge = CookieAge::hours(12);

/// Whether a token is the operator's.
///
/// # Errors
///
/// [`Error::BadToken`] where it is not, and [`Error::TooMany`] after ten of those in a minute from
/// the same address, whatever it is.
pub(super) fn check(caller: &Caller, state: &AppState, token: &str) -> Result<(), Error> {
    let tried = state.rooms.try_token(caller, || state.operator.has(token));
    if tried? { Ok(()) } else { Err(Error::BadToken) }
}

/// Whether the browser that asks is the operator's.
pub(super) fn has_cookie(headers: &HeaderMap, state: &AppState) -> bool {
    if !session::may_have(headers, COOKIE_NAME) {
        return false;
    }
    let ours = session::cookies(headers).filter(|cookie| cookie.name() == COOKIE_NAME);
    let now = Timestamp::now().as_second();
    ours.filter_map(|cookie| state.secret.verify(cookie)).any(|cookie| {
        let Some((until, token)) = cookie.value().split_once('.') else { return false };
        until.parse::<i64>().is_ok_and(|until| now < until) && token == state.operator.mark()
    })
}

/// The cookie of who gave the token. It says until when it is good, and of which token it is: with
/// another one it ends.
pub(super) fn give(state: &AppState, over_tls: bool) -> String {
    let until = Timestamp::now().as_second() + SESSION.whole_seconds();
    let mut cookie = cookie(format!("{until}.{}", state.operator.mark()));
    cookie.set_max_age(SESSION);
    cookie.set_secure(over_tls);
    state.secret.sign(cookie)
}

/// Takes it away.
pub(super) fn take() -> String {
    let mut cookie = cookie(String::new());
    cookie.make_removal();
    cookie.to_string()
}

/// It goes to every page, since every message can be removed; and never along with what another site
/// leads to.
fn cookie(value: String) -> Cookie<'static> {
    let mut cookie = Cookie::new(COOKIE_NAME, value);
    cookie.set_path(paths::FRONT.to_string());
    cookie.set_http_only(true);
    cookie.set_same_site(SameSite::Strict);
    cookie
}
