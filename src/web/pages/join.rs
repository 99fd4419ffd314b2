//! A room's door: the join form, and joining.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use maud::Markup;
use serde::Deserialize;

use super::{
    super::{
        claim,
        error::Error,
        extract::{AnyRoom, OverTls, Params, Room},
        form::PageForm,
        origin::fetch_site,
        respond::{never_stored, not_stored},
        session::{self, Browser},
        state::AppState,
        user::User,
    },
    rooms::{Guest, rooms},
};
use crate::{
    message::{self, Name, RoomName, now},
    paths,
    rooms::Caller,
    view::{
        self,
        join::{Door, Seen, Who},
    },
};

/// Messages that the page shows: enough to see what it is about.
const MAX_MESSAGES: usize = 5;

/// Messages that are read for that: those that were removed are passed over.
const READ_MESSAGES: usize = 2 * MAX_MESSAGES;

/// Other rooms that it offers.
const MAX_OTHERS: usize = 5;

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
    let guest = Guest::of(&state, &user, &headers);
    let seen = seen(&state, &caller, &guest, &room).await?;
    let page = page(&state, &room, &guest, None, seen.as_ref());
    let page = (not_stored(), page);
    if guest.browser.is_some() {
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

/// The page with the form, and what holds in the room. `refused` is what was entered for a name, and why
/// it was not taken.
fn page(
    state: &AppState,
    room: &RoomName,
    guest: &Guest<'_>,
    refused: Option<(&str, &str)>,
    seen: Option<&Seen>,
) -> Markup {
    let rules = state.rooms.rulebook().room(room);
    let rules = rules.and_then(|rules| view::moderate::rules(&rules));
    let who = match (guest.me(), refused) {
        (Some(me), _) if me.vouched => Who::Known(me.name),
        // What was entered is repeated, but for a secret in it.
        (_, Some((entered, _))) => Who::Asked(claim::shown_again(entered)),
        (Some(me), None) => Who::Remembered(me.name),
        (None, None) => Who::Asked(""),
    };
    view::join::page(&Door {
        room,
        who,
        me: guest.me(),
        problem: refused.map(|(_, why)| why),
        rules: rules.as_ref(),
        own: guest.tab_in(state, room).as_ref(),
        seen,
    })
}

/// What is to be seen of a room before one has joined: of a private one nothing, also for who has a link.
async fn seen(
    state: &AppState,
    caller: &Caller,
    guest: &Guest<'_>,
    room: &RoomName,
) -> Result<Option<Seen>, Error> {
    if state.rooms.rulebook().room(room).is_some_and(|rules| rules.private) {
        return Ok(None);
    }
    let newest = state.rooms.messages(caller, room, None, READ_MESSAGES).await?;
    let mut messages = newest.messages;
    messages.retain(|message| message.state != message::State::Removed);
    messages.drain(..messages.len().saturating_sub(MAX_MESSAGES));
    let mut others = rooms(state, caller, guest, "", MAX_OTHERS + 1).await?;
    others.retain(|other| other.name != *room);
    others.truncate(MAX_OTHERS);
    let people = state.rooms.people(caller, room)?;
    Ok(Some(Seen { people, messages, others, now: now() }))
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
    let mut guest = Guest::of(&state, &user, &headers);
    if guest.browser.is_none() && Browser::has_cookie(&headers) {
        // It keeps cookies, and this one is of another secret: it is a browser that was never here.
        guest.browser = Some(Browser::fresh());
    }
    // A tab whose cookie is gone, which joins again: what it holds is its own.
    let earlier = session::proven(&state.secret, form.entered("again"), &room);
    if guest.browser.is_none() && earlier.is_none() && came_from_our_page(&headers) {
        // It got a cookie with the form, and sent none: it would be back here without a word.
        let refused = (form.entered("username"), view::join::COOKIES_BLOCKED);
        let page = page(&state, &room, &guest, Some(refused), None);
        let cookie = Browser::fresh().cookie(&state.secret, over_tls);
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return (status, [(header::SET_COOKIE, cookie)], not_stored(), page).into_response();
    }
    let name = claimed(&state, &user, &form).map(|name| {
        // What proved the tab, or the browser's last one, proves its mark: nobody is asked for a
        // secret twice.
        let last = guest.browser.as_ref().and_then(|browser| browser.name.as_ref());
        let mut proven = earlier.as_ref().map(|tab| &tab.name).into_iter().chain(last);
        let proven = proven.find(|proven| proven.as_str() == name.as_str());
        let marked = proven.filter(|proven| name.mark().is_none() && user.may_be(proven));
        marked.cloned().unwrap_or(name)
    });
    let browser_id = guest.browser.as_ref().map(|browser| browser.id.as_str());
    let tab = match name {
        Ok(name) => {
            state.rooms.join(&caller, room.clone(), name, browser_id, earlier.as_ref()).await
        }
        Err(why) => return refused(&state, &caller, &room, &guest, &form, &why).await,
    };
    match tab.map_err(Error::from) {
        Ok(tab) => {
            let page = paths::tab(&tab.room, &tab.id).to_string();
            let mut cookies = vec![session::give(&tab, &state.secret, over_tls)];
            if let Some(mut browser) = guest.browser {
                let removals = browser.add(&tab, &state.rooms);
                cookies.push(browser.cookie(&state.secret, over_tls));
                cookies.extend(removals);
            }
            let cookies = cookies.into_iter().map(|cookie| (header::SET_COOKIE, cookie));
            (AppendHeaders(cookies), Redirect::to(&page)).into_response()
        }
        Err(why) => refused(&state, &caller, &room, &guest, &form, &why).await,
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

/// The form again, and why.
async fn refused(
    state: &AppState,
    caller: &Caller,
    room: &RoomName,
    guest: &Guest<'_>,
    form: &PageForm,
    why: &Error,
) -> Response {
    let sentence = match why {
        Error::NameTaken if guest.is_vouched() => HERE_ALREADY.into(),
        why => why.in_full(),
    };
    // Who asks for too much, or is kept out, is not read for; and what cannot be read is no other error.
    let seen = match why {
        Error::TooMany(_) | Error::Denied(..) => None,
        _ => seen(state, caller, guest, room).await.ok().flatten(),
    };
    let entered = form.entered("username");
    let page = page(state, room, guest, Some((entered, &sentence)), seen.as_ref());
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
    let navigates = headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate");
    fetch_site(headers) == Some("same-origin") && navigates
}
