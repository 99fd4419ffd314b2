//! What handlers take out of a request: the room that a URL names, who asks, and the tab that the
//! request proves.

use std::convert::Infallible;

use axum::{
    extract::{FromRequestParts, Query, RawPathParams},
    http::{Extensions, HeaderMap, HeaderValue, request::Parts},
};
use serde::de::DeserializeOwned;

use super::{client_ip, credentials, error::Error, session, state::AppState, user::User};
use crate::{
    message::RoomName,
    rooms::{Caller, Refusal, Tab},
    server::ConnectionInfo,
};

/// The room that a URL names, where whoever asks may know of it. Every address below a room takes its
/// name by this, [`Visitor`] or [`Named`](super::named::Named): to all others each of them is a page that
/// does not exist, as is one of another shape.
pub(super) struct Room(pub RoomName);

impl FromRequestParts<AppState> for Room {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Error> {
        let AnyRoom(room) = AnyRoom::from_request_parts(parts, state).await?;
        let caller = Caller::from_request_parts(parts, state).await?;
        state.rooms.learn(&room).await?;
        state.rooms.check_read(&caller, &room)?;
        Ok(Self(room))
    }
}

/// The room that a URL names, whoever asks: for what a link leads to, before it has proved anything.
pub(super) struct AnyRoom(pub RoomName);

impl<S: Send + Sync> FromRequestParts<S> for AnyRoom {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|_| Error::NotFound)?;
        let (_, raw) = params.iter().find(|(name, _)| *name == "room").ok_or(Error::NotFound)?;
        RoomName::parse(raw).map(Self).map_err(|_| Error::NotFound)
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Error> {
        // Asked for by most extractors: what a request proves is looked at once.
        if let Some(caller) = parts.extensions.get::<Self>() {
            return Ok(caller.clone());
        }
        let missing = || Error::internal(&"the server sets what is known of a connection");
        let caller = caller(&parts.extensions, &parts.headers, state).ok_or_else(missing)?;
        let caller = credentials::add(caller, &parts.headers, state)?;
        parts.extensions.insert(caller.clone());
        Ok(caller)
    }
}

/// Who asks, where anything is known of the connection.
pub(super) fn caller(
    extensions: &Extensions,
    headers: &HeaderMap,
    state: &AppState,
) -> Option<Caller> {
    let info = extensions.get::<ConnectionInfo>()?;
    let (peer, trusted) = (info.peer.ip().to_canonical(), &state.trusted_proxies);
    let ip = if state.user_header.is_some() {
        Some(client_ip::behind_sign_in(peer, info.is_by_file(), headers, trusted))
    } else {
        client_ip::of(peer, headers, trusted)
    };
    Some(Caller { ip, ..Caller::default() })
}

/// Whether the browser reached us over TLS, which a proxy may have ended. The browser says so
/// itself, in the Origin of its post, and the proxy to who says none, as curl does; a forged one
/// could only harm the forger's own cookie.
pub(super) struct OverTls(pub bool);

impl<S: Send + Sync> FromRequestParts<S> for OverTls {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let direct = parts.extensions.get::<ConnectionInfo>().is_some_and(|info| info.tls);
        let said = |name| parts.headers.get(name).map_or(&b""[..], HeaderValue::as_bytes);
        let by_proxy = said("origin").starts_with(b"https://")
            || said("x-forwarded-proto").eq_ignore_ascii_case(b"https");
        Ok(Self(direct || by_proxy))
    }
}

/// What stands behind the `?`, with errors that are ours.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let Query(params) = Query::from_request_parts(parts, state).await.map_err(|why| {
            // What does not belong there was refused before; see `respond`.
            Error::internal(&why.body_text())
        })?;
        Ok(Self(params))
    }
}

/// Who asks at a tab's address: the tab itself, when the request proves it, or somebody else.
pub(super) struct Visitor {
    /// The room.
    pub room: RoomName,
    /// The tab's id, as the address has it.
    pub id: String,
    /// The tab, where its cookie came with the request.
    pub tab: Option<Tab>,
    /// What proved it: the cookie's value.
    pub proof: String,
    /// The tab that a cookie names, where it is not joined any more.
    pub lapsed: Option<Tab>,
}

impl Visitor {
    /// The tab; and where it is none any more, why: who was put out is not told to join again.
    pub(super) fn joined(&self, caller: &Caller, state: &AppState) -> Result<&Tab, Error> {
        if let Some(lapsed) = &self.lapsed {
            state.rooms.check_stay(caller, lapsed)?;
        }
        self.tab.as_ref().ok_or(Error::NotJoined)
    }
}

impl FromRequestParts<AppState> for Visitor {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Error> {
        let Room(room) = Room::from_request_parts(parts, state).await?;
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|_| Error::NotFound)?;
        let (_, id) = params.iter().find(|(name, _)| *name == "tab").ok_or(Error::NotFound)?;
        let Ok(user) = User::from_request_parts(parts, state).await;
        let proven = session::cookies(&parts.headers)
            .filter_map(|cookie| session::tab(&state.secret, cookie, &room, id));
        // Somebody else may have signed in with the same browser.
        let proven = proven.filter(|(tab, _)| user.may_be(&tab.name));
        let (mut found, mut lapsed) = (None, None);
        for (tab, proof) in proven {
            // A cookie proves a name as long as nobody else bears it.
            match state.rooms.receive_tab(&tab).await {
                Ok(()) => {
                    found = Some((tab, proof));
                    break;
                }
                Err(why @ Refusal::Apart(_)) => return Err(why.into()),
                Err(_) => lapsed = Some(tab),
            }
        }
        let lapsed = lapsed.filter(|_| found.is_none());
        let (tab, proof) = found.unzip();
        Ok(Self { room, id: id.to_owned(), tab, proof: proof.unwrap_or_default(), lapsed })
    }
}

impl FromRequestParts<AppState> for Tab {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Error> {
        let visitor = Visitor::from_request_parts(parts, state).await?;
        if visitor.tab.is_none() {
            let caller = Caller::from_request_parts(parts, state).await?;
            visitor.joined(&caller, state)?;
        }
        visitor.tab.ok_or(Error::NotJoined)
    }
}
