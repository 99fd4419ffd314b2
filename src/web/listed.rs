//! The rooms on a browser's list, as its cookies say.

use axum::http::HeaderMap;

use super::{
    session::{Browser, Seen},
    state::AppState,
};
use crate::{message::RoomName, rooms::Other};

/// The rooms on a browser's list.
pub(super) struct Listed {
    /// All of them, and what was seen there.
    pub seen: Seen,
    /// Those beside the one that is shown.
    pub others: Vec<Other>,
}

impl Listed {
    /// What comes with a request from a page that shows a room.
    pub(super) fn of(state: &AppState, headers: &HeaderMap, shown: &RoomName) -> Self {
        let seen = Seen::of(headers, &state.secret, state.rooms.journal().epoch());
        let others = seen.rooms().iter().filter(|known| known.room != *shown);
        let mut others: Vec<_> = others
            .map(|known| Other {
                room: known.room.clone(),
                seen: Some(known.upto),
                pass: known.pass.clone(),
                tabs: Vec::new(),
            })
            .collect();
        if !others.is_empty()
            && let Some(browser) = Browser::of(headers, &state.secret)
        {
            for other in &mut others {
                other.tabs = browser.tabs_in(&other.room).map(ToOwned::to_owned).collect();
            }
        }
        Self { seen, others }
    }
}
