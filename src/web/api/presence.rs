//! Who is here.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::super::{
    error::Error,
    extract::{Params, Room},
    form::PageForm,
    json::Json,
    negotiate::{self, Document},
    respond::not_stored,
    state::AppState,
};
use crate::rooms::{Caller, Tab};

/// What the address says.
#[derive(Deserialize)]
pub(crate) struct FormatQuery {
    pub format: Option<String>,
}

/// `GET /rooms/{room}/presence`: the fragment that a page shows, or
/// `{"count":2,"names":["ann","bob"]}`, with `"away":["bob"]` where somebody is, and `"watching"`
/// where somebody reads along without a name.
pub(crate) async fn show(
    Room(room): Room,
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
    Params(query): Params<FormatQuery>,
) -> Result<Response, Error> {
    let document = negotiate::document(&headers, query.format.as_deref())?;
    let people = state.rooms.people(&caller, &room)?;
    let vary = [(header::VARY, "accept")];
    if document == Document::Html {
        let list = state.cache.people(&room, &people).0.clone();
        return Ok((not_stored(), vary, maud::PreEscaped(list)).into_response());
    }
    Ok((not_stored(), vary, Json(&*people)).into_response())
}

/// `POST /rooms/{room}/tabs/{tab}/presence`: a tab says whether it is hidden. A hidden one lets
/// go of its stream over HTTP/1.1, and says so once a minute to be here all the same.
pub(crate) async fn update(
    tab: Tab,
    caller: Caller,
    State(state): State<AppState>,
    form: PageForm,
) -> Result<StatusCode, Error> {
    let hidden = match form.field("hidden")? {
        "true" => true,
        "false" => false,
        // Nothing that is said, too: who forgot the field is not to be told that all is done.
        _ => return Err(Error::Invalid("hidden= takes true or false.".into())),
    };
    state.rooms.set_hidden(&caller, &tab, hidden)?;
    Ok(StatusCode::NO_CONTENT)
}
