//! `GET …/events`: the stream of a room, in the representation that the reader takes, and with it how
//! much is unread in others.

use std::{iter, sync::Arc};

use axum::{
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderName, header},
    response::Response,
};
use bytes::Bytes;
use serde::Deserialize;

use super::super::{
    error::Error,
    extract::{Params, Room},
    fields::{Fields, Noun, REPEATED, message_id},
    listed::Listed,
    negotiate,
    session::seen::MAX_ROOMS,
    state::AppState,
};
use crate::{
    delivery::{frame::Representation, stream::LiveStream},
    message::RoomName,
    rooms::{Caller, Cursor, Listen, Other, Tab},
    server::live,
    sink::{Framing, Sink},
};

/// The most messages that a stream can be asked to begin with: what is kept by default.
pub(crate) const MAX_LAST: usize = 10_000;

/// What the address says.
#[derive(Deserialize)]
pub(crate) struct StreamQuery {
    after: Option<String>,
    last: Option<String>,
    #[serde(rename = "lastEventId")]
    last_event_id: Option<String>,
    format: Option<String>,
}

/// The stream for whoever asks.
pub(crate) async fn of_room(
    Room(room): Room,
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
    Params(query): Params<StreamQuery>,
) -> Result<Response, Error> {
    let listen = query.parse(&headers)?;
    let representation = listen.representation;
    let stream = state.rooms.listen(&caller, &room, listen).await?;
    Ok(answer(representation, stream, &state))
}

/// `GET /events?room=…&room=…`: the messages of the first room, and how much is unread in the others:
/// what came after the place that the reader came with.
pub(crate) async fn of_rooms(
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
    Params(query): Params<StreamQuery>,
) -> Result<Response, Error> {
    let mut listen = query.parse(&headers)?;
    let mut rooms = rooms_in(raw.as_deref())?.into_iter();
    let first = rooms.next().ok_or_else(|| Noun::Parameter.missing(REPEATED))?;
    listen.others = rooms.map(Other::fresh).collect();
    // Each of them is there for this reader, or the address is one that does not exist.
    for room in iter::once(&first).chain(listen.others.iter().map(|other| &other.room)) {
        state.rooms.learn(room).await?;
        state.rooms.check_read(&caller, room)?;
    }
    if listen.representation == Representation::Html && !listen.others.is_empty() {
        return Err(Error::Invalid("format=html shows one room.".into()));
    }
    let representation = listen.representation;
    let stream = state.rooms.listen(&caller, &first, listen).await?;
    Ok(answer(representation, stream, &state))
}

/// The rooms that an address names, each once.
fn rooms_in(query: Option<&str>) -> Result<Vec<RoomName>, Error> {
    let fields = Fields::urlencoded(Noun::Parameter, query.unwrap_or_default().as_bytes());
    let mut rooms = Vec::new();
    for raw in fields.all(REPEATED) {
        let room = RoomName::parse(raw).map_err(|_| Error::NotFound)?;
        if rooms.len() == MAX_ROOMS {
            return Err(Error::Invalid(format!("A stream is of {MAX_ROOMS} rooms at most.")));
        }
        if rooms.contains(&room) {
            return Err(Error::Invalid(format!("The room {room} came twice.")));
        }
        rooms.push(room);
    }
    Ok(rooms)
}

/// The same stream for a tab that joined, which thereby is here. Of other rooms it says how much this
/// browser has not seen there. One that may not be read any more is passed over: its page must not lose its
/// own room by that.
pub(crate) async fn of_tab(
    tab: Tab,
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
    RawQuery(raw): RawQuery,
    Params(query): Params<StreamQuery>,
) -> Result<Response, Error> {
    let mut listen = query.parse(&headers)?;
    let representation = listen.representation;
    let rooms = rooms_in(raw.as_deref())?;
    if !rooms.is_empty() && representation != Representation::Html {
        let mut known = Listed::of(&state, &headers, &tab.room).others;
        let rooms = rooms.into_iter().filter(|room| *room != tab.room);
        let other = |room| match known.iter().position(|other| other.room == room) {
            Some(at) => known.swap_remove(at),
            None => Other::fresh(room),
        };
        listen.others = rooms.map(other).collect();
    }
    let stream = state.rooms.listen_as(&caller, &tab, listen).await?;
    Ok(answer(representation, stream, &state))
}

impl StreamQuery {
    fn parse(&self, headers: &HeaderMap) -> Result<Listen, Error> {
        let representation = negotiate::representation(headers, self.format.as_deref())?;
        Ok(Listen { cursor: self.cursor(headers)?, representation, others: Vec::new() })
    }

    /// Where the reader begins. The header, which a browser sends by itself when it comes back,
    /// wins over the address that it first came to. Where there is no `EventSource`, polyfills cannot
    /// set the header without a preflight, and put its value behind the `?`.
    fn cursor(&self, headers: &HeaderMap) -> Result<Cursor, Error> {
        // An empty header is what the standard sends for "no last event"; browsers leave it out.
        let mut lines = headers.get_all("last-event-id").iter();
        let header = lines.next().filter(|value| !value.is_empty());
        if lines.next().is_some() {
            // As with a parameter, nobody can say which is meant.
            return Err(Error::Invalid("The header Last-Event-ID came twice.".into()));
        }
        if let Some(header) = header {
            let id = header.to_str().ok().and_then(|raw| raw.parse().ok());
            return Ok(id.map_or(Cursor::Unreadable, Cursor::After));
        }
        if let Some(raw) = self.last_event_id.as_deref().filter(|raw| !raw.is_empty()) {
            return Ok(raw.parse().map_or(Cursor::Unreadable, Cursor::After));
        }
        if let Some(raw) = &self.after {
            return Ok(Cursor::After(message_id("after", raw)?));
        }
        if let Some(raw) = &self.last {
            let last = raw.parse().ok().filter(|last| *last <= MAX_LAST).ok_or_else(|| {
                Error::Invalid(format!("last= takes a number from 0 to {MAX_LAST}."))
            })?;
            return Ok(Cursor::Last(last));
        }
        Ok(Cursor::Now)
    }
}

/// Between the server, which has the socket, and the delivery, which writes to it.
impl live::LiveFrames for LiveStream {
    fn attach(&mut self, socket: Arc<dyn Sink>, framing: Framing) {
        LiveStream::attach(self, socket, framing);
    }

    fn park(&mut self) {
        LiveStream::park(self);
    }

    fn unpark(&mut self) -> Bytes {
        LiveStream::unpark(self)
    }

    fn is_complete(&self) -> bool {
        LiveStream::is_complete(self)
    }
}

fn answer(representation: Representation, stream: LiveStream, state: &AppState) -> Response {
    let headers: [(HeaderName, &str); 5] = [
        (header::CONTENT_TYPE, representation.content_type()),
        // `no-transform` and nginx's own header: a proxy that gathers or compresses holds back. `no-store`:
        // Firefox holds a second request of an address back until the answer to the first is whole, to
        // keep that.
        (header::CACHE_CONTROL, "no-cache, no-store, no-transform"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
        (header::VARY, "accept"),
        // Older versions of Caddy's `encode` compress all the same, and hold back; they leave alone what
        // has an encoding, and so do Apache and nginx. Clients know that this is none.
        (header::CONTENT_ENCODING, "identity"),
    ];
    live::answer(headers, stream, representation.keep_alive(), state.metrics.clone())
}
