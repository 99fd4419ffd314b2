//! The page of a tab that joined.

use std::{iter, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use maud::Markup;
use serde::Deserialize;

use super::{
    super::{
        api::messages::PageQuery,
        cache::{PAGE_MESSAGES, Past},
        error::Error,
        extract::{OverTls, Params, Visitor},
        listed::Listed,
        origin::Origin,
        respond::not_stored,
        session::{self, Browser},
        state::AppState,
    },
    list,
};
use crate::{
    message::{Key, MessageId, People, Person, Role, Seq},
    paths,
    rooms::{Caller, Tab},
    view::{self, room::SendForm},
};

/// How long a page waits for what was sent from it on another node.
const SENT_TIMEOUT: Duration = Duration::from_secs(2);

/// `GET /rooms/{room}/tabs/{tab}`: the joined page, live, or with `?before=` a part of the past;
/// who has not joined is redirected to the join page.
pub(crate) async fn show(
    Visitor { room, tab, proof, .. }: Visitor,
    caller: Caller,
    State(state): State<AppState>,
    Origin(origin): Origin,
    OverTls(over_tls): OverTls,
    headers: HeaderMap,
    Params(query): Params<PageQuery>,
) -> Result<Response, Error> {
    let Some(tab) = tab else {
        return Ok(Redirect::to(&paths::room(&room).to_string()).into_response());
    };
    wait_for_sent(&state, &headers).await;
    let before = query.before(&state)?;
    let path = paths::tab(&tab.room, &tab.id);
    let form = SendForm { path, key: &Key::fresh(), text: "", problem: None, framed: false };
    // Before the page is made: all up to here is on it.
    let upto = state.rooms.journal().last();
    let known = (&tab, proof.as_str());
    let listed = Listed::of(&state, &headers, &tab.room);
    let form = (&form, Some(&*origin));
    let page = page(&state, &caller, &headers, known, before, form, &listed).await?;
    if before.is_some() {
        return Ok((not_stored(), page).into_response());
    }
    // What the browser has as it is, it need not be given again.
    let known = listed.seen.clone();
    let seen = list::opened(&state, &caller, listed, &tab.room, upto);
    let seen = (seen != known).then(|| (header::SET_COOKIE, seen.cookie(&state.secret, over_tls)));
    Ok((not_stored(), AppendHeaders(seen), page).into_response())
}

/// Waits for what was sent on another node before the redirect here, for a while.
async fn wait_for_sent(state: &AppState, headers: &HeaderMap) {
    let journal = state.rooms.journal();
    if journal.is_shared()
        && let Some(id) = session::sent::named(headers)
        && id.epoch() == journal.epoch()
    {
        journal.wait_for(id.seq(), SENT_TIMEOUT).await;
    }
}

/// What the address of a frame says.
#[derive(Deserialize)]
pub(crate) struct FrameQuery {
    still: Option<String>,
}

/// `GET /rooms/{room}/tabs/{tab}/live`: what the frame of a page without script begins with; with
/// `?still=1` what stands behind that frame.
pub(crate) async fn live(
    tab: Tab,
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
    Params(FrameQuery { still }): Params<FrameQuery>,
) -> Result<Response, Error> {
    let limit = PAGE_MESSAGES;
    let newest = state.rooms.messages(&caller, &tab.room, None, limit).await?;
    let stream = paths::tab(&tab.room, &tab.id).events();
    let stream = format!("{stream}?format=html&last={limit}");
    let next = still.is_none().then_some(&*stream);
    let page = view::endless::newest(&tab.room, &newest.messages, next);
    let for_text = is_text_browser(&headers) && still.is_some();
    let page = if for_text { view::message::with_breaks(&page) } else { page };
    Ok((not_stored(), page).into_response())
}

/// `GET` where only a form posts: a 303 to the page that has the form, which is what is meant by who
/// reloads after a refusal, or goes back to it.
pub(crate) async fn form(Visitor { room, id, .. }: Visitor) -> Redirect {
    let is_id = id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let page = if is_id { paths::tab(&room, &id) } else { paths::room(&room) };
    Redirect::to(&page.to_string())
}

/// The joined page as it is now, with a draft in its form. What proved the tab stands in the page,
/// which joins again with it where the cookie is gone. `origin` is where a terminal finds the server.
pub(crate) async fn page(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    (tab, proof): (&Tab, &str),
    before: Option<Seq>,
    (form, origin): (&SendForm<'_>, Option<&str>),
    listed: &Listed,
) -> Result<Markup, Error> {
    let past = match before {
        None => state.cache.newest(&state.rooms, caller, &tab.room).await?,
        Some(_) => Arc::new(Past::read(&state.rooms, caller, &tab.room, before).await?),
    };
    let people = state.rooms.people(caller, &tab.room)?;
    let (list, here) = match with_own_name(&people, tab) {
        Some(people) => (Arc::new(view::presence::list(&people, false)), people.count),
        None => (state.cache.people(&tab.room, &people), people.count),
    };
    let rooms = list::entries(state, caller, listed, tab).await?;
    let seen = listed.seen.known(&tab.room);
    // Who loads a page anew has seen what it showed, which its cookie does not say yet.
    let was_shown = || state.rooms.is_tab_shown(&tab.room, &tab.id);
    let seen = seen.map(|known| known.upto).filter(|_| before.is_none() && !was_shown());
    let rules = state.rooms.rulebook().room(&tab.room);
    let is_private = rules.as_ref().is_some_and(|rules| rules.private);
    let rules = rules.and_then(|rules| view::moderate::rules(&rules));
    let cursor = MessageId::new(state.rooms.journal().epoch().clone(), past.upto);
    let for_text = is_text_browser(headers).then(|| view::message::with_breaks(&past.messages));
    Ok(view::room::tab(&view::room::Tab {
        room: &tab.room,
        path: paths::tab(&tab.room, &tab.id),
        name: &tab.name,
        proof,
        messages: for_text.as_ref().unwrap_or(&past.messages),
        older: past.older.as_ref(),
        origin: origin.filter(|_| !is_private),
        people: &list,
        here,
        rooms: &rooms,
        seen,
        cursor: before.is_none().then_some(&cursor),
        form,
        rules: rules.as_ref(),
        moderates: state.rooms.role(caller, &tab.room) >= Some(Role::Moderate),
    }))
}

/// Whether a page is for a browser that knows no stylesheets. Nothing else tells it.
fn is_text_browser(headers: &HeaderMap) -> bool {
    let agent = headers.get(header::USER_AGENT).map_or(&b""[..], HeaderValue::as_bytes);
    let ours =
        [&b"Lynx/"[..], b"w3m/", b"Links ", b"ELinks/", b"edbrowse/", b"retawq/", b"Offpunk"];
    // Emacs names itself before, or behind.
    let has = |name: &[u8]| agent.windows(name.len()).any(|part| part == name);
    ours.iter().any(|name| agent.starts_with(name)) || has(b"w3m/") || has(b"URL/Emacs")
}

/// The people with the tab itself among them, where they are all listed and it is not: who sees the
/// page is here, though its stream is still to open.
fn with_own_name(people: &Arc<People>, tab: &Tab) -> Option<People> {
    let all_listed = people.count == people.names.len();
    if !all_listed || people.names.iter().any(|person| person.name == tab.name) {
        return None;
    }
    let mut people = People::clone(people);
    people.count += 1;
    people.names.push(Person { name: tab.name.clone(), away: false });
    people.names.sort_unstable_by(|one, other| one.name.as_str().cmp(other.name.as_str()));
    Some(people)
}

/// `POST /rooms/{room}/tabs/{tab}/leave`: forgets the name. It answers whoever asks: leaving twice
/// is leaving.
pub(crate) async fn leave(
    Visitor { room, tab, .. }: Visitor,
    State(state): State<AppState>,
    OverTls(over_tls): OverTls,
    headers: HeaderMap,
) -> Response {
    let door = Redirect::to(&paths::room(&room).to_string());
    let Some(tab) = tab else { return door.into_response() };
    state.rooms.leave(&tab);
    let browser = Browser::of(&headers, &state.secret).map(|mut browser| {
        browser.remove(&tab);
        browser.cookie(&state.secret, over_tls)
    });
    let cookies = iter::once(session::take(&tab)).chain(browser);
    let cookies = AppendHeaders(cookies.map(|cookie| (header::SET_COOKIE, cookie)));
    (cookies, door).into_response()
}
