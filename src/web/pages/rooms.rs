//! The list of rooms.

use axum::{
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Redirect, Response},
};
use serde::Serialize;

use super::{
    super::{
        api::presence::FormatQuery,
        error::{Error, invalid},
        extract::Params,
        form::PageForm,
        json::Json,
        negotiate::{self, Document},
        origin::Origin,
        respond::not_stored,
        state::AppState,
    },
    again,
    moderate::given,
};
use crate::{
    message::RoomName,
    paths,
    rooms::Caller,
    view::{self, rooms::Room},
};

/// Rooms that the list shows: what somebody reads through.
pub(crate) const MAX_LISTED_ROOMS: usize = 200;

/// `GET /`: everybody starts in the lobby.
pub(crate) async fn lobby() -> Redirect {
    Redirect::to(&paths::LOBBY.to_string())
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

/// `GET /rooms`: the rooms that have people or messages, and a form to open another; for scripts, an
/// array.
pub(crate) async fn list(
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
    Params(query): Params<FormatQuery>,
) -> Result<Response, Error> {
    let document = negotiate::document(&headers, query.format.as_deref())?;
    let rooms = rooms(&state, &caller).await?;
    let vary = [(header::VARY, "accept")];
    Ok(match document {
        Document::Html => (not_stored(), vary, view::rooms::page(&rooms, "", None)).into_response(),
        Document::Json => {
            let objects = rooms.iter().map(|Room { name, here, last_sent_at }| Object {
                room: name.as_str(),
                here: *here,
                last_sent_at: last_sent_at.map(|at| format!("{at:.3}")),
            });
            (not_stored(), vary, Json(objects.collect::<Vec<_>>())).into_response()
        }
    })
}

/// `POST /rooms`: a room begins when somebody goes there.
pub(crate) async fn open(
    caller: Caller,
    State(state): State<AppState>,
    Origin(origin): Origin,
    headers: HeaderMap,
    form: PageForm,
) -> Result<Response, Error> {
    let room = form.field("room").and_then(|raw| RoomName::parse(raw.trim()).map_err(invalid));
    match room {
        Ok(room) if form.field("private")? == "yes" => {
            match state.rooms.open_private(&caller, &room).await {
                Ok(link) => Ok(given(&state, &headers, &origin, &room, &link)),
                Err(why) => refused(&state, &caller, &form, &why.into()).await,
            }
        }
        Ok(room) => Ok(Redirect::to(&paths::room(&room).to_string()).into_response()),
        Err(why) => refused(&state, &caller, &form, &why).await,
    }
}

/// The list again, and why.
async fn refused(
    state: &AppState,
    caller: &Caller,
    form: &PageForm,
    why: &Error,
) -> Result<Response, Error> {
    let rooms = rooms(state, caller).await?;
    let page = view::rooms::page(&rooms, form.entered("room"), Some(why.sentence()));
    Ok(why.told_by(again(why.status(), page)))
}

async fn rooms(state: &AppState, caller: &Caller) -> Result<Vec<Room>, Error> {
    let rooms = state.rooms.list(caller, MAX_LISTED_ROOMS).await?;
    let rooms = rooms.into_iter().map(|(name, listed)| Room {
        name,
        here: listed.here,
        last_sent_at: listed.last_sent_at,
    });
    Ok(rooms.collect())
}
