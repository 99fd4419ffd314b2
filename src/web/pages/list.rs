//! The list of rooms beside the one that is shown: what is unread there, what is pinned, and up to where
//! this browser has read.

use std::iter;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};

use super::{
    super::{
        error::{Error, invalid},
        extract::OverTls,
        fields::message_id,
        form::PageForm,
        listed::Listed,
        session::Seen,
        state::AppState,
    },
    own_page_in,
};
use crate::{
    delivery::hub::Count,
    message::{RoomName, Seq},
    paths,
    rooms::{Caller, Tab},
    view::room_list::Entry,
};

/// The rooms on the list of a browser, with the one that `tab` shows: those that are pinned first, each part
/// by name. It stands still while one looks at it.
pub(super) async fn entries(
    state: &AppState,
    caller: &Caller,
    Listed { seen, others }: &Listed,
    tab: &Tab,
) -> Result<Vec<Entry>, Error> {
    let unread = state.rooms.unread(caller, &tab.name, others).await?;
    let is_pinned = |room: &RoomName| seen.known(room).is_some_and(|known| known.is_pinned);
    let shown = Entry {
        room: tab.room.clone(),
        page: paths::tab(&tab.room, &tab.id).to_string(),
        unread: 0,
        mentions: 0,
        is_pinned: is_pinned(&tab.room),
        is_shown: true,
    };
    let others = others.iter().zip(unread).filter_map(|(other, unread)| {
        let Count { messages: unread, mentions } = unread?;
        Some(Entry {
            unread,
            mentions,
            page: own_page_in(state, &other.room, &other.tabs),
            is_pinned: is_pinned(&other.room),
            room: other.room.clone(),
            is_shown: false,
        })
    });
    let mut entries: Vec<_> = iter::once(shown).chain(others).collect();
    entries.sort_unstable_by(|one, other| {
        (!one.is_pinned, &one.room).cmp(&(!other.is_pinned, &other.room))
    });
    Ok(entries)
}

/// What a browser has seen that is shown a room up to `upto`. What another of its tabs shows is read as
/// well: its page may be the one that is left for this.
pub(super) fn opened(
    state: &AppState,
    caller: &Caller,
    listed: Listed,
    room: &RoomName,
    upto: Seq,
) -> Seen {
    let Listed { mut seen, others } = listed;
    for other in others.iter().filter(|other| state.rooms.is_shown(other)) {
        seen.read(&other.room, upto);
    }
    seen.open(room, upto, caller.pass.clone().filter(|pass| pass.room == *room));
    seen
}

/// `POST /rooms/{room}/tabs/{tab}/seen`: a page says, when it is hidden or left, which message was the last
/// that it showed.
pub(crate) async fn seen(
    tab: Tab,
    State(state): State<AppState>,
    OverTls(over_tls): OverTls,
    headers: HeaderMap,
    form: PageForm,
) -> Result<Response, Error> {
    let id = message_id("id", form.field("id")?)?;
    let journal = state.rooms.journal();
    let mut seen = Seen::of(&headers, &state.secret, journal.epoch());
    // Of what is to come nothing was seen.
    if id.seq() > journal.last() || !seen.read_message(&tab.room, &id) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    state.rooms.read_upto(&tab.room, &tab.id, id.seq()).await?;
    let cookie = seen.cookie(&state.secret, over_tls);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// `POST /rooms/{room}/tabs/{tab}/rooms`: a room is pinned, or taken off the list.
pub(crate) async fn update(
    tab: Tab,
    State(state): State<AppState>,
    OverTls(over_tls): OverTls,
    headers: HeaderMap,
    form: PageForm,
) -> Result<Response, Error> {
    let room = RoomName::parse(form.field("room")?).map_err(invalid)?;
    let mut seen = Seen::of(&headers, &state.secret, state.rooms.journal().epoch());
    match form.field("how")? {
        "pin" => seen.pin(&room, true),
        "unpin" => seen.pin(&room, false),
        "off" => seen.take_off(&room),
        _ => return Err(Error::Invalid("how= takes pin, unpin or off.".into())),
    }
    let cookie = [(header::SET_COOKIE, seen.cookie(&state.secret, over_tls))];
    let page = paths::tab(&tab.room, &tab.id).to_string();
    Ok((cookie, Redirect::to(&page)).into_response())
}
