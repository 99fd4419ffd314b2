//! The pages on which a tab takes back what it said, or says it better.

use axum::{
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse as _, Redirect, Response},
};
use maud::Markup;

use super::{
    super::{
        api::presence::FormatQuery,
        error::{Error, invalid},
        extract::Params,
        form::PageForm,
        json::Json,
        named::Named,
        negotiate::{self, Document},
        respond::never_stored,
        state::AppState,
    },
    again, own_page_in,
};
use crate::{
    journal::{Around, Revision},
    message::{Message, Role, Text},
    paths,
    rooms::{Allowance, Caller, Tab},
    view::own::{Context, Own, list as own_list, page as own_page},
};

/// Messages that are shown before one, and after it: some screens full.
const MAX_CONTEXT: usize = 20;

/// `GET /rooms/{room}/messages/{id}`: one message among those around it, and for who sent it the forms to
/// change it.
pub(crate) async fn show(
    named: Named,
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
    Params(query): Params<FormatQuery>,
) -> Result<Response, Error> {
    let document = negotiate::document(&headers, query.format.as_deref())?;
    let place = (&named.room, &named.id);
    let (message, may) = state.rooms.message(&caller, &named.proof(None), place).await?;
    let vary = [(header::VARY, "accept, cookie")];
    Ok(match document {
        Document::Json => (never_stored(), vary, Json(message)).into_response(),
        Document::Html => {
            let page = page(&state, &caller, &named, &own(&message, may)).await?;
            (never_stored(), vary, page).into_response()
        }
    })
}

/// `GET` where only a form posts: a 303 to the page that has it.
pub(crate) async fn form(named: Named) -> Redirect {
    Redirect::to(&paths::message(&named.room, &named.id))
}

/// `GET /rooms/{room}/tabs/{tab}/messages`: what the tab has sent of late.
pub(crate) async fn list(
    tab: Tab,
    caller: Caller,
    State(state): State<AppState>,
) -> Result<Response, Error> {
    let messages = state.rooms.own_messages(&caller, &tab).await?;
    let all: Vec<_> = messages.iter().map(|(message, may)| own(message, *may)).collect();
    let page = own_list(&all, &paths::tab(&tab.room, &tab.id).to_string());
    Ok((never_stored(), page).into_response())
}

/// `POST /rooms/{room}/messages/{id}/remove`.
pub(crate) async fn remove(
    named: Named,
    caller: Caller,
    State(state): State<AppState>,
    posted: PageForm,
) -> Result<Redirect, Error> {
    named.revise(&state, &caller, None, Revision::Remove).await?;
    // Who moderates goes on where they were.
    let page = match posted.field("page")? {
        "" => back(&state, &caller, &named),
        paths::NEWEST => paths::moderated(&named.room, None, &named.id),
        before => {
            let before = before.parse().map_err(invalid)?;
            paths::moderated(&named.room, Some(&before), &named.id)
        }
    };
    Ok(Redirect::to(&page))
}

/// `POST /rooms/{room}/messages/{id}/edit`: what cannot be taken comes back in the form.
pub(crate) async fn edit(
    named: Named,
    caller: Caller,
    State(state): State<AppState>,
    posted: PageForm,
) -> Result<Response, Error> {
    let edited = match Text::parse(posted.field("text")?).map_err(invalid) {
        Ok(text) => named.revise(&state, &caller, None, Revision::Edit(text)).await,
        Err(why) => Err(why),
    };
    let Err(why) = edited else {
        return Ok(Redirect::to(&back(&state, &caller, &named)).into_response());
    };
    let place = (&named.room, &named.id);
    let (message, may) = state.rooms.message(&caller, &named.proof(None), place).await?;
    if !may.edit {
        // There is no form that it could come back in.
        return Err(why);
    }
    let (text, problem) = (posted.entered("text"), why.in_full());
    let own = Own { draft: text, problem: Some(&problem), ..own(&message, may) };
    let page = page(&state, &caller, &named, &own).await?;
    Ok(why.told_by(again(why.status(), page)))
}

/// The page of a message, among those around it.
async fn page(
    state: &AppState,
    caller: &Caller,
    named: &Named,
    own: &Own<'_>,
) -> Result<Markup, Error> {
    let around = state.rooms.around(caller, &named.room, named.id.seq(), MAX_CONTEXT).await?;
    let Around { before, older, after, newer } = &around;
    let context = Context { before, older: *older, after, newer: *newer };
    Ok(own_page(own, &context, &back(state, caller, named)))
}

fn own(message: &Message, may: Allowance) -> Own<'_> {
    let Allowance { remove, edit } = may;
    Own { message, remove, edit, draft: message.text.as_str(), problem: None }
}

/// The page that a browser came from: its tab's that is there, the operator's, or the room's.
fn back(state: &AppState, caller: &Caller, named: &Named) -> String {
    let room = &named.room;
    if named.tabs.is_empty() && state.rooms.role(caller, room) >= Some(Role::Moderate) {
        return paths::moderate(room).to_string();
    }
    own_page_in(state, room, &named.tabs)
}
