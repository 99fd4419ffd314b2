//! The table of URLs.

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{MethodRouter, get, post},
};
use tower_http::{catch_panic::CatchPanicLayer, csrf::CsrfLayer};
use tower_layer::Layer as _;

use super::{
    api::{change, events, messages, presence, probes, submit},
    assets,
    base::Based,
    error::{self, Error},
    pages::{api, enter, join, list, moderate, operator, own, rooms, search, send, tab},
    respond::{self, Respond},
    route::{Audience, ParamNames, Route, Routes},
    state::AppState,
};
use crate::server::HttpService;

/// Every URL that hubbub answers, what each takes behind the `?`, and nothing else. The page at
/// `/api` documents it, and is held to it by the tests below.
fn table() -> Vec<Entry> {
    const SEARCH: &[&str] = &["q", "before", "format"];
    const STREAM: &[&str] = &["after", "lastEventId", "last", "format"];
    const STREAMS: &[&str] = &["room", "after", "lastEventId", "last", "format"];
    vec![
        page("/", get(rooms::lobby)),
        everybody("/rooms", get(rooms::list).post(rooms::open)).on_get(&["format", "q"]),
        page("/rooms/{room}", get(join::show)).on_get(&["key"]),
        page("/rooms/{room}/enter", get(join::form).post(enter::create)),
        everybody("/rooms/{room}/moderate", get(moderate::show)).on_get(&["before"]),
        everybody("/rooms/{room}/rules", get(moderate::form).post(moderate::rules)),
        everybody("/rooms/{room}/links", get(moderate::form).post(moderate::give_link)),
        everybody(
            "/rooms/{room}/links/{link}/revoke",
            get(moderate::form).post(moderate::take_link),
        ),
        everybody("/rooms/{room}/bans", get(moderate::form).post(moderate::ban)),
        everybody("/rooms/{room}/bans/{ban}/lift", get(moderate::form).post(moderate::lift)),
        everybody("/rooms/{room}/erase", get(moderate::form).post(moderate::erase)),
        page("/rooms/{room}/join", get(join::form).post(join::create)),
        script("/rooms/{room}/messages", get(messages::list).post(submit::create))
            .on_get(&["before", "limit", "format"])
            .on_post(&["username", "key"]),
        everybody(
            "/rooms/{room}/messages/{id}",
            get(own::show).patch(change::edit).delete(change::remove),
        )
        .on_get(&["format"]),
        page("/rooms/{room}/messages/{id}/remove", get(own::form).post(own::remove)),
        page("/rooms/{room}/messages/{id}/edit", get(own::form).post(own::edit)),
        everybody(
            "/rooms/{room}/messages/{id}/remove-all",
            get(own::form).post(moderate::remove_all),
        ),
        everybody("/search", get(search::all)).on_get(SEARCH),
        everybody("/rooms/{room}/search", get(search::room)).on_get(SEARCH),
        stream("/rooms/{room}/events", get(events::of_room)).on_get(STREAM),
        script("/rooms/{room}/presence", get(presence::show)).on_get(&["format"]),
        page("/rooms/{room}/tabs/{tab}", get(tab::show)).on_get(&["before"]),
        page("/rooms/{room}/tabs/{tab}/send", get(send::frame).post(send::create))
            .on_get(&["frame"])
            .on_post(&["frame"]),
        page("/rooms/{room}/tabs/{tab}/leave", get(tab::form).post(tab::leave)),
        script("/rooms/{room}/tabs/{tab}/presence", post(presence::update)),
        page("/rooms/{room}/tabs/{tab}/messages", get(own::list)),
        page("/rooms/{room}/tabs/{tab}/live", get(tab::live)).on_get(&["still"]),
        stream("/rooms/{room}/tabs/{tab}/events", get(events::of_tab)).on_get(STREAMS),
        script("/rooms/{room}/tabs/{tab}/seen", post(list::seen)),
        page("/rooms/{room}/tabs/{tab}/rooms", get(tab::form).post(list::update)),
        stream("/events", get(events::of_rooms)).on_get(STREAMS),
        page("/operator", get(operator::show).post(operator::enter)),
        everybody("/operator/rooms", get(operator::form).post(operator::open)),
        everybody("/operator/bans", get(operator::bans).post(operator::ban)),
        everybody("/operator/bans/{ban}/lift", get(operator::bans).post(operator::lift)),
        everybody("/operator/erase", get(operator::form).post(operator::erase)),
        everybody("/operator/log", get(operator::log)).on_get(&["before", "format"]),
        page("/operator/leave", get(operator::form).post(operator::leave)),
        page("/api", get(api::show)),
        page("/static/{file}", get(assets::show)),
        script("/healthz", get(probes::alive)),
        script("/readyz", get(probes::ready)),
        script("/readyz/sends", get(probes::ready_for_sends)),
    ]
}

/// What the operator's own address answers.
fn admin_table() -> Vec<Entry> {
    vec![
        script("/metrics", get(probes::metrics)),
        script("/healthz", get(probes::alive)),
        script("/readyz", get(probes::ready)),
        script("/readyz/sends", get(probes::ready_for_sends)),
    ]
}

/// A line of the table.
struct Entry {
    route: Route,
    methods: MethodRouter<AppState>,
}

impl Entry {
    fn of(template: &'static str, audience: Audience, methods: MethodRouter<AppState>) -> Self {
        let params = Some(ParamNames::default());
        Self { route: Route { template, audience, params }, methods }
    }

    /// With the parameters that a GET takes.
    fn on_get(mut self, get: &'static [&'static str]) -> Self {
        self.route.params = self.route.params.map(|params| ParamNames { get, ..params });
        self
    }

    /// With the parameters that a POST takes.
    fn on_post(mut self, post: &'static [&'static str]) -> Self {
        self.route.params = self.route.params.map(|params| ParamNames { post, ..params });
        self
    }
}

fn page(template: &'static str, methods: MethodRouter<AppState>) -> Entry {
    Entry::of(template, Audience::Page, methods)
}

fn script(template: &'static str, methods: MethodRouter<AppState>) -> Entry {
    Entry::of(template, Audience::Script, methods)
}

fn everybody(template: &'static str, methods: MethodRouter<AppState>) -> Entry {
    Entry::of(template, Audience::Everybody, methods)
}

fn stream(template: &'static str, methods: MethodRouter<AppState>) -> Entry {
    Entry::of(template, Audience::Stream, methods)
}

/// Every URL that hubbub answers.
pub(crate) fn router(state: AppState) -> impl HttpService {
    let body_limit = match state.served.max_body {
        0 => DefaultBodyLimit::disable(),
        most => DefaultBodyLimit::max(most),
    };
    Based(build(table(), Audience::Everybody, state, body_limit))
}

/// What the operator's own address answers.
pub(crate) fn admin(state: AppState) -> impl HttpService {
    build(admin_table(), Audience::Script, state, DefaultBodyLimit::max(0))
}

fn build(
    table: Vec<Entry>,
    others: Audience,
    state: AppState,
    body_limit: DefaultBodyLimit,
) -> impl HttpService {
    let routes = Routes::of(table.iter().map(|entry| entry.route), others);
    let csrf = state.public_urls.origins().fold(CsrfLayer::new(), |csrf, origin| {
        csrf.add_trusted_origin(origin).expect("it was parsed as one")
    });
    let respond = Arc::new(Respond::new(routes, state.clone()));
    let handlers = table
        .into_iter()
        .fold(Router::new(), |router, Entry { route, methods }| {
            router.route(route.template, methods)
        })
        .fallback(async || Error::NotFound)
        .method_not_allowed_fallback(async || Error::MethodNotAllowed)
        .with_state(state);
    // The outermost first. `Router::layer` would put a box around every route for each.
    let layers = (
        middleware::from_fn_with_state(respond, respond::finish),
        // One request's bug is one request's 500, and the others' connections live on.
        CatchPanicLayer::custom(error::panicked),
        // A page of another site must not post in a visitor's name (cross-site request forgery).
        csrf.with_rejection_response(error::foreign),
        body_limit,
    );
    layers.layer(handlers)
}

#[cfg(test)]
mod tests;
