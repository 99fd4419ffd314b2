//! Sending: a form becomes a draft, and is answered once the message is durable.

use axum::{
    Json,
    extract::{Query, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use maud::Markup;
use serde::Deserialize;

use super::{
    AppState, Error,
    address::Address,
    answer,
    error::invalid,
    form::Posted,
    room::Room,
    tab::{self, Tab},
};
use crate::{
    message::{Draft, Key, Message, Name, Text},
    view::room::{SendForm, send_form, send_frame, sent},
};

#[derive(Deserialize)]
pub struct Sending {
    #[serde(default)]
    text: String,
    #[serde(default)]
    key: String,
}

/// Whether the form stands in a frame of its own, for a browser without script.
#[derive(Deserialize)]
pub struct Where {
    frame: Option<String>,
}

/// `GET /rooms/{room}/tabs/{tab}/send`: the form in a frame of its own.
pub async fn frame(tab: Tab) -> impl IntoResponse {
    let form =
        SendForm { path: &tab.path(), key: &Key::fresh(), text: "", problem: None, framed: true };
    (answer::not_stored(), send_frame(&form))
}

/// `POST /rooms/{room}/tabs/{tab}/send`: from the send form, by htmx, plainly, or in its frame.
///
/// What cannot be sent comes back in the form, under the key that it had.
pub async fn from_tab(
    tab: Tab,
    Address(address): Address,
    State(state): State<AppState>,
    Query(Where { frame }): Query<Where>,
    headers: HeaderMap,
    Posted(sending): Posted<Sending>,
) -> Result<Response, Error> {
    let by_htmx = headers.contains_key("hx-request");
    let framed = frame.is_some() && !by_htmx;
    let path = tab.path();
    let draft = draft(&tab, &sending).and_then(|draft| {
        state.limits.tab_send(tab.id())?;
        state.limits.send(address)?;
        Ok(draft)
    });
    let outcome = match draft {
        Ok(draft) => state.journal().append(draft).await.map_err(Error::from),
        Err(why) => Err(why),
    };
    if outcome.is_ok() {
        state.metrics.sent();
    }
    match outcome {
        Ok(appended) if by_htmx => {
            let key = Key::fresh();
            let form = SendForm { path: &path, key: &key, text: "", problem: None, framed };
            Ok(swapped(StatusCode::OK, sent(&form, &appended.message)))
        }
        // Going to a field by its name puts the focus there (WHATWG HTML, "scroll to the
        // fragment"), where `autofocus` is heeded once per page only, and not per frame.
        Ok(_) if framed => Ok(Redirect::to(&format!("{}/send#text", path.0)).into_response()),
        Ok(_) => Ok(Redirect::to(&path.0).into_response()),
        Err(why) => {
            // A key that was used up would keep refusing what is in the form.
            let kept = Key::parse(&sending.key).ok().filter(|_| !matches!(why, Error::KeyReused));
            let key = kept.unwrap_or_else(Key::fresh);
            let text = sending.text.as_str();
            let problem = Some(why.sentence());
            let form = SendForm { path: &path, key: &key, text, problem, framed };
            let answer = if by_htmx {
                swapped(why.status(), send_form(&form))
            } else if framed {
                tab::again(why.status(), send_frame(&form))
            } else {
                tab::again(why.status(), tab::page(&state, &tab, None, &key, text, problem).await?)
            };
            Ok(why.told_by(answer))
        }
    }
}

fn draft(tab: &Tab, sending: &Sending) -> Result<Draft, Error> {
    let text = Text::parse(&sending.text).map_err(invalid)?;
    Ok(Draft { room: tab.room().clone(), name: tab.name().clone(), text, key: key(&sending.key)? })
}

/// The form's own answers may replace the form; see [`send_form`].
fn swapped(status: StatusCode, form: Markup) -> Response {
    const RESWAP: HeaderName = HeaderName::from_static("hx-reswap");
    (status, answer::not_stored(), [(RESWAP, "outerHTML")], form).into_response()
}

#[derive(Deserialize)]
pub struct Scripted {
    #[serde(default)]
    username: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    key: String,
}

/// `POST /rooms/{room}/messages`: from a script, which says who it is.
pub async fn from_script(
    Room(room): Room,
    Address(address): Address,
    State(state): State<AppState>,
    Posted(scripted): Posted<Scripted>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<Message>), Error> {
    let name = Name::parse(&scripted.username).map_err(invalid)?;
    let text = Text::parse(&scripted.text).map_err(invalid)?;
    state.limits.send(address)?;
    state.presence.check(&room, &name)?;
    let draft = Draft { room, name, text, key: key(&scripted.key)? };
    let message = state.journal().append(draft).await?.message;
    state.metrics.sent();
    let place = format!("/rooms/{}#m{}", message.room, message.seq());
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(message)))
}

/// The client's key, or one of ours where it sent none.
fn key(raw: &str) -> Result<Key, Error> {
    if raw.is_empty() { Ok(Key::fresh()) } else { Key::parse(raw).map_err(invalid) }
}
