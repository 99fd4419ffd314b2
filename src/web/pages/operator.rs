//! Where the operator proves to be that.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
};

use super::{
    super::{
        api::messages::PageQuery,
        cache::PAGE_MESSAGES,
        error::Error,
        extract::{OverTls, Params, Room},
        form::PageForm,
        operator,
        respond::never_stored,
        state::AppState,
    },
    again,
    rooms::MAX_LISTED_ROOMS,
};
use crate::{paths, rooms::Caller, view};

/// `GET /operator`: a form for the token; for who gave it, the rooms.
pub(crate) async fn show(
    caller: Caller,
    State(state): State<AppState>,
) -> Result<Response, Error> {
    let page = if caller.operator {
        let rooms = state.rooms.list(&caller, MAX_LISTED_ROOMS).await?;
        view::operator::page(rooms.iter().map(|(room, _)| room))
    } else {
        view::operator::form(None)
    };
    Ok((never_stored(), page).into_response())
}

/// `GET /operator/rooms/{room}`: what was said there, to be removed; `?before=` a message, older ones.
pub(crate) async fn room(
    Room(room): Room,
    caller: Caller,
    State(state): State<AppState>,
    Params(query): Params<PageQuery>,
) -> Result<Response, Error> {
    if !caller.operator {
        return Ok(Redirect::to(&paths::OPERATOR.to_string()).into_response());
    }
    let before = query.before(&state)?;
    let page = state.rooms.messages(&caller, &room, before, PAGE_MESSAGES).await?;
    let page = view::operator::room(&room, &page.messages, page.more);
    Ok((never_stored(), page).into_response())
}

/// `POST /operator`: takes the token.
pub(crate) async fn enter(
    caller: Caller,
    State(state): State<AppState>,
    OverTls(over_tls): OverTls,
    form: PageForm,
) -> Result<Response, Error> {
    match form.field("token").and_then(|token| operator::check(&caller, &state, token.trim())) {
        Ok(()) => {
            let cookie = operator::give(&state, over_tls);
            let page = Redirect::to(&paths::OPERATOR.to_string());
            Ok(([(header::SET_COOKIE, cookie)], page).into_response())
        }
        Err(why) => {
            let page = view::operator::form(Some(why.sentence()));
            let status = match why {
                // A 401 would have the browser ask by itself.
                Error::BadToken => StatusCode::FORBIDDEN,
                _ => why.status(),
            };
            Ok(why.told_by(again(status, page)))
        }
    }
}

/// `GET /operator/leave`, from who reloads: a 303 to the page that has the form.
pub(crate) async fn form() -> Redirect {
    Redirect::to(&paths::OPERATOR.to_string())
}

/// `POST /operator/leave`: this browser is not the operator's any more.
pub(crate) async fn leave() -> Response {
    let page = Redirect::to(&paths::OPERATOR.to_string());
    ([(header::SET_COOKIE, operator::take())], page).into_response()
}
