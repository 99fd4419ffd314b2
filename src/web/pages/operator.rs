//! Where the operator proves to be that.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
};

use super::{
    super::{
        error::Error,
        extract::OverTls,
        form::PageForm,
        operator::{self, IsOperator},
        respond::not_stored,
        state::AppState,
    },
    again,
};
use crate::{paths, rooms::Caller, view};

/// `GET /operator`: a form for the token; for who gave it, what can be done.
pub(crate) async fn show(IsOperator(is_operator): IsOperator) -> Response {
    let page = if is_operator { view::operator::page() } else { view::operator::form(None) };
    (not_stored(), page).into_response()
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
