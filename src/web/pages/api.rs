//! What scripts can do here, in words.

use axum::{extract::State, response::IntoResponse};

use super::{
    super::{
        api::{events::MAX_LAST, messages::MAX_PAGE_MESSAGES, submit::PASSED_OVER},
        body::BODY_READ_GRACE,
        cache::PAGE_MESSAGES,
        origin::Origin,
        respond::not_stored,
        session::seen::MAX_ROOMS,
        state::{AppState, Served},
    },
    rooms::MAX_LISTED_ROOMS,
    search::MAX_HITS,
};
use crate::{
    delivery::stream::MAX_UNREAD,
    journal::{SHARED_KEY_TIME, remembered},
    message::MessageId,
    rooms::{EDIT_TIME, MIN_PROOF_CHARS},
    search::Query,
    view::api::{Api, Limits, Remembered, page},
};

/// `GET /api`: every URL, and lines for this very server.
pub(crate) async fn show(
    Origin(origin): Origin,
    State(state): State<AppState>,
) -> impl IntoResponse {
    let journal = state.rooms.journal();
    let newest = MessageId::new(journal.epoch().clone(), journal.last());
    let mut limits = limits(&state.served);
    if journal.is_shared() {
        limits.remembered = Remembered::Time(SHARED_KEY_TIME);
    }
    let page = page(&Api { origin: &origin, newest: &newest, limits });
    (not_stored(), page)
}

/// The numbers that a user meets.
pub(crate) fn limits(served: &Served) -> Limits {
    let Served { address: _, retention, allowed, max_body, keep_alive_interval, hsts: _ } = *served;
    Limits {
        page: PAGE_MESSAGES,
        max_page: MAX_PAGE_MESSAGES,
        max_last: MAX_LAST,
        max_streamed: MAX_ROOMS,
        max_unread: MAX_UNREAD,
        max_rooms: MAX_LISTED_ROOMS,
        max_hits: MAX_HITS,
        max_words: Query::MAX_WORDS,
        max_query: Query::MAX_CHARS,
        keep: retention.keep,
        ttl: retention.ttl,
        remembered: Remembered::Messages(remembered(retention.keep)),
        tab_sends: allowed.tab_sends,
        address_sends: allowed.sends,
        address_joins: allowed.joins,
        address_rooms: allowed.new_rooms,
        address_streams: allowed.address_streams,
        max_body,
        body_grace: BODY_READ_GRACE,
        keep_alive: keep_alive_interval,
        edit_time: EDIT_TIME,
        min_proof: MIN_PROOF_CHARS,
        passed_over: &PASSED_OVER,
    }
}
