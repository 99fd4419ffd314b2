//! Where a room is moderated: its rules, its links, its bans, and what was said there.

use std::{net::IpAddr, time::Duration};

use axum::{
    extract::{RawPathParams, State},
    http::HeaderMap,
    response::{IntoResponse as _, Redirect, Response},
};
use ipnet::IpNet;
use jiff::Timestamp;
use serde_json::json;

use super::{
    super::{
        api::messages::PageQuery,
        cache::PAGE_MESSAGES,
        error::{Error, invalid},
        extract::{Params, Room},
        form::PageForm,
        json::Json,
        named::Named,
        negotiate,
        origin::Origin,
        respond::never_stored,
        session::{self, pass},
        state::AppState,
    },
    own_page_in,
};
use crate::{
    message::{Ban, Link, MessageId, Name, Role, RoomName, RoomRules},
    paths,
    rooms::{
        Caller, Culprit, MAX_HOURS, MAX_SLOW_SECONDS, MAX_WAIT_MINUTES, NewBan, subscriber_net,
    },
    view::{self, moderate as page},
};

/// How long a ban holds, where nothing is said of that.
pub(super) const DEFAULT_BAN_TIME: Duration = Duration::from_hours(1);

/// The most characters of a ban's reason: a sentence or two.
const MAX_REASON_CHARS: usize = 300;

/// `GET /rooms/{room}/moderate`: all that its moderators can do; `?before=` a message, older ones.
pub(crate) async fn show(
    Room(room): Room,
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
    Params(query): Params<PageQuery>,
) -> Result<Response, Error> {
    state.rooms.check_role(&caller, &room, Role::Moderate)?;
    let before = query.before(&state)?;
    let role = state.rooms.role(&caller, &room);
    let is_host = role >= Some(Role::Host);
    let rules = state.rooms.rulebook().room(&room).unwrap_or_default();
    let bans = state.rooms.bans(&caller, Some(&room))?;
    if negotiate::wants_json(&headers) {
        let links = rules.links.iter().filter(|_| is_host).map(link_object);
        let bans = bans.iter().map(|(id, ban)| ban_object(id, ban));
        let answer = json!({
            "room": room.as_str(),
            "rules": rules_object(&rules),
            "links": links.collect::<Vec<_>>(),
            "bans": bans.collect::<Vec<_>>(),
        });
        return Ok((never_stored(), Json(answer)).into_response());
    }
    let messages = state.rooms.messages(&caller, &room, before, PAGE_MESSAGES).await?;
    let before = before.map(|seq| MessageId::new(state.rooms.journal().epoch().clone(), seq));
    let tabs = session::tabs_of(&headers, &state.secret, &room);
    let page = page::room(&page::Moderated {
        room: &room,
        rules: &rules,
        is_host,
        is_operator: caller.operator,
        bans: &bans,
        messages: &messages.messages,
        older: messages.more,
        before: before.as_ref(),
        back: &own_page_in(&state, &room, &tabs),
    });
    Ok((never_stored(), page).into_response())
}

/// `GET` where only a form posts: a 303 to the page that has it.
pub(crate) async fn form(Room(room): Room) -> Redirect {
    Redirect::to(&paths::moderate(&room).to_string())
}

/// What a program is told, or the page that a browser is sent back to.
pub(super) fn done(headers: &HeaderMap, answer: serde_json::Value, page: &str) -> Response {
    if negotiate::wants_json(headers) {
        (never_stored(), Json(answer)).into_response()
    } else {
        Redirect::to(page).into_response()
    }
}

/// A part of the page: where a form was that is done.
fn section(room: &RoomName, id: &str) -> String {
    format!("{}#{id}", paths::moderate(room))
}

/// `POST /rooms/{room}/rules`: what is not said stays as it is.
pub(crate) async fn rules(
    Room(room): Room,
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
    form: PageForm,
) -> Result<Response, Error> {
    let locked = choice(&form, "locked")?;
    let private = choice(&form, "private")?;
    let slow = number(&form, "slow", MAX_SLOW_SECONDS)?;
    let wait = number(&form, "wait", MAX_WAIT_MINUTES)?;
    let keep = number(&form, "keep", MAX_HOURS)?;
    let change = |rules: &mut RoomRules| {
        rules.locked = locked.unwrap_or(rules.locked);
        rules.private = private.unwrap_or(rules.private);
        rules.slow_seconds = slow.unwrap_or(rules.slow_seconds);
        rules.wait_minutes = wait.unwrap_or(rules.wait_minutes);
        rules.keep_hours = keep.unwrap_or(rules.keep_hours);
    };
    state.rooms.set_rules(&caller, &room, change).await?;
    let rules = state.rooms.rulebook().room(&room).unwrap_or_default();
    Ok(done(&headers, rules_object(&rules), &section(&room, "rules")))
}

/// `POST /rooms/{room}/links`: a link into the room, shown this once.
pub(crate) async fn give_link(
    Room(room): Room,
    caller: Caller,
    State(state): State<AppState>,
    Origin(origin): Origin,
    headers: HeaderMap,
    form: PageForm,
) -> Result<Response, Error> {
    let role = Role::parse(form.field("role")?).ok_or_else(|| {
        Error::Invalid("A link's role is read, write, moderate or host.".to_owned())
    })?;
    let link = state.rooms.give_link(&caller, &room, role, hours(&form)?).await?;
    Ok(given(&state, &headers, &origin, &room, &link))
}

/// A link that was just given: it is shown once, since nobody could have it shown again.
pub(super) fn given(
    state: &AppState,
    headers: &HeaderMap,
    origin: &str,
    room: &RoomName,
    link: &Link,
) -> Response {
    let token = pass::token(&state.secret, room, link);
    let address = format!("{}?key={token}", paths::room(room));
    if negotiate::wants_json(headers) {
        let mut answer = link_object(link);
        answer["token"] = token.into();
        answer["href"] = address.into();
        return (never_stored(), Json(answer)).into_response();
    }
    // To be given on, it is whole. The origin has the base that all paths begin with.
    let address = format!("{origin}/rooms/{room}?key={token}");
    (never_stored(), page::link(room, link, &address, &token)).into_response()
}

/// `POST /rooms/{room}/links/{link}/revoke`.
pub(crate) async fn take_link(
    Room(room): Room,
    params: RawPathParams,
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let id = param(&params, "link")?;
    state.rooms.take_link(&caller, &room, id).await?;
    Ok(done(&headers, json!({"revoked": id}), &section(&room, "links")))
}

/// `POST /rooms/{room}/bans`.
pub(crate) async fn ban(
    Room(room): Room,
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
    form: PageForm,
) -> Result<Response, Error> {
    let message = || form.field("message").and_then(|raw| raw.parse().map_err(invalid));
    let culprit = match form.field("by")? {
        "tab" => Culprit::Sender(message()?),
        "address" if form.field("address")?.is_empty() => Culprit::AddressOf(message()?),
        "address" => Culprit::Address(network(form.field("address")?)?),
        "name" => Culprit::NameOf(message()?),
        _ => {
            return Err(Error::Invalid(
                "A ban is by tab, address or name: of a message, or an address by itself."
                    .to_owned(),
            ));
        }
    };
    let reason = reason(&form)?;
    let new = NewBan {
        culprit,
        room: room.clone(),
        everywhere: choice(&form, "everywhere")?.unwrap_or(false),
        time: hours(&form)?.unwrap_or(DEFAULT_BAN_TIME),
        reason,
    };
    let id = state.rooms.ban(&caller, new).await?;
    Ok(done(&headers, json!({"ban": id}), &section(&room, "bans")))
}

/// `POST /rooms/{room}/bans/{ban}/lift`.
pub(crate) async fn lift(
    Room(room): Room,
    params: RawPathParams,
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let id = param(&params, "ban")?;
    state.rooms.lift(&caller, Some(&room), id).await?;
    Ok(done(&headers, json!({"lifted": id}), &section(&room, "bans")))
}

/// `POST /rooms/{room}/messages/{id}/remove-all`: everything that the same tab sent.
pub(crate) async fn remove_all(
    named: Named,
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let removed = state.rooms.remove_all_of_tab(&caller, &named.room, &named.id).await?;
    state.cache.forget(&named.room);
    Ok(done(&headers, json!({"removed": removed}), &section(&named.room, "messages")))
}

/// `POST /rooms/{room}/erase`: everything in the room, or all that was said there under a name.
pub(crate) async fn erase(
    Room(room): Room,
    caller: Caller,
    State(state): State<AppState>,
    headers: HeaderMap,
    form: PageForm,
) -> Result<Response, Error> {
    state.rooms.check_role(&caller, &room, Role::Host)?;
    let erased = match form.field("username")? {
        "" => {
            if form.field("confirm")?.trim() != room.as_str() {
                return Err(Error::Invalid(
                    "To erase a room, confirm is to be the name of the room.".to_owned(),
                ));
            }
            state.rooms.erase_room(&caller, &room).await?
        }
        name => {
            let name = Name::parse(name).map_err(invalid)?;
            state.rooms.erase_name(&caller, Some(&room), &name).await?
        }
    };
    state.cache.forget(&room);
    Ok(done(&headers, json!({"erased": erased}), &section(&room, "messages")))
}

pub(super) fn param<'a>(params: &'a RawPathParams, name: &str) -> Result<&'a str, Error> {
    params.iter().find(|(its, _)| *its == name).map(|(_, value)| value).ok_or(Error::NotFound)
}

/// A field that is `yes` or `no`; `None` where it did not come.
fn choice(form: &PageForm, name: &str) -> Result<Option<bool>, Error> {
    match form.field(name)? {
        "" => Ok(None),
        "yes" => Ok(Some(true)),
        "no" => Ok(Some(false)),
        _ => Err(Error::Invalid(format!("The field {name} is yes or no."))),
    }
}

/// A field that is a number up to `most`; `None` where it did not come.
fn number(form: &PageForm, name: &str, most: u32) -> Result<Option<u32>, Error> {
    match form.field(name)?.trim() {
        "" => Ok(None),
        raw => raw.parse().ok().filter(|number| *number <= most).map(Some).ok_or_else(|| {
            Error::Invalid(format!("The field {name} is a number from 0 to {most}."))
        }),
    }
}

/// For how many hours something holds; `None` where that is not said, or 0.
pub(super) fn hours(form: &PageForm) -> Result<Option<Duration>, Error> {
    let hours = number(form, "hours", MAX_HOURS)?.filter(|hours| *hours > 0);
    Ok(hours.map(|hours| Duration::from_hours(hours.into())))
}

/// Why somebody is banned.
pub(super) fn reason(form: &PageForm) -> Result<String, Error> {
    let reason = form.field("reason")?.trim();
    if reason.chars().count() > MAX_REASON_CHARS {
        return Err(Error::Invalid(format!("A reason has at most {MAX_REASON_CHARS} characters.")));
    }
    // In one line, as it is shown.
    Ok(reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect())
}

/// An address, or several by a network.
pub(super) fn network(raw: &str) -> Result<IpNet, Error> {
    let raw = raw.trim();
    // As callers' addresses are compared: what is written as IPv6 and is IPv4 is that. And of IPv6 one
    // person has as many as a /64 has.
    let plain = |net: IpNet| match (net.addr().to_canonical(), net.prefix_len().checked_sub(96)) {
        (ip @ IpAddr::V4(_), Some(prefix)) if net.addr().is_ipv6() => IpNet::new_assert(ip, prefix),
        _ => net,
    };
    let net = raw.parse().map(subscriber_net).or_else(|_| raw.parse().map(plain));
    let net = net.map_err(|_| {
        Error::Invalid("An address is as 192.0.2.7, 2001:db8::7, or 192.0.2.0/24.".to_owned())
    })?;
    Ok(net.trunc())
}

fn rules_object(rules: &RoomRules) -> serde_json::Value {
    json!({
        "private": rules.private,
        "locked": rules.locked,
        "slow": rules.slow_seconds,
        "wait": rules.wait_minutes,
        "keep": rules.keep_hours,
    })
}

fn link_object(link: &Link) -> serde_json::Value {
    let until =
        (link.until > 0).then(|| Timestamp::from_second(link.until).unwrap_or(Timestamp::MAX));
    let until = until.map(|until| format!("{until:.0}"));
    json!({"link": link.id, "role": link.role.as_str(), "until": until})
}

pub(super) fn ban_object(id: &str, ban: &Ban) -> serde_json::Value {
    json!({
        "ban": id,
        "whom": view::moderate::whom(ban),
        "name": ban.name,
        "room": ban.room.as_ref().map(RoomName::as_str),
        "until": format!("{:.0}", ban.until),
        "reason": ban.reason,
    })
}
