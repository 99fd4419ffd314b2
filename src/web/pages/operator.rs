//! Where the operator proves to be that.

use std::collections::BTreeMap;

use axum::{
    extract::{RawPathParams, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
};

use serde::Deserialize;
use serde_json::json;

use super::{
    super::{
        error::{Error, invalid},
        extract::{OverTls, Params},
        form::PageForm,
        json::Json,
        negotiate, operator,
        respond::never_stored,
        state::AppState,
    },
    again,
    moderate::{DEFAULT_BAN_TIME, ban_object, done, hours, network, param, reason},
    rooms::MAX_LISTED_ROOMS,
};
use crate::{
    message::{Logged, Name, RoomName, Seq},
    paths,
    rooms::Caller,
    view,
};

/// Lines of the log on a page.
const MAX_LOG_LINES: usize = 100;

/// Lines that are given at once to a program, which asks for those before the last with `before`: some
/// 200 bytes each.
const MAX_EXPORTED_LINES: usize = 5_000;

/// `GET /operator`: a form for the token; for who gave it, the rooms.
pub(crate) async fn show(caller: Caller, State(state): State<AppState>) -> Result<Response, Error> {
    let page = if caller.operator {
        let rooms = state.rooms.list(&caller, "", MAX_LISTED_ROOMS).await?;
        let mut listed: BTreeMap<_, _> = rooms.into_iter().map(|(room, _)| (room, None)).collect();
        // Those that nobody has spoken in yet, too.
        for (room, rules) in state.rooms.rulebook().rooms().into_iter().take(MAX_LISTED_ROOMS) {
            listed.insert(room, Some(rules));
        }
        let rooms: Vec<_> = listed.into_iter().collect();
        view::operator::page(&rooms)
    } else {
        view::operator::form(None)
    };
    Ok((never_stored(), page).into_response())
}

/// `POST /operator/rooms`: opens a room for everybody.
pub(crate) async fn open(
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
    form: PageForm,
) -> Result<Response, Error> {
    let room = RoomName::parse(form.field("room")?.trim()).map_err(invalid)?;
    state.rooms.open_room(&caller, &room).await?;
    Ok(done(&headers, json!({"room": room.as_str()}), &paths::moderate(&room).to_string()))
}

/// `GET /operator/bans`: all of them, and a form for an address.
pub(crate) async fn bans(
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    if !caller.operator && !negotiate::wants_json(&headers) {
        return Ok(form().await.into_response());
    }
    let bans = state.rooms.bans(&caller, None)?;
    if negotiate::wants_json(&headers) {
        let objects: Vec<_> = bans.iter().map(|(id, ban)| ban_object(id, ban)).collect();
        return Ok((never_stored(), Json(objects)).into_response());
    }
    Ok((never_stored(), view::operator::bans(&bans)).into_response())
}

/// `POST /operator/bans`: an address, from all rooms.
pub(crate) async fn ban(
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
    form: PageForm,
) -> Result<Response, Error> {
    let time = hours(&form)?.unwrap_or(DEFAULT_BAN_TIME);
    let address = network(form.field("address")?)?;
    let reason = reason(&form)?;
    let id = state.rooms.ban_everywhere(&caller, address, time, reason).await?;
    Ok(done(&headers, json!({"ban": id}), &paths::OPERATOR_BANS.to_string()))
}

/// `POST /operator/bans/{ban}/lift`.
pub(crate) async fn lift(
    params: RawPathParams,
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let id = param(&params, "ban")?;
    state.rooms.lift(&caller, None, id).await?;
    Ok(done(&headers, json!({"lifted": id}), &paths::OPERATOR_BANS.to_string()))
}

/// `POST /operator/erase`: all that was said under a name, in all rooms.
pub(crate) async fn erase(
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
    form: PageForm,
) -> Result<Response, Error> {
    let name = Name::parse(form.field("username")?).map_err(invalid)?;
    let erased = state.rooms.erase_name(&caller, None, &name).await?;
    state.cache.forget_all();
    Ok(done(&headers, json!({"erased": erased}), &paths::OPERATOR.to_string()))
}

/// Behind the `?` of the log.
#[derive(Deserialize)]
pub(crate) struct LogQuery {
    before: Option<String>,
    format: Option<String>,
}

/// `GET /operator/log`: what was done, newest first; `?before=` a line, older ones; as a page, or all
/// that is kept a line each.
pub(crate) async fn log(
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
    Params(LogQuery { before, format }): Params<LogQuery>,
) -> Result<Response, Error> {
    let before = before.map(|raw| raw.parse().map(Seq::new)).transpose();
    let before = before.map_err(|_| Error::Invalid("before is a line's seq.".to_owned()))?;
    let as_lines = match format.as_deref() {
        None => negotiate::wants_json(&headers),
        Some("ndjson") => true,
        Some("html") => false,
        Some(_) => return Err(Error::Invalid("There is ndjson (format=ndjson) and html.".into())),
    };
    if !caller.operator && !as_lines {
        return Ok(form().await.into_response());
    }
    if !as_lines {
        let lines = state.rooms.log(&caller, before, MAX_LOG_LINES).await?;
        return Ok((never_stored(), view::operator::log(&lines)).into_response());
    }
    let lines = state.rooms.log(&caller, before, MAX_EXPORTED_LINES).await?;
    let mut body = String::new();
    for Logged { seq, at, act } in lines {
        let line = json!({
            "seq": seq.get(),
            "at": format!("{at:.3}"),
            "by": act.by,
            "what": act.what,
            "room": act.room,
            "target": act.target,
        });
        body += &line.to_string();
        body.push('\n');
    }
    let media_type = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((never_stored(), media_type, body).into_response())
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
            let page = view::operator::form(Some(&why.in_full()));
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
