//! A room's door: the join form, and joining.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use maud::Markup;

use super::super::{
    error::{Error, invalid},
    extract::Room,
    form::PageForm,
    session,
    state::AppState,
};
use crate::{message::Name, paths, rooms::Caller, view};

/// `GET /rooms/{room}`: the join form.
pub(crate) async fn show(Room(room): Room) -> Markup {
    view::join::page(&room, "", None)
}

/// `POST /rooms/{room}/join`: makes the tab and sends the browser there, or shows the form again
/// and says why not.
pub(crate) async fn create(
    Room(room): Room,
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
    form: PageForm,
) -> Response {
    let name = form.field("username").and_then(|raw| Name::parse(raw).map_err(invalid));
    let tab = name.and_then(|name| Ok(state.rooms.join(&caller, room.clone(), name)?));
    match tab {
        Ok(tab) => {
            let cookie = session::give(&tab, &state.secret, over_tls(&headers));
            let page = paths::tab(&tab.room, &tab.id).to_string();
            (cookie, Redirect::to(&page)).into_response()
        }
        Err(why) => {
            let page = view::join::page(&room, form.entered("username"), Some(why.sentence()));
            // A form that cannot be taken as it stands, whatever is wrong with it.
            let status = match why {
                Error::TooMany(_) => why.status(),
                _ => StatusCode::UNPROCESSABLE_ENTITY,
            };
            why.told_by((status, page).into_response())
        }
    }
}

/// Whether the browser reached us over TLS, which a proxy may have ended. The browser says so
/// itself, in the Origin of its post, and the proxy to who says none, as curl does; a forged one
/// could only harm the forger's own cookie.
fn over_tls(headers: &HeaderMap) -> bool {
    let origin = headers.get("origin").map_or(&b""[..], HeaderValue::as_bytes);
    let proto = headers.get("x-forwarded-proto").map_or(&b""[..], HeaderValue::as_bytes);
    origin.starts_with(b"https://") || proto.eq_ignore_ascii_case(b"https")
}
