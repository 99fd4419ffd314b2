//! `GET …/events`: the stream of a room.

use axum::{
    body::Body,
    extract::{Query, State},
    http::{HeaderMap, HeaderName, header},
    response::IntoResponse,
};
use serde::Deserialize;

use super::{AppState, Error, room::Room, tab::Tab};
use crate::{
    message::{MessageId, RoomName},
    stream::Start,
};

#[derive(Deserialize)]
pub struct Asked {
    after: Option<String>,
}

/// The stream for whoever asks.
pub async fn of_room(
    Room(room): Room,
    State(state): State<AppState>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, Error> {
    open(&state, room, &headers, &asked)
}

/// The same stream for a tab that joined.
pub async fn of_tab(
    tab: Tab,
    State(state): State<AppState>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, Error> {
    open(&state, tab.room().clone(), &headers, &asked)
}

fn open(
    state: &AppState,
    room: RoomName,
    headers: &HeaderMap,
    asked: &Asked,
) -> Result<impl IntoResponse + use<>, Error> {
    let start = start(state, headers, asked)?;
    let described: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, "text/event-stream"),
        // `no-transform` and nginx's own header: a proxy that gathers or compresses holds back.
        (header::CACHE_CONTROL, "no-cache, no-transform"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((described, Body::from_stream(state.source.open(room, start))))
}

/// Where the reader begins. The header, which a browser sends by itself when it comes back, wins
/// over the address that it first came to.
fn start(state: &AppState, headers: &HeaderMap, asked: &Asked) -> Result<Start, Error> {
    let journal = state.journal();
    let place = |id: &MessageId| {
        // From another journal, or from a future that this one never had (restored data).
        let ours = id.epoch() == journal.epoch() && id.seq() <= journal.last();
        if ours { Start::After(id.seq()) } else { Start::Lost }
    };
    // An empty header is what the standard sends for "no last event"; browsers leave it out.
    let header = headers.get("last-event-id").filter(|value| !value.is_empty());
    if let Some(header) = header {
        // Not the reader's fault and nothing it could mend: it is told of a gap, and gets all.
        let id = header.to_str().ok().and_then(|raw| raw.parse().ok());
        return Ok(id.map_or(Start::Lost, |id| place(&id)));
    }
    match &asked.after {
        Some(raw) => {
            let id: MessageId = raw.parse().map_err(|_| {
                Error::Invalid("after= takes the id of a message, such as k3v9x2mq-17.".into())
            })?;
            Ok(place(&id))
        }
        None => Ok(Start::Now),
    }
}
