//! A tab: one open page under one name, told apart by a signed cookie whose path is the tab's own.

mod secret;

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Query, RawPathParams, State},
    http::{HeaderName, StatusCode, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use cookie::{Cookie, SameSite};
use maud::{Markup, PreEscaped};

use super::{
    AppState, Error,
    answer::not_stored,
    history::{Asked, SHOWN},
    newest::Shown,
    room::Room,
};
use crate::{
    message::{Key, MessageId, Name, RoomName, Seq},
    view,
};

pub use secret::{Secret, SecretError};

/// The header that gives or takes a tab's cookie.
type SetCookie = [(HeaderName, String); 1];

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

    /// Its address: a room's name and hexadecimal digits, which need no escaping.
    pub fn path(&self) -> Markup {
        PreEscaped(["/rooms/", self.room.as_str(), "/tabs/", &self.id].concat())
    }

    /// The cookie that proves it, signed. The signature covers the value only, so the value says
    /// which tab of which room it is for: moved to another path, it proves nothing.
    pub fn cookie(&self, secret: &Secret, over_tls: bool) -> SetCookie {
        let mut cookie = Cookie::new(COOKIE, format!("{}.{}.{}", self.room, self.id, self.name));
        cookie.set_path(self.path().0);
        cookie.set_http_only(true);
        cookie.set_same_site(SameSite::Lax);
        cookie.set_secure(over_tls);
        [(header::SET_COOKIE, secret.sign(cookie))]
    }

    fn from_cookie(value: &str, room: &RoomName, id: &str) -> Option<Self> {
        let (its_room, rest) = value.split_once('.')?;
        let (its_id, name) = rest.split_once('.')?;
        (its_room == room.as_str() && its_id == id).then_some(())?;
        Some(Self { room: room.clone(), id: id.to_owned(), name: Name::parse(name).ok()? })
    }
}

/// Who asks at a tab's address: the tab itself, when the request proves it, or somebody else.
pub struct Visitor {
    room: RoomName,
    tab: Option<Tab>,
}

impl FromRequestParts<AppState> for Visitor {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Error> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|_| Error::NotFound)?;
        let Room(room) = Room::of(&params)?;
        let (_, id) = params.iter().find(|(name, _)| *name == "tab").ok_or(Error::NotFound)?;
        let lines = parts.headers.get_all(header::COOKIE).iter();
        let tab = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(Cookie::split_parse_encoded)
            .flatten()
            .filter(|cookie| cookie.name() == COOKIE)
            .filter_map(|cookie| state.secret.verify(cookie))
            .find_map(|cookie| Tab::from_cookie(cookie.value(), &room, id));
        Ok(Self { room, tab })
    }
}

impl FromRequestParts<AppState> for Tab {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Error> {
        Visitor::from_request_parts(parts, state).await?.tab.ok_or(Error::NotJoined)
    }
}

/// `GET /rooms/{room}/tabs/{tab}`: the joined page, live, or with `?before=` a part of the past;
/// who has not joined is sent to the door.
pub async fn show(
    Visitor { room, tab }: Visitor,
    State(state): State<AppState>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let Some(tab) = tab else { return Ok(Redirect::to(&format!("/rooms/{room}")).into_response()) };
    let before = asked.before(&state)?;
    let page = page(&state, &tab, before, &Key::fresh(), "", None).await?;
    Ok((not_stored(), page).into_response())
}

/// `GET /rooms/{room}/tabs/{tab}/live`: what the frame of a page without script begins with.
pub async fn live(tab: Tab, State(state): State<AppState>) -> Result<Response, Error> {
    let newest = state.journal().before(&tab.room, None, SHOWN).await?;
    let stream = format!("{}/events?format=html&last={SHOWN}", tab.path().0);
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
    let people = state.presence.people(&tab.room);
    let path = tab.path();
    let cursor = MessageId::new(state.journal().epoch().clone(), past.upto);
    Ok(view::room::tab(&view::room::Tab {
        room: &tab.room,
        path: &path,
        name: &tab.name,
        messages: &past.messages,
        older: past.older.as_ref(),
        people: &state.lists.seen_by(&tab.name, &tab.room, people),
        cursor: before.is_none().then_some(&cursor),
        form: &view::room::SendForm { path: &path, key, text, problem, framed: false },
    }))
}

/// `POST …/leave`: forgets the name. It answers whoever asks: leaving twice is leaving.
pub async fn leave(
    Visitor { room, tab }: Visitor,
    State(state): State<AppState>,
) -> (Option<SetCookie>, Redirect) {
    let forgotten = tab.map(|tab| {
        state.presence.leave(&room, &tab.id);
        let mut cookie = Cookie::build(COOKIE).path(tab.path().0).build();
        cookie.make_removal();
        [(header::SET_COOKIE, cookie.to_string())]
    });
    (forgotten, Redirect::to(&format!("/rooms/{room}")))
}

/// A status for a page that is shown again.
pub fn again(status: StatusCode, page: Markup) -> Response {
    (status, not_stored(), page).into_response()
}
