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
    api::{events, messages, presence, probes},
    assets,
    error::{self, Error},
    pages::{join, rooms, send, tab},
    respond::{self, Respond},
    route::{Audience, Route, Routes},
    state::AppState,
};
use crate::server::HttpService;

/// Every URL that hubbub answers, and nothing else.
fn table() -> Vec<(Route, MethodRouter<AppState>)> {
    vec![
        page("/", get(rooms::lobby)),
        page("/rooms", get(rooms::list).post(rooms::open)),
        page("/rooms/{room}", get(join::show)),
        page("/rooms/{room}/join", post(join::create)),
        script("/rooms/{room}/messages", get(messages::list).post(messages::create)),
        stream("/rooms/{room}/events", get(events::of_room)),
        script("/rooms/{room}/presence", get(presence::show)),
        page("/rooms/{room}/tabs/{tab}", get(tab::show)),
        page("/rooms/{room}/tabs/{tab}/send", get(send::frame).post(send::create)),
        page("/rooms/{room}/tabs/{tab}/leave", post(tab::leave)),
        script("/rooms/{room}/tabs/{tab}/presence", post(presence::update)),
        page("/rooms/{room}/tabs/{tab}/live", get(tab::live)),
        stream("/rooms/{room}/tabs/{tab}/events", get(events::of_tab)),
        page("/static/{file}", get(assets::show)),
        script("/healthz", get(probes::alive)),
        script("/readyz", get(probes::ready)),
    ]
}

/// What the operator's own address answers.
fn admin_table() -> Vec<(Route, MethodRouter<AppState>)> {
    vec![
        script("/metrics", get(probes::metrics)),
        script("/healthz", get(probes::alive)),
        script("/readyz", get(probes::ready)),
    ]
}

fn page(
    template: &'static str,
    methods: MethodRouter<AppState>,
) -> (Route, MethodRouter<AppState>) {
    (Route { template, audience: Audience::Page }, methods)
}

fn script(
    template: &'static str,
    methods: MethodRouter<AppState>,
) -> (Route, MethodRouter<AppState>) {
    (Route { template, audience: Audience::Script }, methods)
}

fn stream(
    template: &'static str,
    methods: MethodRouter<AppState>,
) -> (Route, MethodRouter<AppState>) {
    (Route { template, audience: Audience::Stream }, methods)
}

/// Every URL that hubbub answers. A body has at most `max_body` bytes, or any number where that is
/// 0.
pub(crate) fn router(state: AppState, max_body: usize) -> impl HttpService {
    let body_limit = match max_body {
        0 => DefaultBodyLimit::disable(),
        most => DefaultBodyLimit::max(most),
    };
    build(table(), Audience::Page, state, body_limit)
}

/// What the operator's own address answers.
pub(crate) fn admin(state: AppState) -> impl HttpService {
    build(admin_table(), Audience::Script, state, DefaultBodyLimit::max(0))
}

fn build(
    table: Vec<(Route, MethodRouter<AppState>)>,
    others: Audience,
    state: AppState,
    body_limit: DefaultBodyLimit,
) -> impl HttpService {
    let routes = Routes::of(table.iter().map(|(route, _)| *route), others);
    let respond = Arc::new(Respond { routes, metrics: state.metrics.clone() });
    let handlers = table
        .into_iter()
        .fold(Router::new(), |router, (route, methods)| router.route(route.template, methods))
        .fallback(async || Error::NotFound)
        .method_not_allowed_fallback(async || Error::MethodNotAllowed)
        .with_state(state);
    // The outermost first. `Router::layer` would put a box around every route for each.
    let layers = (
        middleware::from_fn_with_state(respond, respond::finish),
        // One request's bug is one request's 500, and the others' connections live on.
        CatchPanicLayer::custom(error::panicked),
        // A page of another site must not post in a visitor's name (cross-site request forgery).
        CsrfLayer::new().with_rejection_response(error::foreign),
        body_limit,
    );
    layers.layer(handlers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{message::RoomName, paths};

    #[test]
    fn every_address_that_is_built_is_in_the_table() {
        let routes = Routes::of(table().into_iter().map(|(route, _)| route), Audience::Page);
        let room = RoomName::parse("kitchen").unwrap();
        let tab = paths::tab(&room, "0123");
        for (path, template) in [
            (paths::ROOMS.to_owned(), "/rooms"),
            (paths::LOBBY.to_owned(), "/rooms/{room}"),
            (paths::room(&room).to_string(), "/rooms/{room}"),
            (paths::join(&room).to_string(), "/rooms/{room}/join"),
            (paths::messages(&room).to_string(), "/rooms/{room}/messages"),
            (paths::room(&room).events().to_string(), "/rooms/{room}/events"),
            (tab.to_string(), "/rooms/{room}/tabs/{tab}"),
            (tab.send().to_string(), "/rooms/{room}/tabs/{tab}/send"),
            (tab.leave().to_string(), "/rooms/{room}/tabs/{tab}/leave"),
            (tab.live().to_string(), "/rooms/{room}/tabs/{tab}/live"),
            (tab.events().to_string(), "/rooms/{room}/tabs/{tab}/events"),
        ] {
            assert_eq!(routes.find(&path).template, template, "{path}");
        }
        assert_eq!(routes.find("/rooms/kitchen/nothing").template, "unknown");
    }
}
