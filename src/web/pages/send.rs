//! The send form: a draft comes in, and is answered once the message is durable.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use maud::Markup;
use serde::Deserialize;

use super::{
    super::{
        error::{Error, invalid},
        extract::{Params, Visitor},
        form::PageForm,
        listed::Listed,
        respond::{never_stored, not_stored},
        session,
        state::AppState,
    },
    again, tab,
};
use crate::{
    journal::Appended,
    message::{Key, Text},
    paths,
    rooms::{Caller, Tab},
    view::room::{SendForm, send_form, send_frame, sent},
};

/// What a form says whose key was another message's; the form has a fresh one.
const KEY_REUSED: &str =
    "Something else was already sent from this form. To send this as well, press Send again.";

/// Whether the form stands in a frame of its own, for a browser without script.
#[derive(Deserialize)]
pub(crate) struct Place {
    frame: Option<String>,
}

/// `GET /rooms/{room}/tabs/{tab}/send?frame=1`: the form in a frame of its own. Without `frame` it is
/// where a form was posted that was refused, entered again: a 303 to the page that has the form.
pub(crate) async fn frame(
    visitor: Visitor,
    caller: Caller,
    State(state): State<AppState>,
    Params(Place { frame }): Params<Place>,
) -> Result<Response, Error> {
    if frame.is_none() {
        return Ok(tab::form(visitor).await.into_response());
    }
    let tab = visitor.joined(&caller, &state)?;
    let path = paths::tab(&tab.room, &tab.id);
    let form = SendForm { path, key: &Key::fresh(), text: "", problem: None, framed: true };
    Ok((never_stored(), send_frame(&form)).into_response())
}

/// `POST /rooms/{room}/tabs/{tab}/send`: from the send form, by htmx, plainly, or in its frame.
///
/// What cannot be sent comes back in the form, under the key that it had.
pub(crate) async fn create(
    visitor: Visitor,
    caller: Caller,
    State(state): State<AppState>,
    Params(Place { frame }): Params<Place>,
    headers: HeaderMap,
    posted: PageForm,
) -> Result<Response, Error> {
    let tab = visitor.joined(&caller, &state)?;
    let by_htmx = headers.contains_key("hx-request");
    let framed = frame.is_some() && !by_htmx;
    let path = paths::tab(&tab.room, &tab.id);
    match send(&state, &caller, tab, &posted).await {
        Ok(appended) if by_htmx => {
            let key = Key::fresh();
            let form = SendForm { path, key: &key, text: "", problem: None, framed };
            Ok(swapped(StatusCode::OK, sent(&form, &appended.message)))
        }
        // Going to a field by its name puts the focus there (WHATWG HTML, "scroll to the
        // fragment"), where `autofocus` is heeded once per page only, and not per frame.
        Ok(_) if framed => {
            Ok(Redirect::to(&format!("{}?frame=1#text", path.send())).into_response())
        }
        Ok(appended) => {
            let shared = state.rooms.journal().is_shared();
            let sent = shared.then(|| session::sent::give(tab, &appended.message.id));
            let cookies = AppendHeaders(sent.map(|cookie| (header::SET_COOKIE, cookie)));
            Ok((cookies, Redirect::to(&path.to_string())).into_response())
        }
        Err(why) => {
            // A key that was used up would keep refusing what is in the form.
            let kept = posted.field("key").ok().and_then(|key| Key::parse(key).ok());
            let kept = kept.filter(|_| !matches!(why, Error::KeyReused));
            let key = kept.unwrap_or_else(Key::fresh);
            let text = posted.entered("text");
            let problem = match why {
                // A page's key is its own affair; who reads this wrote something else meanwhile.
                Error::KeyReused => KEY_REUSED.into(),
                _ => why.in_full(),
            };
            let form = SendForm { path, key: &key, text, problem: Some(&problem), framed };
            let answer = if by_htmx {
                swapped(why.status(), send_form(&form))
            } else if framed {
                again(why.status(), send_frame(&form))
            } else {
                let known = (tab, visitor.proof.as_str());
                let listed = Listed::of(&state, &headers, &tab.room);
                let form = (&form, None);
                let page = tab::page(&state, &caller, &headers, known, None, form, &listed).await?;
                again(why.status(), page)
            };
            Ok(why.told_by(answer))
        }
    }
}

async fn send(
    state: &AppState,
    caller: &Caller,
    tab: &Tab,
    posted: &PageForm,
) -> Result<Appended, Error> {
    let text = Text::parse(posted.field("text")?).map_err(invalid)?;
    let key = match posted.field("key")? {
        "" => Key::fresh(), // From a form that somebody wrote by hand.
        key => Key::parse(key).map_err(invalid)?,
    };
    Ok(state.rooms.send(caller, tab, text, key).await?)
}

/// The form's own answers may replace the form, where `draft.js` does not keep it; see [`send_form`].
fn swapped(status: StatusCode, form: Markup) -> Response {
    const HX_RESWAP: HeaderName = HeaderName::from_static("hx-reswap");
    (status, not_stored(), [(HX_RESWAP, "outerHTML")], form).into_response()
}

#[cfg(test)]
mod tests;
