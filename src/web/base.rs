//! What is served below a path: it is taken off a request before anything else looks at that.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use axum::{
    body::Body,
    extract::Request,
    http::{Uri, uri::PathAndQuery},
    response::Response,
};
use tower_service::Service;

use crate::{paths, server::HttpService};

/// Where nothing is: what was asked for outside of the path.
const NOWHERE: &str = "/-";

/// What whoever watches over the process asks without a proxy between.
const PROBES: [&str; 3] = ["/healthz", "/readyz", "/readyz/sends"];

/// A service below the path that the process was started with.
#[derive(Clone)]
pub(super) struct Based<S>(pub S);

impl<S: HttpService> Service<Request> for Based<S> {
    type Response = Response;
    type Error = Infallible;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, mut request: axum::http::Request<Body>) -> S::Future {
        let base = paths::base();
        if !base.is_empty() && !PROBES.contains(&request.uri().path()) {
            let inner = without(request.uri(), base);
            *request.uri_mut() = inner.unwrap_or_else(|| Uri::from_static(NOWHERE));
        }
        self.0.call(request)
    }
}

/// The address without what stands before it; `None` where it is another's.
fn without(uri: &Uri, base: &str) -> Option<Uri> {
    let rest = uri.path_and_query()?.as_str().strip_prefix(base)?;
    let rest = match rest.chars().next() {
        Some('/') => rest.to_owned(),
        None | Some('?') => format!("/{rest}"),
        Some(_) => return None,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(rest).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_an_address_is_taken_off_and_another_address_is_none() {
        for (uri, inner) in [
            ("/chat", Some("/")),
            ("/chat?x=1", Some("/?x=1")),
            ("/chat/", Some("/")),
            ("/chat/rooms/lobby?before=1", Some("/rooms/lobby?before=1")),
            ("https://a.example/chat/rooms", Some("https://a.example/rooms")),
            ("/chatter/rooms", None),
            ("/rooms/lobby", None),
            ("*", None),
        ] {
            let inner = inner.map(|inner| inner.parse::<Uri>().unwrap());
            assert_eq!(without(&uri.parse().unwrap(), "/chat"), inner, "{uri}");
        }
    }
}
