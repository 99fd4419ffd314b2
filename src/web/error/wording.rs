//! An error in words, for who asked.

use axum::{
    body::Body,
    extract::Request,
    http::{Method, Response, header},
    response::IntoResponse as _,
};
use serde_json::json;

use super::{
    super::{
        authorization,
        json::Json,
        negotiate::{self, Document},
        request_id::RequestId,
        route::{Audience, Route, Routes},
    },
    Error,
};
use crate::{
    delivery::frame::Representation,
    paths,
    view::{self, error::Problem},
};

/// How an error is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) enum Wording {
    /// A plain sentence: for our own script, which shows it beside the form, and for who reads a
    /// stream as text.
    Text,
    /// `{"error": …}`.
    Json,
    /// A page.
    Html,
}

impl Wording {
    /// As the one who asks can read it.
    pub(in crate::web) fn of(route: Route, request: &Request) -> Self {
        let format = negotiate::format_in(request.uri().query().unwrap_or_default());
        match route.audience {
            _ if request.headers().contains_key("hx-request") => Self::Text,
            // No page can ask so.
            _ if matches!(*request.method(), Method::PATCH | Method::DELETE) => Self::Json,
            Audience::Page => Self::Html,
            Audience::Script => Self::Json,
            Audience::Everybody => {
                // Of a format that there is not, it is said in one that is accepted.
                let document = |format| negotiate::document(request.headers(), format);
                if format.is_none() && authorization::token(request.headers()).is_some() {
                    return Self::Json;
                }
                match document(format).or_else(|_| document(None)) {
                    Ok(Document::Json) => Self::Json,
                    _ => Self::Html,
                }
            }
            Audience::Stream => match negotiate::representation(request.headers(), format) {
                Ok(Representation::Text) => Self::Text,
                _ => Self::Json,
            },
        }
    }
}

/// The page that a form was posted from, as far as the browser says so: the way back from where it was
/// refused. Only the path counts, and only one of ours: whoever writes another leads nobody away.
pub(in crate::web) fn came_from(request: &Request, routes: &Routes) -> Option<String> {
    if request.method().is_safe() {
        return None;
    }
    let referer = request.headers().get(header::REFERER)?.to_str().ok()?;
    let (_, rest) = referer.split_once("://")?;
    let path = &rest[rest.find('/')?..];
    let path = path.split(['?', '#']).next()?;
    let below = path.strip_prefix(paths::base())?;
    routes.knows(below).then(|| path.to_owned())
}

/// Puts the [`Error`] in a response into words. Where it is ours, they name the request, for who
/// asks the operator about it. `back` is the page that a form was posted from.
pub(in crate::web) fn present(
    error: &Error,
    wording: Wording,
    request: RequestId,
    back: Option<&str>,
    response: Response<Body>,
) -> Response<Body> {
    let (mut parts, _) = response.into_parts();
    let sentence = error.sentence();
    let request = parts.status.is_server_error().then(|| request.to_string());
    let body = match (wording, request) {
        (Wording::Text, _) => format!("{sentence}\n").into_response(),
        (Wording::Json, None) => Json(json!({ "error": sentence })).into_response(),
        (Wording::Json, Some(request)) => {
            Json(json!({ "error": sentence, "request": request })).into_response()
        }
        (Wording::Html, request) => view::error::page(&Problem {
            title: error.title(),
            sentence: &error.in_full(),
            back,
            not_found: matches!(error, Error::NotFound),
            request: request.as_deref(),
        })
        .into_response(),
    };
    let (described, body) = body.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.extend(described.headers);
    Response::from_parts(parts, body)
}
