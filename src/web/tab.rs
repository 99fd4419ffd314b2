//! A tab: one open page under one name, told apart by a signed cookie whose path is the tab's own.

mod secret;

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Query, RawPathParams, State},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::cookie::{Cookie, SameSite, SignedCookieJar};
use maud::Markup;

use super::{
    AppState, Error,
    answer::not_stored,
    history::{Asked, SHOWN},
    newest::Shown,
    room::Room,
};
use crate::{
    message::{Key, MessageId, Name, RoomName, Seq},
    view::{self, presence::Person},
};

pub use secret::{Secret, SecretError};

/// The cookie's name. Its path tells tabs apart: a browser sends a tab no other tab's cookie.
const COOKIE: &str = "hubbub";

/// A tab that joined, and the name that it joined under.
pub struct Tab {
    room: RoomName,
    id: String,
    name: Name,
}

impl Tab {
    /// A new tab.
    pub fn open(room: RoomName, name: Name) -> Self {
        Self { room, id: format!("{:032x}", rand::random::<u128>()), name }
    }

    /// The room that it is in.
    pub fn room(&self) -> &RoomName {
        &self.room
    }

    /// What tells it from other tabs.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whom it posts as.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Its address.
    pub fn path(&self) -> String {
        format!("/rooms/{}/tabs/{}", self.room, self.id)
    }

    /// The cookie that proves it. The signature covers the value only, so the value says which
    /// tab of which room it is for: moved to another path, it proves nothing.
    pub fn cookie(&self, over_tls: bool) -> Cookie<'static> {
        let mut cookie = Cookie::new(COOKIE, format!("{}.{}.{}", self.room, self.id, self.name));
        cookie.set_path(self.path());
        cookie.set_http_only(true);
        cookie.set_same_site(SameSite::Lax);
        cookie.set_secure(over_tls);
        cookie
    }

    fn from_cookie(value: &str, room: &RoomName, id: &str) -> Option<Self> {
        let (its_room, rest) = value.split_once('.')?;
        let (its_id, name) = rest.split_once('.')?;
        (its_room == room.as_str() && its_id == id).then_some(())?;
        Some(Self { room: room.clone(), id: id.to_owned(), name: Name::parse(name).ok()? })
    }
}

/// The tab that a URL names, when the request proves that it is its own.
impl FromRequestParts<AppState> for Tab {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Error> {
        let Room(room) = Room::from_request_parts(parts, state).await?;
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|_| Error::NotFound)?;
        let (_, id) = params.iter().find(|(name, _)| *name == "tab").ok_or(Error::NotFound)?;
        let jar = SignedCookieJar::from_headers(&parts.headers, state.secret.key());
        jar.get(COOKIE)
            .and_then(|cookie| Self::from_cookie(cookie.value(), &room, id))
            .ok_or(Error::NotJoined)
    }
}

/// `GET /rooms/{room}/tabs/{tab}`: the joined page, live, or with `?before=` a part of the past;
/// who has not joined is sent to the door.
pub async fn show(
    Room(room): Room,
    tab: Result<Tab, Error>,
    State(state): State<AppState>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let Ok(tab) = tab else { return Ok(Redirect::to(&format!("/rooms/{room}")).into_response()) };
    let before = asked.before(&state)?;
    let page = page(&state, &tab, before, &Key::fresh(), "", None).await?;
    Ok((not_stored(), page).into_response())
}

/// `GET /rooms/{room}/tabs/{tab}/live`: what the frame of a page without script begins with.
pub async fn live(tab: Tab, State(state): State<AppState>) -> Result<Response, Error> {
    let newest = state.journal().before(&tab.room, None, SHOWN).await?;
    let stream = format!("{}/events?format=html&last={SHOWN}", tab.path());
    let page = view::endless::entrance(&tab.room, &newest.messages, &stream);
    Ok((not_stored(), page).into_response())
}

/// The joined page as it is now, with a draft in its form.
pub async fn page(
    state: &AppState,
    tab: &Tab,
    before: Option<Seq>,
    key: &Key,
    text: &str,
    problem: Option<&str>,
) -> Result<Markup, Error> {
    let past = match before {
        None => state.newest.of(state.journal(), &tab.room).await?,
        Some(_) => Arc::new(Shown::read(state.journal(), &tab.room, before).await?),
    };
    let mut people = state.presence.people(&tab.room);
    // Who sees the page is here, though its stream is still to open.
    let listed = people.names.iter().any(|person| person.name == tab.name);
    if people.count == people.names.len() && !listed {
        people.count += 1;
        people.names.push(Person { name: tab.name.clone(), away: false });
        people.names.sort_unstable_by(|one, other| one.name.as_str().cmp(other.name.as_str()));
    }
    let path = tab.path();
    let cursor = MessageId::new(state.journal().epoch().clone(), past.upto);
    Ok(view::room::tab(&view::room::Tab {
        room: &tab.room,
        path: &path,
        name: &tab.name,
        messages: &past.messages,
        older: past.older.as_ref(),
        people: &view::presence::list(&people, false),
        cursor: before.is_none().then_some(&cursor),
        form: &view::room::SendForm { path: &path, key, text, problem, framed: false },
    }))
}

/// `POST …/leave`: forgets the name. It answers whoever asks: leaving twice is leaving.
pub async fn leave(
    Room(room): Room,
    tab: Result<Tab, Error>,
    State(state): State<AppState>,
    jar: SignedCookieJar,
) -> (SignedCookieJar, Redirect) {
    let jar = match tab {
        Ok(tab) => {
            state.presence.leave(&room, &tab.id);
            jar.remove(Cookie::build(COOKIE).path(tab.path()))
        }
        Err(_) => jar,
    };
    (jar, Redirect::to(&format!("/rooms/{room}")))
}

/// A status for a page that is shown again.
pub fn again(status: StatusCode, page: Markup) -> Response {
    (status, not_stored(), page).into_response()
}
