//! `GET …/events`: the stream of a room, in the representation that the reader takes.

use std::net::IpAddr;

use axum::{
    extract::{Query, State},
    http::{HeaderMap, HeaderName, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{AppState, Error, address::Address, negotiate, room::Room, tab::Tab};
use crate::{
    delivery::frame::Representation,
    delivery::stream::{self, Start},
    message::{MessageId, RoomName},
    rooms::limits::{Slot, TooMuch},
    rooms::roster::Guard,
    server::live,
};

/// The most messages that a stream can be asked to begin with: what is kept by default.
const MOST: usize = 10_000;

/// What the address says.
#[derive(Deserialize)]
pub struct Asked {
    after: Option<String>,
    last: Option<String>,
    format: Option<String>,
}

/// The stream for whoever asks.
pub async fn of_room(
    Room(room): Room,
    Address(address): Address,
    State(state): State<AppState>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, Error> {
    let representation = negotiate::representation(&headers, asked.format.as_deref())?;
    let place = place(&state, &room, address)?;
    let start = start(&state, &room, &headers, &asked).await?;
    let guard = state.presence.watch(&room);
    let asked = stream::Asked { room, start, representation, presence: false };
    Ok(open(&state, asked, (guard, place)))
}

/// The same stream for a tab that joined, which thereby is here.
pub async fn of_tab(
    tab: Tab,
    Address(address): Address,
    State(state): State<AppState>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<impl IntoResponse, Error> {
    let representation = negotiate::representation(&headers, asked.format.as_deref())?;
    let room = tab.room().clone();
    let place = place(&state, &room, address)?;
    let start = start(&state, &room, &headers, &asked).await?;
    let guard = state.presence.enter(&room, tab.id(), tab.name());
    let presence = representation == Representation::EventStream;
    let asked = stream::Asked { room, start, representation, presence };
    Ok(open(&state, asked, (guard, place)))
}

/// A place for one more stream, if there is one.
fn place(state: &AppState, room: &RoomName, address: Option<IpAddr>) -> Result<Slot, Error> {
    let full = |TooMuch(wait)| Error::Full(wait);
    let hub = &state.source.hub;
    if !hub.has(room) {
        state.limits.room(hub.topics()).map_err(full)?;
    }
    state.limits.stream(address).map_err(full)
}

fn open(state: &AppState, asked: stream::Asked, (guard, place): (Guard, Slot)) -> Response {
    let counted = state.metrics.stream(asked.representation.format());
    let described: [(HeaderName, &str); 4] = [
        (header::CONTENT_TYPE, asked.representation.content_type()),
        // `no-transform` and nginx's own header: a proxy that gathers or compresses holds back.
        (header::CACHE_CONTROL, "no-cache, no-transform"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
        (header::VARY, "accept"),
    ];
    live::answer(described, state.source.open(asked, (guard, place, counted)))
}

/// Where the reader begins. The header, which a browser sends by itself when it comes back, wins
/// over the address that it first came to.
async fn start(
    state: &AppState,
    room: &RoomName,
    headers: &HeaderMap,
    asked: &Asked,
) -> Result<Start, Error> {
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
    if let Some(raw) = &asked.after {
        let id: MessageId = raw.parse().map_err(|_| {
            Error::Invalid("after= takes the id of a message, such as k3v9x2mq-17.".into())
        })?;
        return Ok(place(&id));
    }
    if let Some(raw) = &asked.last {
        let last = raw
            .parse()
            .ok()
            .filter(|last| *last <= MOST)
            .ok_or_else(|| Error::Invalid(format!("last= takes a number from 0 to {MOST}.")))?;
        return Ok(Start::After(journal.before_newest(room, last).await?));
    }
    Ok(Start::Now)
}
