//! What a request proves of the rights of who makes it: the operator's token, or that of a link into a
//! room; in a cookie, which a browser has after a form, or with each request, as programs do.
//!
//! A token is never taken from a query: it would stand in logs, and in what a browser tells others of
//! where it came from.

use std::sync::Arc;

use axum::http::HeaderMap;

use super::{authorization, error::Error, operator, session::pass, state::AppState};
use crate::rooms::{Caller, Pass};

/// The caller with what its request proves.
///
/// # Errors
///
/// [`Error::BadToken`] where it names a token that is none, and [`Error::TooMany`] after too many of
/// those.
pub(super) fn add(
    mut caller: Caller,
    headers: &HeaderMap,
    state: &AppState,
) -> Result<Caller, Error> {
    if let Some(token) = authorization::token(headers) {
        // Behind a sign-in, what is not ours is the proxy's.
        if state.user_header.is_none() || is_ours(&token) || state.operator.has(&token) {
            match proven(&caller, state, &token)? {
                Proven::Operator => caller.operator = true,
                Proven::Link(pass) => caller.pass = Some(Arc::new(pass)),
            }
            return Ok(caller);
        }
    }
    caller.operator = operator::has_cookie(headers, state);
    caller.pass = pass::of(headers, &state.secret).map(Arc::new);
    Ok(caller)
}

/// Whether a token has the shape of those that are made here.
fn is_ours(token: &str) -> bool {
    token.starts_with("hubbub-") || token.split('.').count() == 5
}

/// What a token proves.
pub(super) enum Proven {
    /// The operator.
    Operator,
    /// Somebody with a link, which may have been taken back.
    Link(Pass),
}

/// What a token proves, whosever it is.
///
/// # Errors
///
/// As [`add`].
pub(super) fn proven(caller: &Caller, state: &AppState, token: &str) -> Result<Proven, Error> {
    let mut link = None;
    let is_right = || {
        if state.operator.has(token) {
            return true;
        }
        link = pass::read(&state.secret, token);
        link.is_some()
    };
    match (state.rooms.try_token(caller, is_right)?, link) {
        (false, _) => Err(Error::BadToken),
        (true, Some(pass)) => Ok(Proven::Link(pass)),
        (true, None) => Ok(Proven::Operator),
    }
}
