//! What every answer has in common: errors in words, headers, one span, one line at debug, and the
//! histogram of requests.

use std::{sync::Arc, time::Instant};

use axum::{
    body::{Body, Bytes, HttpBody as _, to_bytes},
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, Response, header},
    middleware::Next,
    response::IntoResponse as _,
};
use memmap2::MmapMut;
use tracing::Instrument as _;

use super::{
    error::{self, Error, Refused, Wording},
    extract,
    fields::{Fields, Noun},
    request_id::RequestId,
    route::{Audience, Route, Routes},
    state::AppState,
    user,
};
use crate::{
    rooms::{AnswerPermit, Caller},
    server::ConnectionInfo,
};

/// Pico draws its icons with `data:` images; everything else comes from here. Nothing inline. Whose
/// pages may hold ours in a frame comes last.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' data:; base-uri 'none'; \
     form-action 'self'; object-src 'none'; frame-ancestors 'self'";

const SECURITY_HEADERS: [(HeaderName, &str); 2] =
    [(header::X_CONTENT_TYPE_OPTIONS, "nosniff"), (header::REFERRER_POLICY, "same-origin")];

/// Asked every few seconds: what it answers is in the log when it changes.
const READY: &str = "/readyz";

/// Marks an answer as ours, with `1`, or with the reason where it refuses. What stands between may
/// answer in our place, with a page of its own and status 200 (a hotel's sign-in page): the page's
/// script takes no answer without this header for content.
const HUBBUB: HeaderName = HeaderName::from_static("hubbub");

/// Answers that are not counted: what a connection takes anyway.
const MAX_UNCOUNTED_BYTES: usize = 16 * 1024;

/// From how many bytes on an answer has pages of its own: asking the system for them takes as long as
/// a few of them do to be filled.
const MIN_MAPPED_BYTES: usize = 32 * 1024;

/// The route of what all answers share.
const STATIC: &str = "/static/{file}";

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What [`finish`] works with.
pub(super) struct Respond {
    /// The table of URLs.
    routes: Routes,
    /// What may be asked for, and where requests are counted.
    state: AppState,
    policy: HeaderValue,
}

impl Respond {
    pub(super) fn new(routes: Routes, state: AppState) -> Self {
        let embedders = state.embedders.origins().map(|origin| format!(" {origin}"));
        let policy = CONTENT_SECURITY_POLICY.to_owned() + &embedders.collect::<String>();
        let policy = policy.try_into().expect("origins are parsed, and visible");
        Self { routes, state, policy }
    }
}

/// Finishes every answer. Neither the span nor a line holds a text, a name, a cookie or a query.
pub(super) async fn finish(
    State(shared): State<Arc<Respond>>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    let begun = Instant::now();
    let request_id = RequestId::next();
    let is_head = *request.method() == Method::HEAD;
    let method = method_name(request.method());
    let route = shared.routes.find(request.uri().path());
    let wording = Wording::of(route, &request);
    let back = error::came_from(&request, &shared.routes);
    let id = tracing::field::display(request_id);
    let span = tracing::debug_span!("request", %id, method, route = route.template);
    let is_tls = request.extensions().get::<ConnectionInfo>().is_some_and(|info| info.tls);
    let caller = extract::caller(request.extensions(), request.headers(), &shared.state);
    let checked = check_host(&shared.state, &request)
        .and_then(|()| user::note(&shared.state, route.template, &mut request))
        .and_then(|()| check_query(route, &request));
    let mut response = match checked {
        Ok(()) => next.run(request).instrument(span.clone()).await,
        Err(why) => why.into_response(),
    };
    if route.template != STATIC {
        response = held(response, &caller.unwrap_or_default(), &shared.state).await;
    }

    let mut internal = None;
    let mut word = "1";
    if let Some(refused) = response.extensions_mut().remove::<Refused>() {
        shared.state.metrics.refused(refused.reason);
        word = refused.reason;
        internal = refused.internal;
    }
    if let Some(why) = response.extensions_mut().remove::<Error>() {
        shared.state.metrics.refused(why.reason());
        word = why.reason();
        response = error::present(&why, wording, request_id, back.as_deref(), response);
        internal = why.internal_cause();
        if is_head {
            *response.body_mut() = Body::empty();
        }
    }
    let status = response.status();
    for (name, value) in SECURITY_HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, shared.policy.clone());
    // RFC 6797, section 7.2: over TLS only.
    if let Some(hsts) = shared.state.served.hsts.filter(|_| is_tls)
        && let Ok(said) = HeaderValue::from_str(&format!("max-age={}", hsts.as_secs()))
    {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, said);
    }
    response.headers_mut().insert(HUBBUB, HeaderValue::from_static(word));
    if status.is_server_error()
        && let Ok(id) = HeaderValue::from_str(&request_id.to_string())
    {
        response.headers_mut().insert(X_REQUEST_ID, id);
    }
    let took = begun.elapsed();
    shared.state.metrics.requested(route.template, status_class(status.as_u16()), took);
    let (status, ms) = (status.as_u16(), took.as_secs_f64() * 1e3);
    let template = route.template;
    if let Some(why) = internal.as_deref().filter(|_| status == 503) {
        // The journal has said once that it cannot be written.
        tracing::debug!(%id, method, route = template, status, ms, why, "refused");
    } else if let Some(why) = internal {
        // Once, here, where the request's id is known: what is answered says no more than that.
        tracing::error!(%id, method, route = template, status, ms, %why, "failed");
    } else if status >= 500 && template != READY {
        // No fault, and named in the answer all the same: no room for more, or not ready.
        tracing::info!(%id, method, route = template, status, ms, "refused");
    } else {
        tracing::debug!(%id, method, route = template, status, ms, "answered");
    }
    response
}

/// Counts what an answer holds until it is read, where that is much.
async fn held(response: Response<Body>, caller: &Caller, state: &AppState) -> Response<Body> {
    let size = response.body().size_hint().exact().and_then(|size| usize::try_from(size).ok());
    let Some(size) = size.filter(|size| *size > MAX_UNCOUNTED_BYTES) else { return response };
    let permit = match state.rooms.answer(caller, size) {
        Ok(permit) => permit,
        Err(why) => return Error::from(why).into_response(),
    };
    let (parts, body) = response.into_parts();
    // It is there already.
    match to_bytes(body, size).await {
        Ok(bytes) => {
            let answer = Answer::of(&bytes);
            drop(bytes);
            let counted = Bytes::from_owner(Counted { answer, _permit: permit });
            Response::from_parts(parts, Body::from(counted))
        }
        Err(why) => Error::internal(&why).into_response(),
    }
}

/// What an answer holds, until the last of it was written.
struct Counted {
    answer: Answer,
    _permit: AnswerPermit,
}

/// The bytes of an answer, in as much memory as they take: what they were written into may have grown
/// to twice that.
enum Answer {
    Heap(Box<[u8]>),
    /// In pages of their own, which go back to the system with the answer. From the heap, where
    /// something small lies behind it that lasts longer, they would not for good.
    Mapped(MmapMut),
}

impl Answer {
    fn of(bytes: &[u8]) -> Self {
        if bytes.len() < MIN_MAPPED_BYTES {
            return Self::Heap(bytes.into());
        }
        match MmapMut::map_anon(bytes.len()) {
            Ok(mut mapped) => {
                mapped.copy_from_slice(bytes);
                Self::Mapped(mapped)
            }
            Err(_) => Self::Heap(bytes.into()),
        }
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        match &self.answer {
            Answer::Heap(bytes) => bytes,
            Answer::Mapped(bytes) => bytes,
        }
    }
}

/// Refuses what was meant for another server, or comes from a page that only seems to be ours.
fn check_host(state: &AppState, request: &Request) -> Result<(), Error> {
    if state.public_urls.answer(request) { Ok(()) } else { Err(Error::Misdirected) }
}

/// Refuses parameters that the URL does not take: whoever wrote one believes that it does something.
/// What others hang on links is passed over on a page: who followed one did not write it.
fn check_query(route: Route, request: &Request) -> Result<(), Error> {
    match (request.uri().query(), route.params(request.method())) {
        (Some(query), Some(known)) => {
            let is_link = route.audience == Audience::Page && request.method().is_safe();
            let fields = Fields::urlencoded(Noun::Parameter, query.as_bytes());
            fields.without(|name| is_link && is_tracking(name)).only(known, &[])
        }
        _ => Ok(()),
    }
}

/// Whether sites, mails and advertisements hang this on the links that lead out of them: the usual
/// campaign's `utm_…`, and what browsers that strip such parameters strip.
fn is_tracking(name: &str) -> bool {
    const TRACKING: [&str; 12] = [
        "_hsenc", "dclid", "fbclid", "gbraid", "gclid", "igshid", "mc_cid", "mc_eid", "mkt_tok",
        "msclkid", "twclid", "wbraid",
    ];
    name.starts_with("utm_") || TRACKING.contains(&name)
}

/// The method as it stands in the log: what a client made up does not.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// `2xx` and so on, as metrics label it.
fn status_class(status: u16) -> &'static str {
    match status {
        100..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    }
}

/// Pages change with every message: a browser may keep one to go back to, and must ask before it
/// shows it as new.
pub(super) fn not_stored() -> [(HeaderName, HeaderValue); 1] {
    [(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"))]
}

/// A page with the key of a draft in it, and no script to give it another: a browser that goes back to
/// it must ask anew, or the next message would go under a key that was used.
pub(super) fn never_stored() -> [(HeaderName, HeaderValue); 1] {
    [(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"))]
}
