//! Finding again what was said: a form, and a page of hits.

use axum::{
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        api::messages::before,
        error::{Error, invalid},
        extract::{Params, Room},
        json::Json,
        negotiate::{self, Document},
        origin::fetch_site,
        respond::not_stored,
        session::{self, Seen},
        state::AppState,
    },
    again, own_page_in,
};
use crate::{
    message::{Message, MessageId, RoomName, Seq},
    rooms::Caller,
    search::{Found, Hit, Query},
    view::search::{self as view, page},
};

/// Hits on a page: what somebody looks through.
pub(crate) const MAX_HITS: usize = 50;

/// What is looked for.
#[derive(Deserialize)]
pub(crate) struct SearchQuery {
    q: Option<String>,
    before: Option<String>,
    format: Option<String>,
}

/// `GET /rooms/{room}/search`.
pub(crate) async fn room(
    Room(room): Room,
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
    Params(query): Params<SearchQuery>,
) -> Result<Response, Error> {
    show(Some(&room), &caller, &state, &headers, &query).await
}

/// `GET /search`: over all rooms that one may read; in a browser also the private ones on its list.
pub(crate) async fn all(
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
    Params(query): Params<SearchQuery>,
) -> Result<Response, Error> {
    show(None, &caller, &state, &headers, &query).await
}

/// Whether another site's page led here, as far as the browser says so (W3C Fetch Metadata): it could
/// measure how long the answer takes, and so what is said in rooms that are closed to it.
fn came_from_another_site(headers: &HeaderMap) -> bool {
    fetch_site(headers) == Some("cross-site")
}

async fn show(
    room: Option<&RoomName>,
    caller: &Caller,
    state: &AppState,
    headers: &HeaderMap,
    query: &SearchQuery,
) -> Result<Response, Error> {
    let document = negotiate::document(headers, query.format.as_deref())?;
    let before = before(state, query.before.as_deref())?;
    let words = query.q.as_deref().unwrap_or_default();
    let vary = [(header::VARY, "accept, cookie")];
    let form = |problem, found| {
        let back = room.map(|room| {
            let tabs = session::tabs_of(headers, &state.secret, room);
            own_page_in(state, room, &tabs)
        });
        let room = room.zip(back.as_deref());
        page(&view::Page { room, words, max_chars: Query::MAX_CHARS, problem, found })
    };
    if words.trim().is_empty() && document == Document::Html {
        return Ok((not_stored(), vary, form(None, None)).into_response());
    }
    let query = match Query::parse(words).map_err(invalid) {
        Ok(query) => query,
        Err(why) if document == Document::Html => {
            let page = form(Some(why.sentence()), None);
            return Ok((vary, why.told_by(again(why.status(), page))).into_response());
        }
        Err(why) => return Err(why),
    };
    let epoch = state.rooms.journal().epoch();
    // Who comes with a link's token, as programs do, has that one alone.
    let passes = if room.is_none() && caller.pass.is_none() && !came_from_another_site(headers) {
        Seen::of(headers, &state.secret, epoch).passes()
    } else {
        Vec::new()
    };
    let found = state.rooms.search(caller, &passes, room, query, before, MAX_HITS).await?;
    let id = |seq: Seq| MessageId::new(epoch.clone(), seq);
    let older = found.older.map(id);
    Ok(match document {
        Document::Json => {
            (not_stored(), vary, Json(Object::of(&found, older.as_ref()))).into_response()
        }
        Document::Html => {
            let hits = found.hits.iter();
            let hits = hits.map(|Hit { message, marks }| view::Hit { message, marks });
            let shown = view::Found {
                hits: hits.collect(),
                older: older.as_ref(),
                goes_on: before.is_some(),
                complete: found.behind.is_none(),
                upto: found.behind.and_then(|behind| behind.upto),
            };
            (not_stored(), vary, form(None, Some(shown))).into_response()
        }
    })
}

/// What was found, for scripts.
#[derive(Serialize)]
struct Object<'a> {
    /// The newest first.
    messages: Vec<Marked<'a>>,
    /// What to ask on with as `before`; `null` where those are all.
    older: Option<String>,
    /// Whether everything that was sent can be found.
    complete: bool,
    /// Where it cannot: when the last was sent that can, if anything can.
    #[serde(skip_serializing_if = "Option::is_none")]
    upto: Option<String>,
}

#[derive(Serialize)]
struct Marked<'a> {
    #[serde(flatten)]
    message: &'a Message,
    /// Where in the text is what was looked for, in characters.
    marks: Vec<(usize, usize)>,
}

impl<'a> Object<'a> {
    fn of(found: &'a Found, older: Option<&MessageId>) -> Self {
        let messages = found.hits.iter().map(|Hit { message, marks }| {
            let text = message.text.as_str();
            let chars = |upto: usize| text[..upto].chars().count();
            let marks = marks.iter().map(|mark| (chars(mark.start), chars(mark.end))).collect();
            Marked { message, marks }
        });
        Self {
            messages: messages.collect(),
            older: older.map(ToString::to_string),
            complete: found.behind.is_none(),
            upto: found.behind.and_then(|behind| behind.upto).map(|upto| format!("{upto:.3}")),
        }
    }
}
