//! A room's door: the join form, and joining.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use maud::Markup;
use serde::Deserialize;

use super::super::{
    claim,
    error::Error,
    extract::{AnyRoom, OverTls, Params, Room},
    form::PageForm,
    respond::{never_stored, not_stored},
    session::{self, Browser},
    state::AppState,
    user::User,
};
use crate::{
    message::{Name, RoomName},
    paths,
    rooms::Caller,
    view::{self, join::Who},
};

/// `GET /rooms/{room}`: the join form. It gives a browser the cookie by which it is known when it
/// joins, so that its own earlier tab does not stand in its way.
pub(crate) async fn show(
    AnyRoom(room): AnyRoom,
    user: User,
    State(state): State<AppState>,
    OverTls(over_tls): OverTls,
    caller: Caller,
    headers: HeaderMap,
    Params(Key { key }): Params<Key>,
) -> Result<Response, Error> {
    if let Some(key) = key {
        // Whatever the link is worth: to look at it changes nothing, and tells nothing.
        return Ok((never_stored(), view::moderate::enter(&room, &key)).into_response());
    }
    state.rooms.learn(&room).await?;
    state.rooms.check_read(&caller, &room)?;
    let page = (not_stored(), page(&state, &room, who(&user, ""), None));
    if Browser::of(&headers, &state.secret).is_some() {
        return Ok(page.into_response());
    }
    let cookie = Browser::fresh().cookie(&state.secret, over_tls);
    Ok(([(header::SET_COOKIE, cookie)], page).into_response())
}

/// What stands behind the address of a link.
#[derive(Deserialize)]
pub(crate) struct Key {
    key: Option<String>,
}

/// The page with the form, and what holds in the room.
fn page(state: &AppState, room: &RoomName, who: Who<'_>, problem: Option<&str>) -> Markup {
    let rules = state.rooms.rulebook().room(room);
    let rules = rules.and_then(|rules| view::moderate::rules(&rules));
    view::join::page(room, who, problem, rules.as_ref())
}

/// `GET /rooms/{room}/join`, from who reloads after a refusal, or goes back to it: a 303 to the form.
pub(crate) async fn form(Room(room): Room) -> Redirect {
    Redirect::to(&paths::room(&room).to_string())
}

/// `POST /rooms/{room}/join`: makes the tab and sends the browser there, or shows the form again
/// and says why not.
pub(crate) async fn create(
    Room(room): Room,
    caller: Caller,
    user: User,
    State(state): State<AppState>,
    OverTls(over_tls): OverTls,
    headers: HeaderMap,
    form: PageForm,
) -> Response {
    let known = Browser::of(&headers, &state.secret).or_else(|| {
        // It keeps cookies, and this one is of another secret: it is a browser that was never here.
        Browser::has_cookie(&headers).then(Browser::fresh)
    });
    // A tab whose cookie is gone, which joins again: what it holds is its own.
    let earlier = session::proven(&state.secret, form.entered("again"), &room);
    if known.is_none() && earlier.is_none() && came_from_our_page(&headers) {
        // It got a cookie with the form, and sent none: it would be back here without a word.
        let sentence = Some(view::join::COOKIES_BLOCKED);
        let page = page(&state, &room, who(&user, form.entered("username")), sentence);
        let cookie = Browser::fresh().cookie(&state.secret, over_tls);
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return (status, [(header::SET_COOKIE, cookie)], not_stored(), page).into_response();
    }
    let name = claimed(&state, &user, &form).map(|name| match &earlier {
        // What proved the tab proves its mark: nobody is asked for a secret twice.
        Some(tab) if name.mark().is_none() && tab.name.as_str() == name.as_str() => {
            if user.may_be(&tab.name) { tab.name.clone() } else { name }
        }
        _ => name,
    });
    let browser_id = known.as_ref().map(|browser| browser.id.as_str());
    let tab = match name {
        Ok(name) => {
            state.rooms.join(&caller, room.clone(), name, browser_id, earlier.as_ref()).await
        }
        Err(why) => return refused(&state, &room, &user, &form, &why),
    };
    match tab.map_err(Error::from) {
        Ok(tab) => {
            let page = paths::tab(&tab.room, &tab.id).to_string();
            let mut cookies = vec![session::give(&tab, &state.secret, over_tls)];
            if let Some(mut browser) = known {
                let removals = browser.add(&tab, &state.rooms);
                cookies.push(browser.cookie(&state.secret, over_tls));
                cookies.extend(removals);
            }
            let cookies = cookies.into_iter().map(|cookie| (header::SET_COOKIE, cookie));
            (AppendHeaders(cookies), Redirect::to(&page)).into_response()
        }
        Err(why) => refused(&state, &room, &user, &form, &why),
    }
}

/// The name that a form says, with its mark. Where the proxy says it, the form has no field for it.
fn claimed(state: &AppState, user: &User, form: &PageForm) -> Result<Name, Error> {
    let (username, secret) = (form.field("username")?, form.field("secret")?);
    let is_said = user.0.is_none() || !username.is_empty();
    claim::name(&state.secret, user, is_said.then_some(username), secret, || Error::NotJoined)
}

/// To who cannot choose another name.
const HERE_ALREADY: &str = "Somebody with your name is in this room: you, perhaps, in another tab or on \
     another device. Leave there, and join here then.";

/// Whom a join page is for; of what was entered it repeats no secret.
fn who<'a>(user: &'a User, entered: &'a str) -> Who<'a> {
    user.0.as_ref().map_or_else(|| Who::Asked(claim::shown_again(entered)), Who::Known)
}

/// The form again, and why.
fn refused(
    state: &AppState,
    room: &RoomName,
    user: &User,
    form: &PageForm,
    why: &Error,
) -> Response {
    let who = who(user, form.entered("username"));
    let sentence = match why {
        Error::NameTaken if user.0.is_some() => HERE_ALREADY,
        why => why.sentence(),
    };
    let page = page(state, room, who, Some(sentence));
    // A form that cannot be taken as it stands, whatever is wrong with it.
    let status = match why {
        Error::TooMany(_) | Error::Apart(_) | Error::Denied(..) => why.status(),
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    why.told_by((status, page).into_response())
}

/// Whether a browser posted the form as it stands on our page, as far as it says so (Fetch Metadata):
/// over plain HTTP to another machine none does.
fn came_from_our_page(headers: &HeaderMap) -> bool {
    let says = |name, what: &str| headers.get(name).is_some_and(|value| value == what);
    says("sec-fetch-site", "same-origin") && says("sec-fetch-mode", "navigate")
}
