//! The list of rooms.

use axum::{
    extract::State,
    http::{HeaderMap, header},
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        error::{Error, invalid},
        extract::{OverTls, Params},
        form::PageForm,
        json::Json,
        negotiate::{self, Document},
        origin::Origin,
        respond::not_stored,
        session::Browser,
        state::AppState,
        user::User,
    },
    again,
    moderate::given,
};
use crate::{
    message::{RoomName, now},
    paths,
    rooms::Caller,
    view::{
        self,
        rooms::{List, Me, OwnTab, Room},
    },
};

/// Rooms that the list shows: what somebody reads through.
pub(crate) const MAX_LISTED_ROOMS: usize = 200;

/// `GET /`: everybody starts in the lobby.
pub(crate) async fn lobby() -> Redirect {
    Redirect::to(&paths::LOBBY.to_string())
}

/// What stands behind the `?` of the list.
#[derive(Deserialize)]
pub(crate) struct ListQuery {
    format: Option<String>,
    q: Option<String>,
}

/// A room for scripts.
#[derive(Serialize)]
struct Object<'a> {
    room: &'a str,
    /// How many people are there.
    here: usize,
    /// When its newest message was sent; `null` where it has none.
    last_sent_at: Option<String>,
}

/// `GET /rooms`: the rooms that have people or messages, with `?q=` those that have it in their names,
/// and a form to open another; for scripts, an array.
pub(crate) async fn list(
    caller: Caller,
    user: User,
    State(state): State<AppState>,
    OverTls(over_tls): OverTls,
    headers: HeaderMap,
    Params(ListQuery { format, q }): Params<ListQuery>,
) -> Result<Response, Error> {
    let document = negotiate::document(&headers, format.as_deref())?;
    let q = q.unwrap_or_default();
    let guest = Guest::of(&state, &user, &headers);
    let rooms = rooms(&state, &caller, &guest, &part_of_name(&q), MAX_LISTED_ROOMS).await?;
    let vary = [(header::VARY, "accept")];
    Ok(match document {
        Document::Html => {
            // Who joins by a click here has to have been known before, as at a room's own page.
            let fresh = (guest.browser.is_none() && guest.me().is_some())
                .then(|| Browser::fresh().cookie(&state.secret, over_tls));
            let cookies = AppendHeaders(fresh.map(|cookie| (header::SET_COOKIE, cookie)));
            (cookies, not_stored(), vary, page(&rooms, &guest, &q, ("", None))).into_response()
        }
        Document::Json => {
            let objects = rooms.iter().map(|Room { name, here, last_sent_at, .. }| Object {
                room: name.as_str(),
                here: *here,
                last_sent_at: last_sent_at.map(|at| format!("{at:.3}")),
            });
            (not_stored(), vary, Json(objects.collect::<Vec<_>>())).into_response()
        }
    })
}

/// What somebody looks for, as rooms' names are written: nobody types a `#`, a capital or a space in one
/// that means none.
fn part_of_name(q: &str) -> String {
    let words = q.trim().trim_start_matches('#').split_whitespace();
    words.collect::<Vec<_>>().join("-").to_lowercase()
}

/// `POST /rooms`: a room begins when somebody goes there.
pub(crate) async fn open(
    caller: Caller,
    user: User,
    State(state): State<AppState>,
    Origin(origin): Origin,
    headers: HeaderMap,
    form: PageForm,
) -> Result<Response, Error> {
    let room = form.field("room").and_then(|raw| RoomName::parse(raw.trim()).map_err(invalid));
    let why = match room {
        Ok(room) if form.field("private")? == "yes" => {
            match state.rooms.open_private(&caller, &room).await {
                Ok(link) => return Ok(given(&state, &headers, &origin, &room, &link)),
                Err(why) => why.into(),
            }
        }
        Ok(room) => return Ok(Redirect::to(&paths::room(&room).to_string()).into_response()),
        Err(why) => why,
    };
    // The list again, and why.
    let guest = Guest::of(&state, &user, &headers);
    let rooms = rooms(&state, &caller, &guest, "", MAX_LISTED_ROOMS).await?;
    let page = page(&rooms, &guest, "", (form.entered("room"), Some(&why.in_full())));
    Ok(why.told_by(again(why.status(), page)))
}

fn page(
    rooms: &[Room],
    guest: &Guest<'_>,
    q: &str,
    (entered, problem): (&str, Option<&str>),
) -> maud::Markup {
    view::rooms::page(&List {
        rooms,
        full: rooms.len() == MAX_LISTED_ROOMS,
        find: (q, &part_of_name(q)),
        me: guest.me(),
        entered,
        problem,
        now: now(),
    })
}

/// Who looks at a page: as far as a proxy vouches for that, or the browser was here before.
pub(super) struct Guest<'a> {
    user: &'a User,
    /// The browser, where it has a cookie of ours.
    pub browser: Option<Browser>,
}

impl<'a> Guest<'a> {
    pub(super) fn of(state: &AppState, user: &'a User, headers: &HeaderMap) -> Self {
        Self { user, browser: Browser::of(headers, &state.secret) }
    }

    /// Under which name it joins by one click.
    pub(super) fn me(&self) -> Option<Me<'_>> {
        let vouched = self.user.0.as_ref().map(|name| Me { name, vouched: true });
        let last = self.browser.as_ref().and_then(|browser| browser.name.as_ref());
        vouched.or_else(|| last.map(|name| Me { name, vouched: false }))
    }

    /// Whether its name comes from a proxy.
    pub(super) fn is_vouched(&self) -> bool {
        self.user.0.is_some()
    }

    /// Its tab that is in a room.
    pub(super) fn tab_in(&self, state: &AppState, room: &RoomName) -> Option<OwnTab> {
        let mut tabs = self.browser.iter().flat_map(|browser| browser.tabs_in(room));
        tabs.find_map(|id| {
            let name = state.rooms.name_of(room, id).filter(|name| self.user.may_be(name))?;
            Some(OwnTab { path: paths::tab(room, id).to_string(), name })
        })
    }
}

/// The rooms that a page lists.
pub(super) async fn rooms(
    state: &AppState,
    caller: &Caller,
    guest: &Guest<'_>,
    part: &str,
    limit: usize,
) -> Result<Vec<Room>, Error> {
    let rooms = state.rooms.list(caller, part, limit).await?;
    let rooms = rooms.into_iter().map(|(name, listed)| Room {
        own: guest.tab_in(state, &name),
        name,
        here: listed.here,
        last_sent_at: listed.last_sent_at,
    });
    Ok(rooms.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_for_is_written_as_rooms_names_are() {
        for (q, part) in
            [("", ""), (" #Tea Kitchen ", "tea-kitchen"), ("kit", "kit"), ("##", ""), ("É", "é")]
        {
            assert_eq!(part_of_name(q), part, "{q:?}");
        }
    }
}
